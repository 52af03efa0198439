"""Single images: Pillow's to arrays and back. Needs Pillow (`pip install 'fastcnn[images]'`).

image = keras.utils.load_img("cat.jpg", target_size=(64, 64))
model.predict(keras.utils.img_to_array(image)[None])
"""

import numpy as np

from fastcnn.core.arguments import check_data_format
from fastcnn.utils.image_folder import MODES, pillow


def load_img(path, color_mode="rgb", target_size=None, interpolation="nearest"):
    """An image file as Pillow's image.

    Args:
        path: a file.
        color_mode: "rgb", "rgba" or "grayscale".
        target_size: None or (height, width).
        interpolation: a name of Pillow's, such as "nearest", "bilinear", "bicubic" or "lanczos".
    """
    image_module = pillow()
    if color_mode not in MODES:
        raise ValueError(
            f"The argument `color_mode` must be one of {tuple(MODES)}. "
            f"Received color_mode={color_mode!r}."
        )
    resampling = {
        name.lower(): value for name, value in image_module.Resampling.__members__.items()
    }
    if interpolation not in resampling:
        raise ValueError(
            f"The argument `interpolation` must be one of {tuple(resampling)}. "
            f"Received interpolation={interpolation!r}."
        )
    with image_module.open(path) as image:
        image = image.convert(MODES[color_mode])
    if target_size is not None:
        height, width = target_size
        image = image.resize((width, height), resampling[interpolation])
    return image


def img_to_array(img, data_format=None, dtype=None):
    """Pillow's image as an array (height, width, channels), by default float32."""
    check_data_format(data_format)
    array = np.array(img, dtype or np.float32)
    return array[..., None] if array.ndim == 2 else array


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """An array (height, width, channels) as Pillow's image; `scale` brings its values to 0..255."""
    check_data_format(data_format)
    x = np.asarray(x, dtype or np.float32)
    if x.ndim != 3 or x.shape[2] not in (1, 3, 4):
        raise ValueError(
            "The argument `x` must have shape (height, width, 1, 3 or 4). "
            f"Received shape {x.shape}."
        )
    if scale:
        x = x - x.min()
        x = x * (255 / (x.max() or 1))
    x = x.astype(np.uint8)
    return pillow().fromarray(x[..., 0] if x.shape[2] == 1 else x)


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Write an array (height, width, channels) to an image file; `kwargs` go to Pillow."""
    array_to_img(x, data_format, scale).save(path, format=file_format, **kwargs)
