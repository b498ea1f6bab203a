"""The reference record beside the one that pages are drawn from."""

from pneumo.base import paths
from pneumo.record import Record, read
from pneumo.record.ablation import Row


def reference(record: Record) -> Record | None:
    """The reference record of the same data set and size; None where there is none.

    Raises:
        RecordError: it is damaged, or another version wrote it.
    """
    folder = paths.reference(paths.label(record.data.dataset, record.data.size))
    if folder.resolve() == record.path.resolve():
        return record
    return read(folder) if folder.is_dir() else None


def with_ablations(record: Record) -> Record:
    """The record whose ablations a report shows: this one's, or the reference's where those say more.

    One seed says little of a difference, and some profiles train no ablations. The phantom shows its own.
    """
    own = record.answer("ablations", list[Row])
    if record.data.is_phantom or (own and own[0].seeds > 1):
        return record
    other = reference(record)
    return other if other and other.answer("ablations", list[Row]) else record
