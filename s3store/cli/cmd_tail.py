"""`s3store tail`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ..errors import StoreUnavailable
from .archive import ArchiveCommand, open_store
from .conversation import View, conversation, write
from .output import json_line, plural, record_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..blocking import Session
    from ..model import Record


@click.command(cls=ArchiveCommand, name="tail", short_help="Show the last messages of a session, and follow it.")
@click.argument("session_id", metavar="ID")
@click.option("-n", "number", type=click.IntRange(min=0), default=10, show_default=True, help="So many messages.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look, with --follow. Each look is one request.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON lines: seq, at, key, message.")
def command(*, session_id: str, number: int, follow: bool, interval: float, as_json: bool) -> None:
    """Show the last messages of a session.

    With --follow, what others add is shown as it comes; a message that replaces the last one is shown again.
    """
    with open_store() as store:
        session = store.session(session_id)
        info = session.info()
        last = session.last(number)
        _print(last, as_json=as_json)
        if follow:
            seen = _Seen(info.version, last[-1].seq + 1 if last else info.count, last[-1].commit if last else None)
            for news in _news(session, seen, interval):
                _print(news, as_json=as_json)


class _Seen:
    """How far a session was shown."""

    def __init__(self, version: int, count: int, commit: str | None) -> None:
        self.version = version
        self.count = count
        self.commit = commit
        """The commit of the last record that was shown."""


def _news(session: Session, seen: _Seen, interval: float) -> Iterator[list[Record]]:
    reachable = True
    while True:
        time.sleep(interval)
        try:
            found = _look(session, seen)
        except StoreUnavailable as error:
            if reachable:
                click.echo(f"s3store: {error}; trying again", err=True)
            reachable = False
            continue
        reachable = True
        if found:
            yield found


def _look(session: Session, seen: _Seen) -> list[Record]:
    """Return what is new, the last record once more where another has taken its place."""
    info = session.info()
    if info.version == seen.version:
        return []
    if info.count < seen.count:
        click.echo(f"s3store: {plural(seen.count - info.count, 'message')} taken away", err=True)
        seen.count, seen.commit = info.count, None
    found = list(session.records(start=max(0, seen.count - 1)))
    if seen.count and found and (seen.commit is None or found[0].commit == seen.commit):
        seen.commit = found[0].commit
        del found[0]
    if found:
        seen.count, seen.commit = found[-1].seq + 1, found[-1].commit
    seen.version = info.version
    return found


def _print(records: Iterable[Record], *, as_json: bool) -> None:
    if as_json:
        for record in records:
            json_line(record_json(record))
    else:
        write(conversation(records, View()))
