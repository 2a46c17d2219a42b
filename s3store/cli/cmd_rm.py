"""`s3store rm`."""

from __future__ import annotations

import sys

import click

from .archive import ArchiveCommand, open_store
from .exits import NOT_FOUND
from .output import json_line, one_line, plural


@click.command(cls=ArchiveCommand, name="rm", short_help="Delete sessions.")
@click.argument("session_ids", metavar="ID...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each id.")
def command(*, session_ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete sessions, with all that is kept beside them.

    Asks first; where nobody can be asked, --yes is needed. Ends with 3 if there was no session of some id; the
    others are deleted all the same.
    """
    if not yes:
        _ask(session_ids)
    unknown = False
    with open_store() as store:
        for session_id in session_ids:
            deleted = store.delete(session_id)
            unknown = unknown or not deleted
            if as_json:
                json_line({"id": session_id, "deleted": deleted})
            elif deleted:
                click.echo(f"deleted {one_line(session_id)}")
            else:
                click.echo(f"s3store: there is no session {one_line(session_id)}", err=True)
    if unknown:
        raise click.exceptions.Exit(NOT_FOUND)


def _ask(session_ids: tuple[str, ...]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here; --yes deletes without asking")
    for session_id in session_ids:
        click.echo(f"  {one_line(session_id)}", err=True)
    click.confirm(f"Delete {plural(len(session_ids), 'session')}?", abort=True, err=True)
