# What Python calls, looked up by name: one function per kernel, with the arguments of `reference`.
# Chooses the algorithm, builds the kernel and binds it.
# uses: team (Sequence), conv_direct (Conv2DForward), conv_backward_data (ColumnsBackwardData,
#       Conv2DBackwardData), conv_backward_weights (RowsBackwardWeights, TapsBackwardWeights),
#       conv_winograd (Winograd, WinogradBackwardWeights), conv_max_pool (Conv2DMaxPool2DForward),
#       conv_max_pool_backward_sparse (SparseBackwardData, SparseBackwardWeights),
#       conv_max_pool_backward_narrow (NarrowBackwardData, NarrowBackwardWeights), depthwise
#       (DepthwiseBackwardData, DepthwiseBackwardWeights, DepthwiseForward), dense
#       (DenseBackwardData, DenseBackwardWeights, DenseForward), pool (Pool2D), activations
#       (Activation, Relu), softmax (Softmax, SoftmaxSparseCrossentropy), dropout (Dropout),
#       batch_norm (BatchNormGradients, BatchNormMeans, BatchNormPass, BatchNormScales), optimizer
#       (AdamUpdate), gather (Gather), affine (AffineTransform)

def conv2d_forward(x, w, b, y, *, strides, pads, dilation, relu):
    algorithm = choice.choose("conv2d_forward", w.shape, x.shape, y.shape, strides, dilation)
    if algorithm == "winograd":
        return Winograd(x, w, b, y, None, (pads[0], pads[2]), relu, False, False)
    return Conv2DForward(x, w, b, y, strides, pads, dilation, relu)


def conv2d_backward_data(dy, w, dx, *, strides, pads, dilation):
    algorithm = choice.choose(
        "conv2d_backward_data", w.shape, dx.shape, dy.shape, strides, dilation
    )
    if algorithm == "winograd":
        pads = w.shape[0] - 1 - pads[0], w.shape[1] - 1 - pads[2]
        return Winograd(dy, w, None, dx, None, pads, False, False, True)
    if algorithm == "columns":
        return ColumnsBackwardData(dy, w, dx, strides, pads, dilation)
    return Conv2DBackwardData(dy, w, dx, strides, pads, dilation)


def conv2d_backward_weights(x, dy, dw, db, *, strides, pads, dilation):
    algorithm = choice.choose(
        "conv2d_backward_weights", dw.shape, x.shape, dy.shape, strides, dilation
    )
    if algorithm == "winograd":
        return WinogradBackwardWeights(x, dy, dw, db, (pads[0], pads[2]))
    kind = RowsBackwardWeights if algorithm == "rows" else TapsBackwardWeights
    return kind(x, dy, dw, db, strides, pads, dilation)


def conv2d_max_pool2d_forward(
    x, w, b, y, argmax, *, strides, pads, dilation, relu, pool_size, pool_strides
):
    algorithm = choice.choose(
        "conv2d_max_pool2d_forward", w.shape, x.shape, y.shape, strides, dilation,
        pool_size, pool_strides,
    )
    if algorithm == "winograd":
        return Winograd(x, w, b, y, argmax, (pads[0], pads[2]), relu, True, False)
    return Conv2DMaxPool2DForward(
        x, w, b, y, argmax, strides, pads, dilation, relu, pool_size, pool_strides, algorithm
    )


def conv2d_max_pool2d_backward_data(
    dy, argmax, w, dx, *, strides, pads, dilation, pool_size, pool_strides
):
    algorithm = choice.choose(
        "conv2d_max_pool2d_backward_data", w.shape, dx.shape, dy.shape, strides, dilation,
        pool_size, pool_strides,
    )
    if algorithm != "expand":
        kind = SparseBackwardData if algorithm == "sparse" else NarrowBackwardData
        return kind(dy, argmax, w, dx, strides, pads, dilation, pool_size, pool_strides)
    size = output_sizes(dx.shape[1:3], w.shape[:2], strides, pads, dilation)
    full = aligned((len(dy), *size, w.shape[3]))
    inner = conv2d_backward_data(full, w, dx, strides=strides, pads=pads, dilation=dilation)
    unpool = max_pool2d_backward(
        dy, argmax, full, pool_size=pool_size, strides=pool_strides, pads=(0, 0, 0, 0)
    )
    return Sequence(unpool, inner, algorithm="expand")


def conv2d_max_pool2d_backward_weights(
    x, dy, argmax, dw, db, *, strides, pads, dilation, pool_size, pool_strides
):
    algorithm = choice.choose(
        "conv2d_max_pool2d_backward_weights", dw.shape, x.shape, dy.shape, strides,
        dilation, pool_size, pool_strides,
    )
    if algorithm != "expand":
        kind = SparseBackwardWeights if algorithm == "sparse" else NarrowBackwardWeights
        return kind(x, dy, argmax, dw, db, strides, pads, dilation, pool_size, pool_strides)
    size = output_sizes(x.shape[1:3], dw.shape[:2], strides, pads, dilation)
    full = aligned((len(dy), *size, dw.shape[3]))
    inner = conv2d_backward_weights(
        x, full, dw, db, strides=strides, pads=pads, dilation=dilation
    )
    unpool = max_pool2d_backward(
        dy, argmax, full, pool_size=pool_size, strides=pool_strides, pads=(0, 0, 0, 0)
    )
    return Sequence(unpool, inner, algorithm="expand")


def depthwise_conv2d_forward(x, w, b, y, *, strides, pads, dilation, relu):
    return DepthwiseForward(x, w, b, y, strides, pads, dilation, relu)


def depthwise_conv2d_backward_data(dy, w, dx, *, strides, pads, dilation):
    return DepthwiseBackwardData(dy, w, dx, strides, pads, dilation)


def depthwise_conv2d_backward_weights(x, dy, dw, db, *, strides, pads, dilation):
    return DepthwiseBackwardWeights(x, dy, dw, db, strides, pads, dilation)


def dense_forward(x, w, b, y, *, relu):
    return DenseForward(x, w, b, y, relu)


def dense_backward_data(dy, w, dx):
    return DenseBackwardData(dy, w, dx)


def dense_backward_weights(x, dy, dw, db):
    return DenseBackwardWeights(x, dy, dw, db)


def max_pool2d_forward(x, y, argmax, *, pool_size, strides, pads):
    cdef Pool2D kernel = Pool2D()
    kernel.bind(x, y, argmax, pool_size, strides, pads)
    kernel.tile = kernel.table.max_pool2d_forward
    return kernel


def max_pool2d_backward(dy, argmax, dx, *, pool_size, strides, pads):
    cdef Pool2D kernel = Pool2D()
    kernel.bind(dx, dy, argmax, pool_size, strides, pads)
    kernel.tile, kernel.backward = kernel.table.max_pool2d_backward, True
    return kernel


def average_pool2d_forward(x, y, *, pool_size, strides, pads):
    cdef Pool2D kernel = Pool2D()
    kernel.bind(x, y, None, pool_size, strides, pads)
    kernel.tile = kernel.table.average_pool2d_forward
    return kernel


def average_pool2d_backward(dy, dx, *, pool_size, strides, pads):
    cdef Pool2D kernel = Pool2D()
    kernel.bind(dx, dy, None, pool_size, strides, pads)
    kernel.tile, kernel.backward = kernel.table.average_pool2d_backward, True
    return kernel


def relu_forward(x, y):
    cdef Relu kernel = Relu()
    kernel.bind(None, x, y)
    return kernel


def relu_backward(dy, y, dx):
    cdef Relu kernel = Relu()
    kernel.bind(dy, y, dx)
    return kernel


def tanh_forward(x, y):
    cdef Activation kernel = Activation()
    kernel.bind(None, x, y, 0)
    kernel.forward = kernel.table.tanh_forward
    return kernel


def tanh_backward(dy, y, dx):
    cdef Activation kernel = Activation()
    kernel.bind(dy, y, dx, 0)
    kernel.backward = kernel.table.tanh_backward
    return kernel


def sigmoid_forward(x, y):
    cdef Activation kernel = Activation()
    kernel.bind(None, x, y, 0)
    kernel.forward = kernel.table.sigmoid_forward
    return kernel


def sigmoid_backward(dy, y, dx):
    cdef Activation kernel = Activation()
    kernel.bind(dy, y, dx, 0)
    kernel.backward = kernel.table.sigmoid_backward
    return kernel


def elu_forward(x, y, *, alpha):
    cdef Activation kernel = Activation()
    kernel.bind(None, x, y, alpha)
    kernel.forward = kernel.table.elu_forward
    return kernel


def elu_backward(dy, y, dx, *, alpha):
    cdef Activation kernel = Activation()
    kernel.bind(dy, y, dx, alpha)
    kernel.backward = kernel.table.elu_backward
    return kernel


def softmax_forward(x, y):
    cdef Softmax kernel = Softmax()
    kernel.bind(None, x, y)
    return kernel


def softmax_backward(dy, y, dx):
    cdef Softmax kernel = Softmax()
    kernel.bind(dy, y, dx)
    return kernel


def softmax_sparse_crossentropy(logits, labels, scale, losses, probabilities, dlogits):
    return SoftmaxSparseCrossentropy(logits, labels, scale, losses, probabilities, dlogits)


def dropout(x, key, y, *, rate):
    return Dropout(x, key, y, rate)


cdef BatchNormPass batch_norm_pass(x, dy, y, out, bint relu):
    cdef BatchNormPass kernel = BatchNormPass()
    kernel.bind(x, dy, y, out, relu)
    return kernel


def batch_norm_forward(x, gamma, beta, mean, variance, y, *, epsilon, relu):
    cdef BatchNormPass apply = batch_norm_pass(x, None, None, y, relu)
    apply.tile = apply.table.batch_norm_apply
    return Sequence(BatchNormScales(None, apply, gamma, beta, mean, variance, epsilon), apply)


def batch_norm_forward_training(x, gamma, beta, mean, variance, y, *, epsilon, relu):
    cdef BatchNormPass moments = batch_norm_pass(x, None, None, None, False)
    cdef BatchNormPass apply = batch_norm_pass(x, None, None, y, relu)
    moments.tile = moments.table.batch_norm_moments
    apply.tile = apply.table.batch_norm_apply
    scales = BatchNormScales(moments, apply, gamma, beta, mean, variance, epsilon)
    return Sequence(moments, scales, apply)


def batch_norm_backward(x, dy, y, gamma, mean, variance, dx, dgamma, dbeta, *, epsilon):
    cdef BatchNormPass sums = batch_norm_pass(x, dy, y, None, False), gradient = None
    sums.tile = sums.table.batch_norm_sums
    if dx is not None:
        gradient = batch_norm_pass(x, dy, y, dx, False)
        gradient.tile = gradient.table.batch_norm_gradient
    gradients = BatchNormGradients(sums, gradient, gamma, mean, variance, dgamma, dbeta, epsilon)
    last = () if gradient is None else (gradient,)
    return Sequence(BatchNormMeans(sums, mean), sums, gradients, *last)


def adam_update(w, g, m, v, hyper):
    return AdamUpdate(w, g, m, v, hyper)


def gather(source, indices, out):
    return Gather(source, indices, out)


def affine_transform_forward(x, transforms, y, *, interpolation, fill_mode, fill_value):
    cdef AffineTransform kernel = AffineTransform()
    kernel.bind(transforms, interpolation, fill_mode, fill_value, x.shape)
    kernel.x, kernel.y = x, y
    return kernel


def affine_transform_backward(dy, transforms, dx, *, interpolation, fill_mode, fill_value):
    cdef AffineTransform kernel = AffineTransform()
    kernel.bind(transforms, interpolation, fill_mode, fill_value, dx.shape)
    kernel.dy, kernel.dx, kernel.backward = dy, dx, True
    return kernel
