"""Reference kernels of random changes of images."""

import numpy as np


def flip(x, flags, y, *, vertical, horizontal):
    """y[n] = x[n], or its mirror image where flags[n] is not 0: upside down, left to right"""
    mirrored = x[:, :: -1 if vertical else 1, :: -1 if horizontal else 1]
    y[...] = np.where(flags[:, None, None, None] != 0, mirrored, x)


def mix(x, other, partner, share, rest, y, *, low=-np.inf, high=np.inf):
    """y[n] = share[n] x[n] + rest[n] other[partner[n]], moved into [low, high]; NaN stays NaN"""
    share, rest = (factor.reshape(-1, *[1] * (x.ndim - 1)) for factor in (share, rest))
    np.clip(share * x + rest * other[partner], low, high, out=y)


def select(x, other, partner, mask, y):
    """y[n,m] = other[partner[n],m] where mask[n,m] is not 0, else x[n,m]"""
    y[...] = np.where(mask[:, :, None] != 0, other[partner], x)


def _to_bytes(x, lowest, extent):
    """x, from lowest to lowest + extent, as values from 0 to 255."""
    if lowest == 0 and extent == 255:
        return x
    return (x - x.dtype.type(lowest)) / x.dtype.type(extent) * x.dtype.type(255)


def _from_bytes(x, lowest, extent):
    if lowest == 0 and extent == 255:
        return x
    return x / x.dtype.type(255) * x.dtype.type(extent) + x.dtype.type(lowest)


def solarize(x, addition, threshold, y, *, lowest, extent):
    """s = x + addition[n], moved into [0, 255]; y = s where s < threshold[n], else 255 - s

    x, and then y, is scaled from and to the range from `lowest` to lowest + extent.
    """
    addition, threshold = (a.reshape(-1, *[1] * (x.ndim - 1)) for a in (addition, threshold))
    s = np.clip(_to_bytes(x, lowest, extent) + addition, 0, 255)
    y[...] = _from_bytes(np.where(s < threshold, s, 255 - s), lowest, extent)


def posterize(x, bits, y, *, lowest, extent):
    """y = x as an integer modulo 256, without its lowest bits[n] bits; scaled as in `solarize`

    NaN is 0; values that do not fit an int32 are the nearest one that does.
    """
    values = np.nan_to_num(_to_bytes(x, lowest, extent))
    values = np.clip(values, -(2.0**31), 2147483520).astype(np.int32).astype(np.uint8)
    bits = bits.reshape(-1, *[1] * (x.ndim - 1))
    y[...] = _from_bytes((values >> bits << bits).astype(x.dtype), lowest, extent)


def _products(x, matrix):
    first, second, third = (x[:, :, c, None] * matrix[:, None, c] for c in range(3))
    return first + second + third


def color_matrix_forward(x, matrix, y, *, low=-np.inf, high=np.inf):
    """y[n,m,d] = sum over c of x[n,m,c] matrix[n,c,d], moved into [low, high]; NaN stays NaN"""
    np.clip(_products(x, matrix), low, high, out=y)


def color_matrix_backward(dy, x, matrix, dx, *, low=-np.inf, high=np.inf):
    """dx[n,m,c] = sum over d of matrix[n,c,d] dy[n,m,d], where the value was not moved"""
    value = _products(x, matrix)
    dy = np.where((value >= low) & (value <= high), dy, 0)
    dx[...] = _products(dy, matrix.swapaxes(1, 2))


def change_hue(x, turn, factor, y, *, low, high, lowest=0.0, extent=1.0, bounded=False):
    """hue + turn[n] (mod 1) and saturation * factor[n], moved into [low, high], of RGB images

    x, and then y, is scaled from and to the range from `lowest` to lowest + extent; with `bounded`
    y is moved into it.
    """
    is_scaled = (lowest, extent) != (0, 1)
    kind = x.dtype.type
    images = (x - kind(lowest)) / kind(extent) if is_scaled else x
    hue, saturation, value = rgb_to_hsv(images)
    hue = hue + turn[:, None]
    hue = np.where(hue > 1, hue - 1, hue)
    hue = np.where(hue < 0, hue + 1, hue)
    images = hsv_to_rgb(hue, np.clip(saturation * factor[:, None], low, high), value)
    images = np.clip(images, 0, 1) if bounded else images
    y[...] = images * kind(extent) + kind(lowest) if is_scaled else images


def rgb_to_hsv(images):
    """(hue, saturation, value), each (..., ), of `images` (..., 3); hue is in [0, 1).

    value = max, saturation = (max - min) / max; hue = i / 3 + (next - last) / (6 (max - min)),
    where i is the channel of the maximum, and the two others follow in the order of r g b r g.
    """
    value = images.max(-1)
    extent = value - images.min(-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        saturation = np.where(value > 0, extent / value, 0)
        unit = 1 / (6 * extent)
        red, green, blue = np.moveaxis(images, -1, 0)
        hue = np.where(
            red == value,
            unit * (green - blue),
            np.where(
                green == value,
                unit * (blue - red) + images.dtype.type(2 / 6),
                unit * (red - green) + images.dtype.type(4 / 6),
            ),
        )
    hue = np.where(extent > 0, hue, 0)
    hue = np.where(hue < 0, hue + 1, hue)
    return hue, saturation, value


def hsv_to_rgb(hue, saturation, value):
    """The images (..., 3): value * (1 - saturation * (1 - k)), k by hue and channel."""
    scaled = saturation[..., None]
    return ((1 - scaled) + scaled * ramps(hue)) * value[..., None]


def ramps(hue):
    """k (..., 3): 1 in the third of the circle around the channel's own hue, 0 opposite of it."""
    turn = hue * 6
    ramps = [abs(turn - 3) - 1, 2 - abs(turn - 2), 2 - abs(turn - 4)]
    return np.clip(np.stack(ramps, -1), 0, 1)
