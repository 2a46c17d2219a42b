"""The command line on a terminal: tables that fit, questions, a bar, and nothing that drives it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from s3store import SessionStore

    from .conftest import Cli

WIDTH = 80
HOSTILE = "a\x1b]0;owned\x07b\x1b[2J\x9b31mc\x08"
STYLES = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(cli: Cli, *args: object, answer: bytes = b"") -> tuple[int, str]:
    """Run a command on a terminal of its own; return its exit code and all that it showed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    cli.env |= {"TERM": "xterm-256color", "NO_COLOR": ""}
    process = cli.start(*args, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, answer)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        pass  # Linux's way to say that the other end is closed.
    os.close(ours)
    return process.wait(timeout=20), shown.decode()


def plain(shown: str) -> str:
    return STYLES.sub("", shown).replace("\r\n", "\n")


def test_a_table_fits_and_keeps_every_id(cli: Cli, store: SessionStore) -> None:
    session_id = "project/" + "0123456789" * 8
    store.create(session_id, ["x"], name="a name that is far too long for a terminal " * 3)
    store.create("s", ["x"], name=HOSTILE)
    code, shown = on_terminal(cli, "ls")
    assert code == 0
    lines = plain(shown).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert session_id in "".join(line.split("  ")[0].strip() for line in lines)
    assert not {"\x1b", "\x07", "\x08", "\x9b"} & set(plain(shown))


def test_show_has_colours_and_wraps_and_content_cannot_drive_it(cli: Cli, store: SessionStore) -> None:
    store.create("s", [{"role": "user", "content": HOSTILE + "[bold]x[/bold] " + "word " * 60}])
    code, shown = on_terminal(cli, "show", "s")
    assert code == 0
    assert STYLES.search(shown)
    assert "[bold]x[/bold]" in plain(shown)
    assert max(map(len, plain(shown).splitlines())) <= WIDTH
    assert not {"\x1b", "\x07", "\x08", "\x9b"} & set(plain(shown))
    assert "owned" not in shown


def test_json_on_a_terminal_is_ascii(cli: Cli, store: SessionStore) -> None:
    store.create("s", ["\x9b31m\u202eü"])
    assert on_terminal(cli, "show", "s", "--raw") == (0, '"\\u009b31m\\u202e\\u00fc"\r\n')


def test_long_lists_are_blocks(cli: Cli, store: SessionStore) -> None:
    store.create("s", ["x"], name="N", state="idle")
    code, shown = on_terminal(cli, "ls", "--long")
    assert code == 0
    assert plain(shown).splitlines()[:2] == ["s", "N"]
    assert "state idle" in plain(shown).splitlines()


def test_rm_asks(cli: Cli, store: SessionStore) -> None:
    store.append("s", "x")
    code, shown = on_terminal(cli, "rm", "s", answer=b"n\n")
    assert code == 1
    assert "Delete 1 session?" in shown
    assert store.exists("s")
    assert on_terminal(cli, "rm", "s", answer=b"y\n")[0] == 0
    assert not store.exists("s")


def test_an_import_shows_a_bar_that_leaves_the_report_whole(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "chats"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.jsonl").write_text('{"role": "user", "content": "x"}\n')
    code, shown = on_terminal(cli, "import", folder)
    assert code == 0
    assert "━" in shown
    # What is left of a line after the bar was wiped off it.
    lines = [re.split(r"\x1b\[\d*[KA]|\r", line)[-1] for line in shown.splitlines()]
    for name in ("a", "b", "c"):
        assert f"new        messages/chats/{name}.jsonl  1 message" in [STYLES.sub("", line) for line in lines]


def test_export_does_not_write_bytes_of_a_session_to_a_terminal(cli: Cli, store: SessionStore) -> None:
    store.append("s", HOSTILE)
    code, shown = on_terminal(cli, "export", "s", "--out", "-")
    assert code == 2
    assert "\x1b" not in shown


def test_artifacts_are_listed_in_a_table_and_not_written_to_a_terminal(cli: Cli, store: SessionStore) -> None:
    store.artifacts("s").put("name " * 40, HOSTILE, tool=HOSTILE)
    code, shown = on_terminal(cli, "artifacts", "ls", "s")
    assert code == 0
    assert max(map(len, plain(shown).splitlines())) <= WIDTH
    code, got = on_terminal(cli, "artifacts", "get", "s", "name " * 40)
    assert code == 2
    assert "raw bytes" in plain(got)
    for told in (plain(shown), plain(got)):
        assert not {"\x1b", "\x07", "\x08", "\x9b"} & set(told)


def test_a_long_transfer_shows_a_bar_and_a_name_cannot_drive_it(cli: Cli, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(9 * 1024 * 1024))
    code, shown = on_terminal(cli, "artifacts", "put", "s", large, "--name", HOSTILE + "[red]d[/red]")
    assert code == 0
    assert "━" in shown
    assert "9.4/9.4 MB" in shown
    assert "[red]d[/red]" in shown
    assert "\x1b]0;owned" not in shown
