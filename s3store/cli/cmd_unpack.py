"""`s3store unpack`."""

from __future__ import annotations

import click

from .archive import ArchiveCommand, open_store
from .output import json_line, one_line


@click.command(cls=ArchiveCommand, name="unpack", short_help="Give packed sessions objects of their own again.")
@click.argument("session_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each id.")
def command(*, session_ids: tuple[str, ...], as_json: bool) -> None:
    """Give packed sessions objects of their own again. The packs stay for the other sessions in them."""
    with open_store() as store:
        for session_id in session_ids:
            unpacked = store.session(session_id)
            unpacked.info()  # an id that is unknown is an error, not a session that is not packed
            done = unpacked.unpack()
            if as_json:
                json_line({"id": session_id, "unpacked": done})
            else:
                click.echo(f"{'unpacked' if done else 'not packed:'} {one_line(session_id)}")
