"""`s3store rm`."""

from __future__ import annotations

import sys

import click

from .archive import ArchiveCommand, open_store
from .exits import NOT_FOUND, SOME_FAILED
from .output import json_line, one_line, plural
from .remains_report import report_remains, report_versions


@click.command(cls=ArchiveCommand, name="rm", short_help="Delete sessions.")
@click.argument("session_ids", metavar="ID...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--verify", is_flag=True, help="List what is left then: nothing but tombstones.")
@click.option("--versions", is_flag=True, help="Remove the earlier versions that the bucket keeps as well.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines for each id.")
def command(*, session_ids: tuple[str, ...], yes: bool, verify: bool, versions: bool, as_json: bool) -> None:
    """Delete sessions, with all that is kept beside them.

    Asks first; where nobody can be asked, --yes is needed. What stays of each is a tombstone, which holds the id and
    times, and no content. A bucket with versioning keeps what was there before: --verify lists it, and --versions
    removes it, as far as rights, holds and retention periods allow.

    Ends with 1 if --verify finds something left, or --versions could not remove something; with 3 if there was no
    session of some id. The others are deleted all the same.
    """
    if not yes:
        _ask(session_ids)
    unknown = left = False
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
            if versions:
                erased = store.erase_versions(session_id)
                report_versions(session_id, erased, as_json=as_json)
                left = left or bool(erased.kept)
            if verify:
                remains = store.remains(session_id)
                report_remains(remains, as_json=as_json)
                left = left or not remains.erased
    if left:
        raise click.exceptions.Exit(SOME_FAILED)
    if unknown:
        raise click.exceptions.Exit(NOT_FOUND)


def _ask(session_ids: tuple[str, ...]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here; --yes deletes without asking")
    for session_id in session_ids:
        click.echo(f"  {one_line(session_id)}", err=True)
    click.confirm(f"Delete {plural(len(session_ids), 'session')}?", abort=True, err=True)
