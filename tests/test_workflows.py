"""What GitHub runs: actions that are pinned, with no right that is not needed."""

import re

import pytest
import yaml

from pneumo.base import paths

WORKFLOWS = {path.stem: path for path in (paths.root() / ".github" / "workflows").glob("*.yml")}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in WORKFLOWS.items()}
JOBS = {name: yaml.safe_load(text)["jobs"] for name, text in TEXTS.items()}
STEPS = {
    name: [step for job in jobs.values() for step in job["steps"]] for name, jobs in JOBS.items()
}

each_workflow = pytest.mark.parametrize("name", WORKFLOWS)


@pytest.mark.promise("supply", "survived")
@each_workflow
def test_actions_are_pinned_to_a_commit_with_its_version_beside_it(name):
    lines = [line for line in TEXTS[name].splitlines() if "uses:" in line]
    assert len(lines) == sum("uses" in step for step in STEPS[name])
    for line in lines:
        assert re.search(r"uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.promise("supply", "survived")
@each_workflow
def test_rights_are_to_read_and_only_the_deployment_has_more(name):
    assert yaml.safe_load(TEXTS[name])["permissions"] == {"contents": "read"}
    more = {job: told["permissions"] for job, told in JOBS[name].items() if "permissions" in told}
    assert more in ({}, {"deploy": {"pages": "write", "id-token": "write"}})


@pytest.mark.promise("supply", "survived")
@each_workflow
def test_no_token_is_left_behind_by_the_checkout(name):
    steps = [one for one in STEPS[name] if "actions/checkout@" in one.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in steps)
