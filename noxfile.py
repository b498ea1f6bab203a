"""What one does with this project: `nox -l` lists it, `nox -s NAME -- OPTIONS` does it."""

import argparse
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


def install(session: nox.Session, group: str) -> None:
    """This project, editable, and one of its dependency groups."""
    session.install("-e", ".", *nox.project.dependency_groups(PROJECT, group))


@nox.session
def report(session: nox.Session) -> None:
    """Train what is missing and build _site/ (-- --profile, --dataset, --size, --data, --engine, …)."""
    options = report_options(session)
    install(session, "pages")
    if options.engine in ("auto", "quarto"):
        offer_quarto(session)
    session.run("pneumo", "study", *options.training)
    session.run("python", "-m", "report.engine", *options.site)


@nox.session
def preview(session: nox.Session) -> None:
    """Serve _site/ on loopback and rebuild it on change (options as for report, and --port)."""
    options = report_options(session)
    install(session, "pages")
    session.run("pneumo", "study", *options.training)
    session.run("python", "-m", "report.engine.preview", "--port", options.port, *options.site)


@nox.session
def study(session: nox.Session) -> None:
    """Train what a profile's study lacks, without building pages (options of `pneumo study`)."""
    session.install("-e", ".")
    session.run("pneumo", "study", *session.posargs)


@nox.session
def verify(session: nox.Session) -> None:
    """Train the reference study anew and hold it against its numbers (options of `pneumo verify`)."""
    session.install("-e", ".")
    session.run("pneumo", "verify", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speeds and rebuilds, print a table, write bench.json (-- --only ID…, --output FILE)."""
    install(session, "pages")
    session.install("-e", ".[dask]")
    session.run("python", "-m", "report.engine.bench", *session.posargs)


@nox.session
def cite(session: nox.Session) -> None:
    """Write every form of the citation from _quarto.yml and pyproject.toml (-- --check)."""
    install(session, "pages")
    session.run("python", "-m", "report.engine.citation", *session.posargs)


@nox.session
def publish(session: nox.Session) -> None:
    """Check _site/ and push it to the branch gh-pages of origin (-- --dry-run, --check)."""
    install(session, "publish")
    session.run("python", "-m", "report.engine.publish", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Look at _site/ in a Chromium that is at hand: axe, console, other hosts (-- FOLDER)."""
    install(session, "audit")
    install(session, "publish")
    site = session.posargs[0] if session.posargs else "_site"
    session.run("python", "-m", "report.engine.check", site)
    session.run("python", "-m", "report.engine.audit", site)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests with branch coverage (options of pytest)."""
    install(session, "tests")
    # A test that meets the network, the data or the run store of its user would test those.
    for name in [name for name in os.environ if name.startswith("PNEUMO_")]:
        session.env[name] = None
    workers = str(min(4, os.cpu_count() or 1))
    coverage = [] if session.posargs else ["--cov", "--cov-report=term"]
    session.run("pytest", "-n", workers, *coverage, *session.posargs)


@nox.session
def promises(session: nox.Session) -> None:
    """Try to break every promise, and count what became of the faults (options of pytest)."""
    install(session, "tests")
    for name in [name for name in os.environ if name.startswith("PNEUMO_")]:
        session.env[name] = None
    workers = str(min(4, os.cpu_count() or 1))
    counts = "report/reference/promises.json"
    session.run("pytest", "-n", workers, "-m", "promise", "--promises", counts, *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Give the portable engine pages that nobody would write, for some minutes (-- MINUTES)."""
    install(session, "tests")
    session.env["FUZZ_MINUTES"] = session.posargs[0] if session.posargs else "10"
    session.run("pytest", "-n", "0", "tests/engine/test_fuzz.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, style and types."""
    install(session, "lint")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")


def report_options(session: nox.Session) -> argparse.Namespace:
    """The options behind `--`, parsed: what training takes, what the site takes, and both."""
    parser = argparse.ArgumentParser(prog=f"nox -s {session.name} --")
    parser.add_argument("--engine", choices=("auto", "quarto", "portable"), default="auto")
    parser.add_argument("--profile", help="smoke, standard or paper")
    parser.add_argument("--dataset", metavar="NAME", help="pneumoniamnist or breastmnist")
    parser.add_argument("--size", metavar="N", help="28, 64, 128 or 224 pixels")
    parser.add_argument("--data", metavar="PATH", help="a .npz, its folder, or 'phantom'")
    parser.add_argument("--weights", metavar="FILE", help="ImageNet weights of ResNet18")
    parser.add_argument("--device", help="auto, cpu, cuda, …")
    parser.add_argument("--executor", metavar="WHERE", help="serial, process:N or dask:ADDRESS")
    parser.add_argument("--fresh", action="store_true", help="run every cell again")
    parser.add_argument("--port", default="4200", help="of preview")
    options = parser.parse_args(session.posargs)
    both = [
        f"--{name}={value}"
        for name in ("profile", "dataset", "size", "data")
        if (value := getattr(options, name))
    ]
    options.training = both + [
        f"--{name}={value}"
        for name in ("weights", "device", "executor")
        if (value := getattr(options, name))
    ]
    options.site = [f"--engine={options.engine}", *(["--fresh"] if options.fresh else []), *both]
    return options


def offer_quarto(session: nox.Session) -> None:
    """Install quarto-cli where Quarto is missing and its host answers; go on without it elsewhere."""
    if shutil.which("quarto") or (Path(session.bin) / "quarto").exists():
        return
    python = f"{session.bin}/python"
    if subprocess.run([python, "-m", "pneumo.network", QUARTO_HOST], check=False).returncode:
        session.log("Quarto is not here and its host does not answer: the portable engine renders")
        return
    installer = ["uv", "pip", "install", "--python", python]
    if not shutil.which("uv"):
        installer = [python, "-m", "pip", "install"]
    try:
        subprocess.run([*installer, QUARTO], check=True, capture_output=True, timeout=600)
    except (OSError, subprocess.SubprocessError):
        session.log("quarto-cli can't be installed here: the portable engine renders")
