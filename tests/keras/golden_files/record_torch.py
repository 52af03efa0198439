"""Record nets of real PyTorch: `python -m tests.keras.golden_files.record_torch`.

Requires torch. Writes torch.npz next to this file: the state dictionary of `net()`, an input "x" in
PyTorch's layout and the output "y"; and torch_graphs.npz: the same of each of `GRAPHS`, with its
name before those of the arrays. test_torch_weights.py loads the weights into the same models.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def net():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.PReLU(4),
        nn.Conv2d(4, 8, 2, groups=4),
        nn.BatchNorm2d(8, eps=1e-3),
        nn.ConvTranspose2d(8, 3, 2, stride=2),
        nn.Flatten(),
        nn.BatchNorm1d(3 * 8 * 6, eps=1e-3),
        nn.Linear(3 * 8 * 6, 5),
        nn.ReLU(),
        nn.Linear(5, 2),
    )


class Residual(nn.Module):
    """Skip connections that are added and concatenated, and a gate for each channel."""

    shapes = ((3, 8, 8),)

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.stem_norm = nn.BatchNorm2d(4, eps=1e-3)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
        self.norm = nn.BatchNorm2d(4, eps=1e-3)
        self.pointwise = nn.Conv2d(4, 4, 1)
        self.gate = nn.Linear(4, 4)
        self.down = nn.Conv2d(4, 6, 3, stride=2)
        self.shortcut = nn.Conv2d(4, 6, 3, stride=2)
        self.up = nn.ConvTranspose2d(6, 3, 2, stride=2)
        self.skip = nn.Conv2d(4, 2, 3)
        self.flat_norm = nn.BatchNorm1d(5 * 6 * 6 + 4, eps=1e-3)
        self.head = nn.Linear(5 * 6 * 6 + 4, 2)

    def forward(self, x):
        x = self.stem_norm(self.stem(x)).relu()
        y = self.pointwise(self.norm(self.depthwise(x)).relu())
        gate = self.gate(y.mean((2, 3))).sigmoid()
        x = (x + y * gate[:, :, None, None]).relu()
        y = self.up((self.down(x) + self.shortcut(x)).relu())
        y = torch.cat([y, self.skip(x)], 1)
        y = torch.cat([y.flatten(1), x.mean((2, 3))], 1)
        return self.head(self.flat_norm(y))


class TwoHeads(nn.Module):
    """Two inputs, of which the features are merged behind a Flatten, and two outputs."""

    shapes = ((2, 5, 4), (3,))

    def __init__(self):
        super().__init__()
        self.left = nn.Conv2d(2, 3, 2)
        self.right = nn.Conv2d(2, 3, 2)
        self.label = nn.Linear(3 + 36, 4)
        self.size = nn.Linear(36, 1)

    def forward(self, image, vector):
        left, right = self.left(image).flatten(1), self.right(image).flatten(1)
        label = self.label(torch.cat([vector, torch.maximum(left, right)], 1))
        return label, self.size(left * right)


class Siamese(nn.Module):
    """One encoder for two inputs, and a layer that is called on both of its results."""

    shapes = ((1, 6, 6), (1, 6, 6))

    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleDict({"conv": nn.Conv2d(1, 3, 3), "dense": nn.Linear(48, 4)})
        self.shared = nn.Linear(4, 4)
        self.head = nn.Linear(4, 1)

    def encode(self, x):
        return self.encoder["dense"](self.encoder["conv"](x).relu().flatten(1))

    def forward(self, left, right):
        left, right = self.shared(self.encode(left)), self.shared(self.encode(right))
        return self.head(left - right)


class Sequences(nn.Module):
    """Convolutions of sequences, a skip connection, and a Flatten."""

    shapes = ((3, 10),)

    def __init__(self):
        super().__init__()
        self.causal = nn.Conv1d(3, 4, 3, dilation=2)
        self.norm = nn.BatchNorm1d(4, eps=1e-3)
        self.slope = nn.PReLU(4)
        self.depthwise = nn.Conv1d(4, 8, 3, padding=1, groups=4)
        self.pointwise = nn.Conv1d(8, 4, 1)
        self.up = nn.ConvTranspose1d(7, 2, 2, stride=2)
        self.head = nn.Linear(20, 2)

    def forward(self, x):
        y = self.slope(self.norm(self.causal(functional.pad(x, (4, 0)))))
        y = y + self.pointwise(self.depthwise(y).relu())
        y = functional.max_pool1d(torch.cat([y, x], 1), 2)
        return self.head(self.up(y).flatten(1))


GRAPHS = {
    "residual": Residual,
    "two_heads": TwoHeads,
    "siamese": Siamese,
    "sequences": Sequences,
}


def run(make, shapes):
    """(state dictionary, inputs, outputs) of a new model with random weights, as NumPy arrays."""
    torch.manual_seed(0)
    model = make().eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.uniform_(0.5, 1.5) if "var" in name else value.normal_(0, 0.4)
        xs = [torch.randn(3, *shape) for shape in shapes]
        ys = model(*xs)
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    ys = ys if isinstance(ys, tuple) else (ys,)
    return state, [x.numpy() for x in xs], [y.numpy() for y in ys]


def main():
    folder = Path(__file__).parent
    state, (x,), (y,) = run(net, [(2, 7, 6)])
    np.savez(folder / "torch.npz", x=x, y=y, **state)
    arrays = {}
    for name, cls in GRAPHS.items():
        state, xs, ys = run(cls, cls.shapes)
        found = {f"x{index}": x for index, x in enumerate(xs)}
        found |= {f"y{index}": y for index, y in enumerate(ys)}
        arrays |= {f"{name}/{key}": array for key, array in {**state, **found}.items()}
    np.savez_compressed(folder / "torch_graphs.npz", **arrays)


if __name__ == "__main__":
    main()
