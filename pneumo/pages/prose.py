"""The report's sentences: Jinja fragments filled from a study, so that the words follow the numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from IPython.display import Markdown
from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from pneumo import __version__
from pneumo.analysis import (
    ablation,
    baselines,
    calibration,
    claims,
    comparison,
    decisions,
    evidence,
    intervals,
    mistakes,
    reference,
    robustness,
    sanity_checks,
    shift,
)
from pneumo.base import paths, provenance
from pneumo.base.errors import PneumoError
from pneumo.data import descriptions, held_out
from pneumo.pages import explorer, figures, guidelines, tables
from pneumo.pages.guidelines import Guideline
from pneumo.record import promises
from pneumo.statistics import metrics
from pneumo.study import selection
from pneumo.study.study import HALF, YOUDEN, Study
from pneumo.training.recipes import PROFILES, RECIPES
from pneumo.training.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pneumo.base.provenance import Source

# On paper keys are named where they are few: a table at its end has them all.
FEW_RUNS = 5


class WordsError(PneumoError):
    """A fragment that is missing or can't be filled."""


def say(study: Study, fragment: str, **values: object) -> None:
    """Print a fragment's Markdown, for a cell with ``output: asis``.

    Args:
        study: what the words speak of.
        fragment: the name of a template in ``templates/fragments``, without ``.md.j2``.
        values: more names for the template.

    Raises:
        WordsError: there is no such fragment, or it uses what the study does not have.
    """
    print(render(study, fragment, values))


def caption(study: Study, name: str, figure: "Figure", **values: object) -> Markdown:
    """A figure's caption, as one paragraph of Markdown for an inline expression.

    Args:
        study: what the words speak of.
        name: of a template in ``templates/fragments/captions``.
        figure: the figure, for the runs behind it.
        values: more names for the template.

    Raises:
        WordsError: as :func:`say`.
    """
    text = " ".join(render(study, f"captions/{name}", values).split())
    text += behind(provenance.behind(figure))
    return Markdown(text)  # type: ignore[no-untyped-call]


def render(study: Study, fragment: str, values: Mapping[str, object] | None = None) -> str:
    """A fragment's Markdown.

    Raises:
        WordsError: as :func:`say`.
    """
    try:
        template = _environment(study.about.name).get_template(f"{fragment}.md.j2")
        return template.render(_names(study) | dict(values or {})).strip() + "\n"
    except TemplateNotFound as error:
        raise WordsError(f"no fragment {error.name} in {paths.templates() / 'fragments'}") from None
    except TemplateError as error:
        where = f"templates/fragments/{fragment}.md.j2"
        line = getattr(error, "lineno", None)
        raise WordsError(f"{where}{f':{line}' if line else ''}: {error}") from None


def behind(sources: "Sequence[Source]") -> str:
    """What was read for a figure or a table, as the end of its caption, in Markdown; empty for nothing.

    A page names every run with its key, folded away; it leads to its row of `tables.provenance`.
    """
    runs = [source for source in sources if isinstance(source, Run)]
    count = f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}"
    links = [
        f'<a href="reproducibility.html#{run.anchor}">{escape(run.recipe.title)}, seed {run.seed}: '
        f"<code>{run.key}</code></a>"
        for run in runs
    ]
    names = [count] if runs else []
    if len(runs) < len(sources):
        names.append("reference study")
        links.append('<a href="reference.html#sec-reference-origin">The reference study</a>')
    if not links:
        return ""
    page = f'<details class="runs"><summary>From {" and ".join(names)}</summary>{" ".join(links)}</details>'
    keys = ", ".join(f'#raw("{run.key}")' for run in runs)
    paper = f"#text(size: 0.85em)[ ({'run' if len(runs) == 1 else 'runs'} {keys})]"
    return f" `{page}`{{=html}}" + (f"`{paper}`{{=typst}}" if 0 < len(runs) <= FEW_RUNS else "")


@cache
def _environment(name: str) -> SandboxedEnvironment:
    """The fragments, those in the folder that is named after a set before all others."""
    folder = paths.templates() / "fragments"
    environment = SandboxedEnvironment(
        loader=FileSystemLoader([folder / name, folder]),
        undefined=StrictUndefined,
        # Jinja's own sign of a comment opens a label in Pandoc's Markdown.
        comment_start_string="{##",
        comment_end_string="##}",
        trim_blocks=True,
        lstrip_blocks=True,
        # Markdown, not HTML: text from outside goes through `plain` instead.
        autoescape=False,
    )
    environment.filters |= {
        "filled": _fill,
        "number": tables.number,
        "percent": tables.percent,
        "duration": tables.duration,
        "plain": tables.plain,
        "code": tables.code,
        "behind": behind,
        "count": lambda value: f"{value:,}",
        "signed": tables.signed,
    }
    return environment


@pass_context
def _fill(context: Context, found: Guideline) -> Guideline:
    """A guideline with the names in its items' words filled in, as in a fragment."""
    items = (
        replace(item, words=context.environment.from_string(item.words).render(context.get_all()))
        for item in found.items
    )
    return replace(found, items=tuple(items))


# The last study that was spoken of, with its names: a page speaks of one study many times.
_spoken: list[tuple[Study, dict[str, Any]]] = []


def _names(study: Study) -> dict[str, Any]:
    """What every template may speak of."""
    if not (_spoken and _spoken[0][0] is study):
        _spoken[:] = [(study, _gather(study))]
    return _spoken[0][1]


def _gather(study: Study) -> dict[str, Any]:
    best = selection.best(study)
    with provenance.watch() as seen:
        decided = {claim.id: claim for claim in claims.decide(study)}
    return {
        "study": study,
        "about": study.about,
        "words": _environment(study.about.name).get_template("_words.md.j2").module,
        "options": descriptions.options(study.about, study.data.size),
        "has_write_up": not descriptions.label(study.about, study.data.size),
        "images": sum(len(split.labels) for split in study.data.splits.values()),
        "data": study.data,
        "counts": study.data.counts(),
        "phantom": study.data.is_phantom,
        "best": best,
        "second": selection.second(study),
        "claims": decided,
        "behind_claims": list(seen.values()),
        "ablation": ablation,
        "attention": evidence,
        "sanity": sanity_checks,
        "baselines": baselines,
        "guidelines": guidelines,
        "heldout": held_out,
        "calibration": calibration,
        "promises": promises.read(),
        "reference": reference.of(study),
        "tables": tables,
        "figures": figures,
        "metrics": metrics,
        "comparison": comparison,
        "intervals": intervals.intervals(study),
        "explorer": explorer,
        "mistakes": mistakes,
        "robustness": robustness,
        "robust": robustness.robustness(study),
        "shift": shift,
        "usefulness": decisions,
        "significance": claims.SIGNIFICANCE,
        "version": __version__,
        "citation": json.loads((paths.root() / ".zenodo.json").read_text(encoding="utf-8")),
        "bibtex": (paths.citation() / "pneumo.bib").read_text(encoding="utf-8").rstrip(),
        "HALF": HALF,
        "YOUDEN": YOUDEN,
        "profiles": PROFILES,
        "recipes": RECIPES,
    }
