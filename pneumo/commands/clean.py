"""`pneumo clean`: deletes runs and cached results that neither a record nor an unfinished study needs."""

from argparse import Namespace

from pneumo.commands.options import Command, flag

COMMAND = Command(
    "list what no study needs any more, or delete it",
    ("clean          # list", "clean --yes    # delete what is listed"),
    {"--yes": flag("delete what is listed")},
)


def run(chosen: Namespace) -> int:
    from pneumo.study import leftovers

    found = leftovers.find()
    for path, size in found.items():
        print(f"{size / 1e6:9,.1f} MB  {path}")
    total = sum(found.values()) / 1e6
    if not found:
        print("nothing to delete: every run and cached result is needed")
    elif chosen.yes:
        leftovers.remove(found)
        print(f"deleted {len(found)} folders and files, {total:,.1f} MB")
    else:
        print(f"{len(found)} folders and files, {total:,.1f} MB; `pneumo clean --yes` deletes them")
    return 0
