"""`s3store copy`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, get_args

import click

from ..longterm.copying.reports import Outcome
from .archive import ArchiveCommand, open_store_at
from .exits import SOME_FAILED
from .output import json_line, json_text, one_line, plural
from .progress import Progress
from .session_filters import given_filters, session_filters

if TYPE_CHECKING:
    from ..longterm.copying.reports import Copied, CopiedSession

_OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
_LEFT_ALONE = ("refused", "failed")


@click.command(cls=ArchiveCommand, name="copy", short_help="Copy sessions to another archive.")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--replace", is_flag=True, help="Make sessions that differ in TO what they are in FROM.")
@click.option("--json", "as_json", is_flag=True, help="Report in JSON lines.")
@session_filters
def command(*, source: str, target: str, replace: bool, as_json: bool, **options: object) -> None:
    """Copy the sessions of one archive, or those that the filters leave, to another, with all that is kept beside them.

    Both are URLs: s3://bucket/prefix or file:///path. What the options, the environment or the file say of S3 holds for
    both. Done again, only what is new is copied; a copy that was stopped goes on. A session is refused, unless
    --replace is given, if it was changed in TO as well, or is another one there. Ends with 1 if any session was refused
    or failed.
    """
    filters = given_filters(options)
    with ExitStack() as stores, Progress("copy", None) as progress:
        origin = stores.enter_context(open_store_at(source))
        place = stores.enter_context(open_store_at(target, to_write=True))
        report = _Report(progress, as_json=as_json)
        done = origin.copy_to(place, replace=replace, progress=report.add, **filters)
    report.end(done)
    if not done.is_complete:
        raise click.exceptions.Exit(SOME_FAILED)


class _Report:
    """Tells of each session that is not as it was, and a sum."""

    def __init__(self, progress: Progress, *, as_json: bool) -> None:
        self._progress = progress
        self._as_json = as_json
        self._seen = 0

    def add(self, done: CopiedSession) -> None:
        self._seen += 1
        self._progress.at(self._seen)
        if self._as_json:
            reason = {} if done.reason is None else {"reason": done.reason}
            self._progress.echo(
                json_text(
                    {"type": "session", "id": done.id, "outcome": done.outcome, "records": done.records, **reason}
                )
            )
        elif done.outcome in _LEFT_ALONE:
            self._progress.echo(f"{done.outcome:<9}  {one_line(done.id)}: {one_line(done.reason or '')}", err=True)
        elif done.outcome != "unchanged":
            self._progress.echo(f"{done.outcome:<9}  {one_line(done.id)}  {plural(done.records, 'record')}")

    def end(self, done: Copied) -> None:
        if self._as_json:
            counts = {name: done.outcomes[name] for name in _OUTCOMES}
            json_line({"type": "summary", **counts, "records": done.records})
            return
        counted = ", ".join(f"{done.outcomes[name]:,} {name}" for name in _OUTCOMES if done.outcomes[name])
        click.echo(f"{counted or 'no sessions'}; {plural(done.records, 'record')} copied")
