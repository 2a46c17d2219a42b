"""`s3store ls`."""

from __future__ import annotations

import heapq
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

import click

from ..times import format_time
from .archive import ArchiveCommand, open_store
from .conversation import header, write
from .output import info_json, json_line, on_terminal, row, size_text, time_text
from .tables import Column, draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..model import SessionInfo

_ORDERS: dict[str, Callable[[SessionInfo], Any]] = {
    "updated": lambda info: (info.updated_at, info.id),
    "created": lambda info: (info.created_at, info.id),
    "id": lambda info: info.id,
    "size": lambda info: (info.size, info.id),
}
_LARGEST_FIRST = frozenset({"updated", "created", "size"})


@click.command(cls=ArchiveCommand, name="ls", short_help="List sessions.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most so many.")
@click.option("--agent", help="Only those of this agent.")
@click.option("--channel", help="Only those of this channel.")
@click.option("--state", help="Only those in this state.")
@click.option("--label", "labels", multiple=True, help="Only those with this label; may be given several times.")
@click.option("--prefix", help="Only those whose id starts so.")
@click.option("--name", help="Only those whose name holds this text, in capitals or not.")
@click.option(
    "--sort",
    type=click.Choice(list(_ORDERS)),
    default="updated",
    show_default=True,
    help="Order: newest or largest first, ids from A to Z.",
)
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("--long", "as_long", is_flag=True, help="With created, version, agent, channel, state and labels.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def command(
    *,
    limit: int | None,
    agent: str | None,
    channel: str | None,
    state: str | None,
    labels: tuple[str, ...],
    prefix: str | None,
    name: str | None,
    sort: str,
    reverse: bool,
    as_long: bool,
    as_json: bool,
) -> None:
    """List sessions, the one changed last first.

    A table on a terminal; in a pipe a line for each session, its fields with tabs between them: id, messages, bytes,
    updated, name; with --long created, version, agent, channel, state and labels stand before the name.
    """
    wanted = {"agent": agent, "channel": channel, "state": state}
    with open_store() as store:
        matching = (
            info
            for info in store.scan()
            if _has(info, wanted)
            and info.metadata.labels.issuperset(labels)
            and info.id.startswith(prefix or "")
            and (name or "").casefold() in (info.metadata.name or "").casefold()
        )
        found = _ordered(matching, sort, limit, reverse=reverse)
    if as_json:
        for info in found:
            json_line(info_json(info))
    elif not on_terminal():
        columns = _columns(as_long=as_long)
        for info in found:
            row(*(column.plain(info) for column in columns))
    elif as_long:
        write(line for info in found for line in header(info))
    else:
        draw(_columns(as_long=False), found)


def _has(info: SessionInfo, wanted: dict[str, str | None]) -> bool:
    return all(text is None or getattr(info.metadata, field) == text for field, text in wanted.items())


def _ordered(found: Iterable[SessionInfo], sort: str, limit: int | None, *, reverse: bool) -> list[SessionInfo]:
    key, downwards = _ORDERS[sort], (sort in _LARGEST_FIRST) != reverse
    if limit is None:
        return sorted(found, key=key, reverse=downwards)
    # With a limit, no more than that is held of however many there are.
    return (heapq.nlargest if downwards else heapq.nsmallest)(limit, found, key=key)


def _columns(*, as_long: bool) -> list[Column[SessionInfo]]:
    columns: list[Column[SessionInfo]] = [
        Column("session", lambda info: info.id, elastic="fold"),
        Column("messages", lambda info: str(info.count), right=True),
        Column("size", lambda info: str(info.size), shown=lambda info: size_text(info.size), right=True),
        _time("updated"),
    ]
    if as_long:
        columns += [_time("created"), Column("version", lambda info: str(info.version), right=True)]
        columns += [_field("agent"), _field("channel"), _field("state")]
        columns.append(Column("labels", lambda info: ",".join(sorted(info.metadata.labels))))
    return [*columns, _field("name", elastic="cut")]


def _time(what: str) -> Column[SessionInfo]:
    moment = attrgetter(f"{what}_at")
    return Column(
        f"{what} (UTC)", lambda info: format_time(moment(info)), shown=lambda info: time_text(moment(info))[:-3]
    )


def _field(name: str, *, elastic: Literal["cut"] | None = None) -> Column[SessionInfo]:
    return Column(name, lambda info: getattr(info.metadata, name) or "", elastic=elastic)
