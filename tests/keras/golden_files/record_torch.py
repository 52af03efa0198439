"""Record a net of real PyTorch: `python -m tests.keras.golden_files.record_torch`.

Requires torch. Writes torch.npz next to this file: the state dictionary of `net()`, an input "x" in
PyTorch's layout and the output "y". test_torch_weights.py loads the weights into the same model.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn


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


def main():
    torch.manual_seed(0)
    model = net().eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.uniform_(0.5, 1.5) if "var" in name else value.normal_(0, 0.4)
        x = torch.randn(3, 2, 7, 6)
        y = model(x)
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    np.savez(Path(__file__).with_name("torch.npz"), x=x.numpy(), y=y.numpy(), **state)


if __name__ == "__main__":
    main()
