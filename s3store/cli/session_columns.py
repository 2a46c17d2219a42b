"""What a listing can show of sessions, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..times import format_time
from .output import size_text, time_text
from .tables import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ..model import SessionSummary


def _text(name: str) -> Column[SessionSummary]:
    return Column(name, lambda session: getattr(session, name) or "", elastic="cut")


def _number(name: str, number: Callable[[SessionSummary], int]) -> Column[SessionSummary]:
    return Column(name, lambda session: str(number(session)), right=True)


def _time(name: str, moment: Callable[[SessionSummary], datetime | None]) -> Column[SessionSummary]:
    def plain(session: SessionSummary) -> str:
        return "" if (at := moment(session)) is None else format_time(at)

    def shown(session: SessionSummary) -> str:
        return "" if (at := moment(session)) is None else time_text(at)[:-3]

    return Column(f"{name} (UTC)", plain, shown)


COLUMNS: Mapping[str, Column[SessionSummary]] = {
    "id": Column("session", lambda session: session.id, elastic="fold"),
    "messages": _number("messages", lambda session: session.count),
    "size": Column(
        "size", lambda session: str(session.size), shown=lambda session: size_text(session.size), right=True
    ),
    "updated": _time("updated", lambda session: session.updated_at),
    "created": _time("created", lambda session: session.created_at),
    "version": _number("version", lambda session: session.version),
    "agent": _text("agent"),
    "channel": _text("channel"),
    "room": _text("room"),
    "sender": _text("sender"),
    "parent": _text("parent"),
    "state": _text("state"),
    "turn": Column("turn", lambda session: (session.turn and session.turn.id) or "", elastic="cut"),
    "started": _time("started", lambda session: session.turn.started_at if session.turn else None),
    "active": _time("active", lambda session: session.active_at),
    "labels": Column("labels", lambda session: ",".join(sorted(session.labels)), elastic="cut"),
    "place": Column("place", lambda session: session.place),
    "incarnation": Column("incarnation", lambda session: session.incarnation),
    "name": _text("name"),
}
"""Every column, by the name that --columns takes."""
SHORT = ("id", "messages", "size", "updated", "name")
"""What is shown where nothing else is asked for."""
LONG = tuple(name for name in COLUMNS if name not in {"active", "incarnation"})
"""What --long shows in a pipe."""
TURNS = ("id", "messages", "started", "updated", "name")
"""What is shown of sessions whose turn is under way."""


def column_names(text: str) -> tuple[str, ...]:
    """Read names of columns with commas between them. Raises `BadParameter`."""
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise click.BadParameter(f"there is no column {unknown[0]!r}; there are {', '.join(COLUMNS)}")
    return names
