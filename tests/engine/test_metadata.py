"""Machine-readable metadata passes each format's validator, if it is installed."""

import json
import re
from dataclasses import replace

import pytest
import yaml

from pneumo.base import checksums, paths
from pneumo.record import crate, read
from report.engine import citation, citation_forms, metadata

ROOT = paths.root()


@pytest.fixture(scope="module")
def kept():
    return read(paths.reference())


@pytest.fixture(scope="module")
def cited():
    return citation.read(ROOT)


@pytest.mark.parametrize(
    ("expression", "cff", "zenodo"),
    [
        ("MIT", "MIT", "MIT"),
        ("MIT OR Apache-2.0", ["MIT", "Apache-2.0"], None),
        ("MIT AND BSD-3-Clause", None, None),
        ("GPL-3.0-only WITH Classpath-exception-2.0", None, None),
    ],
)
def test_a_licence_is_named_only_where_the_format_can_say_the_same(cited, expression, cff, zenodo):
    changed = replace(cited, license=expression)
    assert yaml.safe_load(citation_forms.cff(changed)).get("license") == cff
    assert json.loads(citation_forms.zenodo(changed)).get("license") == zenodo
    said = json.loads(metadata.codemeta(changed))["license"]
    assert said == expression or [*([said] if isinstance(said, str) else said)] == [
        f"https://spdx.org/licenses/{name}" for name in expression.split(" OR ")
    ]


def test_croissant_names_the_files_by_their_checksums_and_speaks_in_whole_sentences(cited, kept):
    said = json.loads(metadata.croissant(cited, kept))
    images, cases = said["distribution"]
    assert cases["sha256"] == checksums.digest(kept.read("labels.csv"))
    assert re.fullmatch("[0-9a-f]{32}", images["md5"])
    told = {name: text for name, text in said.items() if name.startswith("rai:")}
    assert len(told) == 9
    for text in (
        one for value in told.values() for one in ([value] if isinstance(value, str) else value)
    ):
        assert text
        assert not re.search(r"@|\*\*|`|\{", text), text


def test_croissant_is_valid_and_gives_its_records(cited, kept, tmp_path):
    mlcroissant = pytest.importorskip("mlcroissant")
    for name, content in (
        ("citation/croissant.json", metadata.croissant(cited, kept).encode()),
        ("record/labels.csv", kept.read("labels.csv")),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    found = mlcroissant.Dataset(str(tmp_path / "citation" / "croissant.json"))
    issues = found.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    first = next(iter(found.records("case")))
    assert first["case/sha256"].decode() == kept.labels["sha256"][0]


def test_a_model_card_has_every_model_and_metric(cited, kept):
    hub = pytest.importorskip("huggingface_hub")
    found = hub.ModelCard(metadata.model_card(cited, kept)).data.eval_results
    ran = [model for model in kept.models.values() if model.ran]
    assert len(found) == sum(len(model.test_at_half) for model in ran)
    assert found[0].metric_value == pytest.approx(
        next(iter(ran[0].test_at_half.values())).value, abs=1e-4
    )


def test_the_crate_names_every_file_once_and_the_code_by_its_swhid(kept):
    contents = {name: kept.read(name) for name in kept.sums if name != crate.FILE}
    graph = json.loads(crate.describe(kept.results, contents))["@graph"]
    assert sorted(one["@id"] for one in graph if one["@type"] == "File") == sorted(contents)
    (software,) = (one for one in graph if one["@type"] == "SoftwareApplication")
    commits = {run.git_commit for run in kept.provenance.runs}
    assert {one.removeprefix("swh:1:rev:") for one in software["identifier"]} == commits


def test_the_crate_is_read_by_its_own_library(kept, tmp_path):
    library = pytest.importorskip("rocrate.rocrate")
    contents = {name: kept.read(name) for name in kept.sums if name != crate.FILE}
    (tmp_path / crate.FILE).write_bytes(crate.describe(kept.results, contents))
    found = library.ROCrate(tmp_path)
    assert len(found.data_entities) >= len(contents)
    assert found.root_dataset["conformsTo"].id.endswith("process/0.5")
