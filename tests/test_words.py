"""The report's sentences: every fragment, on the phantom and on other data, with the numbers it owes."""

import re
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from pneumo.analysis import claims
from pneumo.base import paths
from pneumo.data.descriptions import DESCRIPTIONS, PNEUMONIA
from pneumo.pages import prose, tables
from pneumo.pages.prose import WordsError
from pneumo.training.recipes import PROFILES

FOLDER = paths.templates() / "fragments"


def names_of(about):
    """The fragments that a set's report has: those of all sets, and its own."""
    others = {FOLDER / name for name in DESCRIPTIONS if name != about.name}
    own = FOLDER / about.name
    return sorted(
        str(path.relative_to(own if own in path.parents else FOLDER)).removesuffix(".md.j2")
        for path in FOLDER.rglob("*.md.j2")
        if not path.name.startswith("_") and not others & set(path.parents)
    )


NAMES = names_of(PNEUMONIA)
FRAGMENTS = [name for name in NAMES if not name.startswith("captions/")]
CAPTIONS = [name.removeprefix("captions/") for name in NAMES if name.startswith("captions/")]


def table_captions(markdown):
    return re.findall(r"^: (.*\{#tbl-.*)$", markdown, flags=re.MULTILINE)


def with_reason(study, reason):
    """The study with another reason why its model was not run."""
    models = tuple(m if m.ran else replace(m, reason=reason) for m in study.models)
    return replace(study, models=models)


def test_there_are_fragments_and_captions():
    assert FRAGMENTS
    assert CAPTIONS


@pytest.mark.parametrize("about", DESCRIPTIONS.values(), ids=lambda about: about.name)
def test_every_set_has_the_words_that_any_other_has(about):
    assert names_of(about) == NAMES
    here, there = (
        set(vars(prose._environment(name).get_template("_words.md.j2").module))
        for name in (about.name, PNEUMONIA.name)
    )
    assert here == there


@pytest.fixture(scope="module")
def said(study):
    """Every fragment and caption on the phantom, rendered once."""
    return {name: prose.render(study, name) for name in NAMES}


@pytest.fixture(scope="module")
def said_of_others(study):
    """The same on data that are not the phantom's."""
    real = replace(study, data=replace(study.data, source="file"))
    return {name: prose.render(real, name) for name in NAMES}


@pytest.mark.parametrize("name", FRAGMENTS)
def test_every_fragment_speaks_of_the_phantom(name, said):
    assert not re.search(r"\b(nan|None|Undefined)\b", said[name])
    assert "{%" not in said[name]
    assert "<pneumo" not in said[name]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_said_of_other_data_names_the_phantom(name, said_of_others):
    assert "phantom" not in said_of_others[name].lower()
    assert name == "notice" or said_of_others[name].strip()


# What is of real data on every site.
REAL = ("reference-curves",)


@pytest.mark.parametrize("name", [name for name in CAPTIONS if name not in REAL])
def test_every_caption_names_the_phantom(name, said):
    said_ = said[f"captions/{name}"].strip()
    assert said_.endswith("**Synthetic phantom, not medical data.**")
    assert len(said_) > 60


@pytest.mark.parametrize(
    "name",
    [
        "audit",
        "data-counts",
        "shift-losses",
        "shift-scores",
        "shift-images",
        "shift-threshold",
        "copies-effect",
        "claims",
    ],
)
def test_a_table_of_results_says_that_they_are_the_phantoms(name, said):
    captions = table_captions(said[name])
    assert captions
    assert all("synthetic phantom" in caption for caption in captions)


@pytest.mark.parametrize("name", FRAGMENTS)
def test_every_table_has_as_many_cells_in_each_row(name, said):
    for block in re.findall(r"(?:^\|.*\|\n)+", said[name], flags=re.MULTILINE):
        widths = {len(re.split(r"(?<!\\)\|", line.strip("\n"))) for line in block.splitlines()}
        assert len(widths) == 1, block


def test_the_notice_is_there_for_the_phantom_only(said, said_of_others):
    assert "Synthetic phantom, not medical data" in said["notice"]
    assert said_of_others["notice"].strip() == ""


def test_the_smoke_profile_is_marked_as_what_it_is(real_study):
    smoke = replace(real_study, profile=PROFILES["smoke"])
    assert PROFILES["smoke"].purpose in prose.render(smoke, "notice")


def test_say_prints_what_render_gives(study, capsys):
    prose.say(study, "conclusion")
    assert capsys.readouterr().out.rstrip() == prose.render(study, "conclusion").rstrip()


def test_the_networks_result_states_its_counts(study):
    test = study.model("simple-cnn").run.predictions["test"]
    missed = int(((test.logits < 0) & (test.labels == 1)).sum())
    said = prose.render(study, "cnn-result")
    assert f"of {int(test.labels.sum())} pneumonia cases and misses {missed}" in said


def test_the_training_is_told_as_it_went(study):
    last = study.model("simple-cnn").run.history[-1]
    said = prose.render(study, "cnn-training")
    assert "no epoch is chosen" in said
    assert f"It ended at a validation loss of {last['val_loss']:.3f}" in said


def test_the_verdicts_in_the_prose_are_those_of_the_claims(study):
    said = prose.render(study, "claims")
    for claim in claims.decide(study):
        assert f"[{claim.verdict}]{{.verdict .verdict-{claim.verdict}}}" in said
        assert claim.evidence in said


def test_without_a_pair_the_words_on_transfer_say_so(study):
    alone = replace(study, models=tuple(m for m in study.models if "imagenet" not in m.name))
    assert "No pretrained ResNet18 was run" in prose.render(alone, "transfer-verdict")


@pytest.mark.promise("hostile", "survived")
def test_text_from_outside_cannot_become_markup(study):
    reason = "see *this*, |that|, [a](b), `c`, <img src=x>, {.d}, $e$, @f, #g, ~h~, ^i^ and j_k_l\\"
    spoilt = with_reason(study, reason)
    escaped = tables.plain(reason)
    for name in ("runs", "transfer-models"):
        said = prose.render(spoilt, name)
        assert escaped in said, name
        assert reason not in said, name


@pytest.mark.promise("hostile", "survived")
def test_every_sign_of_markdown_is_escaped():
    signs = "\\`*_{}[]<>#|~^$@"
    assert tables.plain(signs) == "".join(f"\\{sign}" for sign in signs)
    assert tables.plain("plain words, 1.5 %") == "plain words, 1.5 %"


def test_a_fragment_that_is_not_there_is_named(study):
    with pytest.raises(WordsError, match=r"no fragment nonsense\.md\.j2 in"):
        prose.render(study, "nonsense")


def test_more_names_can_be_given_to_a_fragment(study):
    model = study.model("resnet18-scratch")
    assert model.title in prose.caption(study, "gradcam", Figure(), model=model).data
