"""`s3store show`."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import click

from .archive import ArchiveCommand, open_store
from .beside import beside
from .conversation import View, conversation, header, write
from .output import json_line, record_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..model import Record, SessionInfo
    from .conversation import Line


@click.command(cls=ArchiveCommand, name="show", short_help="Show a session as a conversation.")
@click.argument("session_id", metavar="ID")
@click.option("--last", type=click.IntRange(min=0), metavar="N", help="Only the last N messages.")
@click.option("--no-tools", is_flag=True, help="Leave out tool calls and their results.")
@click.option("--full", is_flag=True, help="Shorten nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON lines: seq, at, key, message.")
@click.option("--raw", is_flag=True, help="Print the messages alone as JSON lines.")
@click.option("--all", "everything", is_flag=True, help="Also what stands beside it: artifacts, traces and reports.")
@click.option("--pager", is_flag=True, help="Show it in $PAGER.")
def command(
    *,
    session_id: str,
    last: int | None,
    no_tools: bool,
    full: bool,
    as_json: bool,
    raw: bool,
    everything: bool,
    pager: bool,
) -> None:
    """Show a session as a conversation, or as JSON lines."""
    if as_json and raw:
        raise click.UsageError("--json and --raw do not go together")
    if everything and (as_json or raw):
        raise click.UsageError("--all goes with neither --json nor --raw")
    with open_store() as store:
        info = store.info(session_id)
        records = store.records(session_id) if last is None else iter(store.last(session_id, last))
        if as_json or raw:
            for record in records:
                json_line(record_json(record) if as_json else record.message)
        else:
            lines = _lines(info, records, View(full=full, tools=not no_tools))
            write(chain(lines, beside(store, session_id)) if everything else lines, pager=pager)


def _lines(info: SessionInfo, records: Iterable[Record], view: View) -> Iterator[Line]:
    yield from header(info)
    yield from conversation(records, view)
