"""Layers that change images at random, with their draws given: to real Keras and to fastcnn.

`CASES` is {name: Case}; `record_images.py` records Keras's results of them, test_image_layers.py
compares ours. The images follow from the name (see `images`).
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

CHOSEN = np.array([True, False, True])


@dataclass(frozen=True)
class Case:
    """A layer, the draws in Keras's form and in ours, and what the images are like."""

    make: Callable
    keras: Any = None
    drawn: Callable = lambda layer: None
    shape: tuple = (3, 6, 7, 3)
    range: tuple = (0, 255)
    noise: Any = None  # the standard normal numbers that Keras is to draw
    labels: Any = None
    flat: bool = field(default=False)  # whether a channel of an image has one value only


def images(name, case):
    """The images of a case: random values in its range."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    low, high = case.range
    x = (low + (high - low) * random.random_sample(case.shape)).astype(np.float32)
    if case.flat:
        x[0, ..., 1] = x[0, 0, 0, 1]
        x[..., 2] = x[0, 0, 0, 2]
    return x


def column(values, axes=4):
    """(n,) -> (n, 1, ...) with so many axes."""
    return np.array(values, np.float32).reshape(-1, *[1] * (axes - 1))


def _mixing():
    partner, share = np.array([2, 0, 1]), np.array([0.3, 1.0, 0.85], np.float32)
    labels = np.eye(3, 4, dtype=np.float32)
    mask = np.zeros((3, 6, 7, 1), bool)
    mask[0, 1:4, 2:6] = mask[2, :, :3] = True
    yield (
        "MixUp",
        Case(
            lambda layers: layers.MixUp(0.2),
            {"mix_weight": share, "permutation_order": partner},
            lambda layer: (partner, share),
            labels=labels,
        ),
    )
    yield (
        "CutMix",
        Case(
            lambda layers: layers.CutMix(0.5),
            {
                "mix_weight": share[:, None, None, None],
                "permutation_order": partner,
                "batch_masks": mask.repeat(3, 3),
            },
            lambda layer: (partner, share, mask),
            labels=labels,
        ),
    )


def _tones():
    additions, thresholds = column([0, 40, 101.5]), column([0, 128, 300])
    for limits in ((0, 255), (0, 1)):
        yield (
            f"Solarization {limits}",
            Case(
                lambda layers, limits=limits: layers.Solarization(0.5, 0.5, limits),
                {"additions": additions, "thresholds": thresholds},
                lambda layer: (additions, thresholds),
                range=limits,
            ),
        )
        bits = np.array([0, 3, 7], np.uint8)
        yield (
            f"RandomPosterization {limits}",
            Case(
                lambda layers, limits=limits: layers.RandomPosterization(4, limits),
                {"shift_factor": bits},
                lambda layer, bits=bits: bits[:, None, None, None],
                range=limits,
            ),
        )
        yield (
            f"RandomInvert {limits}",
            Case(
                lambda layers, limits=limits: layers.RandomInvert(0.5, limits),
                {"apply_inversion": CHOSEN},
                lambda layer: CHOSEN[:, None, None, None],
                range=limits,
            ),
        )


def _colors():
    some = CHOSEN[:, None, None, None]
    yield (
        "RandomGrayscale",
        Case(lambda layers: layers.RandomGrayscale(0.5), some, lambda layer: some),
    )
    factor = column([0, 0.7, -0.4])
    yield (
        "RandomColorDegeneration",
        Case(
            lambda layers: layers.RandomColorDegeneration(0.5),
            {"factor": factor},
            lambda layer: factor,
        ),
    )
    for limits in ((0, 255), (0, 1)):
        turn, times = np.array([0.1, -0.35, 0.5], np.float32), np.array([0, 0.6, 3], np.float32)
        yield (
            f"RandomHue {limits}",
            Case(
                lambda layers, limits=limits: layers.RandomHue(0.5, limits),
                {"factor": turn},
                lambda layer, turn=turn: column(turn, 3),
                range=limits,
                flat=True,
            ),
        )
        yield (
            f"RandomSaturation {limits}",
            Case(
                lambda layers, limits=limits: layers.RandomSaturation(0.5, limits),
                {"factor": times},
                lambda layer, times=times: column(times, 3),
                range=limits,
                flat=True,
            ),
        )


def _filters():
    factor = np.array([0, 0.4, 1], np.float32)
    yield (
        "RandomSharpness",
        Case(
            lambda layers: layers.RandomSharpness(0.5),
            {"factor": factor},
            lambda layer: column(1 - 2 * factor),
        ),
    )
    for size in (1, 3, 5, (3, 5), (5, 1)):
        sigma = np.array([0.9, 0.45], np.float32)
        yield (
            f"RandomGaussianBlur {size}",
            Case(
                lambda layers, size=size: layers.RandomGaussianBlur(0.5, size),
                {"should_apply_blur": CHOSEN, "blur_factor": sigma},
                lambda layer, sigma=sigma: (CHOSEN[:, None, None, None], sigma),
            ),
        )


def _warps():
    shear = np.array([[0.3, -0.2], [0, 0.4], [-0.15, 0]], np.float32)
    transforms = np.zeros((3, 8), np.float32)
    transforms[:, [0, 4]], transforms[:, [1, 3]] = 1, shear
    corners = np.array([[0, 0], [6, 0], [0, 5], [6, 5]], np.float32)
    shifts = np.random.RandomState(0).uniform(-0.3, 0.3, (3, 4, 2)).astype(np.float32)
    noise = np.random.RandomState(1).standard_normal((2, 24, 21))
    for how in ("bilinear", "nearest"):
        for fill in ("reflect", "wrap", "constant", "nearest"):
            yield (
                f"RandomShear {how} {fill}",
                Case(
                    lambda layers, how=how, fill=fill: layers.RandomShear(0.4, 0.4, how, fill, 9),
                    {"shear_factor": shear},
                    lambda layer: transforms,
                ),
            )
            yield (
                f"RandomElasticTransform {how} {fill}",
                Case(
                    lambda layers, how=how, fill=fill: layers.RandomElasticTransform(
                        1.0, 1.0, how, fill, 9
                    ),
                    {
                        "apply_transform": CHOSEN[:2],
                        "distortion_factor": np.float32(0.99),
                        "seed": 1,
                    },
                    lambda layer: (CHOSEN[:2, None, None, None], 0.99, noise),
                    shape=(2, 24, 21, 1),
                    noise=noise,
                ),
            )
        yield (
            f"RandomPerspective {how}",
            Case(
                lambda layers, how=how: layers.RandomPerspective(1.0, 0.6, how, 9),
                {
                    "apply_perspective": CHOSEN,
                    "start_points": corners[None].repeat(3, 0),
                    "end_points": corners + corners * shifts,
                },
                lambda layer: layer.transforms(6, 7, shifts * CHOSEN[:, None, None]),
            ),
        )


def _histograms():
    for limits in ((0, 255), (0, 1), (-1, 2)):
        yield (
            f"AutoContrast {limits}",
            Case(
                lambda layers, limits=limits: layers.AutoContrast(limits),
                range=np.multiply(limits, 0.7),
                flat=True,
            ),
        )
        for bins in (256, 16):
            yield (
                f"Equalization {bins} {limits}",
                Case(
                    lambda layers, limits=limits, bins=bins: layers.Equalization(limits, bins),
                    range=limits,
                    flat=True,
                ),
            )
        for clip, tiles in ((4.0, (8, 8)), (0.0, (2, 3)), (1.5, (3, 1))):
            yield (
                f"Clahe {clip} {tiles} {limits}",
                Case(
                    lambda layers, limits=limits, clip=clip, tiles=tiles: (
                        layers.ContrastLimitedAdaptiveHistogramEqualization(limits, clip, tiles)
                    ),
                    shape=(2, 17, 16, 2),
                    range=limits,
                ),
            )


def _policies():
    """Their parts are tested above: here with those that draw nothing, and the mixing."""
    yield (
        "AugMix",
        Case(
            lambda layers: layers.AugMix((0, 255)),
            {
                "chain_mixing_weights": np.array([0.5, 0.2, 0.3], np.float32),
                "weight_sample": np.float32(0.4),
                "chain_transforms": [
                    [{"layer_name": name, "transformation": None} for name in chain]
                    for chain in (["auto_contrast"], [], ["equalization", "auto_contrast"])
                ],
            },
            lambda layer: (
                np.float32(0.4),
                np.array([0.5, 0.2, 0.3], np.float32),
                [
                    [(layer.parts["auto_contrast"], None)],
                    [],
                    [(layer.parts["equalization"], None), (layer.parts["auto_contrast"], None)],
                ],
            ),
            range=(20, 200),
        ),
    )


CASES = {
    name: case
    for group in (_mixing, _tones, _colors, _filters, _warps, _histograms, _policies)
    for name, case in group()
}
