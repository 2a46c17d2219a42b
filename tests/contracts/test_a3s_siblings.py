"""A3S's contract, case by case: what is kept beside the session document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from s3store import CommitPolicy, CorruptObject, InvalidRecord, SessionStore, StoreUnavailable, TooLarge
from s3store.contracts.a3s import (
    A3sStore,
    ArtifactStore,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    SessionSnapshot,
    ToolArtifact,
    TraceEvent,
    VerificationCheck,
    VerificationReport,
)
from s3store.objects.counting import CountingStore
from tests.archives import QUICK

from .faults import Faulty, Killed, outage
from .test_a3s import document, open_contract, stored_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]


@pytest.fixture
def store(place: Place) -> Any:
    return open_contract(place)


def artifact(number: int, content: str = "content ☃") -> ToolArtifact:
    return ToolArtifact(
        artifact_id=f"id-{number}",
        artifact_uri=f"artifact://tool/{number}",
        tool_name="bash",
        content=content,
        original_bytes=2**40,
        shown_bytes=3,
    )


def trace(name: str, **fields: Any) -> TraceEvent:
    known = {"kind": "tool_execution", "success": True, "exit_code": 0, "duration_ms": 5, "output_bytes": 7}
    return TraceEvent(name=name, **{**known, **fields})


def run_record(run_id: str = "run-1", event_count: int = 2, **fields: Any) -> RunRecord:
    snapshot = RunSnapshot(
        id=run_id,
        session_id="a",
        status="completed",
        prompt="Do it",
        created_at_ms=1_700_000_000_123,
        updated_at_ms=1_700_000_000_456,
        event_count=event_count,
        **fields,
    )
    events = (
        RunEventRecord(sequence=1, timestamp_ms=5, event={"type": "text_delta", "text": "Hi"}),
        RunEventRecord(sequence=2, timestamp_ms=6, event={"type": "of a later version", "nested": [{"x": None}]}),
    )
    return RunRecord(snapshot=snapshot, events=events)


def report(subject: str) -> VerificationReport:
    check = VerificationCheck(id="c", kind="test", description="runs", status="passed", residual_risk="low")
    return VerificationReport(subject=subject, status="needs_review", checks=(check,), residual_risks=("some",))


SIBLINGS: dict[str, tuple[Any, Any, Any]] = {
    "artifacts": (ArtifactStore([artifact(1), artifact(2)]), ArtifactStore([artifact(3)]), ArtifactStore()),
    "trace_events": (
        [trace("one", artifact_uris=("artifact://tool/1",), metadata_keys=("k",), details={"a": [1]}), trace("two")],
        [trace("three", kind="program_execution", exit_code=-1)],
        [],
    ),
    "run_records": ([run_record(), run_record("run-2", error="x")], [run_record("run-3", result_text="done")], []),
    "verification_reports": ([report("one"), report("two")], [report("three")], []),
}
each_sibling = pytest.mark.parametrize("sibling", SIBLINGS)


@each_sibling
def test_case_41_each_sibling_is_absent_saved_replaced_empty_and_deleted(
    place: Place, store: Any, sibling: str
) -> None:
    save, load = getattr(store, f"save_{sibling}"), getattr(store, f"load_{sibling}")
    first, second, empty = SIBLINGS[sibling]
    store.save(document("a"))
    assert load("a") is None
    for given in (first, second, empty, first):
        save("a", given)
        assert load("a") == given
        assert getattr(open_contract(place), f"load_{sibling}")("a") == given
    save("b", empty)
    assert load("b") == empty
    store.delete("a")
    assert load("a") is None
    assert load("b") == empty


@each_sibling
def test_case_42_siblings_need_no_document(place: Place, store: Any, sibling: str) -> None:
    save, load = getattr(store, f"save_{sibling}"), getattr(store, f"load_{sibling}")
    first = SIBLINGS[sibling][0]
    save("session/a", first)
    assert load("session/a") == first
    assert store.exists("session/a") is False
    assert store.load("session/a") is None
    assert store.list() == []
    store.delete("session/a")
    assert load("session/a") is None
    store.delete("session/a")


def test_case_43_artifacts_keep_their_order_and_their_limits() -> None:
    kept = ArtifactStore(max_artifacts=3, max_bytes=100)
    for number in (1, 2, 3):
        kept.put(artifact(number, "x" * 30))
    kept.put(artifact(1, "y" * 20))
    assert [each.artifact_id for each in kept] == ["id-2", "id-3", "id-1"]
    assert kept.content_bytes == 80
    found = kept.get("artifact://tool/1")
    assert found is not None
    assert found.content == "y" * 20
    assert kept.get("artifact://tool/9") is None
    kept.put(artifact(4, "z"))
    assert [each.artifact_id for each in kept] == ["id-3", "id-1", "id-4"]
    kept.put(artifact(5, "☃" * 27))
    assert [each.artifact_id for each in kept] == ["id-4", "id-5"]
    assert kept.content_bytes == 82
    kept.put(artifact(6, "w" * 101))
    assert len(kept) == 0
    many = ArtifactStore()
    for number in range(257):
        many.put(artifact(number))
    assert [len(many), next(iter(many)).artifact_id] == [256, "id-1"]


def test_case_43_limits_do_not_apply_to_what_was_stored(store: Any) -> None:
    many = ArtifactStore(map(artifact, range(300)), max_artifacts=300)
    assert len(many) == 300
    store.save_artifacts("a", many)
    loaded = store.load_artifacts("a")
    assert loaded == many
    assert list(loaded) == list(many)
    assert ArtifactStore.from_json(many.to_json()) == many
    loaded.put(artifact(1))
    assert len(loaded) == 256
    assert list(loaded)[-1] == artifact(1)


def test_case_47_events_of_runs_are_kept_as_they_are(store: Any) -> None:
    trimmed = run_record(event_count=9000)
    store.save_run_records("a", [trimmed])
    [loaded] = store.load_run_records("a")
    assert loaded == trimmed
    assert loaded.snapshot.event_count > len(loaded.events)
    assert loaded.events[1].event == {"type": "of a later version", "nested": [{"x": None}]}
    assert "result_text" not in loaded.to_json()["snapshot"]


def snapshot(number: int) -> SessionSnapshot:
    return SessionSnapshot(
        session=document("a", updated_at=number),
        artifacts=ArtifactStore([artifact(number)]),
        trace_events=(trace(f"{number}"),),
        run_records=(run_record(f"run-{number}"),),
        verification_reports=(report(f"{number}"),),
    )


def test_case_48_a_snapshot_is_saved_and_loaded_together(place: Place, store: Any) -> None:
    assert store.load_snapshot("a") is None
    store.save_snapshot(snapshot(1))
    assert store.load_snapshot("a") == snapshot(1)
    store.save_snapshot(snapshot(2))
    loaded = open_contract(place).load_snapshot("a")
    assert loaded == snapshot(2)
    assert loaded.together
    assert store.load("a") == snapshot(2).session
    # What a new snapshot does not have is gone.
    store.save_snapshot(SessionSnapshot(session=document("a")))
    assert store.load_snapshot("a") == SessionSnapshot(session=document("a"))
    assert store.load_trace_events("a") == []


def test_case_48_a_mixture_is_seen(place: Place, store: Any) -> None:
    store.save_snapshot(snapshot(1))
    store.save_trace_events("a", [trace("later")])
    assert store.load_snapshot("a").apart == {"traces": "changed"}
    store.save_snapshot(snapshot(2))
    assert store.load_snapshot("a").together

    faulty = Faulty(place.objects)

    def killed(verb: str, key: str) -> None:
        if verb == "put" and key.endswith("/runs.jsonl.zst"):
            raise Killed

    faulty.before = killed
    with pytest.raises(Killed):
        A3sStore(SessionStore(faulty, policy=QUICK)).save_snapshot(snapshot(3))
    loaded = open_contract(place).load_snapshot("a")
    if loaded.session == snapshot(3).session:
        assert loaded.apart["runs"] == "unfinished"
    else:
        assert loaded.session == snapshot(2).session


# --- Beyond the numbered cases ----------------------------------------------------------------------------------------


def test_nothing_of_a_deleted_session_is_left(place: Place, store: Any) -> None:
    store.save_snapshot(snapshot(1))
    store.delete("a")
    left = b"".join(stored_text(place, key) for key in place.listed("sessions/"))
    for word in (b"content", b"text_delta", b"run-1", b"artifact://"):
        assert word not in left


def test_what_else_lies_beside_a_document_is_corrupt(place: Place, store: Any) -> None:
    sessions = place.open()
    sessions.traces("a3s/a").append({"secret": "trace"})
    sessions.runs("a3s/a").append("secret text")
    sessions.verification("a3s/a").append({"schema": "secret.v2"})
    sessions.artifacts("a3s/a").put("uri", b"\xff secret")
    for name in SIBLINGS:
        with pytest.raises(CorruptObject, match="'a3s/a'") as caught:
            getattr(store, f"load_{name}")("a")
        assert "secret" not in str(caught.value)


def test_wrong_siblings_are_refused(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: list[Callable[[], object]] = [
        lambda: store.save_artifacts("a", [artifact(1)]),
        lambda: store.save_trace_events("a", [trace("x"), {"name": "x"}]),
        lambda: store.save_run_records("a", [trace("x")]),
        lambda: trace("x", kind="other"),
        lambda: replace(run_record().snapshot, status="asleep"),  # type: ignore[arg-type]
        lambda: ArtifactStore.from_json({"artifacts": {}}),
    ]
    for call in wrong:
        with pytest.raises(InvalidRecord):
            call()
    monkeypatch.setattr("s3store.contracts.a3s.document.MAX_DOCUMENT_BYTES", 100)
    with pytest.raises(TooLarge):
        store.save_trace_events("a", [trace("x" * 100)])
    for name in SIBLINGS:
        assert getattr(store, f"load_{name}")("a") is None


def test_an_outage_is_never_an_absence(memory: Place) -> None:
    faulty = Faulty(memory.objects)
    store = A3sStore(SessionStore(faulty, policy=QUICK))
    faulty.before = outage
    for name, (first, _, _) in SIBLINGS.items():
        with pytest.raises(StoreUnavailable):
            getattr(store, f"load_{name}")("a")
        with pytest.raises(StoreUnavailable):
            getattr(store, f"save_{name}")("a", first)
    with pytest.raises(StoreUnavailable):
        store.load_snapshot("a")


@each_sibling
def test_a_sibling_whose_answer_is_lost_is_settled_inside(memory: Place, sibling: str) -> None:
    faulty = Faulty(memory.objects)
    impatient = CommitPolicy(seconds=20, attempts=1, pause=0.0001, longest_pause=0.0001)
    store = A3sStore(SessionStore(faulty, policy=impatient))
    first, second, _ = SIBLINGS[sibling]
    save, load = getattr(store, f"save_{sibling}"), getattr(store, f"load_{sibling}")
    save("a", first)
    left = [1]

    def lose(verb: str, key: str) -> None:
        if verb == "put" and key.endswith(".jsonl.zst") and left[0]:
            left[0] = 0
            raise StoreUnavailable("the answer was lost")

    faulty.after = lose
    save("a", second)
    assert load("a") == second
    assert left == [0]


def test_what_has_not_changed_after_a_turn_is_not_written_again(memory: Place) -> None:
    counted = CountingStore(memory.objects)
    store = A3sStore(SessionStore(counted, policy=QUICK))

    def after_a_turn(number: int) -> tuple[int, int]:
        counted.reset()
        store.save(document("a", updated_at=number))
        for name, (first, _, _) in SIBLINGS.items():
            getattr(store, f"save_{name}")("a", first)
        counts = counted.reset()
        return counts.gets, counts.puts

    after_a_turn(1)
    assert after_a_turn(2) == (4, 2)
