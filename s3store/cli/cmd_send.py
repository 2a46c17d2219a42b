"""`s3store send`."""

from __future__ import annotations

import click

from ..contracts.broker import Broker
from .archive import ArchiveCommand, open_store
from .output import plural


@click.command(cls=ArchiveCommand, name="send", short_help="Send a message to a session.")
@click.argument("session_id", metavar="ID")
@click.argument("text")
@click.option("--from", "sender", metavar="ID", help="The session that sends it.")
@click.option("--key", help="An idempotency key: the message is sent once, however often this is called.")
def command(*, session_id: str, text: str, sender: str | None, key: str | None) -> None:
    """Leave TEXT in the inbox of a session that is there, for whoever runs it."""
    with open_store() as store:
        broker = Broker(store)
        broker.send(session_id, text, sender=sender, key=key)
        click.echo(f"sent; {plural(broker.inbox(session_id).status().waiting, 'message')} waiting")
