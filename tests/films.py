"""Images as the bytes of DICOM files, field by field, and of Pillow's formats."""

import io

from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    generate_uid,
)


def dicom(pixels, syntax=ExplicitVRLittleEndian, drop=(), **fields):
    """The bytes of a DICOM file with the array's pixels, with fields changed, added or dropped."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["x"])
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
    dataset.save_as(content := io.BytesIO(), enforce_file_format=True)
    return content.getvalue()


def encoded(image, form="PNG", **options):
    """The bytes of an array or a Pillow image in one of Pillow's formats."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(stream := io.BytesIO(), form, **options)
    return stream.getvalue()
