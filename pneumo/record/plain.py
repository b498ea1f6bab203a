"""Convert frozen dataclasses to plain JSON values, and back by their type hints."""

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

T = TypeVar("T")


def to_plain(value: Any, hint: Any = Any) -> Any:
    """Convert nested dataclasses, arrays, tuples and mappings to dictionaries and lists.

    Numbers that are not finite become null, since JSON has neither NaN nor infinity.

    Args:
        value: to convert.
        hint: its type, if an annotation in it renames the value of an estimate.
    """
    if get_origin(hint) is Annotated:
        kind, name = get_args(hint)[:2]
        plain = to_plain(value, kind)
        return {(name if key == "value" else key): item for key, item in plain.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = get_type_hints(type(value), include_extras=True)
        return {
            field.name: to_plain(getattr(value, field.name), hints[field.name])
            for field in dataclasses.fields(value)
        }
    inner = get_args(hint)[-1] if get_origin(hint) in (dict, list, Mapping) else Any
    if isinstance(value, Mapping):
        return {str(key): to_plain(item, inner) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, list | tuple):
        return [to_plain(item, inner) for item in value]
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def from_plain(kind: Any, value: Any) -> Any:
    """Convert the result of :func:`to_plain` to a value of type `kind`.

    Unknown names in the data are ignored, so that a later version may add some.

    Raises:
        ValueError, TypeError, KeyError: the data are not of that type.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin is Annotated:
        return from_plain(
            arguments[0], {("value" if key == arguments[1] else key): x for key, x in value.items()}
        )
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return from_plain(inner, value)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"expected one of {arguments}, found {value!r}")
        return value
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _build(kind, value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: from_plain(arguments[1], item) for key, item in value.items()}
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise TypeError(f"expected a list, found {type(value).__name__}")
        kinds = (
            arguments
            if origin is tuple and arguments[-1] is not ...
            else arguments[:1] * len(value)
        )
        return origin(from_plain(inner, item) for inner, item in zip(kinds, value, strict=True))
    if kind is float:
        return math.nan if value is None else float(value)
    if isinstance(kind, type) and not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, found {type(value).__name__}")
    return value


def _build(kind: type[T], value: Any) -> T:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected the fields of {kind.__name__}, found {type(value).__name__}")
    hints = get_type_hints(kind, include_extras=True)
    fields = {
        field.name: from_plain(hints[field.name], value[field.name])
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
        if field.name in value
    }
    return kind(**fields)
