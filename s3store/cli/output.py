"""What goes to standard output: JSON lines, plain lines in a pipe, and text that cannot drive a terminal."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from typing import TYPE_CHECKING

import click

from ..model import METADATA_FIELDS, Metadata, SessionInfo
from ..reading import clean
from ..times import format_time

if TYPE_CHECKING:
    from datetime import datetime

    from ..jsontext import JsonValue
    from ..model import Record, SessionSummary

_LISTED_METADATA = METADATA_FIELDS - {"attributes"}
_FACTS = [field.name for field in fields(SessionInfo) if field.name not in {"metadata", "holds"}]
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def on_terminal() -> bool:
    """Tell whether standard output is a terminal."""
    return sys.stdout.isatty()


def json_line(value: JsonValue) -> None:
    """Write a value as one line of JSON: UTF-8 in a pipe, ASCII on a terminal (where all else is escaped)."""
    click.echo(json_text(value))


def json_text(value: JsonValue) -> str:
    """Return what `json_line` writes."""
    return json_bytes(value, ascii_only=on_terminal()).decode()


def json_bytes(value: JsonValue, *, ascii_only: bool = False) -> bytes:
    """Return a value as JSON on one line, in UTF-8 or with all beyond ASCII escaped."""
    if not ascii_only:
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:
            pass  # A lone surrogate: only its escape can be written.
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def one_line(text: str) -> str:
    """Return text as one harmless line without tabs."""
    return clean(text).replace("\n", "\\n").replace("\t", "\\t")


def row(*fields: str) -> None:
    """Write one line of fields with tabs between them."""
    click.echo("\t".join(one_line(field) for field in fields))


def size_text(size: int) -> str:
    """Return a number of bytes as people read it, such as `1.5 MiB`."""
    amount = float(size)
    for unit in _UNITS:
        if amount < _STEP or unit == _UNITS[-1]:
            break
        amount /= _STEP
    return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"


def time_text(moment: datetime) -> str:
    """Return a time as people read it: UTC, to the second."""
    return format_time(moment)[:19].replace("T", " ")


def plural(number: int, word: str) -> str:
    """Return a number with its word, such as `1 message` or `1,200 messages`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def as_info(summary: SessionSummary) -> SessionInfo:
    """Return what a listing says of a session in the form in which a session itself says it; it has no attributes."""
    said = Metadata(**{name: getattr(summary, name) for name in _LISTED_METADATA})
    return SessionInfo(**{name: getattr(summary, name) for name in _FACTS}, metadata=said)


def summary_json(summary: SessionSummary) -> dict[str, JsonValue]:
    """Return all that a listing says of a session, as JSON."""
    held: dict[str, JsonValue] = {"held": True} if summary.held else {}
    return {**info_json(as_info(summary)), "place": summary.place, **held}


def info_json(info: SessionInfo) -> dict[str, JsonValue]:
    """Return all there is to say of a session, as JSON."""
    return {
        "id": info.id,
        "incarnation": info.incarnation,
        "version": info.version,
        "count": info.count,
        "size": info.size,
        "created_at": format_time(info.created_at),
        "updated_at": format_time(info.updated_at),
        **({"holds": [hold.to_json() for hold in info.holds]} if info.holds else {}),
        **info.metadata.to_json(),
    }


def record_json(record: Record) -> dict[str, JsonValue]:
    """Return a record as JSON."""
    return {"seq": record.seq, "at": format_time(record.at), "key": record.key, "message": record.message}
