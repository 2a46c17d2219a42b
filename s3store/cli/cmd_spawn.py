"""`s3store spawn`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..contracts.brainwires import SpawnRequest
from ..contracts.broker import Broker
from ..reading import clean
from .archive import ArchiveCommand, open_store
from .output import json_line

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(cls=ArchiveCommand, name="spawn", short_help="Start a session that works for another.")
@click.argument("parent", metavar="ID")
@click.argument("prompt")
@click.option("--model", help="The model to run it with.")
@click.option("--system", help="Its system prompt.")
@click.option("--tool", "tools", multiple=True, help="A tool that it may use; give it once for each.")
@click.option("--wait", type=click.IntRange(min=0), metavar="SECONDS", help="Wait so long for its first reply.")
@click.option("--json", "as_json", is_flag=True, help="Print the id, and the reply if there is one, as JSON.")
def command(
    *,
    parent: str,
    prompt: str,
    model: str | None,
    system: str | None,
    tools: Sequence[str],
    wait: int | None,
    as_json: bool,
) -> None:
    """Create a session that works for the session ID, with PROMPT as the first message in its inbox.

    Prints the new session's id, and with --wait its first reply, if that comes in time. It is for a worker to run it.
    """
    request = SpawnRequest(prompt, model, system, tuple(tools) or None, wait is not None, wait or 0)
    with open_store() as store:
        spawned = Broker(store).spawn(parent, request)
    if as_json:
        json_line(spawned.to_json())
        return
    click.echo(spawned.id)
    if spawned.first_reply is not None:
        click.echo(clean(spawned.first_reply.content))
