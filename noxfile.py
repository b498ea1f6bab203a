"""Tasks of this project, such as `nox -s report`. Options follow `--`: `nox -s report -- --help`."""

import argparse
import json
import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

PROJECT = nox.project.load_toml("pyproject.toml")
QUARTO = "quarto-cli>=1.9"
QUARTO_HOST = "https://github.com/quarto-dev/quarto-cli"
OLDEST = PROJECT["project"]["requires-python"].removeprefix(">=")
# The reference record, and the packages that it was made with.
REFERENCE = Path("report/reference")
LOCK = REFERENCE / "requirements.txt"
TRAIN = "train"  # the extra that training needs; drawing a record does not need it
# Exit statuses of `pneumo study --check`.
CURRENT, NO_DATA, LACKING = 0, 3, 4
LOCKED = os.environ.get("PNEUMO_LOCKED", "") not in ("", "0")  # as --locked
LOCKED_FOR = "Python 3.11 on Linux x86_64"
TELL = """\
from platform import machine, python_version_tuple, system
print(f"Python {'.'.join(python_version_tuple()[:2])} on {system()} {machine()}")
"""


def install(session: nox.Session, *groups: str, locked: bool = False) -> None:
    """Install this project, editable, with dependency groups, and with the extra TRAIN if it is named.

    If `locked`, install only what LOCK pins.
    """
    if not locked:
        own = ".[train]" if TRAIN in groups else "."
        named = [group for group in groups if group != TRAIN]
        session.install("-e", own, *nox.project.dependency_groups(PROJECT, *named))
        return
    here = str(session.run_install("python", "-c", TELL, silent=True)).strip()
    if here != LOCKED_FOR:
        session.error(
            f"--locked needs {LOCKED_FOR}, this is {here}; leave it out, or use that system"
        )
    # Other builds of torch have other checksums.
    session.install("--require-hashes", "-r", str(LOCK), env={"UV_TORCH_BACKEND": None})
    session.install("--no-deps", "-e", ".")


@nox.session
def report(session: nox.Session) -> None:
    """Build _site/; train what is missing first (-- --help lists the options)."""
    options = report_options(session)
    install(session, "pages", locked=options.locked)
    if options.engine in ("auto", "quarto"):
        offer_quarto(session)
    prepare_record(session, options)
    session.log("drawing the pages: about a minute the first time")
    session.run("python", "-m", "report.engine", *options.site)


@nox.session
def preview(session: nox.Session) -> None:
    """Build and serve _site/, and rebuild it when a file changes (options of report, and --port)."""
    options = report_options(session)
    install(session, "pages", locked=options.locked)
    prepare_record(session, options)
    session.run("python", "-m", "report.engine.preview", "--port", options.port, *options.site)


@nox.session
def study(session: nox.Session) -> None:
    """Train what is missing and write the record, without pages (options of `pneumo study`, --locked)."""
    train(session, "study")


@nox.session
def verify(session: nox.Session) -> None:
    """Train the reference study again and compare all numbers (options of `pneumo verify`, --locked)."""
    train(session, "verify")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed and memory, and write bench.json (-- --only ID…, --output FILE, --against COMMIT)."""
    install(session, "pages", TRAIN)
    session.install("-e", ".[dask]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def cite(session: nox.Session) -> None:
    """Write all forms of the citation from _quarto.yml and pyproject.toml (-- --check: only compare)."""
    install(session, "pages")
    session.run("python", "-m", "report.engine.citation", *session.posargs)


@nox.session
def publish(session: nox.Session) -> None:
    """Check whether _site/ may be published (-- FOLDER)."""
    install(session, "publish")
    session.run("python", "-m", "report.engine.check", "--publish", *session.posargs)


@nox.session
def editions(session: nox.Session) -> None:
    """Put _site/ on top of a published folder, which keeps every edition (-- FOLDER)."""
    install(session, "pages")
    session.run("python", "-m", "report.engine.editions", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Check _site/, its HTML, and its pages in Chromium (-- FOLDER)."""
    install(session, "audit", "publish")
    site = session.posargs[0] if session.posargs else "_site"
    session.run("python", "-m", "report.engine.check", site)
    session.run("python", "-m", "report.engine.audit", site)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests (options of pytest; --cov measures branch coverage)."""
    install(session, "tests", TRAIN)
    run_tests(session)


@nox.session
def promises(session: nox.Session) -> None:
    """Test every guarantee and count fault scenarios (options of pytest)."""
    install(session, "tests", TRAIN)
    run_tests(session, "-m", "promise", "--promises=report/reference/promises.json")


@nox.session(python=OLDEST, venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Run the quick tests with the lowest versions of all dependencies (options of pytest)."""
    session.env["UV_RESOLUTION"] = "lowest-direct"
    install(session, "tests", TRAIN)
    run_tests(session, "-m", "not slow")


@nox.session(venv_backend="uv", reuse_venv=False)
def package(session: nox.Session) -> None:
    """Build wheel and source in dist/, and use the wheel in an empty environment."""
    shutil.rmtree("dist", ignore_errors=True)
    session.run("uv", "build", "--out-dir", "dist", external=True)
    built = sorted(str(path.resolve()) for path in Path("dist").glob("pneumo-*"))
    session.run("uv", "tool", "run", "twine", "check", "--strict", *built, external=True)
    session.install(*(path for path in built if path.endswith(".whl")))
    session.env["PNEUMO_HOME"] = None
    with session.chdir(session.create_tmp()):  # outside the checkout
        session.run("pneumo", "--help", silent=True)
        session.run("python", "-c", "import pneumo.pages")
        session.install(*(f"{path}[train]" for path in built if path.endswith(".whl")))
        session.run("pneumo", "data", "--data", "phantom")
        session.run("pneumo", "train", "simple-cnn", "--data", "phantom", "--profile", "smoke")


@nox.session
def security(session: nox.Session) -> None:
    """Search the pinned packages for known vulnerabilities (options of pip-audit)."""
    session.install(*nox.project.dependency_groups(PROJECT, "security"))
    # Strict: a package that the advisory service does not know fails, too.
    options = ["--strict", "--require-hashes", "--disable-pip", "-r", str(LOCK)]
    session.run("pip-audit", *options, *session.posargs)


@nox.session(venv_backend="uv")
def lock(session: nox.Session) -> None:
    """Pin the packages of the reference study again, with few changes (-- --upgrade)."""
    results = json.loads((LOCK.parent / "results.json").read_text(encoding="utf-8"))
    used = {
        f"{name}=={version}"
        for run in results["provenance"]["runs"]
        if run["versions"]["python"].startswith(f"{OLDEST}.")  # some were trained elsewhere
        for name, version in run["versions"].items()
        if name not in ("pneumo", "python")
    }
    constraints = Path(session.create_tmp()) / "reference.txt"
    constraints.write_text("\n".join(sorted(used)), encoding="utf-8")
    session.run(
        "uv", "pip", "compile", "pyproject.toml", "--extra", TRAIN, "--group", "pages",
        "--constraints", str(constraints),
        "--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28", "--generate-hashes",
        "--no-header", "--no-annotate", "--output-file", str(LOCK), *session.posargs,
        external=True, silent=True, env={"UV_TORCH_BACKEND": None},
    )  # fmt: skip


@nox.session
def fuzz(session: nox.Session) -> None:
    """Give the portable engine random pages for ten minutes (-- MINUTES)."""
    install(session, "tests", TRAIN)
    session.env["FUZZ_MINUTES"] = session.posargs[0] if session.posargs else "10"
    session.run("pytest", "-n", "0", "tests/engine/test_fuzz.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, style, imports between packages, and types."""
    install(session, "lint", TRAIN)
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("lint-imports")
    session.run("mypy")


def train(session: nox.Session, command: str) -> None:
    """Run a command of `pneumo` that trains, with the options after `--`."""
    options = [option for option in session.posargs if option != "--locked"]
    install(session, TRAIN, locked=LOCKED or "--locked" in session.posargs)
    session.run("pneumo", command, *options)


def run_tests(session: nox.Session, *options: str) -> None:
    """Run pytest with these options and those after `--`; the tests of a file share a worker."""
    # Tests must not depend on the data or the run store of the user.
    for name in [name for name in os.environ if name.startswith("PNEUMO_")]:
        session.env[name] = None
    # One worker more than there are cores: many tests wait for other processes.
    workers = str(min(4, (os.cpu_count() or 1) + 1))
    shared_out = ("-n", workers, "--dist", "loadfile", "--no-loadscope-reorder")
    session.run("pytest", *shared_out, *options, *session.posargs)


def report_options(session: nox.Session) -> argparse.Namespace:
    """Parse the options after `--`; `.training` has those of `pneumo study`, `.site` the engine's."""
    parser = argparse.ArgumentParser(
        prog=f"nox -s {session.name} --",
        description=f"Example: python -m nox -s {session.name} -- --data path/to/pneumoniamnist.npz",
    )
    parser.add_argument(
        "--engine",
        choices=("auto", "quarto", "portable"),
        default="auto",
        help="what renders the pages; auto takes Quarto where it is installed or can be",
    )
    for option, metavar, words in (
        ("--profile", "PROFILE", "smoke, standard (default) or paper; else PNEUMO_PROFILE"),
        ("--dataset", "NAME", "pneumoniamnist (default), breastmnist, …; else PNEUMO_DATASET"),
        ("--size", "N", "28 (default), 64, 128 or 224 pixels; else PNEUMO_SIZE"),
        ("--data", "PATH", "a .npz, its folder, or 'phantom'; else PNEUMO_DATA"),
        ("--record", "FOLDER", "draw this record, and train nothing; else PNEUMO_RECORD"),
        ("--weights", "FILE", "ImageNet weights of ResNet18; else PNEUMO_WEIGHTS"),
        ("--device", "DEVICE", "auto, cpu, cuda, …"),
        ("--executor", "WHERE", "auto (default), serial, process:N or dask:ADDRESS"),
        ("--port", "PORT", "of preview, 4200 by default"),
    ):
        parser.add_argument(option, metavar=metavar, help=words)
    for option, preset, words in (
        ("--fresh", False, "empty the cache of pages, and run every cell"),
        ("--locked", LOCKED, "install the packages of the reference study; else PNEUMO_LOCKED"),
    ):
        parser.add_argument(option, action="store_true", default=preset, help=words)
    parser.set_defaults(record=os.environ.get("PNEUMO_RECORD"), port="4200")
    options = parser.parse_args(session.posargs)

    def given(*names: str) -> list[str]:
        return [f"--{name}={value}" for name in names if (value := getattr(options, name))]

    both = given("profile", "dataset", "size", "data")
    options.training = both + given("weights", "device", "executor")
    options.site = [*both, *given("engine", "record"), *(["--fresh"] if options.fresh else [])]
    return options


def prepare_record(session: nox.Session, options: argparse.Namespace) -> None:
    """Make the record that pages are drawn from, unless one is given. Only this step needs TRAIN."""
    if options.record:
        return
    check = [f"{session.bin}/pneumo", "study", "--check", *options.training]
    status = subprocess.run(check, check=False).returncode
    chosen = [
        name
        for name in ("profile", "dataset", "size")
        if getattr(options, name) or os.environ.get(f"PNEUMO_{name.upper()}")
    ]
    if status == NO_DATA and not chosen:
        session.log("neither data nor a network: drawing the reference record")
        options.site.append(f"--record={REFERENCE}")
    elif status == LACKING:
        install(session, TRAIN, locked=options.locked)
        session.run("pneumo", "study", *options.training)
    elif status == NO_DATA:
        session.error(
            f"no data for this {chosen[0]}; name them with --data, or draw a record with --record"
        )
    elif status != CURRENT:
        session.error("no site was built; the line above says why")


def offer_quarto(session: nox.Session) -> None:
    """Install quarto-cli if Quarto is missing and its host answers."""
    if shutil.which("quarto") or (Path(session.bin) / "quarto").exists():
        return
    python = f"{session.bin}/python"
    if subprocess.run([python, "-m", "pneumo.base.network", QUARTO_HOST], check=False).returncode:
        return  # the engine prints that it renders
    installer = ["uv", "pip", "install", "--python", python]
    if not shutil.which("uv"):
        installer = [python, "-m", "pip", "install"]
    try:
        subprocess.run([*installer, QUARTO], check=True, capture_output=True, timeout=600)
    except (OSError, subprocess.SubprocessError):
        session.log("quarto-cli cannot be installed: the portable engine renders")
