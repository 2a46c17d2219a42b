"""What an import does when the source is what it was, has grown, or is another one."""

import json
from pathlib import Path

import pytest

from s3store.errors import InvalidRecord
from s3store.importers.base import SourceSession
from s3store.importers.formats import read
from s3store.importers.lines import raw_line
from s3store.importers.plan import Clash, Grow, ImportState, Rewrite, Skip, plan

from .samples import CUT_SHORT, RUNS, TRAJECTORY

ROLLOUT = "rollout-2026-03-14T10-00-00-019ceb1a-0000-7d33-9c8e-4b7a90d2e6f1.jsonl"


def session_in(path: Path, name: str = "codex") -> SourceSession:
    [session] = read(path, name)
    return session


def new_messages(planned: Grow | Rewrite) -> list[object]:
    """Return the messages that a plan says are to be stored."""
    return list(planned.session.messages(planned.first if isinstance(planned, Grow) else 0))


class Archive:
    """What an archive would hold if every plan were carried out."""

    def __init__(self) -> None:
        self.state: ImportState | None = None
        self.messages: list[object] = []

    def take(self, session: SourceSession) -> str:
        planned = plan(session, self.state)
        if isinstance(planned, Rewrite):
            self.messages = new_messages(planned)
        elif isinstance(planned, Grow):
            if planned.replaces_last:
                self.messages.pop()
            assert len(self.messages) == planned.first
            self.messages.extend(new_messages(planned))
        assert not isinstance(planned, Clash)
        # As it comes back from a session's attributes.
        self.state = ImportState.from_json(json.loads(json.dumps(planned.state.to_json())))
        assert self.state.records == len(self.messages)
        return type(planned).__name__


def test_a_source_that_did_not_change_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / ROLLOUT
    for content in (b"", b"1\n", b"1\n2", b'1\n{"a', b'{"a', b"\n\n"):
        path.write_bytes(content)
        archive = Archive()
        assert archive.take(session_in(path)) == "Rewrite"
        assert archive.take(session_in(path)) == "Skip"


def test_a_file_may_grow_byte_by_byte(tmp_path: Path) -> None:
    path = tmp_path / ROLLOUT
    content = '{"type":"ü🚲"}\n12\n\n"x"\r\nNaN\n{"end":true}'.encode()
    archive = Archive()
    for size in range(len(content) + 1):
        path.write_bytes(content[:size])
        archive.take(session_in(path))
        assert archive.messages == list(session_in(path).messages()), content[:size]


def test_growing_by_whole_lines_adds_only_those(tmp_path: Path) -> None:
    path = tmp_path / ROLLOUT
    lines = CUT_SHORT.read_bytes().splitlines(keepends=True)
    archive = Archive()
    for number in range(1, len(lines)):
        path.write_bytes(b"".join(lines[:number]))
        planned = plan(session_in(path), archive.state)
        if number > 1:
            assert isinstance(planned, Grow)
            assert not planned.replaces_last
            assert new_messages(planned) == [json.loads(lines[number - 1])]
        archive.take(session_in(path))


def test_half_a_line_is_replaced_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / ROLLOUT
    whole = '{"a":"ü"}\n'.encode()
    path.write_bytes(b"1\n" + whole[:7])
    session = session_in(path)
    first = plan(session, None)
    assert isinstance(first, Rewrite)
    assert [raw_line(message) for message in new_messages(first)] == [None, whole[:7]]
    assert session.survey().tail_is_partial
    assert first.state.to_json()["tail"]["partial"] is True

    path.write_bytes(b"1\n" + whole + b"3\n")
    then = plan(session_in(path), first.state)
    assert isinstance(then, Grow)
    assert (then.first, then.replaces_last) == (1, True)
    assert new_messages(then) == [{"a": "ü"}, 3]


def test_a_last_line_that_only_gets_its_end_is_not_stored_again(tmp_path: Path) -> None:
    path = tmp_path / ROLLOUT
    path.write_bytes(b'1\n{"a":2}')
    first = plan(session_in(path), None)
    assert isinstance(first, Rewrite)
    path.write_bytes(b'1\n{"a":2}\n')
    assert isinstance(plan(session_in(path), first.state), Skip)
    path.write_bytes(b'1\n{"a":2}\n3\n')
    then = plan(session_in(path), first.state)
    assert isinstance(then, Grow)
    assert new_messages(then) == [3]


@pytest.mark.parametrize(
    "content", [b"", b"1\n", b"1\n2\n", b"1\n9\n3\n", b"1\n2\n3", b"0\n1\n2\n3\n", b"1\n2 \n3\n4\n"]
)
def test_a_source_that_changed_before_its_end_is_rewritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ROLLOUT
    path.write_bytes(b"1\n2\n3\n")
    archive = Archive()
    archive.take(session_in(path))
    path.write_bytes(content)
    planned = plan(session_in(path), archive.state)
    assert isinstance(planned, Rewrite)
    assert not planned.is_new
    archive.take(session_in(path))
    assert archive.messages == list(session_in(path).messages())


def test_a_source_that_lost_its_half_line_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / ROLLOUT
    path.write_bytes(b'1\n{"a')
    archive = Archive()
    archive.take(session_in(path))
    path.write_bytes(b"1\n")
    assert archive.take(session_in(path)) == "Rewrite"


def test_another_file_with_the_same_id_never_replaces_the_first(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = tmp_path / "a" / ROLLOUT, tmp_path / "b" / ROLLOUT
    for first, second in ((b"1\n2\n", b"1\n3\n"), (b'{"a', b'{"b":1}\n')):
        one.write_bytes(first)
        other.write_bytes(second)
        archive = Archive()
        archive.take(session_in(one))
        assert session_in(other).id == session_in(one).id
        planned = plan(session_in(other), archive.state)
        assert isinstance(planned, Clash)
        assert planned.other_source == str(one)


def test_a_file_that_moved_is_the_same_source(tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    path = tmp_path / ROLLOUT
    path.write_bytes(b"1\n2\n")
    archive = Archive()
    archive.take(session_in(path))
    moved = path.rename(tmp_path / "moved" / ROLLOUT)
    assert archive.take(session_in(moved)) == "Skip"
    moved.write_bytes(b"1\n2\n3\n")
    assert archive.take(session_in(moved)) == "Grow"


def test_an_import_in_another_format_clashes(tmp_path: Path) -> None:
    path = tmp_path / "rollout.jsonl"
    path.write_bytes(b"1\n")
    stored = plan(session_in(path, "codex"), None)
    assert isinstance(stored, Rewrite)
    assert isinstance(plan(session_in(path, "messages"), stored.state), Clash)


def test_a_trajectory_that_grew_keeps_what_it_had_and_changes_its_last_message(tmp_path: Path) -> None:
    document = json.loads(TRAJECTORY.read_text())
    path = tmp_path / "fix.traj"
    archive = Archive()
    for steps in range(1, 5):
        early = {
            **document,
            "trajectory": document["trajectory"][:steps],
            "history": document["history"][: 2 + 2 * steps],
        }
        path.write_text(json.dumps(early))
        done = archive.take(session_in(path, "swe-agent"))
        assert done == ("Grow" if steps > 1 else "Rewrite")
        assert archive.messages == list(session_in(path, "swe-agent").messages())


def test_a_document_that_is_only_spelt_differently_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(json.loads(RUNS.read_text()), indent=4))
    for ours, theirs in zip(read(RUNS, "tau-bench"), read(path, "tau-bench"), strict=True):
        first = plan(ours, None)
        assert isinstance(first, Rewrite)
        assert isinstance(plan(theirs, first.state), Skip)


@pytest.mark.parametrize("found", [None, [], {}, {"format": "codex"}, "x", {"bytes": "1"}])
def test_notes_that_no_import_wrote_are_refused(found: object) -> None:
    with pytest.raises(InvalidRecord, match="import"):
        ImportState.from_json(found)
