"""`s3store search`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .archive import ArchiveCommand, open_store
from .exits import CORRUPT
from .output import json_line, on_terminal, one_line, row, summary_json, time_text
from .session_filters import given_filters, session_filters

if TYPE_CHECKING:
    from ..jsontext import JsonValue
    from ..search.results import Found, Hit


@click.command(cls=ArchiveCommand, name="search", short_help="Find sessions by the words in them.")
@click.argument("words", nargs=-1, required=True)
@session_filters
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="At most so many."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def command(*, words: tuple[str, ...], limit: int, as_json: bool, **filters: Any) -> None:
    """Find sessions that have all the WORDS in their messages, their name or their id; the best come first.

    A word with a space in it is a phrase ('two words' or '"two words"'), and 'begin*' is the start of a word. What is
    searched is kept on this machine and brought up to date first, which takes a while where much has changed.

    In a pipe a line for each session, with tabs between its fields: id, number of the message that fits best, a part of
    it. Ends with 7 if sessions that changed cannot be read.
    """
    query = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)
    with open_store() as store:
        found = store.search(query, limit=limit, **given_filters(filters))
    if as_json:
        for hit in found:
            json_line(_json(hit))
    elif on_terminal():
        _draw(found)
    else:
        for hit in found:
            row(hit.session.id, "" if hit.seq is None else str(hit.seq), one_line(hit.text))
    for session_id in found.unreadable:
        click.echo(f"unreadable  {one_line(session_id)}", err=True)
    if found.unreadable:
        raise click.exceptions.Exit(CORRUPT)


def _json(hit: Hit) -> dict[str, JsonValue]:
    snippet = [{"text": text, "found": marked} for text, marked in hit.snippet]
    return {**summary_json(hit.session), "seq": hit.seq, "snippet": snippet}


def _draw(found: Found) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for hit in found:
        session = hit.session
        where = f"message {hit.seq}" if hit.seq is not None else "by its name or id"
        console.print(Text(one_line(session.id), style="bold"))
        console.print(
            Text(f"  {time_text(session.updated_at)} UTC · {session.count:,} messages · {where}", style="dim")
        )
        snippet = Text("  ")
        for text, marked in hit.snippet:
            snippet.append(one_line(text), style="bold yellow" if marked else "")
        console.print(snippet)
    if not found.hits:
        console.print("no session has all of these words")
