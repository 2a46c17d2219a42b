"""What `s3store rm` tells of what is left of a session, and of earlier versions that it has removed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from .output import json_line, one_line, plural, row

if TYPE_CHECKING:
    from ..longterm.reports import ErasedVersions, Remains, Remnant


def report_versions(session_id: str, erased: ErasedVersions, *, as_json: bool) -> None:
    """Tell which earlier versions are gone, and which could not go."""
    if as_json:
        kept = [{**asdict(remnant), "why": why} for remnant, why in erased.kept]
        json_line({"id": session_id, "versions_removed": erased.removed, "versions_kept": kept})
        return
    click.echo(f"removed {plural(erased.removed, 'earlier version')} of {one_line(session_id)}")
    for remnant, why in erased.kept:
        click.echo(f"s3store: kept {_told(remnant)}: {one_line(why)}", err=True)


def report_remains(remains: Remains, *, as_json: bool) -> None:
    """Tell what is left."""
    if as_json:
        left = [asdict(remnant) for remnant in remains.found]
        json_line({"id": remains.session_id, "erased": remains.erased, "left": left})
        return
    for remnant in remains.found:
        row(remnant.kind, remnant.key, str(remnant.size), remnant.version)
    content = [remnant for remnant in remains.found if remnant.kind != "tombstone"]
    tombstones = plural(len(remains.found) - len(content), "tombstone")
    if remains.erased:
        click.echo(f"nothing is left of {one_line(remains.session_id)} but {tombstones}")
    else:
        versions = sum(remnant.kind in {"version", "delete marker"} for remnant in content)
        hint = f", {versions:,} of them versions that the bucket keeps; --versions removes them" if versions else ""
        click.echo(f"{plural(len(content), 'object')} left of {one_line(remains.session_id)}{hint}")


def _told(remnant: Remnant) -> str:
    return f"{one_line(remnant.key)}, version {one_line(remnant.version)}"
