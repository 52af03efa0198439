"""Picture files become images like those of Fashion-MNIST; damaged and hostile ones are refused."""

import io
import os
import re

import numpy as np
import pytest

from fastcnn.demo.pictures import read_picture

Image = pytest.importorskip("PIL.Image")

SIZE = (28, 28)


def as_file(image, kind="PNG", **settings):
    """An array or Pillow image as an open file."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    file = io.BytesIO()
    image.save(file, kind, **settings)
    file.seek(0)
    return file


def read(image, kind="PNG", **settings):
    return read_picture(as_file(image, kind, **settings), SIZE)


def enlarged(image, factor=8):
    return np.kron(image, np.ones((factor, factor), image.dtype))


@pytest.fixture(scope="module")
def fitted(shoe):
    """What becomes of a larger picture of the shoe: trimmed, as wide as the image, centered."""
    return read(np.pad(enlarged(shoe), 30))


# ------------------------------------------------------------------------------- kinds of pictures


def test_an_image_of_the_data_set_is_unchanged(shoe, tmp_path):
    np.testing.assert_array_equal(read(shoe), shoe)
    np.testing.assert_array_equal(read(np.stack([shoe] * 3, axis=-1)), shoe)
    np.testing.assert_allclose(read(shoe, "JPEG", quality=98), shoe, atol=12)
    np.testing.assert_array_equal(read(shoe, "WEBP", lossless=True), shoe)
    (tmp_path / "shoe.png").write_bytes(as_file(shoe).getvalue())
    np.testing.assert_array_equal(read_picture(str(tmp_path / "shoe.png"), SIZE), shoe)


def test_a_light_background_is_inverted(shoe, fitted):
    np.testing.assert_array_equal(read(255 - shoe), shoe)
    np.testing.assert_array_equal(read(255 - np.pad(enlarged(shoe), 30)), fitted)


def test_the_object_is_brighter_than_any_background(shoe):
    """Also a white thing on light gray, and a black one on dark gray."""
    mask = np.pad(enlarged(shoe > 0), 30)
    expected = read(np.where(mask, 255, 0).astype(np.uint8))
    for background, thing in ((200, 255), (100, 0), (60, 255), (240, 10)):
        found = read(np.where(mask, thing, background).astype(np.uint8))
        assert found[0, 0] == 0
        assert (found > 60).sum() == (expected > 60).sum()
        if thing > background:
            np.testing.assert_allclose(found, expected, atol=1)


def test_proportions_are_kept():
    picture = np.zeros((300, 500), np.uint8)
    picture[200:240, 60:480] = 200
    found = read(picture)
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    assert (rows[0], rows[-1]) == (12, 14)  # 28 * 40 / 420 = 2.7 rows
    assert (columns[0], columns[-1]) == (0, 27)
    np.testing.assert_allclose(found[13], 200, atol=1)
    assert read(picture.T).any(axis=1).all()
    one_row = np.zeros((40, 400), np.uint8)
    one_row[20, 10:] = 255
    assert read(one_row).any(axis=1).sum() == 1


def test_a_small_picture_is_enlarged(shoe):
    tiny = shoe[:24:4, ::4]
    assert (read(tiny) > 0).any(axis=0).all()


@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_transparent_pixels_are_background(shoe, fitted, mode, ink):
    """The background becomes white or black, whichever differs more from the thing."""
    opacity = np.pad(enlarged(shoe > 0), 30).astype(np.uint8) * 255
    if mode == "P":
        picture = Image.fromarray(np.where(opacity, 1, 0).astype(np.uint8))
        picture.putpalette([ink, ink, 255 - ink] + [ink] * 3)
        file = as_file(picture, transparency=0)
    else:
        picture = np.full((*opacity.shape, 2), ink, np.uint8)
        picture[..., 1] = opacity
        file = as_file(Image.fromarray(picture, "LA").convert(mode if mode != "PA" else "RGBA"))
    found = read_picture(file, SIZE)
    np.testing.assert_array_equal(found > 127, read(np.where(opacity, 255, 0).astype("u1")) > 127)


def test_half_transparent_pixels_are_mixed(shoe):
    picture = np.zeros((28, 28, 4), np.uint8)
    picture[..., 3] = shoe
    np.testing.assert_allclose(read(picture), shoe, atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_orientation_of_the_camera(shoe, fitted, orientation, kind):
    stored = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda a: np.rot90(a),
        7: lambda a: np.rot90(a.T, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](np.pad(enlarged(shoe), 30))
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read(np.ascontiguousarray(stored), kind, exif=exif.tobytes(), quality=98)
    np.testing.assert_allclose(found, fitted, atol=16)


def test_16_bits_per_pixel(shoe):
    """They are scaled, not clipped to white."""
    np.testing.assert_array_equal(read(shoe.astype(np.uint16) * 257), shoe)
    np.testing.assert_array_equal(read(65535 - shoe.astype(np.uint16) * 257), shoe)


def test_other_modes(shoe):
    binary = np.where(shoe > 0, 255, 0).astype(np.uint8)
    np.testing.assert_array_equal(read(Image.fromarray(binary).convert("1")), binary)
    np.testing.assert_array_equal(read(Image.fromarray(shoe).convert("P")), shoe)
    cmyk = Image.fromarray(np.stack([shoe] * 3, axis=-1)).convert("CMYK")
    np.testing.assert_allclose(read(cmyk, "JPEG", quality=98), shoe, atol=16)


def test_photographs_are_reduced_first(shoe):
    """A large picture gives the same as a small one."""
    large = read(np.pad(enlarged(shoe, 80), 300))
    np.testing.assert_allclose(large.astype(int), read(np.pad(enlarged(shoe), 30)), atol=30)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_empty_picture_is_an_error(value):
    for shape in (SIZE, (100, 60)):
        with pytest.raises(ValueError, match=r"the picture is empty: all of its pixels have one"):
            read(np.full(shape, value, np.uint8))
    with pytest.raises(ValueError, match="the picture is empty"):
        read(np.zeros((50, 50, 4), np.uint8))


# ---------------------------------------------------------------------------- damaged and hostile


def test_postscript_named_png_runs_nothing(tmp_path, monkeypatch):
    """Pillow would start Ghostscript, here a harmless program of this name."""
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "shoe.png"
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(hi) print\n%%EOF\n"
    )
    with pytest.raises(OSError, match=re.escape(f"{path}: cannot identify image file")):
        read_picture(str(path), SIZE)
    assert not (tmp_path / "ran").exists()


def test_other_formats_are_refused(shoe):
    for kind in ("GIF", "BMP", "TIFF"):
        with pytest.raises(OSError, match=r"Supported formats: JPEG, PNG, WEBP\."):
            read(shoe, kind)


def test_not_a_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_picture(str(tmp_path / "missing.png"), SIZE)
    with pytest.raises(OSError, match=r"not a regular file"):
        read_picture(str(tmp_path), SIZE)
    os.mkfifo(tmp_path / "pipe.png")  # opening it would wait forever
    with pytest.raises(OSError, match=r"pipe\.png: it is not a regular file"):
        read_picture(str(tmp_path / "pipe.png"), SIZE)


def test_limit_of_pixels(shoe):
    file = as_file(np.pad(shoe, 100))
    with pytest.raises(ValueError, match=r"228 x 228 pixels, more than the 50000 allowed\.$"):
        read_picture(file, SIZE, most=50_000)
    file.seek(0)
    assert read_picture(file, SIZE, most=228 * 228).shape == SIZE


def test_a_bomb_is_not_decoded():
    """A few bytes that claim to be a picture of ten billion pixels."""
    import struct
    import zlib

    def chunk(name, data):
        crc = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")  # fmt: skip # noqa: E501
    for most in (None, 1 << 22):
        with pytest.raises(ValueError, match=r"exceeds limit|more than the"):
            read_picture(io.BytesIO(bomb), SIZE, most)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_damaged_files(shoe, kind):
    """A file cut off or changed anywhere gives an image or one of two kinds of errors."""
    exif = Image.Exif()
    exif[0x0112] = 6
    content = as_file(np.pad(enlarged(shoe, 2), 9), kind, exif=exif.tobytes()).getvalue()
    rng = np.random.default_rng(0)
    damaged = [content[:cut] for cut in rng.integers(0, len(content), 60)]
    for _ in range(120):
        changed = bytearray(content)
        for position in rng.integers(0, len(content), rng.integers(1, 4)):
            changed[position] = rng.integers(256)
        damaged.append(bytes(changed))
    errors = []
    for one in damaged:
        try:
            found = read_picture(io.BytesIO(one), SIZE, most=1 << 20)
        except (OSError, ValueError) as error:
            errors.append(str(error))
        else:
            assert (found.shape, found.dtype) == (SIZE, np.uint8)
    assert len(errors) > 20
    assert {error[: len("the image: ")] for error in errors} == {"the image: "}
