"""Images from outside: what comes through unchanged, what is converted, what is refused and how."""

import csv
import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    RLELossless,
    generate_uid,
)

from pneumo.data import radiographs
from pneumo.data.descriptions import BREAST
from pneumo.data.radiographs import RadiographError

IMAGES = arrays(np.uint8, (28, 28))
DICOM_STORAGE = "1.2.840.10008.5.1.4.1.1.1"  # Computed Radiography Image Storage
BLANK = np.zeros((280, 280), np.uint8)
# Where the user has the films that the published images were made from, they are compared.
DATA = Path(os.environ.get("PNEUMO_DATA") or "nowhere")
ORIGINALS = (DATA if DATA.is_dir() else DATA.parent) / "originals"


@pytest.fixture
def chest(phantom):
    """A chest-like image, uint8 (28, 28)."""
    return phantom.test.images[0]


@pytest.fixture
def film(chest):
    """The same larger, uint8 (280, 280)."""
    return np.kron(np.maximum(chest, 1), np.ones((10, 10), np.uint8))


@pytest.fixture
def save(tmp_path):
    """Saves an array or a Pillow image under a name, and gives the path."""

    def save(image, name, **options):
        path = tmp_path / name
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        image.save(path, **options)
        return path

    return save


def dicom(pixels, syntax=ExplicitVRLittleEndian, drop=(), **fields):
    """The bytes of a DICOM file with the array's pixels, other or additional fields, and some dropped."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = DICOM_STORAGE, generate_uid(entropy_srcs=["x"])
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    content = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    dataset.add_new("PixelData", "OB" if pixels.itemsize == 1 else "OW", content)
    for name, value in fields.items():
        setattr(dataset, name, value)
    if "HighBit" not in fields:
        dataset.HighBit = dataset.BitsStored - 1
    for name in drop:
        del dataset[name]
    content = io.BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    return content.getvalue()


def lut(entries, first, bits, **data):
    """A lookup table's descriptor and data."""
    table = Dataset()
    table.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries) % 2**16, first, bits])
    table.add_new("LUTData", "OW", np.array(entries).astype(data.get("kind", "<u2")).tobytes())
    return [table]


def group(**macros):
    """A functional group of an enhanced DICOM object, from the fields of its macros."""
    found = Dataset()
    for name, fields in macros.items():
        setattr(found, name, [Dataset()])
        for field, value in fields.items():
            setattr(found[name][0], field, value)
    return found


def tiff(levels, order="<", bits=None, **tags):
    """The bytes of an uncompressed grey TIFF; `bits` of them packed, if they are given."""
    pixels = levels.astype(levels.dtype.newbyteorder(order)).tobytes()
    if bits:
        places = np.arange(bits)[::-1]
        pixels = np.packbits(levels[..., None] >> places & 1, axis=None).tobytes()
    found = {
        256: levels.shape[1], 257: levels.shape[0], 258: bits or 8 * levels.itemsize, 259: 1, 262: 1,
        273: 8, 277: 1, 278: levels.shape[0], 279: len(pixels),
    } | {int(name[1:]): value for name, value in tags.items()}  # fmt: skip
    entries = [
        struct.pack(f"{order}HHIHH", tag, 3, 1, found[tag], 0)
        for tag in sorted(found)
        if tag != 279
    ]
    entries.append(struct.pack(f"{order}HHII", 279, 4, 1, len(pixels)))
    entries.sort(key=lambda entry: struct.unpack(f"{order}H", entry[:2]))
    begin = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(pixels))
    return begin + pixels + struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)


def png(image, significant=None, **options):
    """The bytes of a PNG, with a chunk that says how many bits are significant, if any are given."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", **options)
    content = stream.getvalue()
    if significant is None:
        return content
    chunk = b"sBIT" + bytes([significant])
    chunk = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:33] + chunk + content[33:]


@pytest.fixture
def put(tmp_path):
    """Writes bytes into a file whose name does not tell what they are."""

    def put(content):
        path = tmp_path / f"unnamed{len(list(tmp_path.iterdir()))}"
        path.write_bytes(content)
        return path

    return put


@pytest.fixture
def save_dicom(put):
    """Saves :func:`dicom`'s bytes."""
    return lambda pixels, **fields: put(dicom(pixels, **fields))


def close(image, expected, levels):
    """Whether no pixel is further off than so many grey levels."""
    return np.abs(image.astype(int) - expected.astype(int)).max() <= levels


def alike(image, expected):
    """Whether two images are the same but for rounding, which storing them as JPEG may enlarge."""
    difference = np.abs(image.astype(int) - expected.astype(int))
    return difference.mean() < 2 and difference.max() < 16


def refused(path):
    with pytest.raises(RadiographError) as raised:
        radiographs.read(path)
    text = str(raised.value)
    assert text.isprintable()
    return text


@given(IMAGES)
def test_a_grey_image_of_the_right_size_comes_through_to_the_byte(tmp_path_factory, image):
    folder = tmp_path_factory.mktemp("same")
    Image.fromarray(image).save(folder / "a.png")
    Image.fromarray(image.astype(np.uint16) * 257).save(folder / "a16.png")
    Image.fromarray(np.stack([image] * 3, axis=-1)).save(folder / "rgb.png")
    (folder / "a.dcm").write_bytes(dicom(image))
    for path in folder.iterdir():
        found = radiographs.read(path).image
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, image, err_msg=path.name)


def test_a_radiograph_is_no_reason_to_warn(chest, save, save_dicom):
    assert radiographs.read(save(chest, "a.png")).warnings == ()
    assert radiographs.read(save_dicom(chest, Modality="DX")).warnings == ()


def test_a_made_film_becomes_the_bytes_that_the_recipe_gives(save):
    y, x = np.mgrid[:792, :1441]
    made = ((x * y // 911 + 7 * x // 5) % 256).astype(np.uint8)
    image = radiographs.read(save(made, "film.png")).image
    assert hashlib.sha256(image.tobytes()).hexdigest() == (
        "11baf749fe6158e212b33799c5362a795d48914161e098855993e9e6e7548c81"
    )


if ORIGINALS.is_dir():

    @pytest.mark.parametrize(
        "row",
        list(csv.DictReader((ORIGINALS / "index.csv").read_text().splitlines())),
        ids=lambda row: row["file"],
    )
    def test_a_film_becomes_the_published_image_to_the_byte(row):
        found = radiographs.read(ORIGINALS / row["file"])
        assert hashlib.sha256(found.image.tobytes()).hexdigest() == row["sha256_of_28x28"]
        assert found.warnings == ()


@pytest.mark.parametrize(("size", "about"), [(64, radiographs.PNEUMONIA), (28, BREAST), (28, None)])
def test_only_what_was_stored_as_jpeg_is_stored_so(size, about, film, save):
    plain = Image.fromarray(film).resize((size, size), Image.Resampling.BILINEAR)
    image = radiographs.read(save(film, "film.png"), size, about).image
    np.testing.assert_array_equal(image, plain)


def test_the_largest_centred_square_is_what_is_read(film, save):
    expected = radiographs.read(save(film, "film.png")).image
    wide = np.zeros((280, 400), np.uint8)
    wide[:, 60:340] = film
    np.testing.assert_array_equal(radiographs.read(save(wide, "wide.png")).image, expected)
    expected = radiographs.read(save(film.T, "film.png")).image
    np.testing.assert_array_equal(radiographs.read(save(wide.T, "tall.png")).image, expected)


def test_a_large_image_is_averaged_not_sampled(save):
    stripes = np.zeros((1120, 1120), np.uint8)
    stripes[:, ::2] = 200
    stripes[:560] //= 2
    image = radiographs.read(save(stripes, "stripes.png"), about=None).image
    # Away from the edge between the halves every pixel holds the mean of its stripes.
    assert close(image[:12], np.full((12, 28), 50), 1)
    assert close(image[16:], np.full((12, 28), 100), 1)


def test_a_jpeg_is_read_as_its_lossless_twin(film, save):
    lossless, found = (radiographs.read(save(film, name)) for name in ("a.png", "a.jpg"))
    assert alike(found.image, lossless.image)
    assert found.warnings == ()


def pictures(film):
    """By what their headers say: files, and the 8-bit pictures that they show."""
    twelve, sixteen, signed = (
        film * np.uint16(16),
        film * np.uint16(257),
        (film * 128.5).astype("i2"),
    )
    narrow = film[:, 40:]
    turned, turned_16 = np.rot90(narrow), np.rot90(sixteen[:, 40:])
    found = {
        "PNG, 12 bits by sBIT": (png(twelve, 12), film),
        "PNG, scaled as sBIT asks": (png(sixteen, 12), film),
        "PGM, 12 bits": (b"P5 280 280 4095\n" + twelve.astype(">u2").tobytes(), film),
        "TIFF, 8 bits signed": (tiff((film // 2).astype("i1"), t339=2), film),
    }
    for order in "<>":
        found |= {
            f"TIFF {order}": (tiff(sixteen, order), film),
            f"TIFF {order} white is zero": (tiff(~sixteen, order, t262=0), film),
            f"TIFF {order} signed": (tiff(signed, order, t339=2), film),
            f"TIFF {order} signed, inverse": (tiff(32767 - signed, order, t339=2, t262=0), film),
            f"TIFF {order} 12 bits": (tiff(twelve, order, 12), film),
            f"TIFF {order} 12 bits, inverse": (tiff(4095 - twelve, order, 12, t262=0), film),
            f"TIFF {order} turned": (tiff(turned, order, t274=6), narrow),
            f"TIFF {order} turned, 16 bits": (tiff(turned_16, order, t274=6), narrow),
        }
    return found


@pytest.mark.parametrize("name", pictures(BLANK))
def test_a_picture_is_what_its_header_says(name, film, put, save):
    content, plain = pictures(film)[name]
    found = radiographs.read(put(content))
    assert found.warnings == ()
    assert alike(found.image, radiographs.read(save(plain, "plain.png")).image)


def test_a_rotated_photograph_is_set_upright(chest, save):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter clockwise
    path = save(np.rot90(chest), "turned.png", exif=exif)
    np.testing.assert_array_equal(radiographs.read(path).image, chest)


def test_a_palette_is_looked_up(chest, save):
    image = Image.fromarray(255 - chest)
    image.putpalette(np.repeat(np.arange(255, -1, -1), 3).astype(np.uint8).tobytes())
    assert image.mode == "P"
    np.testing.assert_array_equal(radiographs.read(save(image, "palette.png")).image, chest)


def test_transparent_pixels_are_black_and_said(chest, save):
    opaque = np.stack([chest, np.full_like(chest, 255)], axis=-1)
    found = radiographs.read(save(opaque, "opaque.png"))
    np.testing.assert_array_equal(found.image, chest)
    assert found.warnings == ()
    opaque[:14, :, 1] = 0
    found = radiographs.read(save(opaque, "half.png"))
    np.testing.assert_array_equal(found.image[14:], chest[14:])
    assert not found.image[:14].any()
    assert "transparent pixels" in found.warnings[0]


def test_a_transparent_grey_is_black_at_any_depth(film, put):
    film[:100] = 255
    flat, deep = (
        radiographs.read(put(png(film * np.uint16(scale) if scale else film, transparency=clear)))
        for scale, clear in ((0, 255), (257, 65535))
    )
    np.testing.assert_array_equal(deep.image, flat.image)
    assert not deep.image[:8].any()
    assert deep.warnings == flat.warnings == ("transparent pixels: they are taken for black",)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_transparent_grey_of_few_bits_is_black(bits, film, put):
    film[:140] = 255
    levels = film >> (8 - bits)
    rows = np.packbits(levels[..., None] >> np.arange(bits)[::-1] & 1, axis=None).reshape(280, -1)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 280, 280, bits, 0, 0, 0, 0),
        b"tRNS": struct.pack(">H", 2**bits - 1),
        b"IDAT": zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)),
        b"IEND": b"",
    }
    content = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
    found = radiographs.read(put(b"\x89PNG\r\n\x1a\n" + content))
    assert not found.image[:8].any()
    assert "transparent pixels: they are taken for black" in found.warnings


@pytest.mark.parametrize("bits", [12, 14])
@pytest.mark.parametrize("kind", ["PNG", "DICOM"])
def test_fewer_bits_than_the_file_states_are_not_stretched_but_said(bits, kind, film, put):
    dark = film * np.uint16(2 ** (bits - 8))
    found = radiographs.read(put(png(dark) if kind == "PNG" else dicom(dark)))
    assert alike(found.image, radiographs.read(put(png((dark / 257).astype(np.uint8)))).image)
    assert f"{bits} bits hold that, and the file states 16" in found.warnings[0]


def colourful(shape):
    image = np.zeros((*shape, 3), np.uint8)
    image[: shape[0] // 2, :, 0] = 250
    return image


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (colourful((40, 40)), "in colour"),
        (np.arange(6000, dtype=np.uint8).reshape(40, 150), "the centre crop keeps 27 % of it"),
        (np.arange(100, 200, dtype=np.uint8).reshape(10, 10), "only 10 pixels on its short side"),
        (np.eye(40, dtype=np.uint8) * 100, "brightest value is 100: 7 bits hold that"),
        (np.full((30, 30), 128, np.uint8), "its grey levels span 0 of 255"),
    ],
    ids=["colour", "shape", "size", "depth", "contrast"],
)
def test_what_is_no_radiograph_is_said(image, said, save):
    (warning,) = radiographs.read(save(image, "a.png")).warnings
    assert said in warning


def test_a_resolution_that_differs_across_and_down_is_said(chest, save):
    (warning,) = radiographs.read(save(chest, "a.png", dpi=(100, 200))).warnings
    assert "its pixels are taken for square" in warning


def test_of_several_images_the_first_is_read(chest, save):
    other = Image.fromarray(255 - chest)
    path = save(chest, "pages.tif", save_all=True, append_images=[other, other])
    found = radiographs.read(path)
    np.testing.assert_array_equal(found.image, chest)
    assert found.warnings == ("3 images in one file: only the first is read",)


def frames(film):
    """By what their fields say: DICOM files, and the 8-bit pictures that they show."""
    deep = film * np.uint16(16)  # of 12 bits
    stored = {"BitsStored": 12}
    framed, shown = deep.copy(), film.copy()
    framed[:60], shown[:60] = 0, 0
    inverse = 4095 - deep
    edges = {value: np.where(framed == 0, np.uint16(value), inverse) for value in (0, 63536)}
    signed, negative = (
        (deep.astype("i4") - 2048).astype("i2"),
        {"PhotometricInterpretation": "MONOCHROME1"},
    )
    curve = np.arange(4096) // 16
    low = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    wide = np.arange(-32768, 32768) + 32768
    found = {
        "8 bits": (dicom(film), film),
        "12 bits": (dicom(deep, **stored), film),
        "12 bits, signed": (dicom(signed, **stored), film),
        "12 bits, signed, not extended": (
            dicom(signed & 4095, PixelRepresentation=1, **stored),
            film,
        ),
        "the upper 12 bits": (dicom(deep << 4, HighBit=15, **stored), film),
        "the upper 12 bits, signed": (dicom(signed << 4, HighBit=15, **stored), film),
        "MONOCHROME1": (dicom(255 - film, **negative), film),
        "padding": (dicom(edges[0], PixelPaddingValue=0, **stored, **negative), shown),
        "padding of more bits": (
            dicom(edges[63536], PixelPaddingValue=63536, **stored, **negative),
            shown,
        ),
        "padding, a range": (
            dicom(
                edges[0] + (framed == 0) * np.uint16(3),
                PixelPaddingValue=5,
                PixelPaddingRangeLimit=0,
                **stored,
                **negative,
            ),
            shown,
        ),
        "pixels twice as high": (dicom(film[::2].copy(), PixelAspectRatio=[2, 1]), film),
        "pixels twice as wide": (dicom(film[:, ::2].copy(), ImagerPixelSpacing=[0.2, 0.4]), film),
        "empty rescaling": (
            dicom(deep, RescaleSlope=None, RescaleIntercept=None, **window, **stored),
            film,
        ),
        "window and rescaling in groups of an enhanced object": (
            dicom(
                inverse,
                NumberOfFrames=1,
                SharedFunctionalGroupsSequence=[group(FrameVOILUTSequence=window)],
                PerFrameFunctionalGroupsSequence=[
                    group(
                        PixelValueTransformationSequence={
                            "RescaleSlope": -1,
                            "RescaleIntercept": 4095,
                        }
                    )
                ],
                **stored,
            ),
            film,
        ),
        "empty VOI LUT Function": (dicom(deep, VOILUTFunction="", **window, **stored), film),
        "exact window": (dicom(deep, VOILUTFunction="LINEAR_EXACT", **window, **stored), film),
        "modality LUT of 12 bits": (
            dicom(deep, ModalityLUTSequence=lut(range(4096), 0, 12), **stored),
            film,
        ),
        "VOI LUT of 8 bits in words": (
            dicom(deep, VOILUTSequence=lut(curve, 0, 8), **stored),
            film,
        ),
        "VOI LUT of 8 bits, packed": (
            dicom(deep, VOILUTSequence=lut(curve, 0, 8, kind="u1"), **stored),
            film,
        ),
        "LUT that inverts": (
            dicom(255 - film, VOILUTSequence=lut(range(65535, -1, -257), 0, 16)),
            film,
        ),
        "signed modality LUT": (
            dicom(((film * 257.0) - 32768).astype("i2"), ModalityLUTSequence=lut(wide, -32768, 16)),
            film,
        ),
        "a slope only for the window": (
            dicom(film, RescaleSlope=2, RescaleIntercept=0, WindowCenter=256, WindowWidth=511),
            film,
        ),
    }
    for syntax in (ImplicitVRLittleEndian, ExplicitVRBigEndian):
        for kind in ("<u2", "u1"):
            order = ">u2" if syntax == ExplicitVRBigEndian and kind == "<u2" else kind
            table = lut(np.arange(4096) // 16, -1024, 8, kind=order)
            if order != ">u2" and syntax == ExplicitVRBigEndian:
                table[0].LUTData = np.frombuffer(table[0].LUTData, "<u2").astype(">u2").tobytes()
            content = dicom(deep, syntax, VOILUTSequence=table, **low, **stored)
            found[f"LUT after an intercept, {syntax.name}, {kind}"] = content, film
    return found


@pytest.mark.parametrize("name", frames(BLANK))
def test_a_dicom_frame_is_what_its_fields_say(name, film, put, save):
    content, plain = frames(film)[name]
    found = radiographs.read(put(content))
    assert found.warnings == ()
    assert alike(found.image, radiographs.read(save(plain, "plain.png")).image)


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian],
    ids=lambda s: s.name,
)
@pytest.mark.parametrize("begin", [0, 128, 132])
def test_what_begins_otherwise_than_dicom_should_is_read_all_the_same(syntax, begin, film, put):
    content = dicom(film * np.uint16(16), syntax, BitsStored=12)
    bare = content[
        content.index(b"\0\x08\0\x16" if syntax == ExplicitVRBigEndian else b"\x08\0\x16\0") :
    ]
    expected = radiographs.read(put(content)).image
    np.testing.assert_array_equal(radiographs.read(put(content[:begin] + bare)).image, expected)
    if begin == 0:
        np.testing.assert_array_equal(radiographs.read(put(content[132:])).image, expected)


def test_a_window_decides_what_is_black_and_white(save_dicom):
    ramp = np.tile(np.linspace(0, 4095, 28).astype(np.uint16), (28, 1))
    path = save_dicom(ramp, BitsStored=12, HighBit=11, WindowCenter=2048.5, WindowWidth=2049)
    image = radiographs.read(path).image
    # By PS3.3 C.11.2.1.2.1 the window spans 1024 to 3072.
    expected = np.clip((ramp.astype(float) - 1024) / 2048, 0, 1) * 255
    assert close(image, np.rint(expected), 1)
    assert (image[:, ramp[0] <= 1024] == 0).all()
    assert (image[:, ramp[0] >= 3072] == 255).all()


def test_without_a_window_the_stored_bits_decide(save_dicom):
    ramp = np.tile(np.linspace(0, 2000, 28).astype(np.uint16), (28, 1))
    image = radiographs.read(save_dicom(ramp, BitsStored=12, HighBit=11)).image
    np.testing.assert_array_equal(image, np.rint(ramp / 4095 * 255))


@pytest.mark.parametrize("slope", [2, -2])
def test_rescaled_values_are_what_a_window_reads(slope, save_dicom):
    ramp = np.tile(np.linspace(-2048, 2047, 28).astype(np.int16), (28, 1))
    signed = {"BitsStored": 12, "HighBit": 11, "RescaleSlope": slope, "RescaleIntercept": 10}
    path = save_dicom(ramp, **signed, WindowCenter=10.5, WindowWidth=4001)
    image = radiographs.read(path).image
    # A larger rescaled value is brighter, whichever way the stored ones run.
    expected = np.clip((ramp.astype(float) * slope + 10 - (10 - 2000)) / 4000, 0, 1) * 255
    assert close(image, np.rint(expected), 1)


def test_what_is_compressed_is_decoded_where_it_can_be(chest, tmp_path):
    dataset = dcmread(io.BytesIO(dicom(chest)))
    dataset.compress(RLELossless)
    dataset.save_as(tmp_path / "rle.dcm")
    np.testing.assert_array_equal(radiographs.read(tmp_path / "rle.dcm").image, chest)


def coded(meaning):
    code = Dataset()
    code.CodeMeaning = meaning
    return [code]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Modality": "CT"}, "its DICOM modality is CT: no radiograph"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "raw detector values"),
        (
            {"PresentationLUTShape": "INVERSE"},
            "MONOCHROME2 contradicts its Presentation LUT Shape INVERSE",
        ),
        (
            {"PresentationLUTShape": "IDENTITY", "PhotometricInterpretation": "MONOCHROME1"},
            "MONOCHROME1 contradicts its Presentation LUT Shape IDENTITY",
        ),
        ({"BodyPartExamined": "HAND"}, "its BodyPartExamined is HAND"),
        ({"AnatomicRegionSequence": coded("Abdomen")}, "its AnatomicRegionSequence is ABDOMEN"),
        ({"ViewPosition": "LL"}, "its ViewPosition is LL"),
        ({"ViewCodeSequence": coded("left lateral")}, "its ViewCodeSequence is LEFT LATERAL"),
        (
            {"PatientOrientation": ["A", "F"]},
            "its rows run to A, its columns to F: a frontal film's to L and F",
        ),
        ({"ShutterShape": "CIRCULAR"}, "its shutter (CIRCULAR) is not applied"),
        ({"PixelSpacing": [0, 0]}, "its PixelSpacing is no pair of positive numbers"),
    ],
    ids=str,
)
def test_what_dicom_says_against_an_image_is_passed_on(fields, said, film, save_dicom):
    (warning,) = radiographs.read(save_dicom(film, **fields)).warnings
    assert said in warning


def test_a_frontal_film_of_the_chest_is_no_reason_to_warn(film, save_dicom):
    path = save_dicom(
        film, BodyPartExamined="CHEST", ViewPosition="PA", ViewCodeSequence=coded("postero-anterior"),
        PatientOrientation=["L", "F"], PresentationLUTShape="IDENTITY", PixelSpacing=[0.14, 0.1401],
    )  # fmt: skip
    assert radiographs.read(path).warnings == ()


def test_another_set_shows_other_views(film, save_dicom):
    path = save_dicom(film, Modality="US", BodyPartExamined="BREAST", ViewPosition="ML")
    assert radiographs.read(path, about=BREAST).warnings == ()


PACKED = encapsulate([b"\xff\xd8\xff\xd9"])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"NumberOfFrames": 3}, "expected 1 in NumberOfFrames, found 3"),
        ({"SamplesPerPixel": 3}, "expected 1 in SamplesPerPixel, found 3"),
        ({"PixelRepresentation": 2}, "expected 0 or 1 in PixelRepresentation, found 2"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "found PALETTE COLOR"),
        ({"drop": ["PhotometricInterpretation"]}, "in PhotometricInterpretation, found nothing"),
        *(
            ({"drop": [name]}, f"expected a whole number in {name}, found nothing")
            for name in ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")
        ),
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
        (
            {"PixelData": PACKED, "syntax": JPEGExtended12Bit},
            "JPEG Extended (Process 2 and 4): install",
        ),
        ({"WindowCenter": 8, "WindowWidth": 0}, "expected a WindowWidth of at least 1, found 0"),
        ({"WindowCenter": 8}, "expected WindowCenter and WindowWidth or neither"),
        ({"RescaleSlope": 2}, "expected RescaleSlope and RescaleIntercept or neither"),
        (
            {"WindowCenter": 8, "WindowWidth": 9, "VOILUTFunction": "GAMMA"},
            "expected LINEAR, LINEAR_EXACT or SIGMOID, found GAMMA",
        ),
        ({"VOILUTSequence": [Dataset()]}, "expected LUTDescriptor and LUTData"),
        ({"VOILUTSequence": lut(range(9), 0, 3)}, "expected a LUT of 9 entries of 3 bits"),
    ],
    ids=str,
)
def test_dicom_that_cannot_be_shown_is_refused_by_what_it_lacks(fields, said, chest, save_dicom):
    path = save_dicom(chest, **fields)
    text = refused(path)
    assert text.startswith(f"{path}: expected ")
    assert said in text


def test_a_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "gone.png"
    assert refused(path) == f"{path}: expected an image or a DICOM file, found nothing of that name"
    assert "found a folder" in refused(tmp_path)


def test_a_jpeg_of_12_bits_is_said_to_be_unusual(film, save, put):
    content = save(film, "a.jpg").read_bytes()
    at = content.index(b"\xff\xc0") + 4
    path = put(content[:at] + b"\x0c" + content[at + 1 :])
    assert "expected a usual PNG, JPEG or TIFF" in refused(path)


@pytest.mark.parametrize("content", [b"", b"no image at all\n" * 20], ids=["empty", "text"])
def test_what_is_no_image_is_said_to_be_none(content, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert refused(path).endswith("found neither")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_a_truncated_file_is_refused(name, chest, save):
    path = save(Image.fromarray(chest).resize((200, 200)), name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert "expected a whole image" in refused(path)


@pytest.mark.parametrize("side", [9_000, 20_000, 60_000])
def test_a_decompression_bomb_is_refused_before_it_is_read(side, tmp_path):
    header = b"P5 %d %d 255\n" % (side, side)
    (tmp_path / "bomb.pgm").write_bytes(header)
    assert "expected at most 67,108,864 pixels" in refused(tmp_path / "bomb.pgm")


def test_a_drawing_is_refused(tmp_path):
    path = tmp_path / "a.eps"
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n%%EndComments\nshowpage\n"
    )
    assert "expected an image made of pixels, found EPS" in refused(path)


def test_numbers_without_a_range_are_refused(put, save):
    levels = np.linspace(0, 1, 784).reshape(28, 28)
    assert "found floating-point numbers" in refused(save(levels.astype(np.float32), "f.tif"))
    assert "found 0 to 100,000" in refused(save((levels * 100_000).astype(np.int32), "i.tif"))
    assert "found -5 to 0" in refused(put(tiff((levels * -5).astype(np.int16), t339=2)))
    assert "found one of a kind that can't be read here" in refused(
        put(tiff(levels.astype("u2"), bits=10))
    )


def test_a_name_cannot_steer_a_terminal(tmp_path):
    path = tmp_path / "a\x1b[31m\n\u202e.png"
    assert refused(path).startswith(f"{tmp_path}/a\\x1b[31m\\n\\u202e.png: expected ")


@given(
    st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "BMP", "DICOM"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.floats(0.1, 1),
)
def test_damage_is_either_read_over_or_told(tmp_path_factory, phantom, kind, changes, kept):
    image = phantom.test.images[1]
    if kind == "DICOM":
        content = dicom(image, WindowCenter=128, WindowWidth=256)
    else:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, kind)
        content = stream.getvalue()
    damaged = bytearray(content[: int(len(content) * kept)])
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    path = tmp_path_factory.mktemp("damaged") / "a"
    path.write_bytes(damaged)
    try:
        found = radiographs.read(path).image
    except RadiographError as error:
        found = str(error)
    # Whatever happens to the bytes, the answer is an image or a line that names the file.
    if isinstance(found, str):
        assert found.startswith(f"{path}: expected ")
        assert found.isprintable()
    else:
        assert (found.shape, found.dtype) == ((28, 28), np.uint8)
