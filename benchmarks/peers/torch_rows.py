"""PyTorch's side of `benchmarks.layers`, for rows that torch.nn or torch.optim has.

Images are channels last. A function of `IMAGE_LAYERS` gets (n, c, h, w) tensors; all others get
tensors in Keras's order of axes. A layer is made from fastcnn's, whose settings and weights it has.
PyTorch runs eagerly: a compiled function would contain the same kernels.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.layer_data import layer_problem
from benchmarks.peers import torch_objectives
from benchmarks.peers.serve import AbsentError
from tests.support.shapes import pads_and_output


def prepare(row, size, phase):
    """(call, results), like `serve.Peer.row`."""
    kinds = {"losses": torch_objectives.loss, "optimizers": torch_objectives.optimizer}
    return kinds.get(row.kind, _layer)(row, size, phase)


# --- layers: functions of fastcnn's layer that return a function of the inputs


def _parameters(module, *arrays):
    """`module`, with its parameters replaced by arrays in PyTorch's layout."""
    for (name, _), array in zip(module.named_parameters(), arrays, strict=True):
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        module.register_parameter(name, nn.Parameter(tensor))
    return module


def _pads(layer, size):
    """The equal pads of both sides; the rows have no others."""
    dilation = getattr(layer, "dilation_rate", (1, 1))
    rows, columns = layer.input_shape[1:3]
    (top, bottom, left, right), _ = pads_and_output(
        (rows, columns), size, layer.strides, layer.padding, dilation
    )
    if (top, left) != (bottom, right):
        raise AbsentError("PyTorch pads both sides equally")
    return top, left


def _conv(layer, depthwise=False):
    kernel, *bias = layer.get_weights()
    rows, columns, inputs, _ = kernel.shape
    groups = inputs if depthwise else layer.groups
    order = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
    kernel = kernel.transpose(order).reshape(-1, 1 if depthwise else inputs, rows, columns)
    module = nn.Conv2d(
        layer.input_shape[-1],
        len(kernel),
        (rows, columns),
        layer.strides,
        _pads(layer, (rows, columns)),
        layer.dilation_rate,
        groups,
    )
    return _activated(layer, _parameters(module, kernel, *bias))


def _separable(layer):
    depthwise, pointwise, bias = layer.get_weights()
    rows, columns, channels, _ = depthwise.shape
    size, options = (rows, columns), {"groups": channels, "bias": False}
    first = nn.Conv2d(channels, channels, size, padding=_pads(layer, size), **options)
    second = nn.Conv2d(channels, pointwise.shape[-1], 1)
    _parameters(first, depthwise.transpose(2, 3, 0, 1))
    _parameters(second, pointwise.transpose(3, 2, 0, 1), bias)
    return nn.Sequential(first, second)


def _transposed(layer):
    kernel, bias = layer.get_weights()  # (rows, columns, outputs, inputs)
    rows, columns, outputs, inputs = kernel.shape
    pads = [
        (size - stride) // 2 if layer.padding == "same" else 0
        for size, stride in zip((rows, columns), layer.strides, strict=True)
    ]
    module = nn.ConvTranspose2d(inputs, outputs, (rows, columns), layer.strides, pads)
    return _parameters(module, kernel.transpose(3, 2, 0, 1), bias)


def _dense(layer):
    kernel, bias = layer.get_weights()
    return _activated(layer, _parameters(nn.Linear(*kernel.shape), kernel.T, bias))


def _activated(layer, module):
    return nn.Sequential(module, nn.ReLU(True)) if layer.activation.name == "relu" else module


def _batch_norm(layer):
    gamma, beta, mean, variance = layer.get_weights()
    module = nn.BatchNorm2d(len(gamma), eps=1e-3, momentum=0.01)
    module.running_mean, module.running_var = torch.from_numpy(mean), torch.from_numpy(variance)
    return _parameters(module, gamma, beta)


def _group_norm(layer):
    gamma, beta = layer.get_weights()
    return _parameters(nn.GroupNorm(layer.groups, len(gamma), eps=1e-3), gamma, beta)


def _layer_norm(layer):
    gamma, beta = layer.get_weights()
    return _parameters(nn.LayerNorm(len(gamma), eps=1e-3), gamma, beta)


def _prelu(layer):
    (alpha,) = layer.get_weights()
    return _parameters(nn.PReLU(alpha.size), alpha.ravel())


def _resized(layer):
    size, mode = layer.output_shape[1:3], layer.interpolation
    mode = "nearest-exact" if mode == "nearest" else mode
    return lambda x: functional.interpolate(x, size=size, mode=mode)


IMAGE_LAYERS = {
    "AveragePooling2D": lambda layer: nn.AvgPool2d(layer.pool_size, layer.strides),
    "BatchNormalization": _batch_norm,
    "Conv2D": _conv,
    "Conv2DTranspose": _transposed,
    "DepthwiseConv2D": lambda layer: _conv(layer, depthwise=True),
    "GlobalAveragePooling2D": lambda layer: lambda x: x.mean((2, 3)),
    "GlobalMaxPooling2D": lambda layer: lambda x: x.amax((2, 3)),
    "GroupNormalization": _group_norm,
    "MaxPooling2D": lambda layer: nn.MaxPool2d(layer.pool_size, layer.strides),
    "PReLU": _prelu,
    "Resizing": _resized,
    "SeparableConv2D": _separable,
    "SpatialDropout2D": lambda layer: nn.Dropout2d(layer.rate),
    "UpSampling2D": _resized,
}
LAYERS = {
    "Activation": lambda layer: nn.ReLU(),
    "Add": lambda layer: torch.add,
    "Average": lambda layer: lambda x, y: (x + y) / 2,
    "Concatenate": lambda layer: lambda *inputs: torch.cat(inputs, -1),
    "Dense": _dense,
    "Dot": lambda layer: _dot,
    "Dropout": lambda layer: nn.Dropout(layer.rate),
    "ELU": lambda layer: nn.ELU(),
    "Flatten": lambda layer: nn.Flatten(),
    "Identity": lambda layer: nn.Identity(),
    "LayerNormalization": _layer_norm,
    "LeakyReLU": lambda layer: nn.LeakyReLU(layer.negative_slope),
    "Maximum": lambda layer: torch.maximum,
    "Minimum": lambda layer: torch.minimum,
    "Multiply": lambda layer: torch.mul,
    "Permute": lambda layer: lambda x: x.permute(0, *layer.dims).contiguous(),
    "ReLU": lambda layer: nn.ReLU6() if layer.max_value else nn.ReLU(),
    "RepeatVector": lambda layer: lambda x: x[:, None].repeat(1, layer.n, 1),
    "Reshape": lambda layer: lambda x: x.reshape(len(x), *layer.output_shape[1:]),
    "Softmax": lambda layer: nn.Softmax(-1),
    "Subtract": lambda layer: torch.sub,
    "UnitNormalization": lambda layer: lambda x: functional.normalize(x, dim=-1),
    "ZeroPadding2D": lambda layer: lambda x: functional.pad(x, (0, 0, 1, 1, 1, 1)),
}
ACTIVATIONS = {
    "celu": lambda layer: nn.CELU(),
    "elu": lambda layer: nn.ELU(),
    "exponential": lambda layer: torch.exp,
    "gelu": lambda layer: nn.GELU(),
    "hard_shrink": lambda layer: nn.Hardshrink(),
    "hard_sigmoid": lambda layer: nn.Hardsigmoid(),
    "hard_silu": lambda layer: nn.Hardswish(),
    "hard_tanh": lambda layer: nn.Hardtanh(),
    "leaky_relu": lambda layer: nn.LeakyReLU(0.2),
    "linear": lambda layer: nn.Identity(),
    "log_sigmoid": lambda layer: nn.LogSigmoid(),
    "log_softmax": lambda layer: nn.LogSoftmax(-1),
    "mish": lambda layer: nn.Mish(),
    "relu": lambda layer: nn.ReLU(),
    "relu6": lambda layer: nn.ReLU6(),
    "selu": lambda layer: nn.SELU(),
    "sigmoid": lambda layer: nn.Sigmoid(),
    "silu": lambda layer: nn.SiLU(),
    "soft_shrink": lambda layer: nn.Softshrink(),
    "softmax": lambda layer: nn.Softmax(-1),
    "softplus": lambda layer: nn.Softplus(),
    "softsign": lambda layer: nn.Softsign(),
    "tanh": lambda layer: nn.Tanh(),
    "tanh_shrink": lambda layer: nn.Tanhshrink(),
}


def _dot(x, y):
    return torch.matmul(x, y.mT) if x.ndim == 3 else (x * y).sum(-1, keepdim=True)


def _layer(row, size, phase):
    table = ACTIVATIONS if row.kind == "activations" else LAYERS | IMAGE_LAYERS
    if row.name not in table:
        raise AbsentError("not in PyTorch")
    problem = layer_problem(row, size)
    function, images = table[row.name](problem.layer), row.name in IMAGE_LAYERS
    inputs = [_tensor(array, images) for array in problem.inputs]
    dy, latest = _tensor(problem.dy, images), []
    if isinstance(function, nn.Module):
        function.train(phase == "both" or row.random)
    if phase == "forward":

        def call():
            with torch.inference_mode():
                latest[:] = [function(*inputs)]

    else:
        sources = [tensor.requires_grad_() for tensor in inputs]
        sources += function.parameters() if isinstance(function, nn.Module) else ()

        def call():
            y = function(*inputs)
            latest[:] = [y, *torch.autograd.grad(y, sources, dy)]

    def results():  # without the gradients of weights, whose layout differs
        return [_array(tensor, images) for tensor in latest[: 1 + len(inputs)]]

    return call, results


def _tensor(array, images):
    """A tensor; images become (n, c, h, w) in the memory of (n, h, w, c)."""
    tensor = torch.from_numpy(array)
    return tensor.permute(0, 3, 1, 2) if images and tensor.ndim == 4 else tensor


def _array(tensor, images):
    tensor = tensor.permute(0, 2, 3, 1) if images and tensor.ndim == 4 else tensor
    return tensor.detach().numpy()
