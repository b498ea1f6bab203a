"""Images from outside: which are read unchanged, which are converted, and which are refused."""

import hashlib
import io
import struct

import numpy as np
import pytest
from films import dicom, encoded
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from pneumo.data import radiographs
from pneumo.data.checks import RadiographError
from pneumo.data.descriptions import BREAST

SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
NEGATIVE = {"PhotometricInterpretation": "MONOCHROME1"}
CLEAR = "transparent pixels: they are taken for black"
# A chest-like image of the phantom, as large as 280 by 280.
Y, X = np.mgrid[:280, :280] - 140
FILM = np.clip(230 - np.hypot(X, Y) - 90 * (np.abs(np.abs(X) - 60) < 30), 1, 255).astype(np.uint8)


@pytest.fixture
def put(tmp_path):
    """Writes bytes into a file without a telling suffix."""

    def put(content):
        path = tmp_path / f"unnamed{len(list(tmp_path.iterdir()))}"
        path.write_bytes(content)
        return path

    return put


@pytest.fixture
def chest(phantom):
    """A chest-like image, uint8 (28, 28)."""
    return phantom.test.images[0]


def significant(bits, image):
    """The bytes of a PNG that says how many of its bits are significant."""
    info = PngInfo()
    info.add(b"sBIT", bytes([bits]))
    return encoded(image, pnginfo=info)


def tiff(levels, order="<", bits=None, **tags):
    """The bytes of an uncompressed grey TIFF; `bits` of them packed, if they are given."""
    pixels = levels.astype(levels.dtype.newbyteorder(order)).tobytes()
    if bits:
        ones = levels[..., None].astype(int) >> np.arange(bits)[::-1] & 1
        pixels = np.packbits(ones.reshape(len(levels), -1), axis=1).tobytes()
    found = {
        256: levels.shape[1], 257: levels.shape[0], 258: bits or 8 * levels.itemsize, 259: 1, 262: 1,
        273: 8, 277: 1, 278: levels.shape[0], 279: len(pixels),
    } | {int(name[1:]): value for name, value in tags.items()}  # fmt: skip
    entries = b""
    for tag, value in sorted(found.items()):
        is_long = tag == 279
        number = struct.pack(f"{order}I" if is_long else f"{order}HH", *[value, 0][: 2 - is_long])
        entries += struct.pack(f"{order}HHI", tag, 4 if is_long else 3, 1) + number
    begin = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(pixels))
    return begin + pixels + struct.pack(f"{order}H", len(found)) + entries + bytes(4)


def twelve(pixels, *syntax, **fields):
    """:func:`dicom` of 12 bits."""
    return dicom(pixels, *syntax, BitsStored=12, **fields)


def item(**fields):
    """A sequence of one item."""
    found = Dataset()
    for name, value in fields.items():
        setattr(found, name, value)
    return [found]


def coded(meaning):
    """A sequence of one code."""
    return item(CodeMeaning=meaning)


def lut(entries, first, bits, kind="<u2"):
    """A lookup table's descriptor and data."""
    table = Dataset()
    table.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries) % 2**16, first, bits])
    table.add_new("LUTData", "OW", np.array(entries).astype(kind).tobytes())
    return [table]


def alike(image, expected):
    """Whether two images are equal except for rounding, which JPEG may enlarge."""
    difference = np.abs(image.astype(int) - expected.astype(int))
    return difference.mean() < 2 and difference.max() < 16


def refused(path):
    with pytest.raises(RadiographError) as raised:
        radiographs.read(path)
    text = str(raised.value)
    assert text.isprintable()
    return text


@given(arrays(np.uint8, (28, 28)))
def test_a_grey_image_of_the_right_size_comes_through_to_the_byte(tmp_path_factory, image):
    folder = tmp_path_factory.mktemp("same")
    deep, coloured = image.astype(np.uint16) * 257, np.stack([image] * 3, axis=-1)
    for content in (encoded(image), encoded(deep), encoded(coloured), dicom(image)):
        (folder / "unnamed").write_bytes(content)
        found = radiographs.read(folder / "unnamed").image
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, image)


def test_a_made_film_becomes_the_bytes_that_the_recipe_gives(put):
    y, x = np.mgrid[:792, :1441]
    made = ((x * y // 911 + 7 * x // 5) % 256).astype(np.uint8)
    image = radiographs.read(put(encoded(made))).image
    assert hashlib.sha256(image.tobytes()).hexdigest() == (
        "11baf749fe6158e212b33799c5362a795d48914161e098855993e9e6e7548c81"
    )


@pytest.mark.parametrize(("size", "about"), [(64, radiographs.PNEUMONIA), (28, BREAST), (28, None)])
def test_only_what_was_stored_as_jpeg_is_stored_so(size, about, put):
    plain = Image.fromarray(FILM).resize((size, size), Image.Resampling.BILINEAR)
    image = radiographs.read(put(encoded(FILM)), size, about).image
    np.testing.assert_array_equal(image, plain)


def pictures():
    """Files by their header's feature, alone if they show the film, else with the expected picture."""
    deep, full = FILM * np.uint16(16), FILM * np.uint16(257)
    signed = (FILM * 128.5).astype("i2")
    wide, narrow = np.pad(FILM, ((0, 0), (60, 60))), FILM[:, 40:]
    palette = Image.fromarray(255 - FILM)
    palette.putpalette(np.repeat(np.arange(255, -1, -1), 3).astype(np.uint8).tobytes())
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter clockwise
    found = {
        "JPEG": encoded(FILM, "JPEG"),
        "palette": encoded(palette),
        "opaque": encoded(np.stack([FILM, np.full_like(FILM, 255)], axis=-1)),
        "wider than high": encoded(wide),
        "higher than wide": (encoded(wide.T), FILM.T),
        "turned": (encoded(np.rot90(narrow), exif=exif), narrow),
        "PNG, 12 bits by sBIT": significant(12, deep),
        "PNG, scaled as sBIT asks": significant(12, full),
        "PGM, 12 bits": b"P5 280 280 4095\n" + deep.astype(">u2").tobytes(),
        "TIFF, 8 bits signed": tiff((FILM // 2).astype("i1"), t339=2),
    }
    for order in "<>":
        found |= {
            f"TIFF {order}": tiff(full, order),
            f"TIFF {order} white is zero": tiff(~full, order, t262=0),
            f"TIFF {order} signed": tiff(signed, order, t339=2),
            f"TIFF {order} signed, inverse": tiff(32767 - signed, order, t339=2, t262=0),
            f"TIFF {order} 12 bits": tiff(deep, order, 12),
            f"TIFF {order} 12 bits, inverse": tiff(4095 - deep, order, 12, t262=0),
            f"TIFF {order} turned": (tiff(np.rot90(narrow), order, t274=6), narrow),
            f"TIFF {order} turned, 16 bits": (tiff(np.rot90(full[:, 40:]), order, t274=6), narrow),
        }
    return found


def frames():
    """DICOM files by their fields, alone if they show the film, else with the expected picture."""
    deep = FILM * np.uint16(16)  # of 12 bits
    signed, inverse = (deep.astype("i4") - 2048).astype("i2"), 4095 - deep
    shown = FILM.copy()
    shown[:60] = 0
    edges = {value: np.where(shown, inverse, np.uint16(value)) for value in (0, 3, 63536)}
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    enhanced = {
        "NumberOfFrames": 1,
        "SharedFunctionalGroupsSequence": item(FrameVOILUTSequence=item(**window)),
        "PerFrameFunctionalGroupsSequence": item(
            PixelValueTransformationSequence=item(RescaleSlope=-1, RescaleIntercept=4095)
        ),
    }
    empty, curve = {"RescaleSlope": None, "RescaleIntercept": None}, np.arange(4096) // 16
    compressed = dcmread(io.BytesIO(dicom(FILM)))
    compressed.compress(RLELossless)
    compressed.save_as(rle := io.BytesIO())
    found = {
        "8 bits": dicom(FILM),
        "RLE": rle.getvalue(),
        "12 bits": twelve(deep),
        "12 bits, signed": twelve(signed),
        "12 bits, signed, not extended": twelve(signed & 4095, PixelRepresentation=1),
        "the upper 12 bits": twelve(deep << 4, HighBit=15),
        "the upper 12 bits, signed": twelve(signed << 4, HighBit=15),
        "MONOCHROME1": dicom(255 - FILM, **NEGATIVE),
        "padding": (twelve(edges[0], PixelPaddingValue=0, **NEGATIVE), shown),
        "padding of more bits": (twelve(edges[63536], PixelPaddingValue=63536, **NEGATIVE), shown),
        "padding, a range": (
            twelve(edges[3], PixelPaddingValue=5, PixelPaddingRangeLimit=0, **NEGATIVE),
            shown,
        ),
        "pixels twice as high": dicom(FILM[::2].copy(), PixelAspectRatio=[2, 1]),
        "pixels twice as wide": dicom(FILM[:, ::2].copy(), ImagerPixelSpacing=[0.2, 0.4]),
        "empty rescaling": twelve(deep, **empty, **window),
        "groups of an enhanced object": twelve(inverse, **enhanced),
        "empty VOI LUT Function": twelve(deep, VOILUTFunction="", **window),
        "exact window": twelve(deep, VOILUTFunction="LINEAR_EXACT", **window),
        "modality LUT of 12 bits": twelve(deep, ModalityLUTSequence=lut(range(4096), 0, 12)),
        "VOI LUT of 8 bits in words": twelve(deep, VOILUTSequence=lut(curve, 0, 8)),
        "VOI LUT of 8 bits, packed": twelve(deep, VOILUTSequence=lut(curve, 0, 8, "u1")),
        "LUT that inverts": dicom(255 - FILM, VOILUTSequence=lut(range(65535, -1, -257), 0, 16)),
        "signed modality LUT": dicom(
            (FILM * 257.0 - 32768).astype("i2"), ModalityLUTSequence=lut(range(65536), -32768, 16)
        ),
        "a slope only for the window": dicom(
            FILM, RescaleSlope=2, RescaleIntercept=0, WindowCenter=256, WindowWidth=511
        ),
    }
    for syntax in (ImplicitVRLittleEndian, ExplicitVRBigEndian):
        for kind in ("<u2", "u1"):
            table = lut(curve, -1024, 8, kind)
            if syntax == ExplicitVRBigEndian:
                table[0].LUTData = np.frombuffer(table[0].LUTData, "<u2").astype(">u2").tobytes()
            low = {"RescaleSlope": 1, "RescaleIntercept": -1024, "VOILUTSequence": table}
            found[f"LUT after an intercept, {syntax.name}, {kind}"] = twelve(deep, syntax, **low)
    return found


@pytest.mark.parametrize("case", (cases := pictures() | frames()).values(), ids=cases)
def test_a_file_shows_what_its_header_says(case, put):
    content, plain = case if isinstance(case, tuple) else (case, FILM)
    found = radiographs.read(put(content))
    assert found.warnings == ()
    assert alike(found.image, radiographs.read(put(encoded(plain))).image)


@pytest.mark.parametrize(("mode", "clear"), [("half", 255), ("?", 1), ("u1", 255), ("u2", 65535)])
def test_transparent_pixels_are_black_at_any_depth_and_said(mode, clear, put):
    if mode == "half":
        opacity = np.where(Y < 0, 0, 255).astype(np.uint8)
        content = encoded(np.stack([FILM, opacity], axis=-1))
    else:
        levels = (FILM > 128) if mode == "?" else FILM * np.dtype(mode).type(clear // 255)
        levels[:140] = clear
        content = encoded(levels, transparency=clear)
    found = radiographs.read(put(content))
    assert not found.image[:8].any()
    assert mode == "?" or found.image[16:].any()  # of two levels, the bright one is clear
    assert CLEAR in found.warnings


@pytest.mark.parametrize("bits", [12, 14])
@pytest.mark.parametrize("form", [encoded, dicom])
def test_fewer_bits_than_the_file_states_are_not_stretched_but_said(bits, form, put):
    dark = FILM * np.uint16(2 ** (bits - 8))
    found = radiographs.read(put(form(dark)))
    assert alike(found.image, radiographs.read(put(encoded((dark / 257).astype(np.uint8)))).image)
    assert f"{bits} bits hold that, and the file states 16" in found.warnings[0]


COLOURFUL = np.zeros((40, 40, 3), np.uint8)
COLOURFUL[:20, :, 0] = 250
GREYS = np.arange(6000, dtype=np.uint8)
UNUSUAL = {
    "in colour": encoded(COLOURFUL),
    "the centre crop keeps 27 % of it": encoded(GREYS.reshape(40, 150)),
    "only 10 pixels on its short side": encoded(GREYS[100:200].reshape(10, 10)),
    "its brightest value is 100: 7 bits hold that": encoded(np.eye(40, dtype=np.uint8) * 100),
    "its grey levels span 0 of 255": encoded(np.full((30, 30), 128, np.uint8)),
    "its pixels are taken for square": encoded(FILM, dpi=(100, 200)),
    "3 images in one file: only the first is read": encoded(
        FILM, "TIFF", save_all=True, append_images=[Image.fromarray(255 - FILM)] * 2
    ),
}
ORIENTED = "its rows run to A, its columns to F: a frontal film's to L and F"
UNUSUAL |= {
    said: dicom(FILM, **fields)
    for said, fields in {
        "its DICOM modality is CT: no radiograph": {"Modality": "CT"},
        "raw detector values": {"PresentationIntentType": "FOR PROCESSING"},
        "MONOCHROME2 contradicts its Presentation LUT Shape": {"PresentationLUTShape": "INVERSE"},
        "MONOCHROME1 contradicts": {"PresentationLUTShape": "IDENTITY", **NEGATIVE},
        "its BodyPartExamined is HAND": {"BodyPartExamined": "HAND"},
        "its AnatomicRegionSequence is ABDOMEN": {"AnatomicRegionSequence": coded("Abdomen")},
        "its ViewPosition is LL": {"ViewPosition": "LL"},
        "its ViewCodeSequence is LEFT LATERAL": {"ViewCodeSequence": coded("left lateral")},
        ORIENTED: {"PatientOrientation": ["A", "F"]},
        "its shutter (CIRCULAR) is not applied": {"ShutterShape": "CIRCULAR"},
        "its PixelSpacing is no pair of positive numbers": {"PixelSpacing": [0, 0]},
    }.items()
}


@pytest.mark.parametrize("said", UNUSUAL)
def test_an_unsuitable_image_gives_a_warning(said, put):
    (warning,) = radiographs.read(put(UNUSUAL[said])).warnings
    assert said in warning


def test_a_view_that_a_set_shows_is_no_reason_to_warn(put):
    chest = {
        "Modality": "DX", "BodyPartExamined": "CHEST", "ViewPosition": "PA",
        "ViewCodeSequence": coded("postero-anterior"), "PatientOrientation": ["L", "F"],
        "PresentationLUTShape": "IDENTITY", "PixelSpacing": [0.14, 0.1401],
    }  # fmt: skip
    breast = {"Modality": "US", "BodyPartExamined": "BREAST", "ViewPosition": "ML"}
    assert radiographs.read(put(dicom(FILM, **chest))).warnings == ()
    assert radiographs.read(put(dicom(FILM, **breast)), about=BREAST).warnings == ()


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("begin", [0, 128, 132])
def test_dicom_without_a_standard_preamble_is_read(syntax, begin, put):
    content = twelve(FILM * np.uint16(16), syntax)
    first = b"\0\x08\0\x16" if syntax == ExplicitVRBigEndian else b"\x08\0\x16\0"
    expected = radiographs.read(put(content)).image
    for bare in (content[:begin] + content[content.index(first) :], content[132:]):
        np.testing.assert_array_equal(radiographs.read(put(bare)).image, expected)


WINDOW = {"WindowCenter": 2048.5, "WindowWidth": 2049}  # by PS3.3 C.11.2.1.2.1 from 1024 to 3072
RESCALED = {"RescaleIntercept": 10, "WindowCenter": 10.5, "WindowWidth": 4001}


@pytest.mark.parametrize(
    ("low", "high", "fields", "black", "white"),
    [
        (0, 4095, WINDOW, 1024, 3072),
        (0, 2000, {}, 0, 4095),  # without a window the stored bits decide
        # A larger rescaled value is brighter, whichever way the stored ones run.
        (-2048, 2047, RESCALED | {"RescaleSlope": 2}, -1000, 1000),
        (-2048, 2047, RESCALED | {"RescaleSlope": -2}, 1000, -1000),
    ],
)
def test_a_window_decides_which_values_are_black_and_white(low, high, fields, black, white, put):
    kind = np.int16 if low else np.uint16
    ramp = np.tile(np.linspace(low, high, 28).astype(kind), (28, 1))
    image = radiographs.read(put(twelve(ramp, **fields))).image
    expected = np.clip((ramp - float(black)) / (white - black), 0, 1) * 255
    assert np.abs(image - expected).max() <= 1


PACKED = encapsulate([b"\xff\xd8\xff\xd9"])
NUMBERS = ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")


LEVELS = np.linspace(0, 1, 784).reshape(28, 28)
JPEG = encoded(FILM, "JPEG")
DEPTH = JPEG.index(b"\xff\xc0") + 4
DRAWING = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n%%EndComments\nshowpage\n"
WHOLE = [encoded(FILM, form) for form in ("PNG", "JPEG", "TIFF")]


# Fields of DICOM files that cannot be shown.
LACKING = [
    ({"NumberOfFrames": 3}, "expected 1 in NumberOfFrames, found 3"),
    ({"SamplesPerPixel": 3}, "expected 1 in SamplesPerPixel, found 3"),
    ({"PixelRepresentation": 2}, "expected 0 or 1 in PixelRepresentation, found 2"),
    ({"PhotometricInterpretation": "PALETTE COLOR"}, "found PALETTE COLOR"),
    ({"drop": ["PhotometricInterpretation"]}, "in PhotometricInterpretation, found nothing"),
    *(({"drop": [name]}, f"a whole number in {name}, found nothing") for name in NUMBERS),
    ({"Rows": [28, 28]}, "expected a whole number in Rows, found 28, 28"),
    ({"drop": ["PixelData"]}, "found DICOM without pixels"),
    ({"PixelData": b""}, "found DICOM without pixels"),
    ({"PixelData": b"\0" * 100}, "expected 784 bytes of pixels, found 100"),
    ({"Rows": 60_000, "Columns": 60_000}, "found 60,000×60,000"),
    ({"BitsStored": 12, "HighBit": 11}, "expected bits that 8 hold, found 12"),
    ({"BitsStored": 8, "HighBit": 3}, "found 8 of which the highest is bit 3"),
    ({"BitsStored": 4}, "expected values of 4 bits (BitsStored), found larger ones"),
    ({"syntax": DeflatedExplicitVRLittleEndian}, "not deflated"),
    ({"PixelData": PACKED, "syntax": JPEGLosslessSV1}, "install pylibjpeg[libjpeg]"),
    ({"PixelData": PACKED, "syntax": JPEGExtended12Bit}, "Extended (Process 2 and 4): install"),
    ({"WindowCenter": 8, "WindowWidth": 0}, "expected a WindowWidth of at least 1, found 0"),
    ({"WindowCenter": 8}, "expected WindowCenter and WindowWidth or neither"),
    ({"RescaleSlope": 2}, "expected RescaleSlope and RescaleIntercept or neither"),
    (
        {"WindowCenter": 8, "WindowWidth": 9, "VOILUTFunction": "GAMMA"},
        "expected LINEAR, LINEAR_EXACT or SIGMOID, found GAMMA",
    ),
    ({"VOILUTSequence": [Dataset()]}, "expected LUTDescriptor and LUTData"),
    ({"VOILUTSequence": lut(range(9), 0, 3)}, "expected a LUT of 9 entries of 3 bits"),
]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "found neither"),
        (b"no image at all\n" * 20, "found neither"),
        *((content[: len(content) * 2 // 3], "expected a whole image") for content in WHOLE),
        (b"P5 9000 9000 255\n", "expected at most 67,108,864 pixels, found 9,000×9,000"),
        (b"P5 60000 60000 255\n", "expected at most 67,108,864 pixels"),
        (DRAWING, "expected an image made of pixels, found EPS"),
        (JPEG[:DEPTH] + b"\x0c" + JPEG[DEPTH + 1 :], "expected a usual PNG, JPEG or TIFF"),
        (encoded(LEVELS.astype(np.float32), "TIFF"), "found floating-point numbers"),
        (encoded((LEVELS * 100_000).astype(np.int32), "TIFF"), "found 0 to 100,000"),
        (tiff((LEVELS * -5).astype(np.int16), t339=2), "found -5 to 0"),
        (tiff(LEVELS.astype("u2"), bits=10), "found one of a kind that can't be read here"),
        *((dicom(np.uint8(LEVELS * 255), **fields), said) for fields, said in LACKING),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_a_file_that_cannot_be_shown_is_refused_by_its_kind_or_what_it_lacks(content, said, put):
    path = put(content)
    text = refused(path)
    assert text.startswith(f"{path}: expected ")
    assert said in text


def test_a_file_that_is_not_there_is_named_by_a_name_that_cannot_steer_a_terminal(tmp_path):
    path = tmp_path / "gone\x1b[31m\n\u202e.png"
    words = "expected an image or a DICOM file, found nothing of that name"
    assert refused(path) == f"{tmp_path}/gone\\x1b[31m\\n\\u202e.png: {words}"
    assert "found a folder" in refused(tmp_path)


@given(
    st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "BMP", "DICOM"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.floats(0.1, 1),
)
def test_damage_is_either_read_over_or_told(tmp_path_factory, phantom, kind, changes, kept):
    """Damaged bytes give an image or a one-line error that names the file."""
    image = phantom.test.images[1]
    window = {"WindowCenter": 128, "WindowWidth": 256}
    content = dicom(image, **window) if kind == "DICOM" else encoded(image, kind)
    damaged = bytearray(content[: int(len(content) * kept)])
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    path = tmp_path_factory.mktemp("damaged") / "a"
    path.write_bytes(damaged)
    try:
        found = radiographs.read(path).image
    except RadiographError as error:
        found = str(error)
    if isinstance(found, str):
        assert found.startswith(f"{path}: expected ")
        assert found.isprintable()
    else:
        assert (found.shape, found.dtype) == ((28, 28), np.uint8)
