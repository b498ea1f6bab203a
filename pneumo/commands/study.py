"""`pneumo study`: trains what is missing from a profile's study, and writes its record."""

from argparse import Namespace
from typing import Any

from pneumo.base.errors import printable
from pneumo.commands import options
from pneumo.commands.options import flag, option

# Exit statuses of `--check`.
CURRENT, NO_DATA, LACKING = 0, 3, 4

COMMAND = options.Command(
    "train what is missing, and write the record that the report is drawn from",
    (
        "study",
        "study --profile paper --data path/to/pneumoniamnist.npz",
        "study --only simple-cnn      # one model; writes no record",
    ),
    {
        "--only": option("train only these, and write no record", "RECIPE", nargs="+", default=()),
        "--executor": option(
            "auto (default: one run per core, one thread each), serial, process:N or dask:ADDRESS; "
            "see docs/cluster.md", "WHERE", default="auto",
        ),
        "--check": flag(
            f"train nothing; exit with {CURRENT} if the record is up to date, {NO_DATA} if no data are "
            f"found, {LACKING} if something must be trained or computed"
        ),
        **options.TRAINING,
    },
    more="An interrupted study resumes with the same command. Finished runs are kept in .pneumo/runs.",
)  # fmt: skip


def run(chosen: Namespace) -> int:
    asked = {
        "profile": chosen.profile,
        "source": chosen.data,
        "weights": chosen.weights,
        "dataset": chosen.dataset,
        "size": chosen.size,
    }
    if chosen.check:
        return _check(asked)

    from pneumo.commands.progress import Display
    from pneumo.study import leftovers, study

    with Display() as display:
        done = study.run(
            **asked,
            device=chosen.device,
            only=chosen.only,
            listener=display.listener,
            notice=display.say,
            executor=chosen.executor,
            finished=display.finish,
        )
        if not chosen.only and not _is_current(done, {run.label for run in done.runs}):
            from pneumo.analysis import writing  # whose libraries take seconds

            display.say(f"writing the record to {printable(study.record_folder(done))}")
            writing.write(done)
        if not chosen.only:
            study.unprotect(done)
    for model in done.models:
        seeds = ", ".join(str(run.seed) for run in model.runs)
        outcome = f"seeds {seeds}" if model.ran else printable(f"not run: {model.reason}")
        print(f"{model.name}: {outcome}")
    if not chosen.only and (found := leftovers.find()):
        size = sum(found.values()) / 1e6
        print(
            f"{len(found)} folders and files ({size:,.1f} MB) are needed by no study; "
            "`pneumo clean` lists them"
        )
    return 0


def _check(asked: dict[str, Any]) -> int:
    from pneumo.data.sources import UnavailableError
    from pneumo.study import study

    try:
        plan = study.make_plan(**asked)
    except UnavailableError as error:
        print(error)
        return NO_DATA
    except ModuleNotFoundError as error:  # only the extra `train` can tell
        print(f"{error.name}, which training needs, is not installed yet")
        return LACKING
    if _is_current(plan, plan.labels):
        print(f"the record is up to date: {printable(study.record_folder(plan))}")
        return CURRENT
    print("the record is missing or out of date: something must be trained or computed")
    return LACKING


def _is_current(asked: Any, labels: set[str]) -> bool:
    """Whether the existing record was made from these runs by this version."""
    from pneumo import __version__
    from pneumo.analysis import ANALYSIS_VERSION
    from pneumo.record import RecordError, files, finding, read
    from pneumo.study.study import record_folder

    try:
        record = read(record_folder(asked))
    except RecordError:
        return False
    made, found = record.provenance, None
    if asked.data.size == files.SIDE and not asked.data.is_phantom:
        found = finding.larger(asked.profile.name, record.data.dataset, record.test_digests())
    crops = (record.results.get("framing") or {}).get("films")
    compared = (record.results.get("sizes") or {}).get("record")
    return (
        made.pneumo == __version__
        and record.results.get("analysis_version") == ANALYSIS_VERSION
        and record.data.order == asked.data.order
        and compared == (found and found.sums[files.RESULTS])
        and {run.run for run in made.runs} == labels
        and (bool(crops) or asked.data.larger is None)
    )
