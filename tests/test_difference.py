"""What changed between two results: told in full, in order, and with a status that a script can go by."""

import copy
import io
import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pneumo.commands import diff
from pneumo.commands.main import main
from pneumo.record import RecordError, difference
from pneumo.record.difference import ROUNDING, Change, Move, Told
from pneumo.statistics import metrics


@pytest.fixture(scope="module")
def content(record):
    """Results in which every metric is defined, so that each can move."""
    told = json.loads(json.dumps(record.results))
    for model in told["models"].values():
        for value in (*model["test"].values(), *model["test_at_half"].values()):
            if value["mean"] is None and model["status"] == "ok":
                value["mean"] = 0.5
    return told


@pytest.fixture
def written(content, tmp_path):
    """Writes results.json, changed by a function, into a folder; gives the folder."""

    def write(name, change=lambda told: None):
        told = copy.deepcopy(content)
        change(told)
        folder = tmp_path / name
        folder.mkdir()
        (folder / "results.json").write_text(json.dumps(told))
        return folder

    return write


@pytest.fixture
def compared(written):
    """The difference that a change of the results makes."""

    def compare(change, **options):
        before, after = written("before"), written("after", change)
        return difference.compare(difference.load(before), difference.load(after), **options)

    return compare


def scores(told, model="simple-cnn", block="test"):
    return told["models"][model][block]


def shown(found):
    console = Console(file=io.StringIO(), highlight=False, color_system=None, width=200)
    diff.show(found, console)
    return console.file.getvalue()


def test_nothing_changes_between_a_file_and_its_copy(compared):
    found = compared(lambda told: None)
    assert found.is_empty
    assert shown(found) == "nothing changed\n"


def test_every_metric_of_every_model_that_ran_is_looked_at(written, study):
    told = difference.load(written("here"))
    ran = [*(model.name for model in study.ran), "ensemble"]
    places = [(m, b, n) for m in ran for b in ("test", "test_at_half") for n in metrics.NAMES]
    assert list(told.means) == places


@pytest.mark.parametrize("block", ["test", "test_at_half"])
@pytest.mark.parametrize("metric", metrics.NAMES)
def test_a_metric_that_moves_is_told_and_no_other(block, metric, compared, content):
    was = content["models"]["simple-cnn"][block][metric]["mean"]

    def move(told):
        scores(told, block=block)[metric]["mean"] = was - 0.01

    found = compared(move)
    (moved,) = found.metrics
    assert moved == Move("simple-cnn", block, metric, was, was - 0.01)
    assert moved.by == pytest.approx(-0.01)
    assert (found.claims, found.models, found.made_from) == ((), (), ())
    (line,) = [line for line in shown(found).splitlines() if "simple-cnn" in line]
    assert line.split()[-3:] == [f"{was:.4f}", f"{was - 0.01:.4f}", "-0.01"]


def test_a_verdict_that_changes_is_told_with_its_sentence(compared, content):
    claim = content["claims"][0]
    assert claim["verdict"] != "refuted"

    def refute(told):
        told["claims"][0]["verdict"] = "refuted"

    found = compared(refute)
    assert found.claims == (Change(claim["id"], claim["verdict"], "refuted"),)
    assert claim["text"] in shown(found)


def test_claims_that_appear_and_vanish_are_told(compared, content):
    def turn(told):
        told["claims"][0] |= {"id": "new", "text": "The moon is round."}

    found = compared(turn)
    gone = content["claims"][0]
    verdict = gone["verdict"]
    assert found.claims == (Change("new", None, verdict), Change(gone["id"], verdict, None))
    text = shown(found)
    assert "The moon is round." in text
    assert gone["text"] in text
    assert text.count("not there") == 2


def test_a_model_that_was_not_run_has_no_metrics_to_move(compared):
    def stop(told):
        told["models"]["simple-cnn"]["status"] = "not run"
        for block in ("test", "test_at_half"):
            for value in scores(told, block=block).values():
                value["mean"] = None

    found = compared(stop)
    assert found.models == (Change("simple-cnn", "ok", "not run"),)
    assert found.metrics == ()


def test_a_model_that_one_side_lacks_is_told_once(compared):
    found = compared(lambda told: told["models"].pop("simple-cnn"))
    assert found.models == (Change("simple-cnn", "ok", None),)
    assert found.metrics == ()


def test_other_data_and_another_profile_are_told(compared, content):
    found = compared(
        lambda told: (told.update(profile="paper"), told["data"].update(fingerprint="f"))
    )
    assert found.made_from == (
        Change("profile", content["profile"], "paper"),
        Change("fingerprint of the data", content["data"]["fingerprint"], "f"),
    )


def test_the_same_data_by_another_way_are_the_same(compared):
    assert compared(lambda told: told["data"].update(source="elsewhere")).is_empty


def test_a_metric_that_is_no_longer_defined_has_moved(compared):
    def undefine(told):
        scores(told)["precision"]["mean"] = None

    (moved,) = compared(undefine, tolerance=1.0).metrics
    assert math.isnan(moved.by)


means = st.floats(0, 1)


@given(means, means, st.floats(0, 1))
def test_a_metric_has_moved_one_way_if_it_has_the_other(first, second, tolerance):
    one, other = (Told({}, {}, {}, {}, {("m", "test", "auc"): value}) for value in (first, second))
    there = difference.compare(one, other, tolerance).metrics
    back = difference.compare(other, one, tolerance).metrics
    assert bool(there) == bool(back) == (abs(first - second) > tolerance)


def test_numbers_added_up_in_another_order_have_not_moved():
    one, other = (Told({}, {}, {}, {}, {("m", "test", "auc"): v}) for v in (0.1 + 0.2, 0.3))
    assert difference.compare(one, other).is_empty
    assert not difference.compare(one, other, 0).is_empty
    assert ROUNDING < 1e-6


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: "", "is damaged"),
        (lambda text: "[]", "is damaged"),
        (lambda text: text[:-20], "is damaged"),
        (lambda text: '{"schema": 1}', "is damaged"),
        (lambda text: text.replace('"mean": 0', '"mean": NaN, "was": 0', 1), "NaN is no JSON"),
        (lambda text: text.replace('"mean": 0', '"mean": 1e999, "was": 0', 1), "is damaged"),
        (lambda text: text.replace('"mean": 0', '"mean": "much", "was": 0', 1), "is damaged"),
    ],
)
def test_results_that_cannot_be_compared_are_named(damage, said, written):
    folder = written("here")
    path = folder / "results.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(RecordError, match=said) as raised:
        difference.load(folder)
    assert str(folder) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.promise("old", "found")
@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (0, "an older version of pneumo .*; make the record again"),
        (99, "a newer .*; update pneumo"),
    ],
)
def test_results_of_another_schema_are_refused_with_the_way_forward(schema, said, written, capsys):
    before, after = written("before"), written("after", lambda told: told.update(schema=schema))
    assert main(["diff", str(before), str(after)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(f"{re.escape(str(after))}.* {said}", line)


def test_the_commands_status_says_whether_something_changed(written, capsys):
    before, after = written("before"), written("after", lambda told: told["claims"].pop())
    assert main(["diff", str(before), str(before / "results.json")]) == 0
    assert capsys.readouterr().out == "nothing changed\n"
    assert main(["diff", str(before), str(after)]) == 1
    assert "not there" in capsys.readouterr().out


def test_the_command_prints_strict_json(written, capsys, content):
    def change(told):
        told["claims"][0]["verdict"] = "refuted"
        scores(told)["auc"]["mean"] = None

    assert main(["diff", "--json", str(written("before")), str(written("after", change))]) == 1
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    claim, was = content["claims"][0], scores(content)["auc"]["mean"]
    told = {"name": claim["id"], "text": claim["text"]}
    told |= {"before": claim["verdict"], "after": "refuted"}
    moved = {"model": "simple-cnn", "block": "test", "metric": "auc", "before": was, "after": None}
    assert found == {"made_from": [], "claims": [told], "models": [], "metrics": [moved]}


def test_the_command_allows_what_it_is_told_to_allow(written):
    def nudge(told):
        value = scores(told)["auc"]
        value["mean"] = value["mean"] - 0.004

    sides = [str(written("before")), str(written("after", nudge))]
    assert main(["diff", *sides]) == 1
    assert main(["diff", *sides, "--tolerance", "0.005"]) == 0


@pytest.mark.parametrize("gone", ["nowhere", "nowhere.json", "."])
def test_what_is_not_there_is_an_error_and_no_difference(gone, written, tmp_path, capsys):
    here = str(written("here"))
    assert main(["diff", here, str(tmp_path / gone)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pneumo: no results.json at ")
    assert captured.err.count("\n") == 1


def test_words_of_a_file_cannot_steer_the_terminal(compared):
    def paint(told):
        told["claims"][0] |= {"verdict": "\x1b[31m[red]refuted", "text": "[bold]\x07"}

    text = shown(compared(paint))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]\\x07" in text
    assert "[red]refuted" in text


def test_a_page_says_what_changed(written, tmp_path):
    before = written("before")
    after = written("after", lambda told: scores(told)["auc"].update(mean=0.125))
    page = tmp_path / "changed.html"
    assert main(["diff", str(before), str(after), "--html", str(page)]) == 1
    text = page.read_text(encoding="utf-8")
    assert "What changed from before to after" in text
    assert re.search(r"<td>simple-cnn</td><td>test</td><td>auc</td><td>.*</td><td>0.125</td>", text)
