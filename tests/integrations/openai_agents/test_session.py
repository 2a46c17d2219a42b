"""`ArchiveSession` and `ArchiveSnapshots` on each kind of archive, and under the SDK's own runner and compaction."""

from __future__ import annotations

import asyncio
import io
import os
from typing import TYPE_CHECKING, Any

import pytest
from agents.memory import OpenAIResponsesCompactionSession, Session, SessionSettings
from agents.memory.session import _session_accepts_wrapper
from agents.sandbox.session.dependencies import Dependencies
from agents.sandbox.snapshot import RemoteSnapshot

from s3store import (
    AsyncSessionStore,
    InvalidOption,
    InvalidRecord,
    OutcomeUnknown,
    SessionStore,
    StoreUnavailable,
)
from s3store.integrations.openai_agents import ArchiveSession, ArchiveSnapshots
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore

if TYPE_CHECKING:
    from tests.archives import Place

pytestmark = pytest.mark.anyio

ID = "user/1 ü"
STORED = "openai-agents/" + ID


def said(*texts: str) -> list[Any]:
    return [{"role": "user", "content": text} for text in texts]


async def test_items_come_back_as_they_were_given(place: Place) -> None:
    session = ArchiveSession(ID, place.open())
    items = [*said("one"), {"type": "function_call", "call_id": "c", "arguments": '{"n": 1}', "n": 2**70, "ü": None}]
    await session.add_items(items)
    await session.add_items([])
    await session.add_items(said("two"))
    assert await ArchiveSession(ID, place.open()).get_items() == [*items, *said("two")]
    assert await ArchiveSession("another", place.open()).get_items() == []


async def test_it_is_a_session_and_takes_a_wrapper(place: Place) -> None:
    session = ArchiveSession(ID, place.open())
    assert isinstance(session, Session)
    assert _session_accepts_wrapper(session)
    await session.add_items(said("one"), wrapper=object())
    assert await session.get_items(wrapper=object()) == said("one")
    assert await session.pop_item(wrapper=object()) == said("one")[0]
    await session.clear_session(wrapper=object())


async def test_limits(place: Place) -> None:
    store = place.open()
    session = ArchiveSession(ID, store, session_settings={"limit": 2})
    await session.add_items(said("1", "2", "3"))
    assert await session.get_items() == said("2", "3")
    assert await session.get_items(1) == said("3")
    assert await session.get_items(0) == []
    assert await session.get_items(-1) == said("1", "2", "3")
    assert await session.get_items(99) == said("1", "2", "3")
    unbound = ArchiveSession(ID, store, session_settings=SessionSettings())
    assert await unbound.get_items() == said("1", "2", "3")


async def test_records_that_are_no_items_hide_nothing(place: Place) -> None:
    store = place.open()
    session = ArchiveSession(ID, store)
    await session.add_items(said("1", "2"))
    store.extend(STORED, ["no item", None, 3])
    assert await session.get_items() == said("1", "2")
    assert await session.get_items(1) == said("2")
    await session.add_items(said("3"))
    assert await session.get_items(2) == said("2", "3")
    assert [await session.pop_item() for _ in range(4)] == [*said("3"), *said("2"), *said("1"), None]
    assert store.info(STORED).count == 0


async def test_pop_and_clear(place: Place) -> None:
    store = place.open()
    session = ArchiveSession(ID, store)
    assert await session.pop_item() is None
    await session.clear_session()
    assert not store.exists(STORED)
    await session.add_items(said("1", "2"))
    assert await session.pop_item() == said("2")[0]
    await session.clear_session()
    assert await session.get_items() == []
    assert await session.pop_item() is None


async def test_one_step_replaces_everything(place: Place) -> None:
    session = ArchiveSession(ID, place.open())
    await session.add_items(said("1", "2"))
    await session.replace_items(said("summary"))
    assert await session.get_items() == said("summary")


async def test_what_is_no_item_is_refused_before_anything_is_sent(place: Place) -> None:
    store = place.open()
    session = ArchiveSession(ID, store)
    for wrong, error in ((["text"], InvalidOption), ([{"n": float("nan")}], InvalidRecord)):
        with pytest.raises(error):
            await session.add_items([*said("1"), *wrong])
        with pytest.raises(error):
            await session.replace_items(wrong)
    assert not store.exists(STORED)


async def test_first_writers_side_by_side_lose_nothing(place: Place) -> None:
    sessions = [ArchiveSession(ID, place.open()) for _ in range(6)]
    await asyncio.gather(*(one.add_items(said(f"{n}a", f"{n}b")) for n, one in enumerate(sessions)))
    found = [item["content"] for item in await sessions[0].get_items()]
    assert sorted(found) == sorted(f"{n}{letter}" for n in range(6) for letter in "ab")
    assert all(found[at][0] == found[at + 1][0] for at in range(0, 12, 2))


async def test_what_a_turn_sends_does_not_grow_with_the_history() -> None:
    objects = CountingStore(MemoryStore())
    with SessionStore(objects) as store:
        session = ArchiveSession("long", store)
        sent = []
        for _ in range(100):
            objects.reset()
            await session.add_items([{"role": "user", "content": os.urandom(2048).hex()}])
            sent.append(objects.counts.bytes_up)
        assert len(await session.get_items()) == 100
    assert max(sent) < 64 * 1024


async def test_pops_side_by_side_take_each_item_once(place: Place) -> None:
    sessions = [ArchiveSession(ID, place.open()) for _ in range(4)]
    await sessions[0].add_items(said("1", "2", "3", "4"))
    taken = await asyncio.gather(*(one.pop_item() for one in sessions))
    assert sorted(item["content"] for item in taken if item) == ["1", "2", "3", "4"]


class Lossy(MemoryStore):
    """Does what it is asked, and then loses the answers of puts, and of the reads that would settle them."""

    lost = 0

    async def put(self, key: str, *args: Any, **kwargs: Any) -> Any:
        done = await super().put(key, *args, **kwargs)
        if self.lost and "sessions/" in key:
            self.lost -= 1
            raise StoreUnavailable("lost")
        return done


async def test_an_answer_that_was_lost_stores_a_batch_once() -> None:
    objects = Lossy()
    with SessionStore(objects) as store:
        session = ArchiveSession(ID, store)
        await session.add_items(said("0"))
        objects.lost = 1
        await session.add_items(said("1", "2"))
        assert await session.get_items() == said("0", "1", "2")


async def test_a_call_that_is_made_again_after_an_unknown_outcome_adds_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with SessionStore("memory://") as store:
        session = ArchiveSession(ID, store)
        await session.add_items(said("0"))
        core = session._history._session
        commit, resolve = core.commit, core.resolve

        async def lost(*args: Any, **kwargs: Any) -> Any:
            committed = await commit(*args, **kwargs)
            raise OutcomeUnknown("lost", session_id=core.id, commit_id=committed.commit_id or "")

        async def silent(commit_id: str) -> bool:
            raise StoreUnavailable("out")

        with monkeypatch.context() as patch:
            patch.setattr(core, "commit", lost)
            patch.setattr(core, "resolve", silent)
            with pytest.raises(OutcomeUnknown):
                await session.add_items(said("1"))
        assert core.resolve == resolve
        await session.add_items(said("1"))
        await session.add_items(said("1"))
        assert await session.get_items() == said("0", "1", "1")


async def test_the_latest_items_are_read_without_the_rest(small_parts: None) -> None:
    counting = CountingStore(MemoryStore())
    with SessionStore(counting) as store:
        session = ArchiveSession(ID, store)
        for number in range(20):
            await session.add_items(said(f"{number}"))
    with SessionStore(counting) as store:
        counting.reset()
        assert await ArchiveSession(ID, store).get_items(2) == said("18", "19")
        assert counting.reset().requests <= 3  # the head, and the segments that hold two records
        assert len(await ArchiveSession(ID, store).get_items()) == 20
        assert counting.reset().requests > 10


async def test_an_asyncio_archive() -> None:
    async with AsyncSessionStore("memory://") as store:
        session = ArchiveSession(ID, store)
        await session.add_items(said("1", "2"))
        assert await session.pop_item() == said("2")[0]
        assert await session.get_items() == said("1")
        await session.clear_session()
        snapshots = ArchiveSnapshots(store)
        await snapshots.upload("w", io.BytesIO(b"tar"))
        with await snapshots.download("w") as restored:
            assert restored.read() == b"tar"


async def test_what_is_no_store_is_refused() -> None:
    with pytest.raises(InvalidOption):
        ArchiveSession(ID, "memory://")  # type: ignore[arg-type]


class Compacted:
    def __init__(self, output: list[Any]) -> None:
        self.output = output
        self.usage = None


class Client:
    """What the SDK's compaction asks its service for."""

    def __init__(self, output: list[Any]) -> None:
        self.responses = self
        self._output = output

    async def compact(self, **_: Any) -> Compacted:
        return Compacted(self._output)


async def test_compaction_replaces_in_one_commit(place: Place) -> None:
    store = place.open()
    inner = ArchiveSession(ID, store)
    await inner.add_items([*said("1"), {"type": "message", "role": "assistant", "content": "2"}])
    before = store.info(STORED).version
    summary = {"type": "compaction", "encrypted_content": "s"}
    client: Any = Client([summary])
    outer = OpenAIResponsesCompactionSession("x", inner, client=client, compaction_mode="input")
    await outer.run_compaction({"force": True})
    assert await inner.get_items() == [summary]
    assert store.info(STORED).version == before + 1


async def test_the_end_of_a_history_is_replaced_only_while_it_is_the_same(place: Place) -> None:
    session = ArchiveSession(ID, place.open())
    await session.add_items(said("1", "2", "3", "4"))
    snapshot = await session._get_compaction_snapshot(3)
    assert snapshot is not None
    assert (snapshot.items, snapshot.complete) == (said("2", "3", "4"), False)
    assert await snapshot.replace_suffix(1, said("s"))
    assert await session.get_items() == said("1", "2", "s")
    assert not await snapshot.replace_suffix(1, said("t"))
    everything = await session._get_compaction_snapshot(3)
    assert everything is not None
    assert everything.complete
    await session.add_items(said("new"))
    assert not await everything.replace_suffix(0, said("t"))
    assert await session.get_items() == said("1", "2", "s", "new")


async def test_expired_items_at_the_start_go_with_what_is_replaced(place: Place) -> None:
    """As an encrypted session with a time to live asks for it."""
    store = place.open()
    session = ArchiveSession(ID, store)
    await session.add_items(said("old", "old", "kept", "old", "3", "4"))

    def is_expired(item: Any) -> bool:
        return bool(item["content"] == "old")

    snapshot = await session._get_compaction_snapshot(2, prune_prefix=is_expired)
    assert snapshot is not None
    assert (snapshot.items, snapshot.complete) == (said("3", "4"), False)
    before = store.info(STORED).version
    assert await snapshot.replace_suffix(1, said("s"))
    assert await session.get_items() == said("kept", "old", "3", "s")
    assert store.info(STORED).version == before + 1
    assert not await snapshot.replace_suffix(1, said("t"))
    snapshot = await session._get_compaction_snapshot(9, prune_prefix=is_expired)
    assert snapshot is not None
    assert await snapshot.replace_suffix(1, said("all"))
    assert await session.get_items() == said("kept", "all")


async def test_snapshots_of_workspaces(place: Place) -> None:
    snapshots = ArchiveSnapshots(place.open())
    dependencies = Dependencies()
    dependencies.bind_value("archive", snapshots)
    snapshot = RemoteSnapshot(id="w/1", client_dependency_key="archive")
    assert not await snapshot.restorable(dependencies=dependencies)
    for content in (b"first" * 1000, b"second" * 100_000):
        await snapshot.persist(io.BytesIO(content), dependencies=dependencies)
        assert await snapshot.restorable(dependencies=dependencies)
        with await snapshot.restore(dependencies=dependencies) as restored:
            assert restored.read() == content
    await snapshots.delete("w/1")
    assert not await snapshot.restorable(dependencies=dependencies)
