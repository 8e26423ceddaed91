"""Reading picture files of every mode and format, and saying what of them is lost."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise import pictures
from denoise.errors import UserError

DEPTH, BLACK = "reduced to 8 bits", "transparent parts are black"
# A light object on black, which is what the models know: a ramp inside a frame.
RAMP = np.zeros((28, 28), dtype=np.float32)
RAMP[4:24, 4:24] = np.linspace(0.2, 0.95, 20)
LEVELS = Image.fromarray((RAMP * 255).round().astype(np.uint8))
OBJECT = Image.fromarray(((RAMP > 0) * 255).astype(np.uint8))


def deep(kind: str) -> Image.Image:
    return Image.fromarray((RAMP * 65535).round().astype(kind))


def cut_out(mode: str) -> Image.Image:
    """The ramp on a background that is transparent, and white where it shows."""
    picture = Image.composite(LEVELS, Image.new("L", (28, 28), 255), OBJECT).convert("LA")
    picture.putalpha(OBJECT)
    return (picture if mode == "La" else picture.convert("RGBA")).convert(mode)


PLAIN = {mode: LEVELS.convert(mode) for mode in ("L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV")}
SEE_THROUGH = {mode: cut_out(mode) for mode in ("LA", "La", "RGBA", "RGBa", "PA")}
DEEP = {"I;16": deep("<u2"), "I;16B": deep(">u2"), "F": Image.fromarray(RAMP)}
MODES = PLAIN | SEE_THROUGH | DEEP | {"LAB": LEVELS.convert("RGB").convert("LAB")}


@pytest.mark.parametrize("mode", MODES)
def test_a_light_object_on_black_looks_the_same_in_every_mode(mode: str) -> None:
    seen = pictures.as_model_input(MODES[mode].copy())
    np.testing.assert_allclose(seen.pixels, RAMP, atol=0.01)
    expected = [BLACK] * (mode in SEE_THROUGH) + [DEPTH] * (mode in DEEP)
    assert seen.lost == expected


def test_a_picture_of_two_levels_is_black_and_white() -> None:
    assert np.array_equal(pictures.as_model_input(OBJECT.convert("1")).pixels, RAMP > 0)


def tiff(path: Path, values: np.ndarray, bits: int, kind: int, photometric: int = 1) -> None:
    """A TIFF of kinds that Pillow reads and does not write; `kind` 2 is signed, 3 floats."""
    tags = {256: 28, 257: 28, 258: bits, 259: 1, 262: photometric, 273: 134, 277: 1, 278: 28}
    tags |= {279: values.nbytes, 339: kind}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries
    path.write_bytes(head.ljust(134, b"\0") + values.tobytes())


def deep_colours(path: Path) -> None:
    """A PNG with 16 bits in each of three channels, which Pillow does not write."""
    lines = np.repeat((RAMP * 65535).astype(">u2"), 3, axis=1)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 28, 28, 16, 2, 0, 0, 0),
        b"IDAT": zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines)),
        b"IEND": b"",
    }
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def twelve_bits() -> np.ndarray:
    levels = (RAMP * 4095).round().astype(int).reshape(-1, 2)
    first, second = levels.T
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], 1)
    return packed.astype(np.uint8)


def frames(path: Path) -> None:
    LEVELS.save(path, save_all=True, append_images=[OBJECT, LEVELS], lossless=True)


def turned(path: Path) -> None:
    """The ramp on its side, and the tag of a camera that says so."""
    exif = Image.Exif()
    exif[0x112] = 6
    LEVELS.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=100)


def large(path: Path) -> None:
    orange = Image.merge("RGB", [LEVELS, LEVELS.point(lambda v: v // 2), Image.new("L", (28, 28))])
    orange.resize((280, 140), Image.Resampling.NEAREST).save(path, quality=100)


def transparent_level(path: Path, kind: str, white: int) -> None:
    """White is transparent by its level, as in a PNG or GIF without an alpha channel."""
    values = np.where(RAMP > 0, RAMP, 1) * white
    Image.fromarray(values.round().astype(kind)).save(path, transparency=white)


SAVED: dict[str, tuple[Callable[[Path], object], str]] = {
    **{f"grey.{kind}": (LEVELS.save, "") for kind in ("png", "gif", "tif", "bmp", "pgm", "tga")},
    "grey.jpg": (lambda path: LEVELS.save(path, quality=100), ""),
    "grey.webp": (lambda path: LEVELS.save(path, quality=100), ""),
    "grey.jp2": (LEVELS.save, ""),
    **{f"deep.{kind}": (deep("<u2").save, DEPTH) for kind in ("png", "tif", "pgm", "jp2")},
    "deep_big.tif": (deep(">u2").save, DEPTH),
    "twelve.tif": (lambda path: tiff(path, twelve_bits(), 12, 1), DEPTH),
    "negative.tif": (
        lambda path: tiff(path, ((1 - RAMP) * 65535).astype("<u2"), 16, 1, photometric=0),
        DEPTH,
    ),
    "deep_colours.png": (deep_colours, DEPTH),
    "floats.tif": (Image.fromarray(RAMP).save, DEPTH),
    "level.png": (lambda path: transparent_level(path, "u1", 255), BLACK),
    "level.gif": (lambda path: transparent_level(path, "u1", 255), BLACK),
    "level16.png": (lambda path: transparent_level(path, "<u2", 65535), DEPTH + BLACK),
    "palette.png": (cut_out("RGBA").quantize(64).save, BLACK),
    "palette.gif": (cut_out("RGBA").save, BLACK),
    "cut_out.webp": (lambda path: cut_out("RGBA").save(path, lossless=True), BLACK),
    "cut_out.tif": (cut_out("LA").save, BLACK),
    **{
        f"frames.{kind}": (frames, "only the first of 3 frames is used")
        for kind in ("gif", "tif", "png", "webp")
    },
    **{f"turned.{kind}": (turned, "") for kind in ("jpg", "png", "tif")},
}


@pytest.mark.parametrize("name", SAVED)
def test_a_light_object_on_black_looks_the_same_in_every_format(name: str, tmp_path: Path) -> None:
    save, lost = SAVED[name]
    save(tmp_path / name)
    seen = pictures.read(tmp_path / name)
    np.testing.assert_allclose(seen.pixels, RAMP, atol=0.04)
    assert "".join(seen.lost) == lost


def test_size_and_colour_are_reported_as_lost(tmp_path: Path) -> None:
    large(tmp_path / "large.jpg")
    seen = pictures.read(tmp_path / "large.jpg")
    assert seen.lost == ["resized from 280x140 to 28x28", "converted from colour to grey"]
    assert seen.pixels.shape == (28, 28)


def test_a_very_large_picture_is_read_without_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # Pillow warns above, refuses above twice
    LEVELS.save(tmp_path / "large.png")
    assert pictures.read(tmp_path / "large.png").lost == []


def bomb(path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(path)


def truncated(path: Path) -> None:
    Image.effect_noise((200, 200), 90).save(path)
    path.write_bytes(path.read_bytes()[:3000])


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing.png": (str, "there is no such file"),
    "folder.png": (Path.mkdir, "it is not a file"),
    "pipe.png": (os.mkfifo, "it is not a file"),
    "empty.png": (Path.touch, "cannot identify"),
    "text.png": (lambda path: path.write_text("a shoe"), "cannot identify"),
    **{f"cut.{kind}": (truncated, "") for kind in ("png", "jpg", "gif", "tif", "bmp", "webp")},
    "bomb.png": (bomb, r"400000000 pixels\) exceeds limit"),
    "wide_floats.tif": (Image.fromarray(RAMP * 255).save, "floats from 0 to 242.25, and only"),
    "nan.tif": (Image.fromarray(RAMP * np.float32(np.nan)).save, "floats from nan to nan"),
    "integers.tif": (deep("<i4").save, "signed or 32-bit integers, from 0 to 62258"),
    "signed.tif": (
        lambda path: tiff(path, (RAMP * 9999).astype("<i2"), 16, 2),
        "signed or 32-bit integers, from 0 to 9499",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_a_picture_of_known_levels_is_refused(name: str, tmp_path: Path) -> None:
    make, said = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(
        UserError, match=rf"{name} is not a picture that can be read: (?=.).*{said}"
    ):
        pictures.read(tmp_path / name)
