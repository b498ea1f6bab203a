"""Reads files as text and YAML as plain values, and says by file and line why one is neither."""

import re
from pathlib import Path
from typing import Any

import yaml

from report.engine.errors import about, at

# What a loader raises on tags and dates that do not fit their values.
_NO_VALUE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)


_DEEPEST = 50  # so many lists and mappings may stand within one another


def read_text(path: Path) -> str:
    """A file's text with newlines alone at the ends of its lines, without a byte order mark.

    Raises:
        RenderError: it can't be read, or is not UTF-8, or holds a NUL.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise at(path, None, f"can't be read ({error.strerror})") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"found the byte 0x{content[error.start]:02x}"
        raise at(path, line, f"not UTF-8: {found}; save the file as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise at(path, line, "holds a NUL, which no text does; save the file as UTF-8")
    return re.sub(r"\r\n?", "\n", text)


def is_file(path: Path) -> bool:
    """Whether a file is there, also for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_yaml(text: str, path: Path, first_line: int) -> tuple[yaml.Node | None, Any]:
    """YAML as its nodes, which know their lines, and as plain values.

    Aliases are refused: a few lines of them can stand for more than any memory holds.

    Raises:
        RenderError: it is no YAML, holds an alias, or a key twice.
    """
    try:
        with about(path):
            depth = 0
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                depth += isinstance(event, yaml.CollectionStartEvent)
                depth -= isinstance(event, yaml.CollectionEndEvent)
                if depth > _DEEPEST:  # the time that it takes grows with the square of that
                    raise RecursionError
                if isinstance(event, yaml.AliasEvent):
                    problem = f"no aliases are read here; write out what *{event.anchor} stands for"
                    line = event.start_mark.line if event.start_mark is not None else 0
                    raise at(path, first_line + line, problem)
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            _refuse_doubles(node, path, first_line)
            return node, yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = first_line + (mark.line if mark is not None else 0)
        raise at(path, line, f"not YAML: {error.problem}") from None
    except yaml.YAMLError as error:  # a sign that YAML does not know
        line = first_line + text.count("\n", 0, getattr(error, "position", 0))
        problem = str(error).partition("\n")[0]
        raise at(path, line, f"not YAML: {problem}") from None
    except _NO_VALUE as error:
        line = first_line + _wrong_value(yaml.compose(text, Loader=yaml.SafeLoader))
        raise at(path, line, f"not YAML: {error}") from None


def _refuse_doubles(node: yaml.Node | None, path: Path, first_line: int) -> None:
    """Of two values under one key only one would count."""
    if isinstance(node, yaml.SequenceNode):
        for below in node.value:
            _refuse_doubles(below, path, first_line)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, below in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is not None and name in seen:
                line = first_line + key.start_mark.line
                raise at(path, line, f"{name!r} stands twice; leave one of them")
            seen.add(name)
            _refuse_doubles(below, path, first_line)


def _wrong_value(node: yaml.Node | None) -> int:
    """How many lines above a scalar there are of which no value can be made."""
    if isinstance(node, yaml.ScalarNode):
        loader = yaml.SafeLoader("")
        try:
            loader.construct_object(node)
        except _NO_VALUE:
            return int(node.start_mark.line)
    elif isinstance(node, yaml.SequenceNode):
        return max(map(_wrong_value, node.value), default=0)
    elif isinstance(node, yaml.MappingNode):
        return max((_wrong_value(part) for pair in node.value for part in pair), default=0)
    return 0
