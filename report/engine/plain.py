"""Reads files as text, YAML as plain values, and templates; says by file and line why one is none of them."""

import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from report.engine.errors import about, at

# What a loader raises on tags and dates that do not fit their values.
_NO_VALUE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)
_DEEPEST = 50  # lists and mappings within one another


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


def templates_in(folder: Path, **options: Any) -> ImmutableSandboxedEnvironment:
    """The templates of a folder, which change nothing of what they are given and lack none of it."""
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, **options,
    )  # fmt: skip


class _Refused(yaml.MarkedYAMLError):
    """YAML that is none of ours, for a reason in our words."""


class _Loader(yaml.SafeLoader):
    """Refuses what would be read as something else, or would take for ever to read."""

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


def read_yaml(text: str, path: Path, first_line: int) -> tuple[yaml.Node | None, Any]:
    """YAML as its nodes, which know their lines, and as plain values.

    Aliases are refused: a few lines of them can stand for more than any memory holds.

    Raises:
        RenderError: it is no YAML, holds an alias, or a key twice.
    """
    try:
        with about(path):
            loader = _Loader(text)
            node = loader.get_single_node()
            return node, None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = first_line + (error.problem_mark.line if error.problem_mark else 0)
        words = "" if isinstance(error, _Refused) else "not YAML: "
        raise at(path, line, f"{words}{error.problem}") from None
    except yaml.YAMLError as error:  # a sign that YAML does not know
        line = first_line + text.count("\n", 0, getattr(error, "position", 0))
        raise at(path, line, f"not YAML: {str(error).partition(chr(10))[0]}") from None
