"""The group of all commands."""

from __future__ import annotations

import sys
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING

import click

from ..version import __version__
from .archive import archive_options
from .exits import MEANINGS, as_exits

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "import": "Bring in sessions from files of other tools.",
    "sync": "Keep the sessions of coding agents, and put them back.",
    "ls": "List sessions.",
    "search": "Find sessions by the words in them.",
    "show": "Show a session as a conversation.",
    "tail": "Show the last messages of a session, and follow it.",
    "stat": "Show what is known of a session.",
    "append": "Add messages to a session.",
    "set": "Change what is said of a session.",
    "send": "Send a message to a session.",
    "spawn": "Start a session that works for another.",
    "inbox": "Show the messages that wait for a session.",
    "rm": "Delete sessions.",
    "pack": "Put idle sessions, many together, into Parquet files.",
    "unpack": "Give packed sessions objects of their own again.",
    "restore": "Bring packed sessions back from archive classes.",
    "export": "Write sessions to files, or check an export.",
    "copy": "Copy sessions to another archive.",
    "artifacts": "List, get, put and remove artifacts.",
    "traces": "Show the traces of a session.",
    "index": "Look after the index, which the listings read.",
    "cache": "Look after what is kept on this machine.",
    "hold": "Keep sessions from being deleted.",
    "retention": "Show and set the rules by which sessions are packed and deleted.",
    "maintain": "Do all the upkeep that is due, in one pass.",
    "erase": "Erase sessions for good, with a receipt.",
    "cleanup": "Remove what crashed clients have left behind.",
    "check": "Find out whether a store is fit for an archive.",
    "config": "Show the settings, and where each came from.",
    "completion": "Print the script that completes commands in a shell.",
}
"""Each command with its line of help, so that listing them loads none of them."""


class _Commands(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"{__package__}.cmd_{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"cmd_{cmd_name} has no command")
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in MEANINGS])

    def invoke(self, ctx: click.Context) -> object:
        with as_exits():
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result


@click.command(
    cls=_Commands,
    params=archive_options(hidden=False),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="s3store", message="%(prog)s %(version)s")
def cli() -> None:
    """Keep the sessions of AI agents in object storage.

    Each option can also be set in the environment (--url as S3STORE_URL) or in ~/.config/s3store/config.toml
    (url = "s3://…"); the command line wins over the environment, and that over the file. Credentials are found
    by the AWS SDK as always.
    """


def main() -> None:
    """Run the command line and end the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # An output that cannot hold a character shows its escape; nothing fails half-way because of it.
            stream.reconfigure(errors="backslashreplace")
    cli(prog_name="s3store")
