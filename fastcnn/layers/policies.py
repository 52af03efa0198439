"""Augmentations that apply several others, drawn at random: RandAugment, AugMix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_choice, check_count, check_number
from fastcnn.layers.affine import INTERPOLATIONS, RandomRotation, RandomTranslation
from fastcnn.layers.augmentation import Augmentation, applied, gradient_of
from fastcnn.layers.colors import RandomBrightness, RandomColorDegeneration, RandomContrast
from fastcnn.layers.filters import RandomSharpness
from fastcnn.layers.histograms import AutoContrast, Equalization
from fastcnn.layers.ranges import check_range, check_value_range
from fastcnn.layers.registry import register
from fastcnn.layers.tones import RandomPosterization, Solarization
from fastcnn.layers.warps import RandomShear

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastcnn.core.types import Range


class Policy(Augmentation):
    """Base: what is drawn is a list of (layer, what it has drawn), applied one after the other.

    Attributes:
        parts: {Keras's name of the attribute: layer}, all the layers that may be applied. Keras
            lists them in files.
    """

    parts: dict[str, Any]

    def _with_draws(self, layers, shape, generator):
        """[(layer, drawn)] with numbers drawn from the generator of the policy."""
        return [
            (layer, layer.draw(shape, generator) if isinstance(layer, Augmentation) else None)
            for layer in layers
        ]

    def apply(self, call):
        call.calls, call.y[...] = _forward(call.drawn, call.x)

    def apply_backward(self, call):
        call.dx[...] = _backward(call.drawn, call.calls, call.dy)

    def change_masks(self, masks, drawn):
        for layer, part in drawn:
            masks = layer.change_masks(masks, part)
        return masks


def _forward(drawn, x):
    """(the calls of the layers, the result)"""
    calls = []
    for layer, part in drawn:
        calls.append(applied(layer, x, part))
        x = calls[-1].y
    return calls, x


def _backward(drawn, calls, dy):
    for (layer, _), call in zip(reversed(drawn), reversed(calls), strict=True):
        dy = gradient_of(layer, call, dy)
    return dy


class DrawnPolicy(Policy):
    """Base of the policies that draw which changes are applied, from the lists of their papers."""

    def __init__(
        self, value_range, factor, interpolation, seed, data_format, with_colors=True, **kwargs
    ):
        super().__init__(seed, data_format, **kwargs)
        self.value_range = check_value_range(value_range)
        self.factor = check_range(factor, "factor", 0, 1)
        self.interpolation = check_choice(interpolation, "interpolation", INTERPOLATIONS)
        settings = {"name": kwargs.get("name"), "dtype": self.dtype}
        space = {**settings, "interpolation": interpolation}
        color = {**settings, "value_range": value_range}
        factor, bits = self.factor, max(1, int(8 * self.factor[1]))
        self.parts = {
            "random_shear": RandomShear(factor, factor, **space),
            "random_translation": RandomTranslation(factor, factor, **space),
            "random_rotation": RandomRotation(factor, **space),
            "random_posterization": RandomPosterization(bits, **color),
            "solarization": Solarization(factor, factor, **color),
            "auto_contrast": AutoContrast(**color),
            "equalization": Equalization(**color),
        }
        if with_colors:
            self.parts["random_brightness"] = RandomBrightness(factor, **color)
            self.parts["random_color_degeneration"] = RandomColorDegeneration(factor, **color)
            self.parts["random_contrast"] = RandomContrast(factor, **color)
            self.parts["random_sharpness"] = RandomSharpness(factor, **color)
            self.channels = (3,)

    def get_config(self):
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "factor": self.factor,
            "interpolation": self.interpolation,
        }


@register
class RandAugment(DrawnPolicy):
    """Applies `num_ops` changes, drawn for each batch from eleven (Cubuk et al. 2019).

    Shear, translation, rotation, brightness, color degeneration, contrast, sharpness,
    posterization, solarization, auto contrast, equalization: each with `factor`, and as many bits
    as 8 * factor.

    Args:
        value_range: (lowest, highest) pixel value.
        num_ops: number of changes, one after the other.
        factor: their strength, in [0, 1], or two such values (lower, upper). One value stands for
            (0, factor).
        interpolation: "bilinear" or "nearest".
        seed: see `SeededLayer`.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, 3). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandAugment(seed=0)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: Range = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_ops = check_count(num_ops, "num_ops", 0)

    def draw(self, shape, generator):
        layers = list(self.parts.values())
        # a change that is drawn twice is the same one twice
        which, again = np.unique(generator.integers(len(layers), size=self.num_ops), False, True)
        drawn = self._with_draws([layers[index] for index in which], shape, generator)
        return [drawn[index] for index in again]

    def get_config(self):
        return {**super().get_config(), "num_ops": self.num_ops}


@register
class AugMix(DrawnPolicy):
    """Mixes the images with a mean of several chains of changes (Hendrycks et al. 2020).

        y = clip(w * x + (1 - w) * sum of m[i] * chain[i](x), *value_range)

    with w ~ Beta(alpha, alpha) and m ~ Dirichlet(alpha), drawn for each batch.

    Args:
        value_range: (lowest, highest) pixel value.
        num_chains: number of chains.
        chain_depth: the largest number of changes in a chain: each of so many draws is one of the
            changes, or none.
        factor: their strength, in [0, 1], or two such values (lower, upper). One value stands for
            (0, factor).
        alpha: a positive number.
        all_ops: whether brightness, color degeneration, contrast and sharpness are changed, besides
            shear, translation, rotation, posterization, solarization, auto contrast, equalization.
        interpolation: "bilinear" or "nearest".
        seed: see `SeededLayer`.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, 3). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.AugMix(seed=0)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Range = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.all_ops = bool(all_ops)
        super().__init__(
            value_range, factor, interpolation, seed, data_format, self.all_ops, **kwargs
        )
        self.num_chains = check_count(num_chains, "num_chains")
        self.chain_depth = check_count(chain_depth, "chain_depth", 0)
        self.alpha = check_number(alpha, "alpha", 0)
        if not alpha:
            raise ValueError(f"The argument `alpha` must be positive. Received alpha={alpha!r}.")

    def draw(self, shape, generator):
        """(share of the images, share of each chain, the chains)."""
        layers = list(self.parts.values())
        weights = generator.dirichlet([self.alpha] * self.num_chains).astype(self.dtype)
        share = np.dtype(self.dtype).type(generator.beta(self.alpha, self.alpha))
        depths = generator.integers(len(layers) + 1, size=(self.num_chains, self.chain_depth))
        chains = [
            self._with_draws([layers[i] for i in chain if i < len(layers)], shape, generator)
            for chain in depths
        ]
        return share, weights, chains

    def apply(self, call):
        share, weights, chains = call.drawn
        call.calls, total = [], np.zeros_like(call.x)
        for chain, weight in zip(chains, weights, strict=True):
            calls, images = _forward(chain, call.x)
            call.calls.append(calls)
            total += images * weight
        call.unclipped = share * call.x + (1 - share) * total
        np.clip(call.unclipped, *self.value_range, out=call.y)

    def apply_backward(self, call):
        share, weights, chains = call.drawn
        low, high = self.value_range
        dy = np.where((call.unclipped >= low) & (call.unclipped <= high), call.dy, 0)
        call.dx[...] = share * dy
        for chain, weight, calls in zip(chains, weights, call.calls, strict=True):
            call.dx += _backward(chain, calls, (1 - share) * weight * dy)

    def change_masks(self, masks, drawn):
        share, weights, chains = drawn
        changed = [super(AugMix, self).change_masks(masks, chain) for chain in chains]
        total = sum(weight * each for weight, each in zip(weights, changed, strict=True))
        return share * masks + (1 - share) * total

    def get_config(self):
        return {
            **super().get_config(),
            "num_chains": self.num_chains,
            "chain_depth": self.chain_depth,
            "alpha": self.alpha,
            "all_ops": self.all_ops,
        }
