"""What must be the same on all ranks, compared when `fit`, `evaluate` or `predict` starts."""

from __future__ import annotations

import zlib

import numpy as np

from fastcnn import config, kernels
from fastcnn.core.version import __version__
from fastcnn.distribution.batches import digest_of

LONGEST = 80  # characters of a value in an error


def compare(communicator, facts):
    """Raise ValueError on all ranks if a fact differs from that of rank 0.

    Args:
        communicator: the `Communicator`.
        facts: {what: value}; the value may be anything that can be compared and printed.
    """
    everywhere = communicator.gather(list(facts.items()))
    for index, (what, wanted) in enumerate(everywhere[0]):
        for rank, others in enumerate(everywhere):
            value = others[index][1] if index < len(others) else None
            if value != wanted:
                raise ValueError(
                    f"Rank {rank} differs from rank 0 in {what}: {_short(value)} instead of "
                    f"{_short(wanted)}. All ranks must run the same program on the same data."
                )


def _short(value):
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def of_program():
    """What decides about the bits of results."""
    return {
        "the version of fastcnn": __version__,
        "the version of NumPy": np.__version__,
        "the backend": config.backend(),
        "the instruction set (set FASTCNN_ISA to one that all machines have)": (
            kernels.instruction_set() if config.backend() == "native" else None
        ),
    }


def of_model(model):
    """The layers and the shapes of the weights."""
    layers = [type(layer).__name__ for layer in model.leaves()]
    weights = [(weight.shape, weight.dtype, weight.trainable) for weight in model.weights]
    return {
        "the layers of the model": layers,
        "the shapes of the weights": weights,
        "the losses": [item.loss and item.loss.name for item in model.objectives.of_outputs],
        "the metrics": [name for name, _ in model.objectives.all_metrics],
        "the optimizer": type(model.optimizer).__name__,
    }


def of_data(epochs, what):
    """The data and how they are cut into batches; what a generator yields is compared later."""
    feed = epochs.feed
    facts = {}
    if hasattr(feed, "samples"):
        facts[f"the shapes of {what}"] = [x.shape for x in feed.samples.inputs]
        facts[f"the batch size of {what}"] = getattr(feed, "batch_size", None)
        facts[f"{what} (a checksum)"] = digest_of(feed.samples)
    facts[f"the number of steps of {what}"] = epochs.steps
    return facts


def of_weights(model):
    """A checksum of all weights."""
    return {"the weights (a checksum)": zlib.crc32(model.store.read())}
