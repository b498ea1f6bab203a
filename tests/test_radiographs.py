"""Images from outside: what comes through unchanged, what is converted, what is refused and how."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGLosslessSV1,
    RLELossless,
    generate_uid,
)

from pneumo.data import radiographs
from pneumo.data.radiographs import RadiographError

IMAGES = arrays(np.uint8, (28, 28))
DICOM_STORAGE = "1.2.840.10008.5.1.4.1.1.1"  # Computed Radiography Image Storage


@pytest.fixture
def chest(phantom):
    """A chest-like image, uint8 (28, 28)."""
    return phantom.test.images[0]


@pytest.fixture
def save(tmp_path):
    """Saves an array or a Pillow image under a name, and gives the path."""

    def save(image, name, **options):
        path = tmp_path / name
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        image.save(path, **options)
        return path

    return save


def dicom(pixels, syntax=ExplicitVRLittleEndian, **fields):
    """The bytes of a DICOM file with the array's pixels and other or additional fields."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = DICOM_STORAGE, generate_uid(entropy_srcs=["x"])
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    for name, value in fields.items():
        setattr(dataset, name, value)
    content = io.BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    return content.getvalue()


@pytest.fixture
def save_dicom(tmp_path):
    """Saves :func:`dicom`'s bytes under a name that does not tell what they are."""

    def save(pixels, **fields):
        path = tmp_path / "unnamed"
        path.write_bytes(dicom(pixels, **fields))
        return path

    return save


def close(image, expected, levels):
    """Whether no pixel is further off than so many grey levels."""
    return np.abs(image.astype(int) - expected.astype(int)).max() <= levels


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


def test_the_largest_centred_square_is_what_is_read(chest, save):
    wide = np.zeros((28, 40), np.uint8)
    wide[:, 6:34] = chest
    np.testing.assert_array_equal(radiographs.read(save(wide, "wide.png")).image, chest)
    np.testing.assert_array_equal(radiographs.read(save(wide.T, "tall.png")).image, chest.T)


def test_a_large_image_is_averaged_not_sampled(save):
    stripes = np.zeros((1120, 1120), np.uint8)
    stripes[:, ::2] = 200
    stripes[:560] //= 2
    image = radiographs.read(save(stripes, "stripes.png")).image
    # Away from the edge between the halves every pixel holds the mean of its stripes.
    assert close(image[:12], np.full((12, 28), 50), 1)
    assert close(image[16:], np.full((12, 28), 100), 1)


def test_a_jpeg_is_read_as_its_lossless_twin(chest, save):
    large = Image.fromarray(chest).resize((560, 560), Image.Resampling.BICUBIC)
    lossless, found = (radiographs.read(save(large, name)) for name in ("a.png", "a.jpg"))
    assert close(found.image, lossless.image, 2)
    assert found.warnings == ()


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


def test_twelve_bits_in_sixteen_are_not_stretched_but_said(chest, save):
    dark = chest.astype(np.uint16) * 16
    found = radiographs.read(save(dark, "dark.png"))
    assert close(found.image, chest / 16, 1)
    (warning,) = found.warnings
    assert "hardly any contrast" in warning
    assert "12 bits" in warning


def colourful(shape):
    image = np.zeros((*shape, 3), np.uint8)
    image[: shape[0] // 2, :, 0] = 250
    return image


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (colourful((40, 40)), "in colour"),
        (np.arange(6000, dtype=np.uint8).reshape(40, 150), "the centre crop keeps 27 % of it"),
        (np.arange(100, dtype=np.uint8).reshape(10, 10), "only 10 pixels on its short side"),
        (np.full((30, 30), 128, np.uint8), "its grey levels span 0 of 255"),
    ],
    ids=["colour", "shape", "size", "contrast"],
)
def test_what_is_no_radiograph_is_said(image, said, save):
    (warning,) = radiographs.read(save(image, "a.png")).warnings
    assert said in warning


def test_of_several_images_the_first_is_read(chest, save):
    other = Image.fromarray(255 - chest)
    path = save(chest, "pages.tif", save_all=True, append_images=[other, other])
    found = radiographs.read(path)
    np.testing.assert_array_equal(found.image, chest)
    assert found.warnings == ("3 images in one file: only the first is read",)


def test_monochrome1_is_inverted(chest, save_dicom):
    path = save_dicom(255 - chest, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(radiographs.read(path).image, chest)


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


def test_a_lookup_table_is_looked_up(chest, save_dicom):
    table = Dataset()
    table.LUTDescriptor = [256, 0, 16]
    table.add_new("LUTData", "US", list(range(65535, -1, -257)))  # inverts
    path = save_dicom(255 - chest, VOILUTSequence=[table])
    np.testing.assert_array_equal(radiographs.read(path).image, chest)


def test_what_is_compressed_is_decoded_where_it_can_be(chest, tmp_path):
    from pydicom import dcmread

    dataset = dcmread(io.BytesIO(dicom(chest)))
    dataset.compress(RLELossless)
    dataset.save_as(tmp_path / "rle.dcm")
    np.testing.assert_array_equal(radiographs.read(tmp_path / "rle.dcm").image, chest)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Modality": "CT"}, "its DICOM modality is CT: no radiograph"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "raw detector values"),
    ],
    ids=["modality", "intent"],
)
def test_what_dicom_says_against_an_image_is_passed_on(fields, said, chest, save_dicom):
    (warning,) = radiographs.read(save_dicom(chest, **fields)).warnings
    assert said in warning


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"NumberOfFrames": 3}, "expected a single frame, found 3"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "found PALETTE COLOR"),
        ({"Rows": 60_000, "Columns": 60_000}, "found 60,000×60,000"),
        ({"syntax": DeflatedExplicitVRLittleEndian}, "not deflated"),
        (
            {"syntax": JPEGLosslessSV1, "PixelData": encapsulate([b"\xff\xd8\xff\xd9"])},
            "found JPEG Lossless",
        ),
        ({"PixelData": b"\0" * 99 + b"\0"}, "100"),
    ],
    ids=["frames", "palette", "huge", "deflated", "undecodable", "truncated"],
)
def test_dicom_that_is_no_single_grey_image_is_refused(fields, said, chest, save_dicom):
    path = save_dicom(chest, **fields)
    text = refused(path)
    assert text.startswith(f"{path}: expected ")
    assert said in text


def test_dicom_without_pixels_is_refused(tmp_path, chest):
    from pydicom import dcmread

    dataset = dcmread(io.BytesIO(dicom(chest)))
    del dataset.PixelData
    dataset.save_as(tmp_path / "report.dcm")
    assert "found DICOM without pixels" in refused(tmp_path / "report.dcm")


def test_a_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "gone.png"
    assert refused(path) == f"{path}: expected an image or a DICOM file, found nothing of that name"
    assert "found a folder" in refused(tmp_path)


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


def test_numbers_without_a_range_are_refused(save):
    levels = np.linspace(0, 1, 784).reshape(28, 28)
    assert "found floating-point numbers" in refused(save(levels.astype(np.float32), "f.tif"))
    assert "found 0 to 100,000" in refused(save((levels * 100_000).astype(np.int32), "i.tif"))


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
