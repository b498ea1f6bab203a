"""Read image files from outside, and prepare them like the films of PneumoniaMNIST: small grey squares.

All commands use this reader. It reads the header of a file before its pixels. Fields that change the meaning
of pixels are applied, or the file is refused with one line.
"""

import io
import os
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from pneumo.base.errors import printable
from pneumo.data.checks import (
    MOST_PIXELS,
    SQUARE,
    RadiographError,
    Warn,
    check_depth,
    check_size,
    require,
)
from pneumo.data.descriptions import PNEUMONIA, Description

# The centre crop of a longer image drops more than half of it.
LONGEST = 2.0
# Grey levels that an image must span, of 255; the published set's flattest image spans 44.
LEAST_SPAN = 32
# Levels of 255 by which a region's colours may differ and still be called grey.
MOST_COLOUR = 16
# Pillow would have other programs draw these.
_DRAWINGS = ("EPS", "WMF")
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_SAVE = "save it as grey PNG"
_CLEAR = "transparent pixels: they are taken for black"
# Tags of TIFF.
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
# Grey TIFFs that Pillow can decode but does not list in both byte orders and with white as 0, too; inverting
# the latter is left to the caller.
for _order, _end in ((b"II", ""), (b"MM", "B")):
    for _sign, _bits, _mode, _raw in (
        (1, 16, f"I;16{_end}", f"I;16{_end}"),
        (2, 16, "I", f"I;16{_end}S"),
        (1, 12, "I;16", "I;12"),
    ):
        for _white in (0, 1):
            _key = (_order, _white, (_sign,), 1, (_bits,), ())
            TiffImagePlugin.OPEN_INFO.setdefault(_key, (_mode, _raw))


@dataclass(frozen=True)
class Radiograph:
    """An image prepared for a network."""

    image: NDArray[np.uint8]  # (S, S), bone bright
    warnings: tuple[str, ...]  # differences from training images


def read(
    path: str | os.PathLike[str], size: int = 28, about: Description | None = PNEUMONIA
) -> Radiograph:
    """Read an image file, and prepare it as the images of a set were prepared.

    The image becomes 8-bit grey; its centred square is resized with Pillow's bilinear filter. For
    PneumoniaMNIST at 28×28 it is then compressed as JPEG of quality 75, which gives the published images byte
    for byte. For other sizes and sets the preparation is an assumption (:func:`is_assumed`). An image that
    has the right size already stays as it is.

    * More than 8 bits are first reduced to 8, by the range that the file states: white is the largest
      possible value, not the largest that occurs.
    * Transparent pixels and DICOM's padding become black, and colours their luma (ITU-R BT.601). EXIF's
      rotation is applied. If a file has several images, the first is read.
    * DICOM is detected by content, and shown by :mod:`pneumo.data.dicom`.

    Args:
        path: any raster image that Pillow reads, or a DICOM file with one monochrome frame.
        size: side of the result in pixels.
        about: the set that it should resemble; differences give warnings. None for pictures of any kind.

    Raises:
        RadiographError: the file is missing, damaged, not such an image, or larger than :data:`MOST_PIXELS`;
            the text is one line that is safe to print.
    """
    with warnings.catch_warnings():
        # Decoders also warn of what is checked here.
        warnings.simplefilter("ignore")
        return load(path, size, about)


def load(path: str | os.PathLike[str], size: int, about: Description | None) -> Radiograph:
    """:func:`read` for threads; warnings of libraries cannot be hidden for a single thread."""
    found: list[str] = []
    try:
        grey, aspect = _open(Path(path), about, found.append)
        image = _prepare(grey, aspect, size, about, found.append)
    except RadiographError as error:
        raise RadiographError(f"{path}: {error}") from None
    except Exception as error:  # exceptions of decoders for damaged files are not documented
        damaged = "it is damaged or cut off: fetch it again, or save it as PNG"
        why = getattr(error, "strerror", None) or damaged
        words = f"{path}: expected a whole image, found one that can't be read: {why}"
        raise RadiographError(words) from error
    return Radiograph(image, tuple(map(printable, found)))


def is_assumed(about: Description, size: int) -> bool:
    """Whether the preparation by :func:`read` is only assumed for images of this set and size."""
    return (about.name, size) != (PNEUMONIA.name, 28)


def stored(square: Image.Image, size: int, about: Description | None) -> NDArray[np.uint8]:
    """Prepare a square of a film as :func:`read` does, uint8 (size, size)."""
    small = shrink(square, size)
    return np.array(as_jpeg(small) if about and not is_assumed(about, size) else small)


def _prepare(
    grey: Image.Image, aspect: float, size: int, about: Description | None, warn: Warn
) -> NDArray[np.uint8]:
    if grey.size == (size, size) and aspect == 1:
        image = np.array(grey)
    else:
        square = centre(grey, aspect)
        image = stored(square, size, about)
        if about:
            short, long = sorted((grey.width, grey.height * aspect))
            if long > LONGEST * short:
                warn(f"an unusual shape: the centre crop keeps {100 * short / long:.0f} % of it")
            if (side := min(square.size)) < size:
                warn(f"only {side} pixels on its short side: enlarged to {size}")
    if about and (span := int(np.ptp(image))) < LEAST_SPAN:
        warn(f"hardly any contrast: its grey levels span {span} of 255")
    return image


def centre(image: Image.Image, aspect: float = 1) -> Image.Image:
    """Crop the largest centred square of an image whose pixels are `aspect` times as high as wide."""
    side = min(image.width, image.height * aspect)
    width, height = max(1, round(side)), max(1, round(side / aspect))
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))


def shrink(square: Image.Image, size: int) -> Image.Image:
    """Resize a square to `size` pixels a side."""
    return square.resize((size, size), Image.Resampling.BILINEAR)


def as_jpeg(image: Image.Image) -> Image.Image:
    """Compress an image as JPEG of quality 75, as the thumbnails of PneumoniaMNIST were."""
    image.save(stored := io.BytesIO(), "JPEG", quality=75)
    return Image.open(stored)


def _open(file: Path, about: Description | None, warn: Warn) -> tuple[Image.Image, float]:
    """Return the image in 8-bit grey, upright, and the ratio of height to width of its pixels."""
    require(file.exists(), "an image or a DICOM file", "nothing of that name")
    require(file.is_file(), "an image or a DICOM file", "a folder or a device")
    # As a stream: given a name, Pillow maps an uncompressed TIFF into memory and turns it wrongly.
    with file.open("rb") as stream:
        head = stream.read(134)
        stream.seek(0)
        if head[128:132] != b"DICM":
            try:
                return _picture(stream, about, warn), 1.0
            except UnidentifiedImageError:
                odd = "one of a kind that can't be read here"
                require(not head.startswith(_MAGIC), "a usual PNG, JPEG or TIFF", odd, _SAVE)
            except Image.DecompressionBombError:
                check_size(MOST_PIXELS, 2)
        from pneumo.data import dicom

        return dicom.show(stream, head, about, warn)


def _picture(stream: BinaryIO, about: Description | None, warn: Warn) -> Image.Image:
    image: Image.Image = Image.open(stream)
    require(image.format not in _DRAWINGS, "an image made of pixels", str(image.format))
    check_size(*image.size)
    if (frames := getattr(image, "n_frames", 1)) > 1:
        warn(f"{frames} images in one file: only the first is read")
    densities = (image.info.get(name) for name in ("aspect", "dpi", "jfif_density"))
    across, down = next(filter(None, densities), (1, 1))
    if across > SQUARE * down > 0 or down > SQUARE * across > 0:
        warn("its resolution differs across and down: its pixels are taken for square")
    tags: Any = getattr(image, "tag_v2", {})
    raw = next((tile.args for tile in getattr(image, "tile", ())), None)  # "L;4" for 4 grey bits
    is_signed = tags.get(_SAMPLE_FORMAT, (1,))[0] == 2
    bits, is_png = tags.get(_BITS, (16,))[0], image.format == "PNG"
    image = ImageOps.exif_transpose(image)
    if is_signed or image.mode == "I" or image.mode.startswith("I;16"):
        levels = np.asarray(image)
        bits = _significant_bits(stream, int(levels.max())) if is_png else bits - is_signed
        table = _table(levels, bits, warn)
        if tags.get(_PHOTOMETRIC) == 0:
            table = 255 - table
        clear = image.info.get("transparency")
        if clear is not None and (levels == clear).any():
            warn(_CLEAR)
            table[clear] = 0
        return Image.fromarray(table[levels])
    is_whole = image.mode != "F"
    require(is_whole, "whole numbers of 8 or 16 bits", "floating-point numbers", _SAVE)
    if raw in ("L;2", "L;4") and "transparency" in image.info:
        image.info["transparency"] *= 85 if raw == "L;2" else 17  # as Pillow scales the levels
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        if np.asarray(layer)[..., 3].min() < 255:
            warn(_CLEAR)
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
    if image.mode not in ("1", "L"):
        image = image.convert("RGB")
        regions = np.asarray(centre(image).resize((28, 28), Image.Resampling.BOX)).astype(int)
        if about and np.ptp(regions, axis=2).max() > MOST_COLOUR:
            warn(f"in colour: a {about.kind} is grey")
    if about and image.mode != "1":
        check_depth(0, int(np.asarray(image).max()), 8, warn)
    return image.convert("L")


def _table(levels: NDArray[Any], bits: int, warn: Warn) -> NDArray[np.uint8]:
    """Map each level of this many bits, from 0 up, to 8 bits."""
    low, high, white = int(levels.min()), int(levels.max()), 2**bits - 1
    is_whole, found = bits <= 16 and low >= 0 and high <= white, f"{low:,} to {high:,} of {bits}"
    require(is_whole, "levels of 16 bits at most", found, _SAVE)
    check_depth(low, high, bits, warn)
    table: NDArray[np.uint8] = np.rint(np.arange(white + 1) * (255 / white)).astype(np.uint8)
    return table


def _significant_bits(stream: BinaryIO, high: int) -> int:
    """Return the bits of the levels of a 16-bit PNG: fewer if its sBIT says so and no level is higher.

    PNG requires levels scaled to all 16 bits; if they are, the highest bits are in use.
    """
    stream.seek(8)
    while len(head := stream.read(8)) == 8 and head[4:] != b"IDAT":
        if head[4:] == b"sBIT":
            bits = stream.read(1)[0]
            return bits if 0 < bits <= 16 and high < 2**bits else 16
        stream.seek(struct.unpack(">I", head[:4])[0] + 4, os.SEEK_CUR)
    return 16
