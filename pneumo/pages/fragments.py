"""Jinja fragments: sentences that depend on a verdict or a data set. All other prose is in the pages."""

from functools import cache, partial
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound
from jinja2.sandbox import SandboxedEnvironment

from pneumo import __version__
from pneumo.base import paths
from pneumo.base.errors import PneumoError
from pneumo.pages import numbers
from pneumo.record import Record


class FragmentError(PneumoError):
    """A fragment is missing or cannot be filled."""


def render(record: Record, fragment: str, **values: object) -> str:
    """A fragment's Markdown.

    Args:
        record: the record that the words are about.
        fragment: the name of a template in ``templates/fragments``, without ``.md.j2``. A fragment in
            the folder named after the record's data set takes precedence.
        values: more names for the template.

    Raises:
        FragmentError: there is no such fragment, or it uses a name that does not exist.
    """
    try:
        template = _environment(record.about.name).get_template(f"{fragment}.md.j2")
        return template.render(_names(record) | values).strip() + "\n"
    except TemplateNotFound as error:
        raise FragmentError(
            f"no fragment {error.name} in {paths.templates() / 'fragments'}"
        ) from None
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        where = f"templates/fragments/{fragment}.md.j2{f':{line}' if line else ''}"
        raise FragmentError(f"{where}: {error}") from None


def fill(record: Record, text: str) -> str:
    """Fill in the names in a text, as in a fragment.

    Raises:
        FragmentError: it uses a name that does not exist.
    """
    try:
        return _environment(record.about.name).from_string(text).render(_names(record))
    except TemplateError as error:
        raise FragmentError(f"{text!r}: {error}") from None


def missing(record: Record, part: str) -> str:
    """A sentence for a part that a record does not have, in Markdown."""
    return f"This record does not have `{part}`; `{record.command}` makes it."


@cache
def _environment(name: str) -> SandboxedEnvironment:
    folder = paths.templates() / "fragments"
    environment = SandboxedEnvironment(
        loader=FileSystemLoader([folder / name, folder]),
        undefined=StrictUndefined,
        # Jinja's comment sign {# opens a label in pandoc's Markdown.
        comment_start_string="{##",
        comment_end_string="##}",
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # this is Markdown, not HTML; `plain` escapes text from outside
    )
    environment.filters |= {
        name: getattr(numbers, name)
        for name in (
            "number", "signed", "percent", "points", "count", "duration", "p_equals", "interval", "estimate",
            "stretch", "plural", "plain", "code", "claim_text", "rate", "prose",
        )
    }  # fmt: skip
    return environment


def _names(record: Record) -> dict[str, Any]:
    """The names that every fragment can use."""
    reference = paths.reference(paths.label(record.data.dataset, record.data.size))
    return {
        "record": record,
        "has_write_up": record.has("write_up"),
        "is_reference": record.path.resolve() == reference.resolve(),
        "about": record.about,
        "words": record.about.words,
        "data": record.data,
        "profile": record.profile,
        "phantom": record.data.is_phantom,
        "models": record.models,
        "best": record.best,
        "claims": record.claims,
        "version": __version__,
        "missing": partial(missing, record),
    }
