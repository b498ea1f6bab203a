"""Image files from outside, prepared as MedMNIST prepared its images: a small grey square of bytes."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pneumo.base.errors import PneumoError, printable
from pneumo.data.descriptions import PNEUMONIA, Description

# More than twice the pixels of the finest detectors; what claims more would fill the memory.
MOST_PIXELS = 2**26
# The centre crop of a longer image drops more than half of it.
LONGEST = 2.0
# Grey levels that an image must span, of 255; the published set's flattest image spans 44.
LEAST_SPAN = 32
# Levels of 255 by which a region's colours may differ and still be called grey.
MOST_COLOUR = 16
# Pillow would have other programs draw these.
_DRAWINGS = ("EPS", "WMF")
_DEEPEST = 2**16 - 1

Warn = Callable[[str], None]


class RadiographError(PneumoError):
    """A file that holds no image that could be predicted."""


@dataclass(frozen=True)
class Radiograph:
    """An image as a network takes it."""

    image: NDArray[np.uint8]  # (S, S), bone bright
    warnings: tuple[str, ...]  # what speaks against its being like those of training


def read(
    path: str | os.PathLike[str], size: int = 28, about: Description = PNEUMONIA
) -> Radiograph:
    """An image file, prepared as MedMNIST v2 describes (Yang et al. 2023).

    The largest centred square, in grey, is resized by bicubic interpolation: Pillow's, which averages over
    what a new pixel covers, since MedMNIST does not say whose it took. A grey image of 8 bits that has the
    right size already stays as it is, to the byte.

    * 16 bits become 8 by the format's whole range: 65,535 is white, whatever the brightest pixel.
    * Transparent pixels are black, colours become their luma (ITU-R BT.601), EXIF's rotation is applied, and
      of several images in a file the first is read.
    * DICOM is told by its content. The modality LUT or rescaling and the VOI LUT or first window are applied;
      black and white are what the smallest and the largest storable value become; MONOCHROME1 is inverted.

    Args:
        path: any raster image that Pillow reads, or a DICOM file with one monochrome frame.
        size: side of the result, in pixels.
        about: the set that it is to be like; a DICOM file of another modality is warned of.

    Raises:
        RadiographError: missing, damaged, no such image, or larger than :data:`MOST_PIXELS`; the text is one
            line that can be printed safely.
    """
    file = Path(path)
    found: list[str] = []
    try:
        with warnings.catch_warnings():
            # Decoders warn of what is refused or judged here.
            warnings.simplefilter("ignore")
            image = _open(file, about, found.append)
            short, long = sorted(image.size)
            if long > LONGEST * short:
                kept = 100 * short / long
                found.append(f"an unusual shape: the centre crop keeps {kept:.0f} % of it")
            if short < size:
                found.append(f"only {short} pixels on its short side: enlarged to {size}")
            grey = _grey(_centre(image), about, found.append)
            prepared = np.array(grey.resize((size, size), Image.Resampling.BICUBIC))
    except RadiographError as error:
        raise RadiographError(f"{path}: {error}") from None
    except Exception as error:  # what decoders raise on damaged files is no contract of theirs
        raise RadiographError(
            f"{path}: expected a whole image, found one that can't be read ({_why(error)})"
        ) from None
    span = int(np.ptp(prepared))
    if span < LEAST_SPAN:
        found.append(
            f"hardly any contrast: its grey levels span {span} of 255 (12 bits stored as 16 look so)"
        )
    return Radiograph(prepared, tuple(map(printable, found)))


def _open(file: Path, about: Description, warn: Warn) -> Image.Image:
    if not file.exists():
        raise RadiographError("expected an image or a DICOM file, found nothing of that name")
    if not file.is_file():
        raise RadiographError("expected an image or a DICOM file, found a folder or a device")
    with file.open("rb") as content:
        content.seek(128)
        is_dicom = content.read(4) == b"DICM"
    return _open_dicom(file, about, warn) if is_dicom else _open_picture(file, warn)


def _open_picture(file: Path, warn: Warn) -> Image.Image:
    """What Pillow reads, upright."""
    try:
        with Image.open(file) as image:
            if image.format in _DRAWINGS:
                raise RadiographError(f"expected an image made of pixels, found {image.format}")
            _check_size(*image.size)
            frames = getattr(image, "n_frames", 1)
            if frames > 1:
                warn(f"{frames} images in one file: only the first is read")
            return ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise RadiographError(
            "expected an image (PNG, JPEG, TIFF, …) or a DICOM file, found neither"
        ) from None
    except Image.DecompressionBombError as error:
        raise RadiographError(
            f"expected at most {MOST_PIXELS:,} pixels, found more ({error})"
        ) from None


def _open_dicom(file: Path, about: Description, warn: Warn) -> Image.Image:
    """The one frame of a DICOM file as it is meant to be shown, in 8-bit grey."""
    from pydicom import dcmread
    from pydicom.filereader import read_file_meta_info
    from pydicom.pixels import apply_modality_lut, apply_voi_lut, get_decoder, pixel_array

    syntax = read_file_meta_info(file).TransferSyntaxUID
    if syntax.is_deflated:  # inflating has no bound, and nobody stores radiographs so
        raise RadiographError(f"expected DICOM that is not deflated, found {syntax.name}")
    dataset = dcmread(file)
    if "PixelData" not in dataset:
        raise RadiographError("expected a DICOM image, found DICOM without pixels")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise RadiographError(f"expected a single frame, found {frames:,}")
    kind = dataset.PhotometricInterpretation
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise RadiographError(f"expected MONOCHROME1 or MONOCHROME2, found {kind}")
    _check_size(dataset.Columns, dataset.Rows)
    if not get_decoder(syntax).is_available:
        raise RadiographError(
            f"expected pixels that can be decoded here, found {syntax.name}; save it uncompressed"
        )
    modality = dataset.get("Modality") or "OT"
    if modality not in about.modalities:
        warn(f"its DICOM modality is {modality}: no {about.kind}")
    if dataset.get("PresentationIntentType") == "FOR PROCESSING":
        warn("raw detector values, not meant to be looked at")

    stored = pixel_array(dataset)  # (H, W)
    half = 2 ** (dataset.BitsStored - 1)
    ends = (-half, half - 1) if dataset.PixelRepresentation else (0, 2 * half - 1)
    # What the smallest and the largest storable value become goes along: black and white lie there.
    values = np.append(stored, np.array(ends, stored.dtype))  # (H·W + 2,)
    values = apply_modality_lut(values, dataset)
    for done in ("RescaleSlope", "RescaleIntercept"):
        # Else pydicom rescales the window's result too, and a negative slope turns black into white.
        dataset.pop(done, None)
    values = apply_voi_lut(values, dataset).astype(np.float64)
    low, high = values.min(), values.max()
    shown = np.rint((values[:-2] - low) / (high - low or 1) * 255).astype(np.uint8)
    if kind == "MONOCHROME1":
        shown = 255 - shown
    return Image.fromarray(shown.reshape(stored.shape))


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise RadiographError(
            f"expected at most {MOST_PIXELS:,} pixels, found {width:,}×{height:,}"
        )


def _centre(image: Image.Image) -> Image.Image:
    """The largest centred square."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _grey(image: Image.Image, about: Description, warn: Warn) -> Image.Image:
    """The image in 8-bit grey."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.int64)
        if levels.min() < 0 or levels.max() > _DEEPEST:
            raise RadiographError(
                f"expected grey levels of 8 or 16 bits, found {levels.min():,} to {levels.max():,}"
            )
        return Image.fromarray(np.rint(levels * (255 / _DEEPEST)).astype(np.uint8))
    if image.mode == "F":
        raise RadiographError("expected grey levels of 8 or 16 bits, found floating-point numbers")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        if np.asarray(layer)[..., 3].min() < 255:
            warn("transparent pixels: they are taken for black")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
    if image.mode not in ("1", "L"):
        image = image.convert("RGB")
        regions = np.asarray(image.resize((28, 28), Image.Resampling.BOX)).astype(int)
        if np.ptp(regions, axis=2).max() > MOST_COLOUR:
            warn(f"in colour: a {about.kind} is grey")
    return image.convert("L")


def _why(error: Exception) -> str:
    """The first line of what a library says of its failure."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text.splitlines() or [""])[0] or type(error).__name__
