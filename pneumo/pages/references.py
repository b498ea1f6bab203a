"""Compares the reference record with the record of the pages."""

from dataclasses import dataclass

from pneumo.base import paths
from pneumo.record import Estimate, Record, difference, read

RULE, BLOCK = "half", "test_at_half"  # the operating point at which two records are compared
_ROUNDED = 1e-5  # the largest rounding error in a converted reference's predictions


@dataclass(frozen=True)
class Compared:
    """A model's metric in the reference record and in this one."""

    model: str
    metric: str
    reference: Estimate
    here: Estimate
    expected: (
        Estimate  # the reference's mean with the 95 % prediction interval for this record's mean
    )

    @property
    def difference(self) -> float:
        """This record's value minus the reference's."""
        return self.here.value - self.reference.value

    @property
    def decided(self) -> bool:
        """Whether this record has a value and the reference a prediction interval."""
        return self.here.known and Estimate(self.expected.low).known

    @property
    def agrees(self) -> bool:
        """Whether this record's value lies in the prediction interval."""
        low, high = self.expected.low - _ROUNDED, self.expected.high + _ROUNDED
        return self.decided and low <= self.here.value <= high


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
    """The record whose ablations a report shows: this one, or the reference if this one has under two seeds.

    One seed says little about a difference, and some profiles train no ablations. The phantom shows its own.
    """
    own = record.get("ablations")
    if record.data.is_phantom or (own and own[0].seeds > 1):
        return record
    other = reference(record)
    # A reference whose networks were not kept has none.
    return other if other and other.get("ablations") else record


def is_same(record: Record, other: Record) -> bool:
    """Whether two records hold the same numbers, wherever they are."""
    return record.sums == other.sums


def compare(record: Record, other: Record) -> list[Compared]:
    """Every model that both records have, metric by metric, on test at a threshold of 0.5.

    Args:
        record: the record of the pages.
        other: the reference.
    """
    table = other.table("tbl-reference-expected").where(rule=RULE)
    expected = {(row["model"], row["metric"], row["runs"]): row for row in table.rows()}
    found = []
    for model in record.ran:
        if model.name not in other.models or not other.models[model.name].ran:
            continue
        for metric, mean in getattr(other.models[model.name], BLOCK).items():
            row = expected.get((model.name, metric, len(model.seeds)))
            ends = (row["low"], row["high"]) if row else ()
            here = getattr(model, BLOCK)[metric]
            found.append(Compared(model.name, metric, mean, here, Estimate(mean.value, *ends)))
    return found


def otherwise(record: Record, other: Record) -> list[difference.Change]:
    """The claims that both records decide, but differently; `before` is the other record's verdict."""
    found = difference.compare(
        difference.compared(other.results), difference.compared(record.results)
    )
    return [change for change in found.claims if change.before and change.after]


def shared_runs(record: Record, other: Record) -> int:
    """How many runs two records share: same recipe, seed, data, weights and training."""
    return sum(
        any(one.is_run(run.key, run.earlier_keys) for one in other.provenance.runs)
        for run in record.provenance.runs
    )
