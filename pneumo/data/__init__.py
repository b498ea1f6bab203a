"""Images and labels from a file, a cache, a download or the phantom, with a description of each set."""

from pneumo.data.datasets import SPLITS, Dataset, Part, Rows, Split, load, part, stratified
from pneumo.data.descriptions import DataError, Description

__all__ = [
    "SPLITS",
    "DataError",
    "Dataset",
    "Description",
    "Part",
    "Rows",
    "Split",
    "load",
    "part",
    "stratified",
]
