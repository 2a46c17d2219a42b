"""What `s3store index` tells of the index: how large it is, and where it differs from the sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .exits import CORRUPT, DIFFERS
from .output import json_line, on_terminal, one_line, plural, row, size_text
from .tables import Column, draw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from ..index.reports import Difference, IndexStatus, Verified

    Fact: TypeAlias = tuple[str, int, str]
    """Its name, a number, and what that says."""

_FACTS: Sequence[Column[Fact]] = (
    Column("part", lambda fact: fact[0]),
    Column("amount", lambda fact: str(fact[1]), shown=lambda fact: _amount(fact), right=True),
    Column("meaning", lambda fact: fact[2], elastic="fold"),
)
_MEANINGS = {
    "missing": "the index does not have it",
    "behind": "the index has an earlier state of it",
    "ahead": "the index has a later state of it than there is",
    "wrong": "the index says something else of this state",
    "gone": "the index has it, but there is no such session",
}
_DIFFERENCES: Sequence[Column[Difference]] = (
    Column("fault", lambda found: found.fault),
    Column("session", lambda found: found.session_id, elastic="fold"),
    Column("indexed", lambda found: _version(found.indexed), right=True),
    Column("stored", lambda found: _version(found.stored), right=True),
    Column("meaning", lambda found: _MEANINGS[found.fault], elastic="fold"),
)


def report_status(status: IndexStatus) -> None:
    """Tell how large the index is."""
    facts = _facts(status)
    if on_terminal():
        draw(_FACTS, facts)
    else:
        for name, number, _ in facts:
            row(name, str(number))


def report_verified(verified: Verified, *, fixed: bool, as_json: bool) -> None:
    """Tell what a comparison found, and end the process accordingly. `fixed` says that it was mended at once."""
    if as_json:
        _verified_json(verified, fixed=fixed)
    else:
        _verified_text(verified, fixed=fixed)
    if verified.damaged_heads:
        raise click.exceptions.Exit(CORRUPT)
    if not (verified.right or fixed):
        raise click.exceptions.Exit(DIFFERS)


def _facts(status: IndexStatus) -> list[Fact]:
    tiers = ", ".join(f"{number:,} of tier {tier}" for tier, number in sorted(status.runs.items()))
    return [
        ("log", status.log, "entries that are not merged into pages yet"),
        ("unconfirmed", status.unconfirmed, "of these, of sessions that may still be created"),
        ("pages", status.pages, "objects that hold what was merged"),
        ("entries", status.entries, "on the pages; a session may have one in each run"),
        ("bytes", status.bytes, "the size of all pages"),
        ("runs", sum(status.runs.values()), f"of pages: {tiers}" if tiers else "of pages"),
        ("version", status.version, "how often the manifest was replaced"),
    ]


def _amount(fact: Fact) -> str:
    return size_text(fact[1]) if fact[0] == "bytes" else f"{fact[1]:,}"


def _verified_json(verified: Verified, *, fixed: bool) -> None:
    for what in verified.damaged_heads:
        json_line({"type": "unreadable", "what": what})
    if verified.damaged_index is not None:
        json_line({"type": "damaged_index", "what": verified.damaged_index})
    for found in verified.differences:
        json_line(
            {
                "type": "difference",
                "id": found.session_id,
                "fault": found.fault,
                "indexed": found.indexed,
                "stored": found.stored,
            }
        )
    json_line(
        {
            "type": "summary",
            "sessions": verified.sessions,
            "right": verified.right,
            "fixed": fixed and not verified.right,
            "differences": len(verified.differences),
            "unreadable": len(verified.damaged_heads),
        }
    )


def _verified_text(verified: Verified, *, fixed: bool) -> None:
    for what in verified.damaged_heads:
        click.echo(f"unreadable  {one_line(what)}", err=True)
    if not on_terminal():
        for found in verified.differences:
            row(*(column.plain(found) for column in _DIFFERENCES))
    elif verified.differences:
        draw(_DIFFERENCES, verified.differences)
    click.echo(_verdict(verified, fixed=fixed))


def _verdict(verified: Verified, *, fixed: bool) -> str:
    compared = f"{plural(verified.sessions, 'session')} compared"
    if verified.right:
        return f"{compared}; the index is right"
    if verified.damaged_index is not None:
        # It says itself what to do.
        return f"{one_line(verified.damaged_index)}{'; that was done' if fixed else ''}"
    wrong = f"{compared}; {plural(len(verified.differences), 'difference')}"
    return f"{wrong}, {'mended' if fixed else 'which --fix mends'}"


def _version(version: int | None) -> str:
    return "" if version is None else str(version)
