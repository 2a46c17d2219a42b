"""The group of commands: help, exit codes, what is loaded when, completion."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
import pytest

import s3store
from s3store import SessionStore, errors
from s3store.cli.app import COMMANDS
from s3store.cli.exits import MEANINGS, as_exits

if TYPE_CHECKING:
    from .conftest import Cli

EXITS = {
    errors.AccessDenied: 6,
    errors.ArtifactNotFound: 3,
    errors.BucketNotFound: 6,
    errors.Conflict: 4,
    errors.CorruptObject: 7,
    errors.InvalidOption: 2,
    errors.InvalidRecord: 2,
    errors.InvalidSessionId: 2,
    errors.LeaseLost: 4,
    errors.NotCached: 5,
    errors.OutcomeUnknown: 8,
    errors.RestoreRequired: 5,
    errors.SessionDeleted: 4,
    errors.SessionExists: 4,
    errors.SessionHeld: 4,
    errors.SessionNotFound: 3,
    errors.StoreNotCapable: 6,
    errors.StoreUnavailable: 5,
    errors.TooLarge: 2,
    errors.UnsupportedFormat: 7,
}


NAMED: dict[type[errors.S3StoreError], dict[str, Any]] = {
    errors.OutcomeUnknown: {"session_id": "s", "commit_id": "c"},
    errors.RestoreRequired: {"session_id": "s", "pack": "p", "storage_class": "GLACIER", "tiers": ("bulk",)},
}
"""What an error is given beside its message."""


def leaves(kind: type[errors.S3StoreError]) -> set[type[errors.S3StoreError]]:
    below = kind.__subclasses__()
    return {leaf for each in below if each.__module__ == errors.__name__ for leaf in leaves(each)} or {kind}


def exit_of(error: BaseException) -> int:
    with pytest.raises(click.exceptions.Exit) as ended, as_exits():
        raise error
    return ended.value.exit_code


def test_every_error_has_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    kinds_of_their_own = {errors.Conflict, errors.StoreUnavailable}
    assert EXITS.keys() == leaves(errors.S3StoreError) | kinds_of_their_own
    for kind, code in EXITS.items():
        named = NAMED.get(kind, {})
        assert exit_of(kind("session 's': so it is", **named)) == code
        told = capsys.readouterr().err
        assert told.startswith("s3store: session 's': so it is")
        assert told.count("\n") == 1


def test_the_help_tells_every_exit_code(cli: Cli) -> None:
    told = cli.ok("--help")
    assert all(f"{code:<3}" in told for code, _ in MEANINGS)
    assert set(EXITS.values()) | {0, 1, 130} <= {code for code, _ in MEANINGS}


def test_ctrl_c_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "s3store: interrupted\n"


def test_an_error_of_our_own_shows_its_kind_and_nothing_of_a_session(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of(ValueError("a secret from a message")) == 70
    told = capsys.readouterr().err
    assert "ValueError" in told
    assert "secret" not in told


def test_a_traceback_is_shown_when_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3STORE_DEBUG", "1")
    exit_of(errors.Conflict("x"))
    assert "Traceback" in capsys.readouterr().err


def test_a_message_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    exit_of(errors.InvalidOption("a\x1b]0;title\x07b\x9bc\nd"))
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert not {"\x1b", "\x07", "\x9b"} & set(told)


def test_help_loads_no_sdk_and_nothing_that_draws_or_imports() -> None:
    program = (
        "import sys; from s3store.cli.app import cli\n"
        "try: cli(['--help'], prog_name='s3store')\n"
        "except SystemExit: pass\n"
        "heavy = ('boto3', 'botocore', 'aioboto3', 'rich', 's3store.importers', 's3store.reading')\n"
        "print('loaded:', [name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_group_and_the_command_say_the_same_of_it(cli: Cli, name: str) -> None:
    command = import_module(f"s3store.cli.cmd_{name}").command
    assert (command.name, command.short_help) == (name, COMMANDS[name])
    assert cli.ok(name, "--help").startswith(f"Usage: s3store {name} ")


def test_an_unknown_command_is_a_wrong_call(cli: Cli) -> None:
    assert cli("frobnicate").exit_code == 2


def test_the_version(cli: Cli) -> None:
    assert cli.ok("--version") == f"s3store {s3store.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(cli: Cli, shell: str) -> None:
    assert "_S3STORE_COMPLETE" in cli.ok("completion", shell)


def test_completion_knows_the_commands(cli: Cli) -> None:
    cli.env |= {"_S3STORE_COMPLETE": "bash_complete", "COMP_WORDS": "s3store s", "COMP_CWORD": "1"}
    out, _ = cli.start().communicate(timeout=20)
    wanted = {"search", "show", "stat", "set", "send", "spawn", "sync"}
    assert {line.split(",")[1] for line in out.decode().split()} == wanted


@pytest.mark.parametrize("args", [("show", "--raw"), ("export", "--out", "-")])
def test_a_pipe_that_closes_early_is_no_error(cli: Cli, store: SessionStore, args: tuple[str, ...]) -> None:
    store.extend("long", ["x" * 1000] * 500)
    process = cli.start(*args, "long")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=20) == 141


def test_following_shows_what_comes_until_ctrl_c(cli: Cli, store: SessionStore) -> None:
    store.extend("s", ["one", "two"])
    with cli.start("tail", "s", "-n", "1", "--follow", "--interval", "0.01", "--json") as process:
        assert process.stdout is not None
        assert b'"two"' in process.stdout.readline()
        store.append("s", "three")
        assert b'"three"' in process.stdout.readline()
        store.replace_last("s", "four")
        assert b'"four"' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert (process.returncode, told) == (130, b"s3store: interrupted\n")


def test_following_ends_when_the_session_is_deleted(cli: Cli, store: SessionStore) -> None:
    store.append("s", "one")
    with cli.start("tail", "s", "--follow", "--interval", "0.01", "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        store.delete("s")
        assert process.wait(timeout=20) == 4
