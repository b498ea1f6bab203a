"""Convert one monochrome DICOM frame to 8-bit grey, as it is meant to be shown.

Apply the modality LUT or rescaling, then the VOI LUT or the first window; invert MONOCHROME1, and make
padding black. Without a LUT or window, the smallest and largest value that the bits can hold become black
and white. pydicom reads the file and decodes its pixels; its own LUTs (3.0.2) fail for entries of 8 or 12
bits, and if the first value is negative.
"""

import os
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pneumo.data.checks import SQUARE, RadiographError, Warn, check_depth, check_size, require
from pneumo.data.descriptions import PNEUMONIA, Description

# The start of a data set: its meta information, or the identifiers of the image in either byte order.
_FIRST_GROUPS = (b"\2\0", b"\x08\0", b"\0\x08")
# Required values of fields; a field that must be 1 may be missing.
_KNOWN = {
    "NumberOfFrames": (1,),
    "SamplesPerPixel": (1,),
    "PixelRepresentation": (0, 1),
    "BitsAllocated": (8, 16),
}
# Height and width of pixels, or their ratio, in order of preference.
_SPACINGS = ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_UNCOMPRESSED, _AGAIN = "save the image uncompressed", "export the image again"
# Text in the fields of a frontal film of the chest.
_CHEST, _FRONTAL = ("CHEST", "THORA", "LUNG"), ("PA", "AP", "ANTER", "FRONTAL")
_EXPECTED = (
    ("BodyPartExamined", _CHEST),
    ("AnatomicRegionSequence", _CHEST),
    ("ViewPosition", _FRONTAL),
    ("ViewCodeSequence", _FRONTAL),
)


def show(
    stream: BinaryIO, head: bytes, about: Description | None, warn: Warn
) -> tuple[Image.Image, float]:
    """Return the image, and the ratio of height to width of its pixels.

    Args:
        stream: of a file whose first 134 bytes are `head`; the preamble and meta information may be missing.
        about: the set that it should resemble; `warn` receives differences.
    """
    bare = (at for at in (0, 128) if head[at : at + 2] in _FIRST_GROUPS and not any(head[:at]))
    start = 132 if head[128:132] == b"DICM" else next(bare, None)
    require(start is not None, "an image (PNG, JPEG, TIFF, …) or DICOM", "neither")
    dataset = _read(stream, start or 0)
    has_pixels, what = bool(dataset.get("PixelData")), "DICOM without pixels"
    require(has_pixels, "a DICOM image", what, "it is a report, or cut off")
    kind, known = _text(dataset, "PhotometricInterpretation"), ("MONOCHROME1", "MONOCHROME2")
    expected = f"{' or '.join(known)} in PhotometricInterpretation"
    require(kind in known, expected, kind or "nothing", "export it in grey")
    shape = _text(dataset, "PresentationLUTShape")
    if shape and (shape == "INVERSE") != (kind == "MONOCHROME1"):
        warn(
            f"its Photometric Interpretation {kind} contradicts its Presentation LUT Shape {shape}: the "
            "first is followed, and black and white may be exchanged"
        )
    if about:
        _compare(dataset, about, warn)
    stored, padded, bits = _pixels(dataset)
    is_signed = stored.dtype.kind == "i"
    values = np.arange(2**bits) - is_signed * 2 ** (bits - 1)  # all that may be stored
    levels, is_stretched = _display(values.astype(np.float64), dataset)
    if not is_stretched and (seen := stored[~padded]).size:
        check_depth(int(seen.min()), int(seen.max()), bits, warn)
    table = np.rint(255 * (1 - levels if kind == "MONOCHROME1" else levels)).astype(np.uint8)
    image = np.roll(table, int(values[0]))[stored]  # negative values count from the end
    image[padded] = 0
    return Image.fromarray(image), _aspect(dataset, warn)


def _read(stream: BinaryIO, start: int) -> Any:
    """Read the data set, with a default transfer syntax if it has none."""
    stream.seek(start)
    meta = FileMetaDataset(
        read_dataset(stream, False, True, stop_when=lambda tag, *_: tag.group != 2)
    )
    syntax = meta.get("TransferSyntaxUID")
    if not syntax:
        # Group, element, and either what the field is, in capitals, or its length.
        head = stream.read(6)
        stream.seek(-len(head), os.SEEK_CUR)
        explicit = ExplicitVRBigEndian if head[:1] == b"\0" else ExplicitVRLittleEndian
        syntax = explicit if head[4:].isupper() else ImplicitVRLittleEndian
        meta.TransferSyntaxUID = syntax
    # Deflated data could expand without bound, and radiographs are not stored this way.
    known = syntax.is_transfer_syntax and not syntax.is_private and not syntax.is_deflated
    expected = "a transfer syntax of the standard that is not deflated"
    require(known, expected, syntax.name, _UNCOMPRESSED)
    dataset = read_dataset(stream, syntax.is_implicit_VR, syntax.is_little_endian)
    dataset.set_original_encoding(syntax.is_implicit_VR, syntax.is_little_endian)
    dataset.file_meta = meta
    # Enhanced objects have windows, rescaling and spacing in groups, those of all frames first.
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in (dataset.get(name) or ())[:1]:
            for element in group:
                if element.VR == "SQ" and element.value:
                    dataset.update(element.value[0])
    return dataset


def _pixels(dataset: Any) -> tuple[NDArray[Any], NDArray[np.bool_], int]:
    """Return the stored values (H, W), a mask of padding, and the bits per value."""
    rows, columns = _number(dataset, "Rows"), _number(dataset, "Columns")
    check_size(columns, rows)
    for name, known in _KNOWN.items():
        number = _number(dataset, name, 1 if known == (1,) else None)
        expected = f"{' or '.join(map(str, known))} in {name}"
        require(number in known, expected, f"{number:,}", "export it so")
    dataset.SamplesPerPixel = 1
    allocated, bits = _number(dataset, "BitsAllocated"), _number(dataset, "BitsStored")
    top, is_signed = _number(dataset, "HighBit", bits - 1), _number(dataset, "PixelRepresentation")
    is_held, found = 1 < bits <= top + 1 <= allocated, f"{bits} of which the highest is bit {top}"
    require(is_held, f"bits that {allocated} hold", found)
    syntax = dataset.file_meta.TransferSyntaxUID
    packed = dataset["PixelData"].is_undefined_length
    fits = packed == syntax.is_encapsulated and (not packed or top == bits - 1)
    require(fits, f"pixels as {syntax.name} has them", "others", _AGAIN)
    needed, there = rows * columns * allocated // 8, len(dataset.PixelData)
    is_whole = packed or there >= needed
    require(is_whole, f"{needed:,} bytes of pixels", f"{there:,}", "the file is cut off")
    try:
        raw = pixel_array(dataset, correct_unused_bits=False)
    except Exception:  # exceptions of decoders are not documented
        package = f"pylibjpeg[{'openjpeg' if '2000' in syntax.name else 'libjpeg'}]"
        hint = f"install {package} or " if "JPEG" in syntax.name else ""
        words = f"expected pixels that can be decoded here, found {bits} bits as {syntax.name}"
        raise RadiographError(f"{words}: {hint}{_UNCOMPRESSED}") from None
    # The values may lie at the upper end of what is allocated.
    stored = raw << (allocated - 1 - top) >> (allocated - bits)
    padded = np.zeros(raw.shape, bool)
    if padding := _numbers(dataset, "PixelPaddingValue")[:1]:
        limits = padding + (_numbers(dataset, "PixelPaddingRangeLimit")[:1] or padding)
        half = 2**15 * is_signed  # files differ in whether they declare them as signed
        low, high = sorted((int(limit) + half) % 2**16 - half for limit in limits)
        # Padding may exceed the stored bits.
        for values in (stored, raw) if top == bits - 1 else (stored,):
            padded |= (values >= low) & (values <= high)
    beside = raw >> (top + 1)
    is_free = not ((beside != 0) & (beside != -is_signed) & ~padded).any()
    found = "larger ones or overlays above them"
    require(is_free, f"values of {bits} bits (BitsStored)", found)
    return stored, padded, bits


def _display(values: NDArray[np.float64], dataset: Any) -> tuple[NDArray[np.float64], bool]:
    """Return the brightness in [0, 1], and whether a LUT or window sets it (PS3.3 C.11.1, C.11.2)."""
    low, high, is_stretched = -np.inf, np.inf, True
    if tables := dataset.get("ModalityLUTSequence"):
        values, low, high = _look_up(values, tables[0], dataset)
    elif rescaling := _pair(dataset, "RescaleSlope", "RescaleIntercept"):
        require(rescaling[0] != 0, "a RescaleSlope", "0", "correct it or remove it")
        values = values * rescaling[0] + rescaling[1]
    if tables := dataset.get("VOILUTSequence"):
        values, low, high = _look_up(values, tables[0], dataset)
    elif window := _pair(dataset, "WindowCenter", "WindowWidth"):
        (centre, width), function = window, _text(dataset, "VOILUTFunction") or "LINEAR"
        known = function in ("LINEAR", "LINEAR_EXACT", "SIGMOID")
        require(known, "LINEAR, LINEAR_EXACT or SIGMOID", function)
        is_wide = width >= 1 or (width > 0 and function != "LINEAR")
        advice = "correct the window or remove it"
        require(is_wide, "a WindowWidth of at least 1", f"{width:g}", advice)
        if function == "SIGMOID":
            return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))), True
        if function == "LINEAR":
            centre, width = centre - 0.5, width - 1
        low, high = centre - width / 2, centre + width / 2
    if not np.isfinite(low):
        low, high, is_stretched = values.min(), values.max(), False
    return np.clip((values - low) / max(high - low, 1e-9), 0, 1), is_stretched


def _look_up(
    values: NDArray[np.float64], table: Any, dataset: Any
) -> tuple[NDArray[np.float64], int, int]:
    """Apply a LUT; return its output, and the smallest and largest possible entry."""
    descriptor = [int(number) % 2**16 for number in _numbers(table, "LUTDescriptor")]
    data = table.get("LUTData")
    whole = len(descriptor) == 3 and data is not None
    require(whole, "LUTDescriptor and LUTData in each LUT", "one without them")
    count, first, bits = descriptor[0] or 2**16, *descriptor[1:]
    # Files differ in whether the first value is signed: take the one within the range of values.
    away = [max(values.min() - one, one - values.max()) for one in (first, first - 2**16)]
    first -= 2**16 * (away[1] < away[0])
    if isinstance(data, bytes):
        order = "<u2" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">u2"
        entries = np.frombuffer(data[: len(data) // 2 * 2], order)
    else:
        entries = np.atleast_1d(np.array(data)).astype(np.uint16)
    if bits == 8 and len(entries) == (count + 1) // 2 < count:
        # Two to a word, the lower byte first.
        entries = entries.astype("<u2").view(np.uint8)[:count]
    fits = len(entries) == count and 1 < bits <= 16 and int(entries.max()) < 2**bits
    expected = f"a LUT of {count:,} entries of {bits} bits"
    require(fits, expected, f"{len(entries):,}, or larger ones")
    places = np.clip(np.rint(values) - first, 0, count - 1).astype(np.intp)
    return entries[places].astype(np.float64), 0, 2**bits - 1


def _aspect(dataset: Any, warn: Warn) -> float:
    for name in _SPACINGS:
        if spacing := _numbers(dataset, name):
            if len(spacing) == 2 and min(spacing) > 0:
                aspect = spacing[0] / spacing[1]
                return aspect if max(aspect, 1 / aspect) > SQUARE else 1.0
            warn(f"its {name} is no pair of positive numbers: its pixels are taken for square")
    return 1.0


def _compare(dataset: Any, about: Description, warn: Warn) -> None:
    """Warn if fields of the file differ from those of images of the set."""
    modality = _text(dataset, "Modality") or "OT"
    if modality not in about.modalities:
        warn(f"its DICOM modality is {modality}: no {about.kind}")
    if _text(dataset, "PresentationIntentType") == "FOR PROCESSING":
        warn("raw detector values, not meant to be looked at")
    if shutter := _text(dataset, "ShutterShape"):
        warn(f"its shutter ({shutter}) is not applied: what lies behind it is shown")
    if about.name != PNEUMONIA.name:
        return
    for name, expected in _EXPECTED:
        if (text := _text(dataset, name)) and not any(word in text for word in expected):
            warn(f"its {name} is {text}: the set holds frontal images of the chest")
    ways: Any = dataset.get("PatientOrientation") or ()
    if len(ways) == 2 and all(ways) and (ways[0][:1], ways[1][:1]) != ("L", "F"):
        warn(f"its rows run to {ways[0]}, its columns to {ways[1]}: a frontal film's to L and F")


def _numbers(dataset: Any, name: str) -> list[float]:
    """Numbers of a field; none if it is missing or empty."""
    try:
        value = dataset.get(name)
        empty = value is None or value == ""
        numbers: list[float] = [] if empty else np.atleast_1d(np.array(value, float)).tolist()
    except Exception:  # pydicom converts on reading, by many rules
        numbers = [np.nan]
    require(bool(np.isfinite(numbers).all()), f"numbers in {name}", "other text")
    return numbers


def _number(dataset: Any, name: str, default: int | None = None) -> int:
    """The single integer of a field."""
    numbers = _numbers(dataset, name) or ([] if default is None else [float(default)])
    found = ", ".join(f"{number:g}" for number in numbers) or "nothing"
    is_whole = len(numbers) == 1 and numbers[0] >= 0 and numbers[0].is_integer()
    require(is_whole, f"a whole number in {name}", found, _AGAIN)
    return int(numbers[0])


def _pair(dataset: Any, first: str, second: str) -> tuple[float, float] | None:
    """First numbers of two fields that belong together; None if both are missing."""
    one, other = _numbers(dataset, first), _numbers(dataset, second)
    require(bool(one) == bool(other), f"{first} and {second} or neither", "one of them")
    return (one[0], other[0]) if one else None


def _text(dataset: Any, name: str) -> str:
    """Text of a field, or of its first code, in capitals."""
    value: Any = dataset.get(name) or ""
    if value and name.endswith("Sequence"):
        value = value[0].get("CodeMeaning") or ""
    return str(value).strip().upper()[:64]
