"""What a value of a Strands storage is in the archive: records, and the same bytes again.

A snapshot is a JSON object with all messages of an agent, written anew after each turn. Its messages become a record
each, so that a snapshot that has grown sends what is new; the rest of it stands in the last record. Any other value is
text or base64 in pieces.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from ...errors import CorruptObject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...jsontext import JsonValue

_PIECE = 1 << 20


def records_of(value: bytes) -> list[Any]:
    """Return the records that stand for a value. The last one says how the others are to be read."""
    digest = hashlib.sha256(value).hexdigest()
    if (snapshot := _snapshot(value)) is not None:
        messages = snapshot["data"]["messages"]
        rest = {**snapshot, "data": {**snapshot["data"], "messages": None}}
        return [*messages, {"strands": "snapshot", "sha256": digest, "rest": rest}]
    pieces = [value[start : start + _PIECE] for start in range(0, len(value), _PIECE)]
    return [*(base64.b64encode(piece).decode() for piece in pieces), {"strands": "bytes", "sha256": digest}]


def value_of(session_id: str, records: Sequence[JsonValue]) -> bytes:
    """Return the value that records stand for. Raises `CorruptObject` if they stand for none, or for another one."""
    try:
        *body, last = records
        value = _read(body, last)
        right = hashlib.sha256(value).hexdigest() == last["sha256"]  # type: ignore[call-overload, index]
    except (ValueError, TypeError, KeyError):
        right = False
    if not right:
        raise CorruptObject(f"session {session_id!r} holds no value of a Strands storage")
    return value


def _read(body: list[JsonValue], last: Any) -> bytes:
    if last["strands"] == "snapshot":
        rest = last["rest"]
        return _text({**rest, "data": {**rest["data"], "messages": body}})
    return b"".join(base64.b64decode(piece, validate=True) for piece in body)  # type: ignore[arg-type]


def _snapshot(value: bytes) -> dict[str, Any] | None:
    """Return the value as a snapshot; None if it is none, or would not be the same bytes when written again."""
    if not value.startswith(b"{"):
        return None
    try:
        found = json.loads(value)
        is_one = isinstance(found["data"]["messages"], list) and _text(found) == value
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if is_one else None


def _text(snapshot: Any) -> bytes:
    # As Strands writes it.
    return json.dumps(snapshot, ensure_ascii=False).encode("utf-8")
