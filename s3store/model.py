"""What callers get and give: sessions, their metadata, records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

import orjson

from .errors import CorruptObject, InvalidOption, InvalidRecord, TooLarge
from .jsontext import JsonValue, check_json
from .times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_METADATA_BYTES = 256 * 1024
"""The most metadata that a session has, in bytes of JSON. It is written with every commit."""

MAX_HOLDS = 64
"""How many holds a session has at most: they are written with every commit."""
_LONGEST_HOLD = 1000
_LARGEST_HEADER_INTEGER = 2**64 - 1
_SMALLEST_HEADER_INTEGER = -(2**63)


RecordFields: TypeAlias = dict[str, JsonValue]
"""A record as it stands in its line; see `docs/format.md`."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message as it is stored: its place, the message, when it was stored, by which commit, and its key."""

    seq: int
    """The place in the transcript, from 0."""
    message: JsonValue
    """The message, just as it was given."""
    at: datetime
    """When it was stored, UTC."""
    commit: str
    """The id of the commit that stored it."""
    key: str | None = None
    """The caller's idempotency key, where one was given."""

    @classmethod
    def from_fields(cls, fields: RecordFields) -> Record:
        """Return a parsed line as a record. Raises `CorruptObject` if it is none."""
        try:
            at = parse_time(fields["at"])
            return cls(fields["seq"], fields["message"], at, fields["commit"], fields.get("key"))
        except (ValueError, TypeError, LookupError):
            raise CorruptObject("a record lacks its number, its message, its time or its commit") from None


@dataclass(frozen=True)
class Turn:
    """A turn under way: the id that its runner gave it, if it gave one, and when it began (UTC)."""

    id: str | None = None
    started_at: datetime | None = None


@dataclass(frozen=True)
class Metadata:
    """What is said of a session beside its transcript. Everything is optional.

    `state` is any text; `idle`, `running` and `error` are what most runners use. `labels` are a set of texts.
    `attributes` are free: text names, JSON values, integers of at most 64 bits. `active_at` is for those to whom not
    every change counts as activity: when something last happened that does; `MarkActive` sets it.
    """

    name: str | None = None
    agent: str | None = None
    channel: str | None = None
    room: str | None = None
    sender: str | None = None
    parent: str | None = None
    state: str | None = None
    turn: Turn | None = None
    labels: frozenset[str] = frozenset()
    attributes: Mapping[str, JsonValue] = field(default_factory=lambda: MappingProxyType({}))
    active_at: datetime | None = None

    def changed(self, changes: Mapping[str, Any]) -> Metadata:
        """Return a copy with some fields changed.

        Raises `InvalidOption` for a name or a value that is none, and `TooLarge` over `MAX_METADATA_BYTES`.
        """
        unknown = changes.keys() - METADATA_FIELDS
        if unknown:
            raise InvalidOption(
                f"a session has no field {', '.join(sorted(unknown))}; it has {', '.join(sorted(METADATA_FIELDS))}"
            )
        checked: dict[str, Any] = {name: _CHECKS.get(name, _text)(name, value) for name, value in changes.items()}
        changed = replace(self, **checked)
        size = len(orjson.dumps(changed.to_json()))
        if size > MAX_METADATA_BYTES:
            raise TooLarge(f"metadata of {size} bytes of JSON is over the limit of {MAX_METADATA_BYTES}")
        return changed

    def to_json(self) -> dict[str, JsonValue]:
        """Return the fields that are set, as they stand in a head."""
        found: dict[str, JsonValue] = {name: value for name in _TEXTS if (value := getattr(self, name)) is not None}
        if self.turn is not None:
            found["turn"] = {} if self.turn.id is None else {"id": self.turn.id}
            if self.turn.started_at is not None:
                found["turn"]["started_at"] = format_time(self.turn.started_at)
        if self.labels:
            found["labels"] = sorted(self.labels)
        if self.attributes:
            found["attributes"] = dict(self.attributes)
        if self.active_at is not None:
            found["active_at"] = format_time(self.active_at)
        return found

    @classmethod
    def from_json(cls, found: Mapping[str, JsonValue]) -> Metadata:
        """Read what `to_json` wrote; fields of a later version are left aside.

        Raises `InvalidOption`, `ValueError`, `TypeError`, `LookupError` or `AttributeError` for anything else.
        """
        turn = found.get("turn")
        if turn is not None:
            started = turn.get("started_at")
            turn = Turn(turn.get("id"), None if started is None else parse_time(started))
        active = found.get("active_at")
        known = {name: found[name] for name in METADATA_FIELDS & found.keys()}
        return cls().changed({**known, "turn": turn, "active_at": None if active is None else parse_time(active)})


METADATA_FIELDS = frozenset(known.name for known in fields(Metadata))
"""The names that `update`, `create` and `save` take for a session's metadata."""
_TEXTS = ("name", "agent", "channel", "room", "sender", "parent", "state")


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a session may not be deleted, by whom that was said, and when (UTC)."""

    id: str
    """A ULID; what `release` takes."""
    reason: str
    who: str | None
    at: datetime

    @classmethod
    def of(cls, hold_id: str, reason: str, who: str | None, at: datetime) -> Hold:
        """Make one. Raises `InvalidOption` for a reason or a name that is empty, over 1,000 characters, or no text."""
        for name, value in (("reason", reason), ("who", who)):
            _text(name, value)
            if value is not None and not 1 <= len(value.strip()) <= len(value) <= _LONGEST_HOLD:
                raise InvalidOption(f"{name}: a hold's takes 1 to {_LONGEST_HOLD:,} characters, not only blanks")
        if reason is None:
            raise InvalidOption("reason: a hold needs one")
        return cls(hold_id, reason, who, at)

    def to_json(self) -> dict[str, JsonValue]:
        """Return it as it stands in a head."""
        said = {"id": self.id, "reason": self.reason, "at": format_time(self.at)}
        return said if self.who is None else {**said, "who": self.who}

    @classmethod
    def from_json(cls, found: Mapping[str, JsonValue]) -> Hold:
        """Read what `to_json` wrote. Raises `InvalidOption`, `ValueError`, `TypeError` or `LookupError` else."""
        return cls.of(str(found["id"]), found["reason"], found.get("who"), parse_time(found["at"]))


@dataclass(frozen=True)
class SessionInfo:
    """A session without its messages."""

    id: str
    incarnation: str
    """A ULID, new each time that the id is created anew after a delete."""
    version: int
    """Grows by one at each commit; what `expected_version` compares with."""
    count: int
    """How many records the transcript has."""
    size: int
    """How many bytes the transcript takes in the store, compressed."""
    created_at: datetime
    updated_at: datetime
    metadata: Metadata
    holds: tuple[Hold, ...] = ()
    """What keeps it from being deleted."""


Place: TypeAlias = Literal["hot", "cold"]
"""Where a session is kept: by itself, or in a pack."""


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session as a listing shows it: all that `SessionInfo` has but the free attributes."""

    id: str
    incarnation: str
    version: int
    count: int
    size: int
    created_at: datetime
    updated_at: datetime
    name: str | None = None
    agent: str | None = None
    channel: str | None = None
    room: str | None = None
    sender: str | None = None
    parent: str | None = None
    state: str | None = None
    turn: Turn | None = None
    labels: frozenset[str] = frozenset()
    place: Place = "hot"
    active_at: datetime | None = None
    held: bool = False
    """Whether a hold keeps it from being deleted; what for, its `SessionInfo` says."""


@dataclass(frozen=True)
class SessionPage:
    """A part of a listing, and where it goes on."""

    sessions: tuple[SessionSummary, ...]
    cursor: str | None
    """What to hand to `page(cursor=…)` for the next part, now or in a year; None if there is no more."""


ListOrder: TypeAlias = Literal["newest", "oldest"]
"""Which session comes first: the one that changed last, or the one that has been idle for longest."""


class Filters(TypedDict, total=False):
    """What sessions a listing shows: those for which all of this holds. What is left out, or None, asks for nothing."""

    agent: str | None
    channel: str | None
    room: str | None
    sender: str | None
    parent: str | None
    state: str | None
    labels: Iterable[str] | None
    """Each of these labels."""
    since: datetime | None
    """Changed last at this time or later; with a time zone."""
    until: datetime | None
    """Changed last before this time; with a time zone."""
    id_prefix: str | None
    name_prefix: str | None
    """The name starts so, capitals or not."""
    place: Place | None
    """Kept by itself (`hot`) or in a pack (`cold`)."""


@dataclass(frozen=True)
class Transcript:
    """A session with all its records, as they were at one moment."""

    info: SessionInfo
    lines: tuple[RecordFields, ...]
    """The records as they stand in the archive; `messages` and `records` are the comfortable views."""

    @property
    def messages(self) -> list[JsonValue]:
        """The messages alone, in order. The list is the caller's own."""
        return [line["message"] for line in self.lines]

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """The records, in order. Made when first asked for, since most callers want the messages alone."""
        return tuple(Record.from_fields(line) for line in self.lines)


@dataclass(frozen=True)
class Committed:
    """What a commit did."""

    info: SessionInfo
    """The session after it."""
    commit_id: str | None
    """The commit's id; None where nothing had to be written, as for a repeat of a key."""
    appended: int
    """How many records it added."""
    removed: tuple[Record, ...]
    """The records that `RemoveLast` and `ReplaceLast` took away."""
    cleared: int
    """How many records `Clear` and `Replace` took away."""


def _text(name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidOption(f"{name} is text or None, not {type(value).__name__}")
    return _utf8(name, value)


def _turn(name: str, value: object) -> Turn | None:
    if isinstance(value, str):
        value = Turn(value)
    if value is None:
        return None
    if not isinstance(value, Turn):
        raise InvalidOption(f"{name} is a Turn, its id, or None, not {type(value).__name__}")
    _time("a turn's started_at", value.started_at)
    _text("a turn's id", value.id)
    return None if value == Turn() else value


def _time(name: str, value: object) -> datetime | None:
    if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
        raise InvalidOption(f"{name} is a datetime with a time zone, or None")
    return value


def _labels(name: str, value: object) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        raise InvalidOption(f"{name} are a set or list of texts, not {type(value).__name__}")
    for label in value:
        if not isinstance(label, str):
            raise InvalidOption(f"{name} are texts, not {type(label).__name__}")
        _utf8(name, label)
    return frozenset(value)


def _attributes(name: str, value: object) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise InvalidOption(f"{name} are a mapping, not {type(value).__name__}")
    copied = dict(value)
    try:
        check_json(copied)
    except InvalidRecord as error:
        raise InvalidOption(f"{name}: {error}") from None
    _check_header_values(name, copied)
    return MappingProxyType(copied)


def _check_header_values(name: str, value: object) -> None:
    """Refuse what a fast reader of a head would get wrong: integers over 64 bits, lone surrogates."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _utf8(name, key)
            _check_header_values(name, inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_header_values(name, inner)
    elif isinstance(value, str):
        _utf8(name, value)
    elif isinstance(value, int) and not _SMALLEST_HEADER_INTEGER <= value <= _LARGEST_HEADER_INTEGER:
        raise InvalidOption(f"{name}: integers are of at most 64 bits; write a larger one as text")


def _utf8(name: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidOption(f"{name} must not hold a lone surrogate") from None
    return value


_CHECKS = {"turn": _turn, "labels": _labels, "attributes": _attributes, "active_at": _time}
