"""Reads YAML as plain values; refuses by line what is broken, not known, or would take for ever to read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from report.engine.errors import about, at
from report.engine.known import fits, in_words, written

Places = dict[tuple[str | int, ...], tuple[Path, int]]  # of values, by the keys that lead to them
# What a loader raises on tags and dates that do not fit their values.
_NO_VALUE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)
_DEEPEST = 50  # lists and mappings within one another


def read_yaml(
    text: str,
    path: Path,
    first_line: int,
    known: Mapping[str, Any],
    kind: str = "option",
    places: Places | None = None,
) -> dict[str, Any]:
    """YAML that begins in a line of a file, as plain values, every key of which is known.

    Args:
        text: the YAML.
        path: the file.
        first_line: where in it the text begins.
        known: what may stand in it, as :mod:`report.engine.known` says it.
        kind: what a key is called in errors.
        places: is filled with where each value stands.

    Raises:
        RenderError: it is no YAML, no mapping, or holds a key twice, an alias, or what is not known.
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
    except yaml.YAMLError as error:  # a sign that YAML does not know
        line = first_line + text.count("\n", 0, getattr(error, "position", 0))
        raise at(path, line, f"not YAML: {str(error).partition(chr(10))[0]}") from None
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise at(path, first_line, f"{kind}s are `name: value`; found {text.strip()[:40]!r}")
    check(node, content, known, first_line)
    return dict(content)


class _Refused(yaml.MarkedYAMLError):
    """YAML that is none of ours, for a reason in our words."""


class _Loader(yaml.SafeLoader):
    """Refuses aliases, a few lines of which can stand for more than any memory holds, and keys twice."""

    depth = 0  # of the node that is read

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            problem = f"no aliases are read here; write out what *{event.anchor} stands for"
            raise _Refused(problem=problem, problem_mark=event.start_mark)
        self.depth += 1
        if self.depth > _DEEPEST:  # the time that it takes grows with the square of that
            raise RecursionError
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"{key.value!r} stands twice; leave one of them"
                raise _Refused(problem=problem, problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _NO_VALUE as error:
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from None
