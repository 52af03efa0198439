"""PyTorch: a hand-written loop over prepared batches, channels last or first, eager or compiled.

Adam is fused. Prediction runs in inference mode; `traced` is a frozen TorchScript graph.
"""

import math
from collections import Counter

import numpy as np
import torch
import torch._inductor.config
import torch.fx
from torch import nn

from benchmarks.onnx_model import channels_first_weights, channels_last_scores
from benchmarks.peers import torch_rows
from benchmarks.peers.serve import INTERVAL, Peer, intervals, rows, serve
from tests.support.shapes import pads_and_output, window_of

MERGES = {"Add": torch.add, "Subtract": torch.sub, "Multiply": torch.mul}
WEIGHT_NAMES = ("weight", "bias", "running_mean", "running_var")


def module(net, exact=False, softmax=False, memory_format=torch.channels_last):
    """`net` with its weights as a module of straight code; returns logits, or scores.

    PyTorch's layers pad both sides equally. Where Keras does not, an `exact` module pads the image
    in a separate step; the others, which are timed, are spared it and compute something similar.
    """
    nodes, weights = net.nodes(), channels_first_weights(net)
    readers = Counter(source for node in nodes for source in node.inputs)
    root, graph, values = nn.Module(), torch.fx.Graph(), []
    for index, node in enumerate(nodes):
        inputs = tuple(values[source] for source in node.inputs)
        if node.kind == "Input":
            values.append(graph.placeholder(f"images_{index}"))
        elif node.kind == "Concatenate":
            values.append(graph.call_function(torch.cat, (inputs, 1)))
        elif node.kind in MERGES:
            values.append(graph.call_function(MERGES[node.kind], inputs))
        else:
            x = nodes[node.inputs[0]].shape
            parts = _layer(node, x, exact, weights.get(node.name, ()))
            parts += _activation(node, inplace=bool(parts) or readers[node.inputs[0]] == 1)
            (value,) = inputs
            for number, part in enumerate(parts):
                name = f"{node.name}_{number}"
                if not hasattr(root, name):
                    root.add_module(name, part)
                value = graph.call_module(name, (value,))
            values.append(value)
    result = values[-1]
    if softmax:
        result = graph.call_function(torch.softmax, (result, 1))
    graph.output(result)
    return torch.fx.GraphModule(root, graph).to(memory_format=memory_format)


def _layer(node, x, exact, weights):
    """The modules of a layer with inputs of shape `x`, without its activation."""
    kind, config = node.kind, node.config
    if kind in ("Activation", "ReLU"):
        return []
    if kind == "Flatten":
        return [nn.Flatten()]
    if kind == "Dropout":
        return [nn.Dropout(config["rate"])]
    if kind == "GlobalAveragePooling2D":
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    before = []
    if kind == "Dense":
        layer = nn.Linear(x[0], config["units"])
    elif kind == "BatchNormalization":
        layer = nn.BatchNorm2d(x[-1], eps=1e-3, momentum=0.01)
    else:
        before, layer = _window(node, x, exact)
    for name, array in zip(WEIGHT_NAMES, weights, strict=False):
        getattr(layer, name).data = torch.from_numpy(np.ascontiguousarray(array))
    return [*before, layer]


def _window(node, x, exact):
    """(modules to run before it, the module) of a convolution or a pool."""
    kind, config = node.kind, node.config
    size, strides, padding = window_of(kind, config)
    if kind == "Conv2DTranspose":  # its windows do not overlap: no padding
        return [], nn.ConvTranspose2d(x[-1], node.shape[-1], size, strides)
    (top, bottom, left, right), _ = pads_and_output(x[:2], size, strides, padding)
    before, pads = [], (bottom, right)
    if exact and (top, left) != pads:
        before, pads = [nn.ZeroPad2d((left, right, top, bottom))], (0, 0)
    if kind == "MaxPooling2D":
        return before, nn.MaxPool2d(size, strides, pads)
    if kind == "AveragePooling2D":
        return before, nn.AvgPool2d(size, strides, pads, count_include_pad=False)
    options = {"groups": x[-1] if kind == "DepthwiseConv2D" else 1}
    options["bias"] = config.get("use_bias", True)
    return before, nn.Conv2d(x[-1], node.shape[-1], size, strides, pads, **options)


def _activation(node, inplace):
    """The module of a layer's activation in a list; the loss takes logits."""
    if node.config.get("max_value") == 6:
        return [nn.ReLU6(inplace)]
    kinds = {"relu": [nn.ReLU(inplace)], "tanh": [nn.Tanh()]}
    return kinds.get(node.config.get("activation"), [])


def _memory_format(method):
    return torch.contiguous_format if method == "channels first" else torch.channels_last


class Torch(Peer):
    train_methods = ("eager", "channels first", "compile")
    predict_methods = ("eager", "channels first", "traced", "compile")
    check_method = "exact"

    def __init__(self, threads, images=None):
        super().__init__(threads, images)
        torch.set_num_threads(threads)
        torch.manual_seed(0)

    def versions(self):
        return {"torch": torch.__version__}

    def _compiled(self, model):
        torch._dynamo.reset()  # otherwise the next network counts as a recompilation
        torch._inductor.config.freezing = True  # pre-packed weights; prediction only
        return torch.compile(model, dynamic=False)

    def _tensor(self, images, memory_format=torch.channels_last):
        tensor = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        return tensor.contiguous(memory_format=memory_format)

    def _tensors(self, images, method):
        images = images if isinstance(images, list) else [images]
        return [self._tensor(array, _memory_format(method)) for array in images]

    def prediction(self, net, batch, method):
        exact = method == "exact"
        model = module(net, exact, not net.from_logits, _memory_format(method)).eval()
        images = self._tensors(self.images(net, batch), method)
        if method == "traced":
            model = torch.jit.optimize_for_inference(torch.jit.trace(model, tuple(images)))
        elif method == "compile":
            model = self._compiled(model)
        latest = []

        def call():
            with torch.inference_mode():
                latest[:] = [model(*images)]

        return call, lambda: channels_last_scores(latest[0].numpy())

    def layer(self, case, x, w, b, dy):
        # For asymmetric padding the image is padded beforehand, in PyTorch's favor.
        top, bottom, left, right = case.pads
        even = top == bottom and left == right
        if not even:
            x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
        x, dy = self._tensor(x), self._tensor(dy)
        w = torch.from_numpy(np.ascontiguousarray(w.transpose(3, 2, 0, 1)))
        w, b = w.contiguous(memory_format=torch.channels_last), torch.from_numpy(b)
        geometry = list(case.strides), [top, left] if even else [0, 0], list(case.dilation)
        latest = []

        def call():
            with torch.inference_mode():
                y = torch.conv2d(x, w, b, *geometry)
                gradients = torch.ops.aten.convolution_backward(
                    dy, x, w, [case.oc], *geometry, False, [0, 0], 1, [True, True, True]
                )
            latest[:] = [y, *gradients]

        def results():
            y, dx, dw, db = latest
            if not even:
                dx = dx[:, :, top : dx.shape[2] - bottom, left : dx.shape[3] - right]
            last = [array.permute(0, 2, 3, 1).numpy() for array in (y, dx)]
            return [*last, dw.permute(2, 3, 1, 0).numpy(), db.numpy()]

        return call, results

    def row(self, row, size, phase, method):
        return torch_rows.prepare(row, size, phase)

    def _stepper(self, net, batch, method):
        """(step, restart, optimizer): `step()` trains on the next batch and returns its loss."""
        images, labels = self.data(net)
        batches = [
            (
                self._tensors(rows(images, i, i + batch), method),
                torch.from_numpy(labels[i : i + batch]),
            )
            for i in range(0, len(labels) // batch * batch, batch)
        ]
        model = module(net, method == "exact", memory_format=_memory_format(method)).train()
        first = {key: value.clone() for key, value in model.state_dict().items()}
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)
        forward = self._compiled(model) if method == "compile" else model
        position = [0]

        def step():
            x, y = batches[position[0] % len(batches)]
            position[0] += 1
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(forward(*x), y)
            loss.backward()
            optimizer.step()
            return loss

        def restart():
            position[0] = 0
            model.load_state_dict(first)

        return step, restart, optimizer

    def training(self, net, batch, method):
        step, restart, _ = self._stepper(net, batch, method)

        def run(seconds):
            restart()
            return intervals(step, seconds, INTERVAL)

        return run

    def losses(self, net, batch, steps):
        step, _, optimizer = self._stepper(net, batch, "exact")
        losses = []
        for t in range(1, steps + 1):
            # Keras adds epsilon before the bias correction of the second moment, PyTorch after it.
            # That matters for a bias before a batch normalization, whose gradient is only rounding
            # errors.
            optimizer.param_groups[0]["eps"] = 1e-7 / math.sqrt(1 - 0.999**t)
            losses.append(step().item())
        return losses


if __name__ == "__main__":
    serve(Torch)
