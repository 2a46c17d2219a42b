"""Bringing files in: again, grown, half written, cut, written anew, changed in the archive, raced, imported before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from s3store import InvalidRecord, SessionStore
from s3store.importers.engine import import_session
from s3store.importers.formats import read
from s3store.importers.lines import write_line
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.sync import keep as module
from s3store.sync.mark import ATTRIBUTE, EDGE, Mark

from .conftest import ID, Home, line, lines, numbers

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_new_comes_in_and_nothing_twice(home: Home, store: SessionStore) -> None:
    home.session.write_bytes(lines(0, 1))
    assert home.keep() == module.Kept(ID, f"projects/-home-mia-weather-cli/{home.session.name}", "new", 2)
    assert home.keep().outcome == "unchanged"
    home.grow(lines(2, 3))
    assert (home.keep().outcome, home.keep().outcome) == ("grew", "unchanged")
    assert numbers(store) == [0, 1, 2, 3]


def test_an_empty_file_is_no_session_yet(home: Home, store: SessionStore) -> None:
    home.session.write_bytes(b"")
    assert home.keep().outcome == "unchanged"
    assert not store.exists(ID)
    home.grow(line(0))
    assert home.keep().outcome == "new"


def test_a_file_that_the_tool_deletes_stays_in_the_archive(home: Home, store: SessionStore) -> None:
    home.session.write_bytes(lines(0, 1))
    home.keep()
    home.session.unlink()
    assert numbers(store) == [0, 1]


@pytest.mark.parametrize("cut", [1, 20, len(line(2)) - 1])
def test_a_line_that_is_half_written_is_completed(home: Home, store: SessionStore, cut: int) -> None:
    home.session.write_bytes(lines(0, 1) + line(2)[:cut])
    assert home.keep().added == 3
    assert home.keep().outcome == "unchanged"
    home.grow(line(2)[cut:] + line(3))
    assert home.keep().outcome == "grew"
    assert numbers(store) == [0, 1, 2, 3]
    assert home.keep().outcome == "unchanged"


def test_a_half_line_grows_and_stays_half(home: Home, store: SessionStore) -> None:
    home.session.write_bytes(line(0) + line(1)[:10])
    home.keep()
    home.grow(line(1)[10:20])
    home.keep()
    home.grow(line(1)[20:])
    assert home.keep().outcome == "grew"
    assert numbers(store) == [0, 1]


def test_a_line_end_alone_is_noted(home: Home, store: SessionStore) -> None:
    home.session.write_bytes(line(0) + line(1)[:-1])
    home.keep()
    home.grow(b"\n")
    home.keep()
    home.grow(line(2))
    home.keep()
    assert numbers(store) == [0, 1, 2]


def test_lines_that_are_no_json_survive_byte_for_byte(home: Home, store: SessionStore) -> None:
    odd = [b"\xff\x00 no text\n", b"\n", b"{half\n", b'{"a":1,"a":2}\n', b"  \r\n"]
    home.session.write_bytes(line(0) + b"".join(odd))
    home.keep()
    home.grow(b"".join(odd))
    home.keep()
    stored = [write_line(message) + b"\n" for message in store.load(ID).messages]
    assert stored == [line(0), *odd, *odd]


@pytest.mark.parametrize("size", [EDGE - 1, EDGE, EDGE + 1, 3 * EDGE])
def test_only_what_was_added_is_read(
    home: Home, store: SessionStore, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.session.write_bytes(line(0, pad="x" * size) + line(1))
    home.keep()
    before = home.session.stat().st_size
    home.grow(line(2))
    begun: list[int] = []
    batches = module._batches

    def spied(path: Path, start: int, end: int) -> Any:
        begun.append(start)
        return batches(path, start, end)

    monkeypatch.setattr(module, "_batches", spied)
    assert home.keep().added == 1
    assert begun == [before]


@pytest.mark.parametrize(
    "anew",
    [lines(0), lines(5, 1, 2), lines(0, 5, 2, 3), b"\n", lines(0, 1)[:-4]],
    ids=["cut", "another start", "another middle", "blank", "cut in a line"],
)
def test_a_file_that_is_cut_or_written_anew_is_kept_beside(home: Home, store: SessionStore, anew: bytes) -> None:
    home.session.write_bytes(lines(0, 1, 2))
    home.keep()
    home.session.write_bytes(anew)
    kept = home.keep()
    assert (kept.id, kept.outcome) == (f"{ID}~2", "rewritten")
    assert numbers(store) == [0, 1, 2]
    assert home.keep().outcome == "unchanged"
    if anew.endswith(b"\n"):
        home.grow(line(9))
        assert (home.keep().id, home.keep().outcome) == (f"{ID}~2", "unchanged")
    home.session.write_bytes(lines(7))
    assert home.keep().id == f"{ID}~3"
    home.session.write_bytes(lines(0, 1, 2, 3))
    assert (home.keep().id, numbers(store)) == (ID, [0, 1, 2, 3])


def test_what_others_add_in_the_archive_is_not_lost(home: Home, store: SessionStore) -> None:
    home.session.write_bytes(lines(0))
    home.keep()
    store.append(ID, "a remark")
    home.grow(lines(1))
    kept = home.keep()
    assert (kept.id, kept.outcome) == (f"{ID}~2", "rewritten")
    assert numbers(store) == [0, "a remark"]
    assert numbers(store, kept.id) == [0, 1]


def test_what_is_said_in_the_archive_stays(home: Home, store: SessionStore) -> None:
    home.session.write_bytes(line(0, cwd="/home/mia", gitBranch="main"))
    home.keep()
    assert store.info(ID).metadata.name == "Words 0"
    store.update(ID, name="Mine", labels={"prod"}, attributes={**store.info(ID).metadata.attributes, "note": "mine"})
    home.grow(line(1, gitBranch="other", timestamp="2026-01-01T00:00:00Z"))
    home.keep()
    said = store.info(ID).metadata
    assert (said.name, said.labels, said.agent) == ("Mine", frozenset({"prod"}), "claude-code")
    assert (said.attributes["note"], said.attributes["git_branch"]) == ("mine", "main")
    assert said.attributes["last_message_at"] == "2026-01-01T00:00:00.000000Z"
    home.grow(b'{"type":"custom-title","customTitle":"Given","sessionId":"s"}\n')
    home.keep()
    assert store.info(ID).metadata.name == "Given"


@pytest.mark.parametrize("cut", [0, 9])
def test_an_imported_session_goes_on(home: Home, store: SessionStore, cut: int) -> None:
    home.session.write_bytes(lines(0, 1) + line(2)[:cut])
    (session,) = read(home.session, "claude-code")
    import_session(store, session)
    home.grow(line(2)[cut:] + line(3))
    assert (home.keep().id, home.keep().outcome) == (ID, "unchanged")
    assert numbers(store) == [0, 1, 2, 3]


def test_large_files_come_in_by_parts_and_go_on_where_they_stopped(
    home: Home, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 300)
    home.session.write_bytes(lines(*range(20)))
    commit, left = store.commit, [3]

    def commit_or_die(*args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return commit(*args, **options)

    monkeypatch.setattr(store, "commit", commit_or_die)
    with pytest.raises(KeyboardInterrupt):
        home.keep()
    assert 0 < store.info(ID).count < 20
    monkeypatch.setattr(store, "commit", commit)
    assert home.keep().outcome == "grew"
    assert numbers(store) == list(range(20))


def test_two_runs_at_once_store_nothing_twice(home: Home, store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    home.session.write_bytes(lines(0, 1))
    commit = store.commit

    def beaten(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(store, "commit", commit)
        home.keep()
        return commit(*args, **options)

    monkeypatch.setattr(store, "commit", beaten)
    assert home.keep().outcome == "unchanged"
    assert numbers(store) == [0, 1]


def test_a_file_that_gets_shorter_while_it_is_read_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.session.write_bytes(lines(0, 1))
    batches = module._batches

    def cut(path: Path, start: int, end: int) -> Any:
        os.truncate(path, 5)
        return batches(path, start, end)

    monkeypatch.setattr(module, "_batches", cut)
    with pytest.raises(InvalidRecord, match="became shorter"):
        home.keep()


def test_a_grown_file_costs_a_look_and_a_commit(tmp_path: Path) -> None:
    objects = CountingStore(MemoryStore())
    home = Home(tmp_path / "claude", SessionStore(objects))
    home.session.write_bytes(lines(0, 1))
    home.keep()
    home.grow(lines(2))
    other = Home(tmp_path / "claude", SessionStore(objects))
    objects.reset()
    other.keep()
    counts = objects.counts
    assert (counts.gets, counts.lists) == (2, 0)  # archive.json and the head
    assert counts.puts == 2  # the head and the index


def test_a_mark_reads_back(home: Home, store: SessionStore) -> None:
    home.session.write_bytes(lines(0, 1))
    home.keep()
    mark = Mark.of(store.info(ID))
    assert mark is not None
    assert (mark.bytes, mark.records, mark.complete) == (len(lines(0, 1)), 2, 2)
    store.update(ID, attributes={ATTRIBUTE: {"format": "claude-code", "bytes": True}})
    assert Mark.of(store.info(ID)) is None
    assert home.keep().outcome == "unchanged"
