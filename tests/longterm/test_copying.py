"""Copies of an archive to another: what comes along, what a second run does, and what is never overwritten."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from s3store import CommitPolicy, InvalidOption, SessionStore, StoreUnavailable, Turn
from s3store.keys import transcript_head
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.siblings.upload import PART

from ..archives import in_memory_like, keys_of
from .gates import AllAtOnce, finishes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack

    from s3store.longterm.copying.reports import Copied, CopiedSession

    from ..archives import Place

pytest_plugins = ["tests.archive_fixtures"]

ODD = [{"n": 2**70}, "\ud800", 1e16, {"role": "user", "content": "ü"}]
LARGE = bytes(range(256)) * (PART // 256) + b"end"


class _KilledError(Exception):
    """Stands for the end of a process."""


def opened() -> SessionStore:
    return SessionStore(MemoryStore())


@pytest.fixture
def source() -> Iterator[SessionStore]:
    with opened() as store:
        yield store


@pytest.fixture
def target() -> Iterator[SessionStore]:
    with opened() as store:
        yield store


def fill(store: SessionStore) -> None:
    """A session with all that can stand beside it."""
    store.create("a/b", ODD, keys=["k0", None, "k2", None], name="n", agent="helpdesk", parent="p", labels={"x"})
    store.update("a/b", state="running", turn=Turn("t"), attributes={"deep": [1, {"a": None}]})
    store.traces("a/b").append({"kind": "tool"}, key="span")
    store.runs("a/b").replace([])
    artifacts = store.artifacts("a/b")
    artifacts.put("note", "short", tool="t", attributes={"a": 1})
    artifacts.put("middle", LARGE[:100_000], media_type="x/y")
    artifacts.put("large", LARGE)
    store.verification("a/b").append("fine")


def told(store: SessionStore, session_id: str) -> dict[str, Any]:
    """All that a copy keeps of a session."""
    info = store.info(session_id)
    bundle = store.load_all(session_id)
    return {
        "lines": store.load(session_id).lines,
        "times": (info.created_at, info.updated_at),
        "metadata": info.metadata,
        "traces": list(store.traces(session_id).records()),
        "verification": list(store.verification(session_id).records()),
        "runs": bundle.runs,
        "artifacts": [
            (each.name, each.info.media_type, each.info.tool, each.info.attributes, each.data)
            for each in bundle.artifacts or []
        ],
        "together": bundle.together,
    }


def outcomes(done: Copied) -> dict[str, int]:
    return {str(name): count for name, count in done.outcomes.items()}


def copied(source: SessionStore, target: SessionStore, **options: Any) -> list[CopiedSession]:
    found: list[CopiedSession] = []
    source.copy_to(target, progress=found.append, **options)
    return found


def outcome(source: SessionStore, target: SessionStore, **options: Any) -> str:
    [done] = copied(source, target, **options)
    return done.outcome


def test_all_that_belongs_to_a_session_comes_along_between_all_stores(
    place: Place, small_parts: None, closing: ExitStack
) -> None:
    far = place.open()
    source, target = in_memory_like(far), in_memory_like(far)
    closing.callback(source.close)
    closing.callback(target.close)
    fill(source)
    before = told(source, "a/b")
    assert outcomes(source.copy_to(far)) == {"new": 1}
    assert told(far, "a/b") == before
    assert outcomes(far.copy_to(target)) == {"new": 1}
    assert told(target, "a/b") == before
    assert outcomes(source.copy_to(far)) == {"unchanged": 1}
    assert outcomes(source.copy_to(target)) == {"unchanged": 1}
    assert [session.updated_at for session in target.list()] == [before["times"][1]]


def test_a_key_is_known_in_the_copy(source: SessionStore, target: SessionStore, small_parts: None) -> None:
    fill(source)
    source.copy_to(target)
    assert target.append("a/b", "again", key="k2").count == len(ODD)
    assert target.traces("a/b").append("again", key="span") == 1


def test_a_second_run_copies_what_changed_and_reads_little(source: SessionStore) -> None:
    objects = CountingStore(MemoryStore())
    for number in range(20):
        source.append(f"s{number}", number)
    with SessionStore(objects) as target:
        source.copy_to(target)
        source.append("s7", "more")
        objects.reset()
        done = source.copy_to(target)
        assert outcomes(done) == {"unchanged": 19, "updated": 1}
        assert done.records == 1
        counts = objects.counts
        assert counts.puts == 2  # the head, and the entry of the log
        assert counts.gets <= 30  # a head for each, and what it takes to write one


def test_filters_leave_sessions_out(source: SessionStore, target: SessionStore) -> None:
    source.create("a", ["x"], agent="one")
    source.create("b", ["x"], agent="two")
    assert outcomes(source.copy_to(target, agent="two")) == {"new": 1}
    assert [session.id for session in target.list()] == ["b"]


@pytest.mark.parametrize("parts", ["whole", "small_parts"])
def test_a_copy_follows_its_session_wherever_it_goes(request: pytest.FixtureRequest, parts: str) -> None:
    if parts == "small_parts":
        request.getfixturevalue(parts)
    with opened() as source, opened() as target:
        _follow(source, target)


def _follow(source: SessionStore, target: SessionStore) -> None:
    source.extend("s", ["a", "b"], keys=["1", "2"])
    source.copy_to(target)
    steps: list[tuple[Callable[[], object], str]] = [
        (lambda: source.append("s", "c"), "updated"),
        (lambda: source.update("s", state="idle"), "updated"),
        (lambda: source.replace_last("s", "d"), "rewritten"),
        (
            lambda: source.extend("s", [{"n": n, "text": "x" * 100} for n in range(30)], keys=map(str, range(30))),
            "updated",
        ),
        (lambda: source.replace_last("s", "e"), "rewritten"),
        (lambda: source.append("s", "again", key="7"), "unchanged"),
        (lambda: source.append("s", "f", key="new"), "updated"),
        (lambda: source.save("s", ["a", "z"]), "rewritten"),
        (lambda: source.clear("s"), "rewritten"),
        (lambda: source.traces("s").append("t"), "updated"),
        (lambda: source.artifacts("s").put("n", "x"), "updated"),
        (lambda: source.artifacts("s").remove("n"), "rewritten"),
    ]
    for change, expected in steps:
        change()
        assert outcome(source, target) == expected
        assert told(target, "s") == told(source, "s")
        assert outcome(source, target) == "unchanged"
        for key in ("1", "7", "29", "new"):
            given = any(record.key == key for record in source.records("s"))
            assert any(record.key == key for record in target.records("s")) == given


def test_a_copy_follows_over_more_commits_than_a_head_remembers(source: SessionStore, target: SessionStore) -> None:
    source.append("s", 0)
    source.copy_to(target)
    for number in range(1, 70):
        source.append("s", number)
    source.update("s", state="idle")
    assert outcome(source, target) == "updated"
    assert told(target, "s") == told(source, "s")


def test_what_was_changed_in_the_target_is_never_lost_unsaid(source: SessionStore, target: SessionStore) -> None:
    source.append("s", "a")
    source.copy_to(target)
    target.append("s", "of its own")
    # Nothing new here: it has simply gone on.
    assert outcome(source, target) == "unchanged"
    source.append("s", "b")
    [done] = copied(source, target)
    assert (done.outcome, done.records) == ("refused", 0)
    assert done.reason == "the target has another transcript that did not come from here"
    assert not source.copy_to(target).is_complete
    assert target.load("s").messages == ["a", "of its own"]
    assert outcome(source, target, replace=True) == "rewritten"
    assert target.load("s").lines == source.load("s").lines


def test_nothing_of_a_session_is_written_where_one_piece_is_refused(source: SessionStore, target: SessionStore) -> None:
    source.append("s", "a")
    source.artifacts("s").put("n", "x")
    source.copy_to(target)
    target.artifacts("s").put("n", "of its own")
    source.artifacts("s").put("m", "y")
    source.append("s", "b")
    assert outcome(source, target) == "refused"
    assert target.load("s").messages == ["a"]
    assert target.artifacts("s").get("n").text == "of its own"


@pytest.mark.parametrize("metadata", [{}, {"name": "another"}])
def test_another_session_of_the_same_id_is_refused(
    source: SessionStore, target: SessionStore, metadata: dict[str, Any]
) -> None:
    source.append("s", "a")
    target.create("s", ["a"], **metadata)
    assert outcome(source, target) == "refused"
    assert target.info("s").version == 1


def test_two_archives_with_a_session_of_one_id_do_not_take_turns_in_a_third(
    source: SessionStore, target: SessionStore
) -> None:
    with opened() as other:
        source.append("main", "of one")
        other.append("main", "of the other")
        source.copy_to(target)
        assert outcome(other, target) == "refused"
        assert target.load("main").messages == ["of one"]


def test_an_archive_that_was_copied_as_objects_is_followed(source: SessionStore) -> None:
    objects, clone = MemoryStore(), MemoryStore()
    with SessionStore(objects) as origin:
        origin.append("s", "a")
        for key in keys_of(objects):
            run(clone.put(key, run(objects.get(key)).body))
        with SessionStore(clone) as target:
            assert outcome(origin, target) == "unchanged"
            origin.replace_last("s", "b")
            assert outcome(origin, target) == "rewritten"
            assert target.load("s").messages == ["b"]


def test_a_session_that_was_deleted_in_the_target_comes_again(source: SessionStore, target: SessionStore) -> None:
    fill(source)
    source.copy_to(target)
    target.delete("a/b")
    assert outcome(source, target) == "new"
    found, expected = told(target, "a/b"), told(source, "a/b")
    # The time of a session never goes back behind that of its delete, or a listing could show the older entry.
    assert found.pop("times")[1] > expected.pop("times")[1]
    assert found == expected
    assert [session.id for session in target.list()] == ["a/b"]


def test_pieces_that_are_apart_stay_apart(source: SessionStore, target: SessionStore) -> None:
    source.save_all("s", transcript=["a"], traces=["t"], runs=["r"])
    source.traces("s").append("later")
    source.copy_to(target)
    assert set(target.load_all("s").apart) == {"traces"}
    source.save_all("s", traces=["t", "later"])
    assert outcome(source, target) == "updated"
    assert target.load_all("s").together
    assert outcome(source, target) == "unchanged"
    source.runs("s").append("later")
    source.copy_to(target)
    assert target.load_all("s").apart == {"runs": "changed"}


def test_a_copy_that_was_killed_goes_on_and_stores_nothing_twice(source: SessionStore) -> None:
    for number in range(60):
        source.append(f"s{number}", number)
        source.traces(f"s{number}").append("t")
    objects = MemoryStore()

    seen: list[CopiedSession] = []

    def kill(done: CopiedSession) -> None:
        seen.append(done)
        if len(seen) == 20:
            raise _KilledError

    with SessionStore(objects) as target, pytest.raises(_KilledError):
        source.copy_to(target, progress=kill)
    with SessionStore(objects) as target:
        done = source.copy_to(target)
        assert done.outcomes["unchanged"] >= 20
        assert done.sessions == target.count() == 60
        assert all(told(target, f"s{number}") == told(source, f"s{number}") for number in range(60))
        assert target.index.verify().differences == ()


class _Dying(MemoryStore):
    """Stands still after so many writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    async def put(self, key: str, body: bytes, **terms: Any) -> str:
        self.left -= 1
        if self.left < 0:
            raise StoreUnavailable(f"{key}: the process is dead", may_have_landed=False)
        return await super().put(key, body, **terms)


def test_a_copy_that_dies_at_any_write_is_completed_by_the_next(source: SessionStore) -> None:
    fill(source)
    source.save_all("a/b", transcript=["x", "y"], traces=["t"])
    once = CommitPolicy(attempts=1)
    for writes in range(1, 40):
        objects = _Dying(writes)
        with SessionStore(objects, policy=once) as target:
            try:
                source.copy_to(target)
            except StoreUnavailable:
                objects.left = 1000
                target.cleanup(older_than=0)
                assert source.copy_to(target).is_complete
                assert told(target, "a/b") == told(source, "a/b")
                target.cleanup(older_than=0)
                assert told(target, "a/b") == told(source, "a/b")
                continue
        assert writes == 8
        return
    pytest.fail("it never came to an end")


class _Meddled(MemoryStore):
    """Somebody else writes just before the first swap of a head."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key
        self.meddle: Any = None

    async def put(self, key: str, body: bytes, **terms: Any) -> str:
        if key == self._key and self.meddle is not None:
            meddle, self.meddle = self.meddle, None
            meddle()
        return await super().put(key, body, **terms)


def test_a_target_that_changes_meanwhile_loses_nothing(source: SessionStore) -> None:
    objects = _Meddled(transcript_head("s"))
    source.append("s", "a")
    with SessionStore(objects) as target, SessionStore(objects) as other:
        source.copy_to(target)
        source.append("s", "b")
        objects.meddle = lambda: other.append("s", "of its own")
        assert outcome(source, target) == "refused"
        assert target.load("s").messages == ["a", "of its own"]


def test_what_is_damaged_is_told_and_does_not_keep_others_from_being_copied(target: SessionStore) -> None:
    objects = MemoryStore()
    with SessionStore(objects) as source:
        source.append("bad", "a")
        source.append("good", "a")
        run(objects.put(transcript_head("bad"), b"damaged"))
        done = {each.id: each for each in copied(source, target)}
        assert Counter(each.outcome for each in done.values()) == {"failed": 1, "new": 1}
        reason = done["bad"].reason
        assert reason is not None
        assert reason.startswith("CorruptObject: ")
        assert not target.exists("bad")


def test_wrong_filters_are_refused_before_anything_is_written(source: SessionStore) -> None:
    objects = MemoryStore()
    with SessionStore(objects) as target, pytest.raises(InvalidOption):
        source.copy_to(target, place="warm")  # type: ignore[arg-type]
    assert keys_of(objects) == []


def test_sixteen_sessions_at_once_leave_threads_to_read_their_segments(small_parts: None) -> None:
    objects = AllAtOnce()
    source, target = SessionStore(objects), opened()
    for number in range(16):
        for message in range(3):
            source.append(f"s{number}", message)
    objects.close_gate(16)
    # Closed only if it ended: what waits for itself keeps a close waiting as well.
    assert finishes(lambda: source.copy_to(target))
    assert target.count() == 16
    source.close()
    target.close()
