# Convolutions, which several algorithms compute: choose one, build the kernel and bind it. Python
# looks these functions up by name; they take the arguments of `reference`.
# uses: team (Sequence), geometry (pixel_distance), conv_direct (Conv2DForward), conv_backward_data
#       (ColumnsBackwardData, Conv2DBackwardData), conv_backward_weights (RowsBackwardWeights,
#       TapsBackwardWeights), conv_winograd (Winograd, WinogradBackwardWeights), conv_max_pool
#       (Conv2DMaxPool2DForward), conv_max_pool_backward_sparse (SparseBackwardData,
#       SparseBackwardWeights), conv_max_pool_backward_narrow (NarrowBackwardData,
#       NarrowBackwardWeights), pool (max_pool2d_backward)


cdef object rows_joined(w, strides, pads, arrays):
    # A 1x1 convolution is the product of a matrix of pixels with w. So each image becomes a single
    # row, whose pixels fill the blocks of a product better. Few images keep their rows as tasks.
    if w.shape[:2] != (1, 1) or tuple(strides) != (1, 1) or any(pads) or len(arrays[0]) < 16:
        return arrays
    return [None if a is None else a.reshape(len(a), 1, -1, a.shape[3]) for a in arrays]


def conv2d_forward(x, w, b, y, residual=None, *, strides, pads, dilation, relu, relu_max=np.inf):
    if residual is not None and pixel_distance(residual) != pixel_distance(y):
        raise ValueError("`conv2d_forward`: `residual` and `y` must have the same strides.")
    algorithm = choice.choose("conv2d_forward", w.shape, x.shape, y.shape, strides, dilation)
    if algorithm == "winograd":
        pads = pads[0], pads[2]
        return Winograd(x, w, b, residual, y, None, pads, relu, False, False, relu_max)
    x, y, residual = rows_joined(w, strides, pads, (x, y, residual))
    return Conv2DForward(x, w, b, y, residual, strides, pads, dilation, relu, relu_max)


def conv2d_backward_data(
    dy, w, dx, b=None, *, strides, pads, dilation, accumulate=False, relu=False
):
    algorithm = choice.choose(
        "conv2d_backward_data", w.shape, dx.shape, dy.shape, strides, dilation
    )
    if algorithm == "winograd":
        pads = w.shape[0] - 1 - pads[0], w.shape[1] - 1 - pads[2]
        residual, b = (dx, None) if accumulate else (None, b)
        return Winograd(dy, w, b, residual, dx, None, pads, relu, False, True)
    dy, dx = rows_joined(w, strides, pads, (dy, dx))
    in_columns = algorithm == "columns" and (dx.flags.c_contiguous or not accumulate)
    kind = ColumnsBackwardData if in_columns else Conv2DBackwardData
    return kind(dy, w, dx, b, strides, pads, dilation, accumulate, relu)


def conv2d_backward_weights(x, dy, dw, db, *, strides, pads, dilation):
    algorithm = choice.choose(
        "conv2d_backward_weights", dw.shape, x.shape, dy.shape, strides, dilation
    )
    if algorithm == "winograd":
        return WinogradBackwardWeights(x, dy, dw, db, (pads[0], pads[2]))
    x, dy = rows_joined(dw, strides, pads, (x, dy))
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
        return Winograd(x, w, b, None, y, argmax, (pads[0], pads[2]), relu, True, False)
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
