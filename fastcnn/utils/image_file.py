"""One image file, decoded by Pillow.

Pillow recognizes a file by its content, not by its name, and for some formats starts another
program (Ghostscript for PostScript). A file is therefore decoded only if it is a regular file of
one of the expected formats and has no more pixels than Pillow considers safe. Every error names the
file.
"""

import contextlib
import os
import stat

import numpy as np

CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}  # of Keras's color modes
MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}  # their names in Pillow


def pillow():
    """The module PIL.Image."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("Images require Pillow: pip install 'fastcnn[images]'.") from None
    return Image


def decode(path, formats, most=None, is_gray=False):
    """Decode an image file completely; return the Pillow image.

    Args:
        path: a path, or an open binary file.
        formats: the formats allowed, by Pillow's names.
        most: the number of pixels allowed; None: `PIL.Image.MAX_IMAGE_PIXELS`.
        is_gray: whether a JPEG file is only decoded to gray, its own and as in TensorFlow.

    Raises:
        OSError: the file cannot be read, or is not a valid image of these formats.
        ValueError: it has more pixels.
    """
    image_module = pillow()
    limit = image_module.MAX_IMAGE_PIXELS  # Pillow itself only warns, up to twice as many
    limit = limit if most is None else most
    with open_regular(path) as file:
        name = getattr(file, "name", "the image")
        try:
            image = image_module.open(file, formats=formats)
            too_large = limit is not None and image.width * image.height > limit
            if not too_large:
                if is_gray and image.format == "JPEG" and image.mode == "RGB":
                    image.draft("L", image.size)
                image.load()
        except image_module.UnidentifiedImageError:
            raise OSError(
                f"{name}: cannot identify image file. Supported formats: {', '.join(formats)}."
            ) from None
        except (image_module.DecompressionBombError, image_module.DecompressionBombWarning) as e:
            raise ValueError(f"{name}: {e}") from None
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise almost any type on damaged files
            raise OSError(f"{name}: cannot decode the image: {error}") from error
    if too_large:
        raise ValueError(
            f"{name}: the image has {image.width} x {image.height} pixels, more than the {limit} "
            "allowed." + ("" if most else " To read it, raise `PIL.Image.MAX_IMAGE_PIXELS`.")
        )
    return image


def convert(image, mode):
    """`image.convert(mode)`, but scaling 16 bits per pixel to 8 as TensorFlow does.

    Pillow clips the values of 16-bit gray images instead, so that almost all pixels become white.
    """
    has_16_bits = image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in ("PNG", "PPM")  # Pillow 9, and .pgm files
    )
    if has_16_bits:
        image = pillow().fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert(mode)


def open_regular(path):
    """The open file; a FIFO or a device, which could block or act when it is opened, is refused."""
    if hasattr(path, "read"):
        return contextlib.nullcontext(path)
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"{os.fspath(path)}: it is not a regular file.")
    return open(path, "rb")
