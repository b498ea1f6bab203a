"""Reads YAML as plain values; refuses broken, unknown or excessively nested YAML, with its line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from report.engine.errors import about, at
from report.engine.known import fits, in_words, written

Places = dict[tuple[str | int, ...], tuple[Path, int]]  # of values, by the path of their keys
# Raised by a loader on tags and dates that do not fit their values.
_NO_VALUE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)


def read_yaml(
    text: str,
    path: Path,
    first_line: int,
    known: Mapping[str, Any],
    kind: str = "option",
    places: Places | None = None,
) -> dict[str, Any]:
    """Read YAML from a part of a file as plain values, and refuse unknown keys.

    Args:
        text: the YAML.
        path: the file.
        first_line: the line at which the text begins.
        known: the allowed keys and values, in the form of :mod:`report.engine.known`.
        kind: the word for a key in errors.
        places: is filled with the place of each value.

    Raises:
        RenderError: it is not YAML or not a mapping, or has a duplicate key, an alias, or an unknown key or
            value.
    """

    def check(node: yaml.Node, value: Any, wanted: Any, line: int, *keys: str | int) -> None:
        if places is not None:
            places[keys] = path, line
        if isinstance(wanted, list):
            several = isinstance(node, yaml.SequenceNode)
            for place, item in enumerate(node.value if several else [node]):
                below = value[place] if several else value
                check(item, below, wanted[0], first_line + item.start_mark.line, *keys, place)
        elif isinstance(wanted, Mapping) and isinstance(node, yaml.MappingNode):
            for key, below in node.value:
                line = first_line + key.start_mark.line
                if not isinstance(key.value, str) or key.value not in filter(None, wanted):
                    names = ", ".join(sorted(filter(None, wanted)))
                    raise at(path, line, f"unknown {kind} {key.value!r}; known: {names}")
                check(below, value[key.value], wanted[key.value], line, *keys, key.value)
        elif value is not None and not fits(value, wanted):
            name = next(key for key in reversed(keys) if isinstance(key, str))
            problem = f"{kind} {name!r} takes {in_words(wanted)}; found {written(value)}"
            raise at(path, line, problem)

    try:
        with about(path):
            loader = _Loader(text)
            node = loader.get_single_node()
            content: Any = loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        line = first_line + (error.problem_mark.line if error.problem_mark else 0)
        words = "" if isinstance(error, _Refused) else "not YAML: "
        raise at(path, line, f"{words}{error.problem}") from None
    except (yaml.YAMLError, *_NO_VALUE) as error:  # an invalid character, or `!!map x`
        line = first_line + text.count("\n", 0, getattr(error, "position", 0))
        raise at(path, line, f"not YAML: {str(error).partition(chr(10))[0]}") from None
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise at(path, first_line, f"{kind}s are `name: value`; found {text.strip()[:40]!r}")
    check(node, content, known, first_line)
    return dict(content)


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML that we refuse, with our own message."""


class _Loader(yaml.SafeLoader):
    """Refuses duplicate keys, and aliases, since a few of them can expand to more than fits in memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            problem = f"aliases are not supported; write out what *{event.anchor} stands for"
            raise _Refused(problem=problem, problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"{key.value!r} occurs twice; remove one"
                raise _Refused(problem=problem, problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _NO_VALUE as error:
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from None
