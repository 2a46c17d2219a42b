"""`s3store cache`: what is kept on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import click

from ..caching import CachePolicy
from ..errors import InvalidOption
from .archive import ArchiveCommand, archive_options, open_store, settings
from .exits import SOME_FAILED
from .output import json_line, plural, row, size_text
from .progress import Progress
from .session_filters import given_filters, session_filters

if TYPE_CHECKING:
    from ..cache import Cache


@click.group(name="cache", short_help="Look after what is kept on this machine.", params=archive_options(hidden=True))
def command() -> None:
    """Look after what is kept on this machine, so that what was read once comes back at once.

    All of it may be removed at any moment: nothing but speed is lost.
    """


@command.command(cls=ArchiveCommand, name="info", short_help="Show where it is, and how much is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(*, as_json: bool) -> None:
    """Show where the cache is, how much is there, and whether it can be used. Nothing is sent."""
    cache = _cache()
    found = cache.info()
    cache.close()
    if as_json:
        json_line({**asdict(found), "directory": str(found.directory)})
        return
    row("directory", str(found.directory))
    row("entries", str(found.entries))
    row("size", size_text(found.bytes))
    row("limit", size_text(found.size_limit))
    row("usable", "yes" if found.usable else f"no: {found.fault}")


@command.command(cls=ArchiveCommand, name="clear", short_help="Remove all of it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def clear(*, as_json: bool) -> None:
    """Remove what is kept of all archives. Nothing but speed is lost."""
    cache = _cache()
    removed = cache.clear()
    cache.close()
    if as_json:
        json_line({"removed": removed})
    else:
        click.echo(f"{plural(removed, 'object')} removed")


@command.command(cls=ArchiveCommand, name="verify", short_help="Read all of it, and remove what is damaged.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(*, as_json: bool) -> None:
    """Read everything that is kept, and remove what is damaged, or foreign. Ends with 1 if that cannot be done.

    Whoever reads the archive checks what the cache gives in any case.
    """
    cache = _cache()
    found = cache.verify()
    cache.close()
    if as_json:
        json_line(asdict(found))
    else:
        dropped = found.dropped + found.stray_files
        click.echo(f"{plural(found.checked, 'object')} read, {dropped:,} damaged or foreign and removed")
    if found.fault is not None:
        click.echo(f"s3store: the cache cannot be used: {found.fault}", err=True)
        raise click.exceptions.Exit(SOME_FAILED)


@command.command(cls=ArchiveCommand, name="warm", short_help="Bring sessions to this machine.")
@session_filters
@click.option("--newest", type=click.IntRange(min=1), metavar="N", help="At most so many, the one changed last first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def warm(*, newest: int | None, as_json: bool, **filters: Any) -> None:
    """Bring sessions to this machine, with the list that they stand in: to read them at once, or with --offline.

    Without a filter or --newest, all there are. What is here already is not sent again.
    """
    given = given_filters(filters)
    with open_store() as store, Progress("warm", newest) as progress:
        done = store.warm(limit=newest, progress=lambda so_far: progress.at(so_far.sessions), **given)
    if as_json:
        json_line(done._asdict())
    else:
        click.echo(f"{plural(done.sessions, 'session')} here, {size_text(done.bytes)}")


def _cache() -> Cache:
    found = settings()
    policy = CachePolicy.of(found.cache(), by_default=True)
    if policy is None:
        raise InvalidOption(f"cache: it is off, by {found.found['cache'].origin}")
    return cast("Cache", policy.open())
