"""Runs, pages and results have the same bits in any environment."""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pneumo.base import paths
from pneumo.data import datasets
from pneumo.training.loop import predict
from pneumo.training.models import build
from pneumo.training.recipes import RECIPES
from pneumo.training.train import train

# Every process imports this first: it sets the order of folder listings, and the user's locale, also for
# numbers, as a graphical program would.
SURROUNDINGS = """
import contextlib, locale, os

locale.setlocale(locale.LC_ALL, "")
backwards = "LISTED_BACKWARDS" in os.environ
listdir, scandir = os.listdir, os.scandir

class Listed(contextlib.AbstractContextManager):
    def __init__(self, entries):
        self.entries = iter(entries)
    def __iter__(self):
        return self
    def __next__(self):
        return next(self.entries)
    def __exit__(self, *_):
        pass
    def close(self):
        pass

def listed(*where):
    return sorted(listdir(*where), reverse=backwards)

def scanned(*where):
    with scandir(*where) as entries:
        return Listed(sorted(entries, key=lambda entry: entry.name, reverse=backwards))

os.listdir, os.scandir = listed, scanned
"""
PAGE = """
# Same {.unnumbered}

```{python}
#| include: false
from pneumo.pages import figure, open_record, say, table

record = open_record()
```

```{python}
#| output: asis
say(record, "notice")
figure(record, "fig-cnn-curves")
table(record, "tbl-summary")
say(record, "models-not-run")
```
"""
BOOK = """
project:
  type: book
book:
  title: "Same"
  date: "2026-01-31"
  chapters: [index.qmd]
bibliography: references.bib
format:
  html: default
  typst: default
"""
# Trains a study, writes its record and renders a page from it.
MAKE = """
import os, sys
from pathlib import Path
from pneumo.analysis import writing
from pneumo.study import study
from pneumo.training.recipes import PROFILES, Profile
from report.engine.__main__ import main

assert os.listdir.__module__ == "sitecustomize"  # else nothing would be tried
PROFILES["small"] = Profile(
    "small", ("simple-cnn",), seeds=(0,), epochs_share=0.01, train_images=48, probed_images=4
)
book, record, site = sys.argv[1:]
writing.write(study.run("small", "phantom"), Path(record))
sys.exit(main([book, "--engine", "portable", "--record", record, "--output", site]))
"""
# What surrounds a process, each change by a name; "numbers" is where a locale writes a decimal comma.
CHANGES = {
    "hash seed": {"PYTHONHASHSEED": "4242"},
    "encoding": {"LC_CTYPE": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "numbers": {"LC_NUMERIC": "de_DE.UTF-8", "LC_TIME": "de_DE.UTF-8", "LANGUAGE": "de"},
    "time zone": {"TZ": "Asia/Kolkata"},
    "order of listings": {"LISTED_BACKWARDS": "1"},
    "folder": {},
    "umask": {},
}


@pytest.fixture
def surrounded(tmp_path):
    """Runs :data:`MAKE` in a process with these changes around it; gives what it made, by name."""
    modules, book, locales = (tmp_path / name for name in ("modules", "book", "locales"))
    for path, text in {
        modules / "sitecustomize.py": SURROUNDINGS,
        book / "_quarto.yml": BOOK,
        book / "index.qmd": PAGE,
        book / "references.bib": (paths.root() / "report" / "references.bib").read_text("utf-8"),
        locales / "README": "",
    }.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    ours = ("LC_", "LANG", "PYTHON", "TZ")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    plain |= {"LC_CTYPE": "C.UTF-8", "PYTHONHASHSEED": "0", "TZ": "UTC"}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(locales / "de_DE.UTF-8")]
        subprocess.run(command, check=True, capture_output=True)
        plain["LOCPATH"] = str(locales)

    def run(*changes):
        folder = tmp_path / f"made-{len(list(tmp_path.iterdir()))}"
        elsewhere = folder / "größe" if "folder" in changes else folder
        elsewhere.mkdir(parents=True)
        environment = plain | {
            "PNEUMO_HOME": str(folder / "home"),
            "PYTHONPATH": os.pathsep.join((str(modules), str(paths.root()))),
        }
        for name in changes:
            # Without a German locale there is no decimal comma.
            environment |= CHANGES[name] if name != "numbers" or "LOCPATH" in plain else {}
        done = subprocess.run(
            [sys.executable, "-c", MAKE, book, folder / "record", folder / "site"],
            cwd=elsewhere,
            env=environment,
            umask=0o077 if "umask" in changes else 0o022,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return dict(_contents(folder))

    return run


# Files with durations, and files with their checksums.
TIMES = ("seconds", "digest", "history.csv")
TIMED = ("SHA256SUMS", "ro-crate-metadata.json", "tbl-runs.csv")


def _contents(folder):
    """Digests of a process's files by name, without durations."""
    made = [*(folder / "site").rglob("*"), *(folder / "home" / "runs").glob("[!.]*/*")]
    for path in sorted(made):
        if path.is_file() and path.name not in TIMED:
            yield path.relative_to(folder).as_posix(), _timeless(path)


def _timeless(path):
    if path.name == "history.csv" or path.parent.name == "histories":
        rows = [row.rpartition(",")[0] for row in path.read_text(encoding="utf-8").splitlines()]
        return "\n".join(rows)
    if path.name in ("manifest.json", "results.json"):
        content = json.loads(
            path.read_text(encoding="utf-8"),
            object_hook=lambda found: {k: v for k, v in found.items() if k not in TIMES},
        )
        return json.dumps(content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.promise("same", "survived")
def test_bits_do_not_hang_on_what_surrounds_a_process(surrounded):
    expected, found = surrounded(), surrounded(*CHANGES)
    assert {Path(name).suffix for name in expected} >= {".html", ".pdf", ".svg", ".npz", ".csv"}
    different = {name for name in {*expected, *found} if expected.get(name) != found.get(name)}
    if different:
        guilty = [name for name in CHANGES if surrounded(name) != expected]
        pytest.fail(f"{sorted(different)} differ, by {guilty or 'several changes together'}")


@pytest.mark.slow
@pytest.mark.promise("same", "survived")
def test_another_count_of_threads_moves_logits_no_further_than_is_said(phantom, tmp_path):
    recipe = replace(RECIPES["simple-cnn"], epochs=3, train_images=96, batch_size=32)
    before, trained, asked = torch.get_num_threads(), [], []
    for count in (1, 2):
        torch.set_num_threads(count)
        run = train(recipe, 0, phantom, home=tmp_path / str(count))
        assert run.manifest["hardware"]["threads"] == count
        trained.append(run.predictions["test"].logits)
        torch.manual_seed(0)
        asked.append(predict(build(recipe), recipe, phantom.test.images))
    torch.set_num_threads(before)
    assert np.abs(asked[0] - asked[1]).max() <= 1e-4  # as docs/verifying.md says
    assert np.abs(trained[0] - trained[1]).max() <= 0.25


@pytest.mark.promise("same", "survived")
def test_the_phantom_is_drawn_the_same_in_every_process():
    known = "3cf476bd542442a4b4945f5b1406a50814137b5441d9823fc125073fe098750b"
    assert datasets.phantom().fingerprint == known


@pytest.mark.promise("same", "survived")
def test_a_terminal_that_lacks_a_sign_gets_its_number():
    done = subprocess.run(
        [sys.executable, "-m", "pneumo", "data", "--data", "phantom"],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert "\\xd7" in done.stdout.decode("ascii")
