"""What GitHub runs: the README's commands, by actions that are pinned, with no right that is not needed."""

import re
import tomllib

import pytest
import yaml

from pneumo.base import paths

FOLDER = paths.root() / ".github" / "workflows"
NAMES = ("tests", "pages")
PROJECT = tomllib.loads((paths.root() / "pyproject.toml").read_text(encoding="utf-8"))
DOCUMENTED = "".join(
    path.read_text(encoding="utf-8")
    for path in (*paths.root().glob("*.md"), *(paths.root() / "docs").glob("*.md"))
)


def text_of(name):
    return (FOLDER / f"{name}.yml").read_text(encoding="utf-8")


def read(name):
    content = yaml.safe_load(text_of(name))
    content["on"] = content.pop(True)  # to YAML 1.1 the word is a truth value
    return content


def steps_of(content):
    return [step for job in content["jobs"].values() for step in job["steps"]]


def test_there_are_no_workflows_but_these():
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.yml" for name in NAMES}


@pytest.mark.promise("supply", "survived")
@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_to_a_commit_with_its_version_beside_it(name):
    lines = [line for line in text_of(name).splitlines() if "uses:" in line]
    assert len(lines) == sum("uses" in step for step in steps_of(read(name)))
    for line in lines:
        assert re.search(r"uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_an_action_has_one_version_everywhere():
    versions = {}
    for action, commit in re.findall(
        r"uses: ([\w-]+/[\w-]+)\S*@(\w+ # \S+)", "".join(map(text_of, NAMES))
    ):
        versions.setdefault(action, set()).add(commit)
    assert len(versions) == 6
    assert all(len(commits) == 1 for commits in versions.values()), versions


@pytest.mark.promise("supply", "survived")
@pytest.mark.parametrize("name", NAMES)
def test_rights_are_to_read_and_only_the_deployment_has_more(name):
    content = read(name)
    assert content["permissions"] == {"contents": "read"}
    more = {
        job: told["permissions"] for job, told in content["jobs"].items() if "permissions" in told
    }
    expected = {"deploy": {"pages": "write", "id-token": "write"}} if name == "pages" else {}
    assert more == expected


@pytest.mark.promise("supply", "survived")
@pytest.mark.parametrize("name", NAMES)
def test_no_token_is_left_behind_by_the_checkout(name):
    steps = [one for one in steps_of(read(name)) if "actions/checkout@" in one.get("uses", "")]
    assert steps
    assert all(step["with"]["persist-credentials"] is False for step in steps)


@pytest.mark.parametrize("name", NAMES)
def test_every_job_ends_and_runs_do_not_pile_up(name):
    content = read(name)
    assert content["concurrency"]["group"].startswith(name)
    assert all(0 < job["timeout-minutes"] < 360 for job in content["jobs"].values())


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_are_documented(name):
    commands = [step["run"] for step in steps_of(read(name)) if "python" in step.get("run", "")]
    assert commands[0] == 'python -m pip install "nox[uv]"'
    assert {command for command in commands if " pip " in command} == {commands[0]}
    for command in commands:
        without_options = command.partition(" -- ")[0]
        assert re.search(rf"{re.escape(without_options)}(?![\w-])", DOCUMENTED), command


def test_the_tests_run_on_every_push_and_pull_request_on_two_pythons():
    content = read("tests")
    assert {"push", "pull_request"} <= set(content["on"])
    job = content["jobs"]["tests"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    commands = [step.get("run") for step in job["steps"]]
    assert "python -m nox -s tests -- ${{ matrix.options }}" in commands
    assert "python -m nox -s lint" in commands


@pytest.mark.promise("supply", "survived")
@pytest.mark.parametrize("name", ["lowest", "package", "security"])
def test_what_is_installed_is_tried_on_the_oldest_python(name):
    job = read("tests")["jobs"][name]
    (python,) = [
        step["with"]["python-version"]
        for step in job["steps"]
        if "setup-python" in step.get("uses", "")
    ]
    assert PROJECT["project"]["requires-python"] == f">={python}"
    assert job["steps"][-1]["run"] == f"python -m nox -s {name}"


@pytest.mark.promise("supply", "survived")
def test_what_nobody_changes_is_looked_at_every_week():
    (entry,) = read("tests")["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", entry["cron"])


def test_pages_are_built_with_quarto_on_main_and_by_hand():
    content = read("pages")
    assert content["on"]["push"] == {"branches": ["main"]}
    assert "workflow_dispatch" in content["on"]
    commands = [step.get("run") for step in content["jobs"]["build"]["steps"]]
    assert "python -m nox -s report -- --engine quarto" in commands
    assert content["jobs"]["deploy"]["needs"] == "build"


def test_what_must_not_be_published_stops_before_it_is_handed_on():
    steps = read("pages")["jobs"]["build"]["steps"]
    looked = next(i for i, step in enumerate(steps) if "nox -s publish" in step.get("run", ""))
    assert "upload-pages-artifact@" in steps[looked + 1]["uses"]


def test_the_newest_runs_are_restored_and_saved_anew():
    steps = {step.get("uses", ""): step for step in steps_of(read("pages"))}
    (restore,) = [step for name, step in steps.items() if "cache/restore@" in name]
    (save,) = [step for name, step in steps.items() if "cache/save@" in name]
    assert restore["with"]["path"] == save["with"]["path"] == ".pneumo"
    assert restore["with"]["key"] == save["with"]["key"]
    assert restore["with"]["key"].startswith(restore["with"]["restore-keys"])
