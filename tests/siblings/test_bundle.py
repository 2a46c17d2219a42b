"""A session saved and loaded with all that stands beside it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from s3store import (
    Conflict,
    FixTheCall,
    InvalidRecord,
    NewArtifact,
    SessionDeleted,
    SessionNotFound,
    SessionStore,
    StoreUnavailable,
)
from s3store.keys import SIBLINGS, StreamKeys
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from tests.archives import QUICK

if TYPE_CHECKING:
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

MIDDLE = random.Random(5).randbytes(40_000)
PIECES: dict[str, Any] = {
    "artifacts": [NewArtifact("report.md", "# Report"), NewArtifact("data.bin", MIDDLE)],
    "traces": [{"kind": "tool_execution", "name": "bash"}],
    "runs": [{"snapshot": {"id": "run-1"}, "events": []}],
    "verification": [],
}


@pytest.fixture
def store(place: Place) -> SessionStore:
    return place.open()


def saved(store: SessionStore, messages: list[Any], **changed: Any) -> None:
    store.save_all("a", messages, **{**PIECES, **changed})


def test_all_pieces_come_back_together(place: Place, store: SessionStore) -> None:
    info = store.save_all("a", ["one", "two"], **PIECES, name="N")
    assert info is not None
    assert (info.count, info.metadata.name) == (2, "N")
    found = place.open().load_all("a")
    assert found.transcript is not None
    assert found.transcript.info == info
    assert found.transcript.messages == ["one", "two"]
    assert [(artifact.name, artifact.data) for artifact in found.artifacts or []] == [
        ("report.md", b"# Report"),
        ("data.bin", MIDDLE),
    ]
    assert (found.traces, found.runs, found.verification) == tuple(
        PIECES[name] for name in ("traces", "runs", "verification")
    )
    assert (found.together, dict(found.apart)) == (True, {})


def test_what_was_never_saved_is_none(place: Place, store: SessionStore) -> None:
    empty = store.load_all("a")
    assert empty.transcript is None
    assert [getattr(empty, name) for name in SIBLINGS] == [None] * 4
    assert empty.together
    store.save_all("a", ["one"], runs=[])
    found = place.open().load_all("a")
    assert [getattr(found, name) for name in SIBLINGS] == [None, None, [], None]
    assert found.together


def test_what_has_not_changed_stays_and_is_still_together(place: Place, store: SessionStore) -> None:
    saved(store, ["one"])
    heads = {name: place.read(StreamKeys.of("a", name).head) for name in SIBLINGS}
    saved(store, ["one", "two"])
    saved(place.open(), ["one", "two", "three"])
    assert {name: place.read(StreamKeys.of("a", name).head) for name in SIBLINGS} == heads
    assert place.open().load_all("a").together
    store.append("a", "four")
    found = place.open().load_all("a")
    assert found.together
    assert found.transcript is not None
    assert len(found.transcript.lines) == 4


def test_a_sibling_that_was_changed_since_is_named(place: Place, store: SessionStore) -> None:
    saved(store, ["one"])
    place.open().traces("a").append("later")
    place.open().artifacts("a").put("later", "x")
    found = place.open().load_all("a")
    assert dict(found.apart) == {"traces": "changed", "artifacts": "changed"}
    assert not found.together
    assert (found.traces or [])[-1] == "later"
    saved(store, ["one", "two"])
    found = place.open().load_all("a")
    assert found.together
    assert found.traces == PIECES["traces"]


def test_others_who_write_meanwhile_do_not_leave_a_wrong_mark(place: Place) -> None:
    mine, others = place.open(), place.open()
    saved(mine, ["one"])
    others.traces("a").replace(["theirs"])
    others.traces("a").replace(PIECES["traces"])
    saved(mine, ["two"])
    found = place.open().load_all("a")
    assert found.together
    assert found.traces == PIECES["traces"]


def test_a_save_that_did_not_come_to_its_end_is_seen() -> None:
    class Failing(MemoryStore):
        fail = ""

        async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
            if key == self.fail:
                raise StoreUnavailable("not now", may_have_landed=False)
            return await super().put(key, body, if_match=if_match, if_absent=if_absent)

    objects = Failing()
    store = SessionStore(objects, policy=QUICK)
    saved(store, ["one"])
    objects.fail = StreamKeys.of("a", "runs").head
    with pytest.raises(StoreUnavailable):
        saved(store, ["two"], runs=["run 2"], traces=["trace 2"])
    objects.fail = ""
    found = SessionStore(objects).load_all("a")
    assert dict(found.apart) == {"runs": "unfinished"}
    objects.fail = StreamKeys.of("a", "transcript").head
    with pytest.raises(StoreUnavailable):
        saved(store, ["three"], runs=["run 2"], traces=["trace 3"])
    objects.fail = ""
    assert dict(SessionStore(objects).load_all("a").apart) == {"runs": "unfinished", "traces": "changed"}
    saved(store, ["three"], runs=["run 2"], traces=["trace 3"])
    assert SessionStore(objects).load_all("a").together


def test_siblings_are_saved_without_a_session(place: Place, store: SessionStore) -> None:
    assert store.save_all("a", traces=["t"], artifacts=[]) is None
    assert store.exists("a") is False
    found = place.open().load_all("a")
    assert (found.transcript, found.traces, found.artifacts, found.runs) == (None, ["t"], [], None)
    assert found.together
    with pytest.raises(SessionNotFound):
        store.save_all("a", traces=["t"], name="N")


def test_without_a_transcript_that_stays_and_the_mark_is_renewed(place: Place, store: SessionStore) -> None:
    saved(store, ["one"])
    info = store.save_all("a", traces=["new"])
    assert info is not None
    found = place.open().load_all("a")
    assert found.together
    assert found.transcript is not None
    assert (found.transcript.messages, found.traces, found.runs) == (["one"], ["new"], PIECES["runs"])


def test_nothing_is_sent_where_something_cannot_be_stored(memory: Place) -> None:
    store = memory.open()
    for wrong in ({"traces": [float("nan")]}, {"artifacts": [NewArtifact("n", 5)]}, {"runs": {"no": "list"}}):  # type: ignore[arg-type]
        with pytest.raises(FixTheCall):
            store.save_all("a", ["one"], **wrong)
    with pytest.raises(InvalidRecord):
        store.save_all("a", [b"bytes"], traces=["fine"])
    assert memory.listed() == []


def test_a_handle_saves_and_loads_its_own(place: Place, store: SessionStore) -> None:
    store.append("a", "one")
    session = store.session("a")
    session.info()
    assert session.save_all(["one", "two"], traces=["t"]) is not None
    assert session.load_all().traces == ["t"]
    place.open().delete("a")
    with pytest.raises(SessionDeleted):
        session.load_all()
    with pytest.raises(SessionDeleted):
        session.save_all(["three"], traces=["t", "u"])


def test_the_save_after_a_turn_puts_the_transcript_alone() -> None:
    counting = CountingStore(MemoryStore())
    store = SessionStore(counting, policy=QUICK)
    saved(store, ["one"])
    counting.reset()
    saved(store, ["one", "two"])
    counts = counting.counts
    # The transcript and its entry in the index; each sibling is asked whether it is still what it was.
    assert (counts.puts, counts.gets, counts.lists) == (2, 4, 0)
    assert counts.bytes_down == 0


def test_load_reads_again_what_was_being_saved(memory: Place) -> None:
    """Somebody saves all between the reads of a load: the load ends up with pieces that belong together."""
    store = memory.open()
    saved(store, ["one"])
    loading = memory.open()
    core = loading._one("a")
    read = core.read

    async def read_late() -> Any:
        found = await read()
        core.read = read  # type: ignore[method-assign]
        saved(store, ["two"], traces=["trace 2"])
        return found

    core.read = read_late  # type: ignore[method-assign]
    found = run(core.load_all())
    assert found.together
    assert found.transcript is not None
    assert (found.transcript.messages, found.traces) in [(["one"], PIECES["traces"]), (["two"], ["trace 2"])]


def test_a_session_that_is_deleted_meanwhile_is_not_revived_by_its_handle(memory: Place) -> None:
    store = memory.open()
    store.append("a", "one")
    session = store.session("a")
    session.info()
    memory.open().delete("a")
    with pytest.raises((SessionDeleted, Conflict)):
        session.save_all(["two"])
    assert memory.open().exists("a") is False
