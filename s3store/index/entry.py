"""An entry: what the index says of one session at one version, small enough to ride in a key."""

from __future__ import annotations

import re
import zlib
from base64 import b32hexencode
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import orjson

from ..errors import CorruptObject
from ..keys import head_of_part, is_session_part, session_part
from ..model import SessionSummary, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..jsontext import JsonValue
    from ..streams.head import Head

MAX_TEXT = 720
"""The longest entry in a key, in characters: with the rest of the key it leaves 260 bytes for the archive's prefix."""
TEXTS = ("name", "agent", "channel", "room", "sender", "parent", "state")
"""The texts of a session's metadata that an entry holds."""

# What entries are made of is written by whoever may write to the archive, and read by all who list it.
_KINDS: dict[str, type] = {
    **dict.fromkeys(("id", "incarnation", "place", *TEXTS), str),
    **dict.fromkeys(("version", "count", "size", "updated_at", "created_at", "active_at"), int),
    "labels": list,
    "turn": dict,
    "held": bool,
}
_PLACE_THEN_ORDER = itemgetter(0, 1, 2, 3, 4)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_END_OF_NUMBERS = 2**63
_RAW_DEFLATE = -15
_BASE_32 = re.compile("[0-9a-v]+")
_MOST_BYTES = 64 * 1024
# What deflate may refer back to. Part of the format: entries that were written with it can be read with no other.
_DICTIONARY = (
    b'{"head":"claude-code/codex/messages/support/main","labels":["prod"],"place":"cold","provisional":true,'
    b'"deleted":true,"renewed":true,"turn":{"id":"turn-","started_at":1790000000000000},"sender":"user","room":"",'
    b'"channel":"slack","parent":"","state":"error","state":"idle","state":"running","agent":"assistant","name":"'
    b'{"id":"0123456789abcdef-","incarnation":"01m","version":1,"updated_at":179,"created_at":179,"count":1,"size":1'
)

Order: TypeAlias = "tuple[str, int, bool]"
"""What makes an entry newer than another of its session: incarnation, then version; then a final one wins."""


class Entry(NamedTuple):
    """What the index says of a session."""

    at: int
    """When the session changed last, in microseconds since 1970, UTC."""
    id: str
    incarnation: str
    version: int
    final: bool
    """False for one that was written before its head: only the head tells whether that commit came about."""
    fields: dict[str, JsonValue]
    """All that it says, as it stands in a page."""

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in a listing."""
        return self.at, self.id

    @property
    def order(self) -> Order:
        """How new it is among the entries of its session."""
        return self.incarnation, self.version, self.final

    @property
    def deleted(self) -> bool:
        """Whether the session has been deleted."""
        return "deleted" in self.fields

    @property
    def held(self) -> bool:
        """Whether a hold keeps the session from being deleted."""
        return self.fields.get("held", False) is True

    @property
    def since(self) -> int:
        """The least time that an older entry of this session can bear."""
        return 0 if "renewed" in self.fields else int(self.fields["created_at"])

    def summary(self) -> SessionSummary:
        """Return what a caller is told."""
        get = self.fields.get
        turn = get("turn")
        return SessionSummary(
            self.id,
            self.incarnation,
            self.version,
            self.fields["count"],
            self.fields["size"],
            moment(self.fields["created_at"]),
            moment(self.at),
            get("name"),
            get("agent"),
            get("channel"),
            get("room"),
            get("sender"),
            get("parent"),
            get("state"),
            None if turn is None else _turn(turn),
            frozenset(get("labels", ())),
            get("place", "hot"),
            None if (active := get("active_at")) is None else moment(active),
            self.held,
        )


class Stub(NamedTuple):
    """What is left of an entry that was too large for a key: which head to ask."""

    head: str
    """The head's key."""
    version: int
    final: bool


def entry_of_head(session_id: str, head: Head, *, final: bool = True) -> Entry:
    """Return the entry that says what a head says."""
    at = microseconds(head.updated_at)
    fields: dict[str, JsonValue] = {
        "id": session_id,
        "incarnation": head.incarnation,
        "version": head.version,
        "updated_at": at,
        "created_at": microseconds(head.created_at),
        "count": head.count,
        "size": head.total_size,
    }
    metadata = head.metadata
    fields |= {name: value for name in TEXTS if (value := getattr(metadata, name)) is not None}
    if metadata.turn is not None:
        fields["turn"] = {} if metadata.turn.id is None else {"id": metadata.turn.id}
        if metadata.turn.started_at is not None:
            fields["turn"]["started_at"] = microseconds(metadata.turn.started_at)
    if metadata.labels:
        fields["labels"] = sorted(metadata.labels)
    if metadata.active_at is not None:
        fields["active_at"] = microseconds(metadata.active_at)
    if head.fence:
        # It may have been deleted before: then entries of earlier incarnations are older than `created_at`.
        fields["renewed"] = True
    if head.is_cold:
        fields["place"] = "cold"
    if head.holds:
        fields["held"] = True
    if head.deleted_at is not None:
        fields["deleted"] = True
    if not final:
        fields["provisional"] = True
    return Entry(at, session_id, head.incarnation, head.version, final, fields)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries as listings go: by the time of the last change, then by id; of one session the newest last."""
    return sorted(entries, key=_PLACE_THEN_ORDER)


def read_fields(fields: JsonValue) -> Entry:
    """Return the entry that stands in a page as `fields`. Raises `ValueError`, `TypeError` or `LookupError` if none."""
    entry = Entry(
        fields["updated_at"],
        fields["id"],
        fields["incarnation"],
        fields["version"],
        "provisional" not in fields,
        fields,
    )
    for name, value in fields.items():
        if type(value) is not _KINDS.get(name, type(value)):
            raise TypeError("a field of another kind")
    if not _is_in_bounds(fields):
        raise ValueError("a number or time that is out of bounds")
    if "labels" in fields or "turn" in fields:
        _check_inside(fields.get("labels", ()), fields.get("turn"))
    return entry


def confirmed(entry: Entry) -> Entry:
    """Return a provisional entry as a final one, now that its head is known to have landed."""
    fields = {name: value for name, value in entry.fields.items() if name != "provisional"}
    return entry._replace(final=True, fields=fields)


def write_text(entry: Entry) -> str:
    """Return the entry as it rides in a key; one that is too large becomes a stub, which names its head."""
    text = _pack(entry.fields)
    if len(text) <= MAX_TEXT:
        return text
    return _pack({"head": session_part(entry.id), "version": entry.version, "provisional": not entry.final})


def read_text(key: str, text: str) -> Entry | Stub:
    """Read what `write_text` wrote. Raises `CorruptObject`, naming `key`, for anything else."""
    try:
        fields = orjson.loads(_inflate(_bytes(text)))
        return _stub(fields) if "head" in fields else read_fields(fields)
    except (ValueError, TypeError, LookupError, zlib.error):
        raise CorruptObject(f"{key}: not an entry of the index's log; `s3store index rebuild` removes it") from None


def microseconds(time: datetime) -> int:
    """Return a time as microseconds since 1970, exactly."""
    return (time - _EPOCH) // _MICROSECOND


def moment(since_1970: int) -> datetime:
    """Return the time that is so many microseconds after the start of 1970, UTC."""
    return _EPOCH + timedelta(microseconds=since_1970)


def _is_in_bounds(fields: dict[str, JsonValue]) -> bool:
    changed: int = fields["updated_at"]
    began: int = fields["created_at"]
    version: int = fields["version"]
    count: int = fields["count"]
    size: int = fields["size"]
    return (
        _EARLIEST <= changed <= _LATEST
        and _EARLIEST <= began <= _LATEST
        and _EARLIEST <= fields.get("active_at", began) <= _LATEST
        and 0 <= version < _END_OF_NUMBERS
        and 0 <= count < _END_OF_NUMBERS
        and 0 <= size < _END_OF_NUMBERS
    )


def _check_inside(labels: Iterable[JsonValue], turn: dict[str, JsonValue] | None) -> None:
    if any(type(label) is not str for label in labels):
        raise TypeError("labels of another kind")
    if turn is not None:
        started = turn.get("started_at", 0)
        if type(turn.get("id", "")) is not str or type(started) is not int:
            raise TypeError("a turn of another kind")
        if not _EARLIEST <= started <= _LATEST:
            raise ValueError("a time that is out of bounds")


def _stub(fields: dict[str, JsonValue]) -> Stub:
    part, version = fields["head"], fields["version"]
    if not is_session_part(part) or type(version) is not int:
        raise TypeError("no head of a session, or a version of another kind")
    return Stub(head_of_part(part), version, not fields["provisional"])


def _pack(fields: dict[str, JsonValue]) -> str:
    deflater = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE, zdict=_DICTIONARY)
    packed = deflater.compress(orjson.dumps(fields)) + deflater.flush()
    # Small letters and digits only: a directory need not escape them, and no file system folds them together.
    return b32hexencode(packed).decode("ascii").rstrip("=").lower()


def _inflate(packed: bytes) -> bytes:
    inflater = zlib.decompressobj(_RAW_DEFLATE, zdict=_DICTIONARY)
    found = inflater.decompress(packed, _MOST_BYTES)
    if not inflater.eof or inflater.unused_data:
        raise ValueError("cut short, too large, or with something behind it")
    return found


def _bytes(text: str) -> bytes:
    """Read base 32 of RFC 4648's extended hex alphabet, in small letters, ten times as fast as `base64` does."""
    if not _BASE_32.fullmatch(text):
        raise ValueError("not base 32")
    size, spare = divmod(len(text) * 5, 8)
    return (int(text, 32) >> spare).to_bytes(size, "big")


def _turn(turn: dict[str, JsonValue]) -> Turn:
    started = turn.get("started_at")
    return Turn(turn.get("id"), None if started is None else moment(started))
