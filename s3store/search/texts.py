"""What is searched of a message: all that it says, whatever tool wrote it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..index.entry import microseconds
from ..reading import read_message

if TYPE_CHECKING:
    from ..model import Record

# Control characters serve as marks in snippets; a lone surrogate cannot be handed to SQLite.
_UNFIT = re.compile("[\0-\b\x0e-\x1f\ud800-\udfff]")
_OF_A_CONTRACT = re.compile(r"\A(?:a3s|agent-assembly|brainwires|zeroclaw)/")
_NOT_SAID = frozenset({"echo", "image"})


class Text(NamedTuple):
    """The text of a record."""

    seq: int
    at: int | None
    """When it was stored, in microseconds since 1970."""
    content: str | None


def text_of(record: Record) -> Text:
    """Return what is searched of a record; the text is empty where it says nothing."""
    if isinstance(record.message, str):
        return Text(record.seq, microseconds(record.at), fit(record.message))
    parts = [part for part in read_message(record.message) if part.kind not in _NOT_SAID]
    said = [f"{part.tool_name} {part.text}" if part.kind == "tool_call" else part.text for part in parts]
    return Text(record.seq, microseconds(record.at), fit("\n".join(said)))


def fit(text: str) -> str:
    """Return text that SQLite takes and a terminal bears."""
    return _UNFIT.sub(" ", text)


def key_of(session_id: str) -> str:
    """Return what is searched of a session's id: the name of the contract that it belongs to is no part of its key."""
    return fit(_OF_A_CONTRACT.sub("", session_id))
