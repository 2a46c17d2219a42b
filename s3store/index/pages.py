"""Pages: entries merged and sorted, in one immutable object each; and what the manifest says of a page."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from ..errors import CorruptObject, UnsupportedFormat
from ..keys import page_key
from ..streams.frames import compress, pack, unpack
from ..streams.segments import text_of, whole_number
from .entry import Entry, in_order, read_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..jsontext import JsonValue

PAGE_FORMAT = "s3store.page/1"
"""What a page's header says of itself."""
KEPT_FIELDS = ("agent", "channel", "room", "sender", "parent")
"""The fields whose values the manifest names, where a page has only a few."""

_FEW = 16
_NAME = re.compile("[0-9A-Za-z]{1,100}")


@dataclass(frozen=True, slots=True)
class PageInfo:
    """What the manifest says of a page: where it is, and what lets a reader do without it."""

    name: str
    run: str
    """The merge that wrote it. The pages of a run hold no session twice."""
    tier: int
    """How often its entries have been merged."""
    size: int
    sha256: str
    count: int
    """How many entries it holds, those of deleted sessions included."""
    oldest: int
    newest: int
    """Between these times, in microseconds since 1970, its sessions changed last."""
    since: int
    """No older entry of any of its sessions bears a time before this."""
    states: Mapping[str, int]
    """How many sessions are in each state, deleted ones left out; those without a state under the empty text."""
    values: Mapping[str, Sequence[str | None]]
    """The values of a field, where there are only a few."""

    @property
    def key(self) -> str:
        """The key of the page."""
        return page_key(self.name)

    @property
    def live(self) -> int:
        """How many of its entries are of sessions that have not been deleted."""
        return sum(self.states.values())

    def may_hold_newer_than(self, other: PageInfo) -> bool:
        """Tell whether an entry here may be a newer one of a session that `other` holds too."""
        return self.run != other.run and self.since <= other.newest and self.newest >= other.oldest

    def to_json(self) -> dict[str, JsonValue]:
        """Return it as it stands in the manifest."""
        return {
            "name": self.name,
            "run": self.run,
            "tier": self.tier,
            "bytes": self.size,
            "sha256": self.sha256,
            "count": self.count,
            "oldest": self.oldest,
            "newest": self.newest,
            "since": self.since,
            "states": dict(self.states),
            "values": {field: list(values) for field, values in self.values.items()},
        }

    @classmethod
    def from_json(cls, found: JsonValue) -> PageInfo:
        """Read what `to_json` wrote. Raises `ValueError`, `TypeError`, `LookupError` or `AttributeError` if none."""
        name, run, sha256 = (text_of(found[field]) for field in ("name", "run", "sha256"))
        if not _NAME.fullmatch(name):
            raise ValueError("no page's name")
        tier, size, count = (whole_number(found[field]) for field in ("tier", "bytes", "count"))
        oldest, newest, since = (found[field] for field in ("oldest", "newest", "since"))
        if any(type(time) is not int for time in (oldest, newest, since)):
            raise TypeError("no time")
        states = {state: whole_number(number) for state, number in found["states"].items()}
        values = {field: [_value(value) for value in values] for field, values in found["values"].items()}
        return cls(name, run, tier, size, sha256, count, oldest, newest, since, states, values)


def write_page(name: str, run: str, tier: int, entries: Sequence[Entry]) -> tuple[PageInfo, bytes]:
    """Return a page of at least one entry, in any order: what the manifest says of it, and its bytes."""
    ordered = in_order(entries)
    lines = b"".join(orjson.dumps(entry.fields, option=orjson.OPT_APPEND_NEWLINE) for entry in ordered)
    data = pack({"format": PAGE_FORMAT, "count": len(ordered)}, compress(lines))
    live = [entry for entry in ordered if not entry.deleted]
    info = PageInfo(
        name,
        run,
        tier,
        len(data),
        hashlib.sha256(data).hexdigest(),
        len(ordered),
        ordered[0].at,
        ordered[-1].at,
        min(entry.since for entry in ordered),
        dict(Counter(entry.fields.get("state") or "" for entry in live)),
        {field: few for field in KEPT_FIELDS if len(few := _values(live, field)) <= _FEW},
    )
    return info, data


def read_page(info: PageInfo, data: bytes) -> list[Entry]:
    """Return the entries of a page, the oldest first. Raises `CorruptObject` unless it is what the manifest names."""
    if len(data) != info.size or hashlib.sha256(data).hexdigest() != info.sha256:
        raise _damaged(info.key, "is not the page that the manifest names")
    unpacked = unpack(info.key, data)
    if unpacked.header.get("format") != PAGE_FORMAT:
        raise UnsupportedFormat.of(info.key, unpacked.header.get("format"))
    try:
        entries = [read_fields(found) for found in orjson.loads(b"[%s]" % unpacked.lines[:-1].replace(b"\n", b","))]
    except (ValueError, TypeError, LookupError):
        raise _damaged(info.key, "holds something that is no entry") from None
    if len(entries) != info.count:
        raise _damaged(info.key, "does not hold the number of entries that the manifest says")
    return entries


def _value(found: JsonValue) -> str | None:
    return None if found is None else text_of(found)


def _values(entries: Sequence[Entry], field: str) -> list[str | None]:
    found = {entry.fields.get(field) for entry in entries}
    return sorted(found, key=lambda value: value or "") if len(found) <= _FEW else [None] * (_FEW + 1)


def _damaged(key: str, how: str) -> CorruptObject:
    return CorruptObject(f"{key}: {how}; no session is harmed, and `s3store index rebuild` makes the index anew")
