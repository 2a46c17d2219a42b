"""Putting sessions back: where, over what, and where not."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from s3store import InvalidOption, SessionNotFound
from s3store.sync.keep import keep
from s3store.sync.mark import ATTRIBUTE
from s3store.sync.restore import restore
from s3store.sync.tools import project_name

from .conftest import ID, PROJECT, SESSION, Home, line, lines, numbers

if TYPE_CHECKING:
    from s3store import SessionStore

CONTENT = lines(0, 1) + b"\xff no text\n\n" + line(2, text="käse ☂")[:-9]


@pytest.fixture
def kept(home: Home) -> Home:
    """A session with a sub-agent, kept, and then deleted by the tool."""
    home.session.write_bytes(CONTENT)
    sub = home.file(f"{SESSION}/subagents/agent-1.jsonl")
    sub.write_bytes(line(7))
    home.keep()
    home.keep(sub)
    home.session.unlink()
    sub.unlink()
    return home


def test_a_session_comes_back_with_its_sub_agents(kept: Home, store: SessionStore) -> None:
    done = list(restore(store, ID, to=kept.root))
    assert [(each.id, each.outcome) for each in done] == [
        (ID, "restored"),
        (f"{ID}/subagents/agent-1", "restored"),
    ]
    assert done[0].path == kept.session
    assert kept.session.read_bytes() == CONTENT
    assert done[1].path.read_bytes() == line(7)
    assert stat.S_IMODE(kept.session.stat().st_mode) == 0o600
    assert sorted(os.listdir(kept.session.parent)) == [SESSION, f"{SESSION}.jsonl"]


def test_what_was_put_back_goes_on_under_its_id(kept: Home, store: SessionStore) -> None:
    list(restore(store, ID, to=kept.root))
    assert kept.keep().outcome == "unchanged"
    kept.grow(b"\n" + line(3))
    assert (kept.keep().id, kept.keep().outcome) == (ID, "unchanged")


def test_another_spelling_is_no_other_version(home: Home, store: SessionStore) -> None:
    home.session.write_bytes(b'{ "type": "user", "uuid": "u-0" }\n')
    home.keep()
    home.session.unlink()
    list(restore(store, ID, to=home.root))
    assert home.session.read_bytes() == b'{"type":"user","uuid":"u-0"}\n'
    home.grow(line(1))
    assert (home.keep().id, numbers(store)) == (ID, [0, 1])


def test_a_file_that_is_another_one_stays(kept: Home, store: SessionStore) -> None:
    kept.session.write_bytes(lines(9))
    with pytest.raises(InvalidOption, match="--force"):
        list(restore(store, ID, to=kept.root))
    assert kept.session.read_bytes() == lines(9)
    assert sorted(os.listdir(kept.session.parent)) == [SESSION, f"{SESSION}.jsonl"]
    list(restore(store, ID, to=kept.root, force=True))
    assert kept.session.read_bytes() == CONTENT
    assert {each.outcome for each in restore(store, ID, to=kept.root)} == {"there already"}


def test_on_another_machine_the_project_lies_elsewhere(
    kept: Home, store: SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "other"))
    (tmp_path / "my.project").mkdir()
    done = list(restore(store, ID, project=tmp_path / "my.project"))
    folder = tmp_path / "other" / "projects" / project_name(tmp_path / "my.project")
    assert folder.name.endswith("-my-project")
    assert [each.path for each in done] == [folder / f"{SESSION}.jsonl", folder / SESSION / "subagents/agent-1.jsonl"]


def test_long_and_decomposed_paths_have_the_names_that_the_tool_gives_them() -> None:
    assert project_name(Path("/home/mia/weather_cli")) == "-home-mia-weather-cli"
    assert project_name(Path("/" + "a" * 250)) == "-" + "a" * 199 + "-" + _hash_of_the_tool("/" + "a" * 250)
    assert project_name(Path("/e\u0301")) == "--"


def _hash_of_the_tool(text: str) -> str:
    """The hash as the tool's own JavaScript reckons it: signed, step by step."""
    number = 0
    for char in text:
        number = ((number << 5) - number + ord(char)) & 0xFFFFFFFF
        number -= (number & 0x80000000) << 1
    digits, left = "", abs(number)
    while left:
        digits, left = "0123456789abcdefghijklmnopqrstuvwxyz"[left % 36] + digits, left // 36
    return digits


def test_codex_has_one_place_for_all(home: Home, store: SessionStore, tmp_path: Path) -> None:
    name = "sessions/2026/03/14/rollout-2026-03-14T09-26-53-019ceb1a-52f0-7d33-9c8e-4b7a90d2e6f1.jsonl"
    path = tmp_path / "codex" / name
    path.parent.mkdir(parents=True)
    content = b'{"timestamp":"2026-03-14T09:26:53Z","type":"session_meta","payload":{"id":"x"}}\n'
    path.write_bytes(content)
    kept = keep(store, "codex", path, name)
    (done,) = restore(store, kept.id, to=tmp_path / "other")
    assert done.path == tmp_path / "other" / name
    assert done.path.read_bytes() == content
    with pytest.raises(InvalidOption, match="--project"):
        list(restore(store, kept.id, to=tmp_path / "other", project=tmp_path))


@pytest.mark.parametrize(
    "place",
    [
        "/etc/cron.d/x.jsonl",
        "projects/../../x.jsonl",
        "../x.jsonl",
        "settings.json",
        "projects/p/settings.json",
        "x.jsonl",
    ],
)
def test_a_place_outside_is_not_written_to(kept: Home, store: SessionStore, place: str) -> None:
    mark = dict(store.info(ID).metadata.attributes[ATTRIBUTE])
    store.update(ID, attributes={ATTRIBUTE: {**mark, "path": place}})
    with pytest.raises(InvalidOption, match="place"):
        list(restore(store, ID, to=kept.root))


def test_a_link_that_leads_out_is_not_followed(kept: Home, store: SessionStore, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "home" / "projects").mkdir(parents=True)
    (tmp_path / "home" / "projects" / PROJECT).symlink_to(tmp_path / "out")
    with pytest.raises(InvalidOption, match="symbolic link"):
        list(restore(store, ID, to=tmp_path / "home"))
    assert not list((tmp_path / "out").iterdir())


def test_a_session_of_others_is_refused(store: SessionStore, tmp_path: Path) -> None:
    store.append("support/42", "Hello")
    with pytest.raises(InvalidOption, match="export"):
        list(restore(store, "support/42", to=tmp_path))
    with pytest.raises(SessionNotFound):
        list(restore(store, "support/43", to=tmp_path))
