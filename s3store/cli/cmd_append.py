"""`s3store append`."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click

from ..changes import Extend
from ..errors import InvalidRecord
from ..jsontext import loads_exactly
from .archive import ArchiveCommand, open_store
from .output import info_json, json_line, plural

if TYPE_CHECKING:
    from ..jsontext import JsonValue


@click.command(cls=ArchiveCommand, name="append", short_help="Add messages to a session.")
@click.argument("session_id", metavar="ID")
@click.argument("message", required=False)
@click.option("--file", "file", type=click.File("rb"), metavar="FILE", help="Messages as JSON lines; - is the input.")
@click.option("--text", help="A message with this text.")
@click.option("--role", help="The role of the message, with --text. [default: user]")
@click.option("--key", help="An idempotency key: the message is added once, however often this is called.")
@click.option("--must-exist", is_flag=True, help="Do not create a session that is not there.")
@click.option("--json", "as_json", is_flag=True, help="Print the session as one JSON object.")
def command(
    *,
    session_id: str,
    message: str | None,
    file: BinaryIO | None,
    text: str | None,
    role: str | None,
    key: str | None,
    must_exist: bool,
    as_json: bool,
) -> None:
    """Add messages at the end of a session: MESSAGE (JSON), those of --file, or one with --text.

    They are added all at once or not at all. A session that is not there is created.
    """
    if sum(given is not None for given in (message, file, text)) != 1:
        raise click.UsageError("give one of MESSAGE, --file and --text")
    if role is not None and text is None:
        raise click.UsageError("--role goes with --text")
    if key is not None and file is not None:
        raise click.UsageError("--key goes with one message, not with --file")
    messages = _messages(message, file, text, role or "user")
    with open_store(to_write=True) as store:
        done = store.commit(session_id, Extend(messages, keys=[key] * len(messages)), must_exist=must_exist)
    if as_json:
        json_line({"appended": done.appended, **info_json(done.info)})
        return
    added = f"{plural(done.appended, 'message')} added" if done.appended else "nothing added, it is there already"
    click.echo(f"{added}; {done.info.count:,} now, version {done.info.version}")


def _messages(message: str | None, file: BinaryIO | None, text: str | None, role: str) -> list[JsonValue]:
    if text is not None:
        return [{"role": role, "content": text}]
    if message is not None:
        return [_parse(message, "MESSAGE")]
    lines = enumerate(file or (), 1)
    return [_parse(line, f"line {number}") for number, line in lines if line.strip()]


def _parse(text: str | bytes, where: str) -> JsonValue:
    try:
        return loads_exactly(text)
    except (ValueError, RecursionError):
        # What a decoder says could show a part of the message.
        raise InvalidRecord(f"{where} is no JSON") from None
