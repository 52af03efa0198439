"""Fourier transforms; complex numbers are pairs (real, imaginary)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.ops.base import convert, op, to_float

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Parts = tuple[ArrayLike, ArrayLike]


def _complex(x: Any) -> NDArray:
    """A pair (real, imaginary) as complex numbers."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            "The argument `x` must be a pair of arrays, real and imaginary parts. "
            f"Received {type(x).__name__}."
        )
    real, imaginary = convert(x[0]), convert(x[1])
    if real.shape != imaginary.shape or real.dtype.kind != "f" or imaginary.dtype.kind != "f":
        raise ValueError(
            "The real and imaginary parts must be floats of one shape. Received "
            f"{real.dtype} {real.shape} and {imaginary.dtype} {imaginary.shape}."
        )
    return real + 1j * imaginary


def _parts(values: NDArray, like: Any) -> tuple[NDArray, NDArray]:
    dtype = convert(like).dtype
    return values.real.astype(dtype), values.imag.astype(dtype)


@op
def fft(x: Parts) -> tuple[NDArray, NDArray]:
    """The discrete Fourier transform of the last axis."""
    return _parts(np.fft.fft(_complex(x)), x[0])


@op
def fft2(x: Parts) -> tuple[NDArray, NDArray]:
    """The discrete Fourier transform of the last two axes."""
    return _parts(np.fft.fft2(_complex(x)), x[0])


@op
def ifft2(x: Parts) -> tuple[NDArray, NDArray]:
    """The inverse of `fft2`."""
    return _parts(np.fft.ifft2(_complex(x)), x[0])


@op
def rfft(x: ArrayLike, fft_length: int | None = None) -> tuple[NDArray, NDArray]:
    """The Fourier transform of real numbers on the last axis: the first half and one more."""
    x = to_float(x)
    return _parts(np.fft.rfft(x, fft_length), x)


@op
def irfft(x: Parts, fft_length: int | None = None) -> NDArray:
    """The inverse of `rfft`."""
    return np.fft.irfft(_complex(x), fft_length).astype(convert(x[0]).dtype)


@op
def extract_sequences(x: ArrayLike, sequence_length: int, sequence_stride: int) -> NDArray:
    """Overlapping parts (..., count, sequence_length) of the last axis."""
    x = convert(x)
    windows = np.lib.stride_tricks.sliding_window_view(x, sequence_length, -1)
    return np.array(windows[..., ::sequence_stride, :])


def _window(window: Any, length: int, fft_length: int, dtype: np.dtype) -> NDArray:
    """The window's values in the middle of fft_length zeros."""
    if window is None:
        values = np.ones(length)
    elif isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                f'The argument `window` must be "hann", "hamming", an array or None. '
                f"Received window={window!r}."
            )
        values = {"hann": np.hanning, "hamming": np.hamming}[window](length + 1)[:-1]
    else:
        values = convert(window)
    if values.shape != (length,):
        raise ValueError(
            f"The argument `window` must have shape ({length},). Received shape {values.shape}."
        )
    before = (fft_length - length) // 2
    return np.pad(values, (before, fft_length - length - before)).astype(dtype)


def _check_lengths(sequence_length: int, fft_length: int) -> None:
    if fft_length < sequence_length:
        raise ValueError(
            "The argument `fft_length` must be at least `sequence_length`. "
            f"Received fft_length={fft_length} and sequence_length={sequence_length}."
        )


@op
def stft(
    x: ArrayLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[NDArray, NDArray]:
    """The Fourier transforms (..., count, fft_length // 2 + 1) of windows of the last axis.

    Args:
        window: "hann", "hamming", sequence_length values, or None for ones.
        center: whether to extend x by its reflection, so that windows are centered at its samples.
    """
    x = convert(x)
    if x.dtype.kind != "f":
        raise TypeError(f"The argument `x` must contain floats. Received {x.dtype}.")
    _check_lengths(sequence_length, fft_length)
    if center:
        margin = [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)]
        x = np.pad(x, margin, "reflect")
    values = _window(window, sequence_length, fft_length, x.dtype)
    frames = np.lib.stride_tricks.sliding_window_view(x, fft_length, -1)
    return _parts(np.fft.rfft(frames[..., ::sequence_stride, :] * values), x)


@op
def istft(
    x: Parts,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> NDArray:
    """The inverse of `stft`: windows are added up, divided by the sum of squared windows."""
    spectrum = _complex(x)
    dtype = convert(x[0]).dtype
    _check_lengths(sequence_length, fft_length)
    values = _window(window, sequence_length, fft_length, np.dtype(np.float64))
    frames = np.fft.irfft(spectrum, fft_length)
    count = frames.shape[-2]
    total = np.zeros((*frames.shape[:-2], fft_length + sequence_stride * (count - 1)))
    # the synthesis window divides by what the squares of overlapping windows add up to, in every
    # window the same: steps that are missing at both ends count as if they were there
    weights = values if window is not None else np.ones(fft_length)
    if window is not None:
        steps = -(-fft_length // sequence_stride)
        squares = np.pad(np.square(weights), (0, steps * sequence_stride - fft_length))
        period = squares.reshape(steps, sequence_stride).sum(0)
        weights = weights / np.tile(period, steps)[:fft_length]
    for index in range(count):
        begin = index * sequence_stride
        total[..., begin : begin + fft_length] += frames[..., index, :] * weights
    start = fft_length // 2 if center else 0
    if length is not None:
        stop = start + length
    else:
        stop = total.shape[-1] - (fft_length // 2 if center else 0)
    return total[..., start:stop].astype(dtype)
