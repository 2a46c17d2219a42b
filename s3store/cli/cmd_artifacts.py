"""`s3store artifacts`: list, get, put and remove them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ArtifactNotFound, InvalidOption
from ..jsontext import loads_exactly
from ..keys import encode_id
from .archive import ArchiveCommand, archive_options, open_store
from .exits import NOT_FOUND
from .output import json_line, on_terminal, one_line, row, size_text
from .progress import Transfer
from .tables import Column, draw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..jsontext import JsonValue
    from ..siblings.blocking import Artifacts
    from ..siblings.model import ArtifactInfo, Source

_COLUMNS: tuple[Column[ArtifactInfo], ...] = (
    Column("name", lambda info: info.name, elastic="fold"),
    Column("type", lambda info: info.media_type, elastic="cut"),
    Column("size", lambda info: str(info.size), lambda info: size_text(info.size), right=True),
    Column("tool", lambda info: info.tool or ""),
    Column("sha256", lambda info: info.sha256, lambda info: info.sha256[:12]),
)


@click.group(name="artifacts", short_help="List, get, put and remove artifacts.", params=archive_options(hidden=True))
def command() -> None:
    """List, get, put and remove the artifacts that are kept beside a session."""


@command.command(cls=ArchiveCommand, name="ls", short_help="List the artifacts of a session.")
@click.argument("session_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each.")
def ls(*, session_id: str, as_json: bool) -> None:
    """List the artifacts of a session, oldest first: name, media type, size in bytes, tool, SHA-256."""
    with open_store() as store:
        infos = store.artifacts(session_id).list()
    show_list(infos, as_json=as_json)


@command.command(cls=ArchiveCommand, name="get", short_help="Get artifacts, as files or to the output.")
@click.argument("session_id", metavar="ID")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("-o", "--output", metavar="FILE", help="Write one artifact to this file; - is the output. [default: -]")
@click.option("--out", "folder", metavar="DIR", help="Write them into this folder, each under its name, encoded.")
@click.option("--all", "everything", is_flag=True, help="All of them, with --out.")
@click.option("--force", is_flag=True, help="Write over files that are there already.")
def get(
    *,
    session_id: str,
    names: tuple[str, ...],
    output: str | None,
    folder: str | None,
    everything: bool,
    force: bool,
) -> None:
    """Get artifacts of a session.

    With --out each is written into the folder under its name, percent-encoded, so that no name is a path; what is in
    a file is whole and checked. An interrupted call goes on where it ended. Ends with 3 if there is no such artifact.
    """
    if folder is None and (everything or len(names) != 1):
        raise click.UsageError("give one NAME, or --out DIR with names or --all")
    if folder is not None and (output is not None or everything == bool(names)):
        raise click.UsageError("--out DIR goes with names or with --all, and not with --output")
    with open_store() as store:
        artifacts = store.artifacts(session_id)
        if folder is not None:
            wanted = [info.name for info in artifacts.list()] if everything else names
            _get_into(Path(folder), artifacts, wanted, force=force)
        elif output not in {None, "-"}:
            _get_one(artifacts, names[0], Path(str(output)), force=force)
        else:
            if on_terminal():
                raise click.UsageError("this would write raw bytes to a terminal; give --output FILE, or pipe it")
            for piece in artifacts.stream(names[0]):
                sys.stdout.buffer.write(piece)


@command.command(cls=ArchiveCommand, name="put", short_help="Put a file as an artifact.")
@click.argument("session_id", metavar="ID")
@click.argument("file", metavar="FILE")
@click.option("--name", help="Its name. [default: the name of the file]")
@click.option("--type", "media_type", help="Its media type. [default: by the ending of the file]")
@click.option("--tool", help="The tool that made it.")
@click.option("--attribute", "attributes", multiple=True, metavar="NAME=JSON", help="Say more of it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def put(
    *,
    session_id: str,
    file: str,
    name: str | None,
    media_type: str | None,
    tool: str | None,
    attributes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Put FILE (- is the input) beside a session, in place of the artifact of that name.

    An interrupted upload of a file goes on where it ended. What is there already is not sent again.
    """
    if file == "-" and name is None:
        raise click.UsageError("what comes from the input needs a --name")
    said = dict(_attribute(text) for text in attributes)
    source: Source = sys.stdin.buffer if file == "-" else Path(file)
    named = os.path.basename(file) if name is None else name
    with open_store(to_write=True) as store, Transfer(f"put {one_line(named)}") as transfer:
        info = store.artifacts(session_id).put(
            named, source, media_type=media_type, tool=tool, attributes=said, progress=transfer.at
        )
    if as_json:
        json_line(artifact_json(info))
    else:
        click.echo(f"{one_line(info.name)}: {size_text(info.size)}, SHA-256 {info.sha256}")


@command.command(cls=ArchiveCommand, name="rm", short_help="Remove artifacts.")
@click.argument("session_id", metavar="ID")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def rm(*, session_id: str, names: tuple[str, ...]) -> None:
    """Remove artifacts of a session. Ends with 3 if one was not there; the others are removed all the same."""
    unknown = False
    with open_store() as store:
        artifacts = store.artifacts(session_id)
        for name in names:
            if artifacts.remove(name):
                click.echo(f"removed {one_line(name)}")
            else:
                unknown = True
                click.echo(f"s3store: there is no artifact {one_line(name)}", err=True)
    if unknown:
        raise click.exceptions.Exit(NOT_FOUND)


def artifact_json(info: ArtifactInfo) -> dict[str, JsonValue]:
    """Return what is said of an artifact, as JSON."""
    return {
        "name": info.name,
        "media_type": info.media_type,
        "size": info.size,
        "sha256": info.sha256,
        "tool": info.tool,
        "attributes": dict(info.attributes),
    }


def show_list(infos: list[ArtifactInfo], *, as_json: bool) -> None:
    """Write a list of artifacts: a table on a terminal, else a line for each."""
    if as_json:
        for info in infos:
            json_line(artifact_json(info))
    elif on_terminal():
        draw(_COLUMNS, infos)
    else:
        for info in infos:
            row(*(column.plain(info) for column in _COLUMNS))


def _get_into(folder: Path, artifacts: Artifacts, names: Iterable[str], *, force: bool) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unknown = False
    for name in names:
        try:
            # Encoded as an id is in a key: one harmless name, never a path.
            _get_one(artifacts, name, folder / encode_id(name), force=force)
        except ArtifactNotFound as error:
            unknown = True
            click.echo(f"s3store: {one_line(str(error))}", err=True)
    if unknown:
        raise click.exceptions.Exit(NOT_FOUND)


def _get_one(artifacts: Artifacts, name: str, target: Path, *, force: bool) -> None:
    if not force and os.path.lexists(target):
        raise InvalidOption(f"{target}: is there already; --force writes over it")
    with Transfer(f"get {one_line(name)}") as transfer:
        artifacts.get_to(name, target, progress=transfer.at)
    click.echo(str(target), err=False)


def _attribute(text: str) -> tuple[str, JsonValue]:
    name, _, value = text.partition("=")
    try:
        return name, loads_exactly(value)
    except (ValueError, RecursionError):
        raise InvalidOption(f"--attribute {name}: is NAME=JSON, such as score=0.5 or site='\"berlin\"'") from None
