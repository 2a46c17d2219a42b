"""Importing into an archive: once, again, and after the source or the archive changed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from s3store.blocking import SessionStore
from s3store.errors import Conflict, InvalidRecord
from s3store.importers.base import Description, SourceSession
from s3store.importers.detect import discover
from s3store.importers.engine import Imported, import_session
from s3store.importers.formats import read

from .samples import CLAUDE_CODE, CUT_SHORT, SAMPLES, TRAJECTORY


@pytest.fixture
def store() -> Iterator[SessionStore]:
    with SessionStore("memory://") as opened:
        yield opened


def sessions_under(path: Path) -> list[SourceSession]:
    return [session for file in discover(path).files for session in read(file.path, file.format)]


def bring(store: SessionStore, path: Path, *, replace: bool = False) -> Imported:
    [session] = sessions_under(path)
    return import_session(store, session, replace=replace)


def test_every_sample_is_stored_as_it_is_and_only_once(store: SessionStore) -> None:
    for session in sessions_under(SAMPLES):
        assert import_session(store, session).outcome == "new"
        assert store.load(session.id).messages == list(session.messages())
        version = store.info(session.id).version
        assert import_session(store, session).outcome == "unchanged"
        assert store.info(session.id).version == version
    assert len(list(store.scan())) == len(sessions_under(SAMPLES)) == 10


def test_an_imported_session_says_what_its_source_said(store: SessionStore) -> None:
    done = bring(store, CLAUDE_CODE)
    info = store.info(done.id)
    assert (done.added, done.records, info.count) == (41, 41, 41)
    assert info.metadata.name == "Forecast showed 0 °C for days below zero"
    assert info.metadata.agent == "claude-code"
    assert info.metadata.attributes["first_message_at"] == "2026-03-09T08:41:11.137000Z"
    assert info.metadata.attributes["import"]["records"] == 41


def test_problems_of_a_source_are_handed_on(store: SessionStore) -> None:
    assert [problem.what for problem in bring(store, CUT_SHORT).problems] == ["is no JSON"]


def test_a_session_that_grows_while_it_is_imported_ends_up_as_it_is(store: SessionStore, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    content = CLAUDE_CODE.read_bytes()
    for size in (1, 700, 5000, 5001, 20_000, len(content)):
        path.write_bytes(content[:size])
        [session] = read(path, "claude-code")
        done = import_session(store, session)
        assert done.outcome == ("new" if size == 1 else "grew")
        assert store.load(done.id).messages == list(session.messages())


def test_growing_writes_only_what_is_new(store: SessionStore, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    lines = CLAUDE_CODE.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:10]))
    first = bring(store, path)
    kept = store.load(first.id).records
    path.write_bytes(b"".join(lines[:12]))
    assert (bring(store, path).outcome, bring(store, path).outcome) == ("grew", "unchanged")
    assert store.load(first.id).records[:10] == kept


def test_a_trajectory_gets_its_new_last_message(store: SessionStore, tmp_path: Path) -> None:
    document = json.loads(TRAJECTORY.read_text())
    path = tmp_path / "fix.traj"
    path.write_text(json.dumps({**document, "history": document["history"][:4]}))
    assert bring(store, path).added == 5
    path.write_text(json.dumps(document))
    done = bring(store, path)
    [session] = sessions_under(path)
    assert (done.outcome, done.added) == ("grew", 8)
    assert store.load(done.id).messages == list(session.messages())


def test_a_source_that_was_rewritten_replaces_the_session(store: SessionStore, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text('{"role":"user","content":"a"}\n{"role":"user","content":"b"}\n')
    bring(store, path)
    path.write_text('{"role":"user","content":"z"}\n')
    assert bring(store, path).outcome == "refused"
    done = bring(store, path, replace=True)
    assert done.outcome == "rewritten"
    assert store.load(done.id).messages == [{"role": "user", "content": "z"}]


def test_a_name_and_attributes_given_in_the_archive_stay(store: SessionStore, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text('{"role":"user","content":"a"}\n')
    session_id = bring(store, path).id
    attributes = store.info(session_id).metadata.attributes
    store.update(session_id, name="mine", attributes={**attributes, "team": "x"})
    path.write_text('{"role":"user","content":"a"}\n{"role":"user","content":"b"}\n')
    assert bring(store, path).outcome == "grew"
    metadata = store.info(session_id).metadata
    assert (metadata.name, metadata.attributes["team"]) == ("mine", "x")


def test_a_session_of_somebody_else_is_left_alone(store: SessionStore) -> None:
    [session] = sessions_under(CLAUDE_CODE)
    store.append(session.id, "not imported")
    done = import_session(store, session)
    assert done.outcome == "refused"
    assert store.load(session.id).messages == ["not imported"]


def test_a_session_that_went_on_in_the_archive_is_left_alone(store: SessionStore, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text('{"role":"user","content":"a"}\n')
    session_id = bring(store, path).id
    store.append(session_id, "went on here")
    assert bring(store, path).outcome == "unchanged"
    path.write_text('{"role":"user","content":"a"}\n{"role":"user","content":"b"}\n')
    done = bring(store, path)
    assert (done.outcome, done.added) == ("refused", 0)
    assert store.load(session_id).messages[-1] == "went on here"


def test_another_source_of_the_same_id_is_left_out_and_named(store: SessionStore, tmp_path: Path) -> None:
    for folder, text in (("a", "x"), ("b", "y")):
        path = tmp_path / folder / "p" / "s.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"type": "user", "uuid": "1", "message": text}) + "\n")
    assert bring(store, tmp_path / "a").outcome == "new"
    done = bring(store, tmp_path / "b")
    assert done.outcome == "refused"
    assert str(tmp_path / "a" / "p" / "s.jsonl") in (done.reason or "")


def test_a_rehearsal_tells_and_writes_nothing(store: SessionStore) -> None:
    for session in sessions_under(SAMPLES):
        done = import_session(store, session, dry_run=True)
        assert (done.outcome, done.added) == ("new", len(list(session.messages())))
    assert list(store.scan()) == []


def test_a_session_that_somebody_writes_meanwhile_is_not_overwritten(
    store: SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "chat.jsonl"
    shutil.copy(SAMPLES / "openai" / "support-chat.jsonl", path)
    session_id = bring(store, path).id
    path.write_text('{"role":"user","content":"other"}\n')
    info = store.info(session_id)
    store.append(session_id, "meanwhile")
    monkeypatch.setattr(store, "info", lambda _: info)
    with pytest.raises(Conflict):
        bring(store, path, replace=True)
    assert store.load(session_id).messages[-1] == "meanwhile"


class Shrinking:
    """Lines that are fewer at the third pass: after the plan and the survey, when they are to be stored."""

    def __init__(self) -> None:
        self._passes = 0

    def __iter__(self) -> Iterator[bytes]:
        self._passes += 1
        return iter([b"1\n", b"2\n"] if self._passes < 3 else [b"1\n"])


def test_a_source_that_changed_after_the_plan_is_not_taken_for_all_of_it(store: SessionStore, tmp_path: Path) -> None:
    source = SourceSession("x", tmp_path / "x.jsonl", "codex", Shrinking(), lambda _: Description())
    with pytest.raises(InvalidRecord, match="changed while it was read"):
        import_session(store, source)
    assert not store.exists("x")
