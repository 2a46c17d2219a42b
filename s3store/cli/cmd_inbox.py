"""`s3store inbox`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .archive import ArchiveCommand, open_store
from .conversation import View, conversation, write
from .output import json_line, plural, record_json, time_text

if TYPE_CHECKING:
    from ..siblings.inbox.model import InboxStatus


@click.command(cls=ArchiveCommand, name="inbox", short_help="Show the messages that wait for a session.")
@click.argument("session_id", metavar="ID")
@click.option("--all", "show_all", is_flag=True, help="Show those that are done, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: seq, at, key, message, done.")
def command(*, session_id: str, show_all: bool, as_json: bool) -> None:
    """Show the messages that were sent to a session and are not done, in order. None is taken."""
    with open_store() as store:
        inbox = store.inbox(session_id)
        status = inbox.status()
        found = inbox.records(start=0 if show_all else status.done)
        if as_json:
            for record in found:
                json_line({**record_json(record), "done": record.seq < status.done})
            return
        write(conversation(found, View()))
    click.echo(_summary(status))


def _summary(status: InboxStatus) -> str:
    text = f"{plural(status.waiting, 'message')} waiting, {status.done:,} done"
    if status.taken_until is not None:
        text += f"; the next one is taken until {time_text(status.taken_until)} UTC"
    if status.attempts > 1:
        text += f"; it has been taken {status.attempts} times"
    return text
