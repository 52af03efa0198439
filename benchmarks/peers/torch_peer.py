"""PyTorch, channels last: a hand-written loop over prepared batches, eager or compiled.

Adam is fused. Prediction runs in inference mode; `traced` is a frozen TorchScript graph.
"""

import math

import numpy as np
import torch
import torch._inductor.config
from torch import nn

from benchmarks.onnx_model import channels_first_dense
from benchmarks.peers.serve import INTERVAL, Peer, intervals, serve
from tests.support.shapes import pads_and_output, pair

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "softmax": lambda: nn.Softmax(-1)}
BATCHES = 256


def _window(kind, config, x):
    """Kernel size, strides and PyTorch's symmetric padding of a convolution or a pool."""
    size = pair(config["kernel_size"] if kind == "Conv2D" else config["pool_size"])
    strides = pair(config.get("strides", 1 if kind == "Conv2D" else size))
    (top, bottom, left, right), _ = pads_and_output(
        x[1:3], size, strides, config.get("padding", "valid")
    )
    if (top, left) != (bottom, right):
        raise NotImplementedError(f"PyTorch's layers only support symmetric padding: {config}.")
    return size, strides, (top, left)


def module(net):
    """`net` with its weights as a channels-last Sequential that returns logits."""
    layers, weights, flattened = [], iter(map(torch.tensor, net.weights())), None
    for kind, config, x, y in net.steps():
        if kind == "Conv2D":
            layers.append(nn.Conv2d(x[3], y[3], *_window(kind, config, x)))
            layers[-1].weight.data = next(weights).permute(3, 2, 0, 1).contiguous()
            layers[-1].bias.data = next(weights)
        elif kind == "MaxPooling2D":
            layers.append(nn.MaxPool2d(*_window(kind, config, x)))
        elif kind == "AveragePooling2D":
            layers.append(nn.AvgPool2d(*_window(kind, config, x), count_include_pad=False))
        elif kind == "BatchNormalization":
            layers.append(nn.BatchNorm2d(x[-1], eps=1e-3, momentum=0.01))
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(layers[-1], name).data = next(weights)
        elif kind == "Dropout":
            layers.append(nn.Dropout(config["rate"]))
        elif kind == "Flatten":
            layers.append(nn.Flatten())
            flattened = x[1:]
        elif kind == "Dense":
            layers.append(nn.Linear(x[1], y[1]))
            kernel = next(weights)
            if flattened is not None:
                kernel = torch.tensor(channels_first_dense(kernel.numpy(), flattened))
                flattened = None
            layers[-1].weight.data = kernel.T.contiguous()
            layers[-1].bias.data = next(weights)
        activation = config.get("activation")
        if activation not in (None, "softmax"):
            layers.append(ACTIVATIONS[activation]())
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


class Torch(Peer):
    train_methods = ("eager", "compile")
    predict_methods = ("eager", "traced", "compile")

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

    def _tensor(self, images):
        tensor = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        return tensor.contiguous(memory_format=torch.channels_last)

    def prediction(self, net, batch, method):
        model = module(net).eval()
        if not net.from_logits:
            model.append(nn.Softmax(-1))
        images = self._tensor(self.images(net, batch))
        if method == "traced":
            model = torch.jit.optimize_for_inference(torch.jit.trace(model, images))
        elif method == "compile":
            model = self._compiled(model)
        latest = []

        def call():
            with torch.inference_mode():
                latest[:] = [model(images)]

        return call, lambda: latest[0].numpy()

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

    def _stepper(self, net, batch, method):
        """(step, restart, optimizer): `step()` trains on the next batch and returns its loss."""
        images, labels = self.data(net)
        starts = range(0, min(len(images) // batch, BATCHES) * batch, batch)
        batches = [
            (self._tensor(images[i : i + batch]), torch.from_numpy(labels[i : i + batch]))
            for i in starts
        ]
        model = module(net).train()
        first = {key: value.clone() for key, value in model.state_dict().items()}
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)
        forward = self._compiled(model) if method == "compile" else model
        position = [0]

        def step():
            x, y = batches[position[0] % len(batches)]
            position[0] += 1
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(forward(x), y)
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
        step, _, optimizer = self._stepper(net, batch, "eager")
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
