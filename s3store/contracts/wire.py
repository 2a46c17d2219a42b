"""Data classes, and the JSON that stands for them on the wire.

A contract's structure is a frozen dataclass that derives from `Wire`; its annotations say what JSON it takes. What is
more to say of a field stands in its `metadata`: `OMITTED`, `OMITTED_IF_EMPTY`, `NEVER_WRITTEN`, `REST`, `alias`. A
structure that is told from others by its field `type` names that in `tag`.

The annotations are evaluated, so a module of such classes does without `from __future__ import annotations`.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeAlias, Union, get_args, get_origin, get_type_hints

from ..errors import InvalidRecord
from ..jsontext import JsonValue
from ..times import format_time, parse_time

Convert: TypeAlias = Callable[[Any], Any]
"""Makes a field's value of JSON, or of such a value; raises `InvalidRecord` for what is neither."""

OMITTED = {"omitted": None}
"""Not written while the field is None."""
OMITTED_IF_EMPTY = {"omitted": ()}
"""Not written while the field is an empty tuple."""
NEVER_WRITTEN = {"never": True}
"""Neither written nor read: a secret, or what belongs to a process."""
REST = {"rest": True}
"""Holds the fields of the JSON object that the class does not know, and writes them back."""

_SCALARS: dict[object, str] = {str: "text", int: "an integer", float: "a number", bool: "true or false"}
_TAG = "type"


def alias(name: str) -> dict[str, str]:
    """Say that a field is also read under another name."""
    return {"alias": name}


class Wire:
    """A structure with a form in JSON.

    Made with values or with their JSON: `Message("user", [{"type": "text", "text": "Hi"}])`. Raises `InvalidRecord`
    for a value of the wrong kind, naming the field.
    """

    tag: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        values = vars(self)
        for name, convert, _ in _plan(type(self)).fields:
            try:
                values[name] = convert(values[name])
            except InvalidRecord as error:
                raise InvalidRecord(f"{type(self).__name__}.{name}: {error}") from None

    @classmethod
    def from_json(cls, found: JsonValue) -> Self:
        """Return what a JSON object says; fields that the class does not know are left aside or kept as it says.

        Raises `InvalidRecord` for anything else, naming the class and the field, never the content.
        """
        if not isinstance(found, dict):
            raise InvalidRecord(f"{cls.__name__}: an object is wanted, not {_kind(found)}")
        if cls.tag is not None and found.get(_TAG) != cls.tag:
            raise InvalidRecord(f"{cls.__name__}: is not of the type {cls.tag}")
        plan = _plan(cls)
        values = {field.name: found[name] for name, field in plan.by_name.items() if name in found}
        lacking = [name for name in plan.required if name not in values]
        if lacking:
            raise InvalidRecord(f"{cls.__name__}: lacks {', '.join(lacking)}")
        if plan.rest is not None:
            values[plan.rest] = {name: value for name, value in found.items() if name not in plan.known}
        return cls(**values)

    def to_json(self) -> dict[str, JsonValue]:
        """Return it as JSON."""
        plan = _plan(type(self))
        found: dict[str, JsonValue] = {} if plan.rest is None else dict(getattr(self, plan.rest))
        if self.tag is not None:
            found[_TAG] = self.tag
        for field in plan.written:
            value = getattr(self, field.name)
            if not field.omits(value):
                found[field.name] = _json(value)
        return found


class _Field(NamedTuple):
    name: str
    convert: Convert
    metadata: Mapping[str, Any]

    def omits(self, value: object) -> bool:
        """Tell whether a value is not written."""
        return "omitted" in self.metadata and value == self.metadata["omitted"]


class _Plan(NamedTuple):
    """What there is to know of a class."""

    fields: tuple[_Field, ...]
    written: tuple[_Field, ...]
    by_name: dict[str, _Field]
    """Under which names the fields are read; the field's own name last, so that it wins."""
    known: frozenset[str]
    required: tuple[str, ...]
    rest: str | None


def _make_plan(cls: Any) -> _Plan:
    hints = get_type_hints(cls)
    every = fields(cls)
    found = {each.name: _Field(each.name, _converter(hints[each.name]), each.metadata) for each in every}
    rest = next((each.name for each in every if "rest" in each.metadata), None)
    open_fields = [field for field in found.values() if field.name != rest and "never" not in field.metadata]
    aliases = {each.metadata["alias"]: found[each.name] for each in every if "alias" in each.metadata}
    tagged = set() if cls.tag is None else {_TAG}
    return _Plan(
        tuple(found.values()),
        tuple(open_fields),
        aliases | {field.name: field for field in open_fields},
        frozenset(found.keys() | aliases.keys() | tagged) - {rest or ""},
        tuple(each.name for each in every if each.default is MISSING and each.default_factory is MISSING),
        rest,
    )


_plan: Callable[[Any], _Plan] = cache(_make_plan)


def _converter(hint: Any) -> Convert:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _union(inner)
    if origin is Literal:
        return _literal(inner)
    if origin is tuple:
        return _array(_converter(inner[0]))
    if origin is Mapping:
        return _mapping
    if hint in _SCALARS:
        return _scalar(hint)
    if hint is datetime:
        return _time
    if isinstance(hint, type) and issubclass(hint, Wire):
        return _object((hint,))
    if hint is Any:
        return lambda value: value
    raise TypeError(f"{hint} has no form on the wire")


def _scalar(wanted: Any) -> Convert:
    kinds = (int, float) if wanted is float else wanted

    def convert(value: Any) -> Any:
        if not isinstance(value, kinds) or (wanted is not bool and isinstance(value, bool)):
            raise InvalidRecord(f"{_SCALARS[wanted]} is wanted, not {_kind(value)}")
        return value

    return convert


def _literal(options: tuple[str, ...]) -> Convert:
    def convert(value: Any) -> Any:
        if value not in options:
            raise InvalidRecord(f"one of {', '.join(options)} is wanted")
        return value

    return convert


def _array(convert_each: Convert) -> Convert:
    def convert(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise InvalidRecord(f"an array is wanted, not {_kind(value)}")
        return tuple(convert_each(each) for each in value)

    return convert


def _mapping(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise InvalidRecord(f"an object is wanted, not {_kind(value)}")
    return dict(value)


def _time(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    try:
        return parse_time(value)
    except (ValueError, TypeError):
        raise InvalidRecord("a time with its zone is wanted, as in RFC 3339") from None


def _object(classes: tuple[type[Wire], ...]) -> Convert:
    """Return what makes one of the classes, told apart by their tags where there are several."""
    by_tag = {cls.tag: cls for cls in classes}

    def convert(value: Any) -> Any:
        if isinstance(value, classes):
            return value
        if not isinstance(value, dict):
            raise InvalidRecord(f"an object is wanted, not {_kind(value)}")
        if len(classes) == 1:
            return classes[0].from_json(value)
        tag = value.get(_TAG)
        if not isinstance(tag, str) or tag not in by_tag:
            raise InvalidRecord(f"an object of one of the types {', '.join(map(str, by_tag))} is wanted")
        return by_tag[tag].from_json(value)

    return convert


def _union(hints: tuple[Any, ...]) -> Convert:
    classes = tuple(hint for hint in hints if isinstance(hint, type) and issubclass(hint, Wire))
    arrays = [_converter(hint) for hint in hints if get_origin(hint) is tuple]
    apart = {*classes, types.NoneType}
    others = [_converter(hint) for hint in hints if hint not in apart and get_origin(hint) is not tuple]
    objects = [_object(classes)] if classes else []

    def convert(value: Any) -> Any:
        if value is None and types.NoneType in hints:
            return None
        if isinstance(value, list | tuple) and arrays:
            return arrays[0](value)
        if isinstance(value, dict | Wire) and objects:
            return objects[0](value)
        return (others or objects or arrays)[0](value)

    return convert


def _json(value: Any) -> JsonValue:
    if isinstance(value, Wire):
        return value.to_json()
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    if isinstance(value, datetime):
        return format_time(value)
    return value


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
