"""`s3store hold`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import SessionNotFound
from .archive import ArchiveCommand, archive_options, open_store
from .exits import NOT_FOUND
from .output import json_line, one_line, plural, row, time_text
from .session_filters import given_filters, session_filters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..blocking import SessionStore
    from ..model import Filters


@click.group(name="hold", short_help="Keep sessions from being deleted.", params=archive_options(hidden=True))
def command() -> None:
    """Keep sessions from being deleted, by whatever path: rm, rules, erase, a program.

    A held session may be written to as ever. A hold stays until it is removed.
    """


@command.command(cls=ArchiveCommand, name="add", short_help="Hold sessions.")
@click.argument("session_ids", metavar="[ID]...", nargs=-1)
@click.option("--reason", required=True, help="Why; shown by `hold ls`.")
@click.option("--who", help="Who says so.")
@session_filters
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each hold.")
def add(*, session_ids: tuple[str, ...], reason: str, who: str | None, as_json: bool, **filters: Any) -> None:
    """Hold sessions: those of the ids, or each for which the filters hold now.

    Ends with 3 if there was no session of some id; the others are held all the same.
    """
    unknown = False
    with open_store() as store:
        for session_id in _chosen(store, session_ids, given_filters(filters)):
            try:
                hold = store.hold(session_id, reason, who=who)
            except SessionNotFound as error:
                click.echo(f"s3store: {one_line(str(error))}", err=True)
                unknown = True
                continue
            if as_json:
                json_line({"session": session_id, **hold.to_json()})
            else:
                click.echo(f"held {one_line(session_id)}: {hold.id}")
    if unknown:
        raise click.exceptions.Exit(NOT_FOUND)


@command.command(cls=ArchiveCommand, name="remove", short_help="Take holds off sessions.")
@click.argument("session_ids", metavar="[ID]...", nargs=-1)
@click.option("--hold", "hold_id", help="Only the hold of this id, as `hold ls` shows it; else all.")
@session_filters
def remove(*, session_ids: tuple[str, ...], hold_id: str | None, **filters: Any) -> None:
    """Take holds off sessions: those of the ids, or each for which the filters hold now.

    Ends with 3 if there was no session of some id, or, with --hold, no such hold.
    """
    unknown = False
    with open_store() as store:
        for session_id in _chosen(store, session_ids, given_filters(filters)):
            try:
                released = store.release(session_id, hold_id)
            except SessionNotFound as error:
                click.echo(f"s3store: {one_line(str(error))}", err=True)
                unknown = True
                continue
            unknown = unknown or (hold_id is not None and not released)
            click.echo(f"{plural(released, 'hold')} taken off {one_line(session_id)}")
    if unknown:
        raise click.exceptions.Exit(NOT_FOUND)


@command.command(cls=ArchiveCommand, name="ls", short_help="List the holds.")
@click.option("--scan", is_flag=True, help="Read every head, not the index: one request a session.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each hold.")
def ls(*, scan: bool, as_json: bool) -> None:
    """List the holds, a line for each: session, hold, since when, who, why.

    Goes by the index, and asks the heads of those that are held by it. --scan asks all, and so sees also what a writer
    held who died before he could tell the index.
    """
    with open_store() as store:
        for info in store.holds(scan=scan):
            for hold in info.holds:
                if as_json:
                    json_line({"session": info.id, **hold.to_json()})
                else:
                    row(info.id, hold.id, time_text(hold.at), hold.who or "", hold.reason)


def _chosen(store: SessionStore, session_ids: tuple[str, ...], filters: Filters) -> Iterator[str]:
    if bool(session_ids) == bool(filters):
        raise click.UsageError("name sessions by their ids, or by filters such as --label; one of the two")
    # The whole list first: what is held or released moves nothing, but others write meanwhile.
    return iter(session_ids or [summary.id for summary in store.list(**filters)])
