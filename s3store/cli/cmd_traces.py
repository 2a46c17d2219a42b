"""`s3store traces`."""

from __future__ import annotations

import click

from .archive import ArchiveCommand, archive_options, open_store
from .conversation import write
from .exits import NOT_FOUND
from .output import json_line, one_line
from .trace_tree import tree


@click.group(name="traces", short_help="Show the traces of a session.", params=archive_options(hidden=True))
def command() -> None:
    """Show the traces that are kept beside a session."""


@command.command(cls=ArchiveCommand, name="show", short_help="Show them as a tree, with how long each took.")
@click.argument("session_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON lines, as they were stored.")
@click.option("--otlp", is_flag=True, help="Print the OpenTelemetry spans as one OTLP/JSON request.")
@click.option("--pager", is_flag=True, help="Show it in $PAGER.")
def show(*, session_id: str, as_json: bool, otlp: bool, pager: bool) -> None:
    """Show the traces of a session: spans below their parents, with how long each took, then other events.

    Ends with 3 if none were ever saved.
    """
    if as_json and otlp:
        raise click.UsageError("--json and --otlp do not go together")
    with open_store() as store:
        traces = store.traces(session_id)
        found = traces.otlp() if otlp else traces.load()
    if found is None:
        click.echo(f"s3store: no traces were saved for {one_line(session_id)}", err=True)
        raise click.exceptions.Exit(NOT_FOUND)
    if otlp:
        json_line(found)
    elif as_json:
        for event in found:
            json_line(event)
    else:
        write(tree(found), pager=pager)
