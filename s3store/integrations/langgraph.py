"""The checkpoints of LangGraph in an archive.

::

    graph = builder.compile(checkpointer=ArchiveSaver(SessionStore("s3://my-bucket/agents")))

A thread is the session `langgraph/<thread id>`, with all its name spaces; `s3store.integrations.checkpoints` says what
stands in it. A checkpoint is one commit.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Self, cast

from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)

from ..errors import InvalidOption
from ..runtime import run
from .checkpoints import Checkpoint, Message, Place, Thread, Typed, checkpoint_message, writes_message
from .faces import Faced
from .threads import Threads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence

    from ..blocking import SessionStore
    from ..store import AsyncSessionStore

NAMESPACE = "langgraph"
"""What the ids of these sessions start with in the archive, before a slash."""


class ArchiveSaver(BaseCheckpointSaver[str]):
    """A `BaseCheckpointSaver` on an archive, all of it: also `copy_thread`, `delete_for_runs` and `prune`.

    A `SessionStore` serves the methods that block and, in threads, the asynchronous ones; an `AsyncSessionStore` the
    asynchronous ones only (the others raise `InvalidOption`). Close the archive when done; nothing waits in memory.

    Each write is one commit on the state that it was made for: where another process was first, it is made again for
    what is there then. Every method raises what the archive's own methods raise, and `Conflict` where others change the
    thread all the time. `serde` is LangGraph's serializer; the archive keeps the bytes that it makes, and unpickles
    nothing.
    """

    def __init__(self, store: SessionStore | AsyncSessionStore, *, serde: Any = None) -> None:
        super().__init__(serde=serde)
        self._faced = Faced(store)
        self._threads = Threads(self._faced.archive, NAMESPACE)

    @property
    def _core(self) -> _Core:
        # Made for each call: a clone by `with_allowlist` shares the threads, and has a serializer of its own.
        return _Core(self._threads, self.serde)

    def setup(self) -> None:
        """Do nothing: an archive needs no setting up. For code that calls it on the savers of databases."""

    def __enter__(self) -> Self:
        """Return the saver. Leaving the context closes nothing: the archive is its owner's."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close nothing."""

    async def __aenter__(self) -> Self:
        """See `__enter__`."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close nothing."""

    def get_next_version(self, current: str | int | None, channel: None = None) -> str:
        """Return a version after `current` that no other process makes."""
        number = 0 if current is None else current if isinstance(current, int) else int(current.split(".")[0])
        return f"{number + 1:032}.{random.random():016}"  # noqa: S311 - nothing secret

    def get_tuple(self, config: Any) -> Any | None:
        """Return the checkpoint that a config names, or the latest of its name space; None if there is none."""
        return self._run(self._core.get_tuple(config))

    def get_delta_channel_history(self, *, config: Any, channels: Sequence[str]) -> Mapping[str, Any]:
        """Return what a `DeltaChannel` is put together from: its writes since the last value, and that as `seed`.

        The thread is read once. Raises `CorruptObject` where a checkpoint is its own ancestor.
        """
        return cast("Mapping[str, Any]", self._run(self._core.delta_history(config, channels)))

    def list(
        self,
        config: Any | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: Any = None,
        limit: int | None = None,
    ) -> Iterator[Any]:
        """Iterate over checkpoints, the latest of a name space first; without a config those of all threads.

        `filter` gives values that the metadata has, `before` a config whose checkpoint comes later. At most `limit`.
        """
        for thread in self._run(self._core.threads(config)):
            found = self._run(self._core.matching(thread, config, filter, before, limit))
            yield from found
            limit = None if limit is None else limit - len(found)

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        """Store a checkpoint, and of its channels those with a new version. Return the config that names it."""
        return self._run(self._core.put(config, checkpoint, metadata, new_versions))

    def put_writes(self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = "") -> None:
        """Store what a task wrote after a checkpoint. Writes of that task that are there already stay as they are."""
        self._run(self._core.put_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        """Delete a thread. An unknown one is no error."""
        self._run(self._core.delete(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints of runs, with their writes. Every thread is read for that."""
        self._run(self._core.delete_for_runs(run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Add all checkpoints of a thread, with their writes, to another one."""
        self._run(self._core.copy(source_thread_id, target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Keep the latest checkpoint of each name space (`keep_latest`), or nothing (`delete`).

        Ancestors stay as far as the value of a `DeltaChannel` has to be put together from them. Raises `InvalidOption`
        for another strategy.
        """
        self._run(self._core.prune(thread_ids, strategy))

    async def aget_tuple(self, config: Any) -> Any | None:
        """See `get_tuple`."""
        return await self._faced.call(self._core.get_tuple(config))

    async def aget_delta_channel_history(self, *, config: Any, channels: Sequence[str]) -> Mapping[str, Any]:
        """See `get_delta_channel_history`."""
        return await self._faced.call(self._core.delta_history(config, channels))

    async def alist(
        self,
        config: Any | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: Any = None,
        limit: int | None = None,
    ) -> AsyncIterator[Any]:
        """See `list`."""
        for thread in await self._faced.call(self._core.threads(config)):
            found = await self._faced.call(self._core.matching(thread, config, filter, before, limit))
            for each in found:
                yield each
            limit = None if limit is None else limit - len(found)

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        """See `put`."""
        return await self._faced.write(self._core.put(config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See `put_writes`."""
        await self._faced.write(self._core.put_writes(config, writes, task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        """See `delete_thread`."""
        await self._faced.write(self._core.delete(thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See `delete_for_runs`."""
        await self._faced.write(self._core.delete_for_runs(run_ids))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See `copy_thread`."""
        await self._faced.write(self._core.copy(source_thread_id, target_thread_id))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """See `prune`."""
        await self._faced.write(self._core.prune(thread_ids, strategy))

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        self._faced.must_block(work)
        return run(work)


class _Core:
    """The saver's core: awaits nothing but the archive."""

    def __init__(self, threads: Threads, serde: Any) -> None:
        self._threads = threads
        self._serde = serde

    async def get_tuple(self, config: Any) -> Any | None:
        thread_id, _ = _named(config)
        async with self._threads.reading(thread_id) as thread:
            found = _found(thread, config)
            return None if found is None else self._tuple(thread_id, thread, found)

    async def delta_history(self, config: Any, channels: Sequence[str]) -> dict[str, Any]:
        """Return of each channel what was written since its last value, and that value, by one read of the thread."""
        async with self._threads.reading(_named(config)[0]) as thread:
            found = _found(thread, config)
            ancestors = [] if found is None else list(thread.ancestors(found))
            return {channel: self._history(thread, ancestors, channel) for channel in channels}

    def _history(self, thread: Thread, ancestors: Sequence[Checkpoint], channel: str) -> dict[str, Any]:
        load = self._serde.loads_typed
        writes: list[Any] = []
        for at in ancestors:
            of_step = [each for each in thread.writes(at.place) if each.channel == channel]
            writes = [*((each.task, each.channel, load(each.value)) for each in of_step), *writes]
            if thread.has_value(at, channel):
                return {"writes": writes, "seed": self._loaded(thread.value(at, channel))}
        return {"writes": writes}

    async def threads(self, config: Any | None) -> list[str]:
        """Return the ids of the threads that a config asks for."""
        return await self._threads.ids() if config is None else [_named(config)[0]]

    async def matching(
        self, thread_id: str, config: Any | None, metadata: Mapping[str, Any] | None, before: Any, limit: int | None
    ) -> list[Any]:
        async with self._threads.reading(thread_id) as thread:
            found: list[Any] = []
            for checkpoint in _wanted(thread, config, before):
                if limit is not None and len(found) >= limit:
                    break
                said = self._serde.loads_typed(checkpoint.metadata)
                if all(said.get(name) == value for name, value in (metadata or {}).items()):
                    found.append(self._tuple(thread_id, thread, checkpoint))
            return found

    async def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Mapping[str, Any]) -> Any:
        thread_id, namespace = _named(config)
        place = namespace, checkpoint["id"]
        body = {name: value for name, value in checkpoint.items() if name not in {"channel_values", "channel_versions"}}
        values, versions = checkpoint["channel_values"], checkpoint["channel_versions"]
        said = checkpoint_message(
            place,
            get_checkpoint_id(config),
            versions,
            self._serde.dumps_typed(body),
            self._serde.dumps_typed(get_checkpoint_metadata(config, metadata)),
        )

        def messages(thread: Thread) -> list[Message]:
            # Also what should be there and is not: another process may have deleted or pruned the thread meanwhile.
            lacking = [
                name for name in values if name in versions and not thread.holds(namespace, name, versions[name])
            ]
            fresh = {
                name: versions.get(name, new_versions.get(name)) for name in [*new_versions, *lacking] if name in values
            }
            return [
                *(
                    thread.value_message(
                        self._threads.new_id(), namespace, name, version, self._serialized(values[name])
                    )
                    for name, version in fresh.items()
                ),
                said,
            ]

        await self._threads.add(thread_id, messages)
        return _config(thread_id, place)

    async def put_writes(self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str) -> None:
        thread_id, namespace = _named(config)
        place = namespace, config["configurable"]["checkpoint_id"]
        numbered = [
            (WRITES_IDX_MAP.get(channel, at), channel, self._serde.dumps_typed(value))
            for at, (channel, value) in enumerate(writes)
        ]

        def messages(thread: Thread) -> list[Message]:
            fresh = [each for each in numbered if not thread.has_written(place, task_id, each[0])]
            return [writes_message(place, task_id, task_path, fresh)] if fresh else []

        await self._threads.add(thread_id, messages)

    async def delete(self, thread_id: str) -> None:
        await self._threads.delete(str(thread_id))

    async def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        runs = set(run_ids)

        def others(thread: Thread) -> set[Place]:
            load = self._serde.loads_typed
            return {at for at, each in thread.checkpoints.items() if load(each.metadata).get("run_id") not in runs}

        for thread_id in await self.threads(None) if runs else []:
            await self._threads.keep(thread_id, others)

    async def copy(self, source_id: str, target_id: str) -> None:
        async with self._threads.reading(str(source_id)) as source:
            messages = source.without(set(source.checkpoints))
        await self._threads.add(str(target_id), lambda _: messages)

    async def prune(self, thread_ids: Sequence[str], strategy: str) -> None:
        if strategy not in {"keep_latest", "delete"}:
            raise InvalidOption(f"a strategy of pruning is keep_latest or delete, not {strategy!r}")
        for thread_id in thread_ids:
            if strategy == "delete":
                await self.delete(thread_id)
            else:
                await self._threads.keep(str(thread_id), self._latest)

    def _latest(self, thread: Thread) -> set[Place]:
        """Return the latest checkpoint of each name space, and the ancestors that their delta channels need."""
        kept: set[Place] = set()
        for namespace in {place[0] for place in thread.checkpoints}:
            at = thread.latest(namespace)
            assert at is not None
            needed = set(self._serde.loads_typed(at.metadata).get("counters_since_delta_snapshot") or ())
            kept.add(at.place)
            ancestors = thread.ancestors(at)
            while needed := {channel for channel in needed if not thread.has_value(at, channel)}:
                parent = next(ancestors, None)
                if parent is None:
                    break
                at = parent
                kept.add(at.place)
        return kept

    def _serialized(self, value: Any) -> Typed | list[Typed]:
        # Exactly a list: what derives from it may be more than its items.
        if type(value) is list and value:
            return [self._serde.dumps_typed(each) for each in value]
        typed: Typed = self._serde.dumps_typed(value)
        return typed

    def _loaded(self, value: Typed | list[Typed]) -> Any:
        load = self._serde.loads_typed
        return [load(each) for each in value] if isinstance(value, list) else load(value)

    def _tuple(self, thread_id: str, thread: Thread, found: Checkpoint) -> Any:
        load = self._serde.loads_typed
        values = {channel: self._loaded(value) for channel, value in thread.values(found).items()}
        parent = None if found.parent is None else _config(thread_id, (found.place[0], found.parent))
        return CheckpointTuple(
            config=_config(thread_id, found.place),
            checkpoint={**load(found.body), "channel_versions": dict(found.versions), "channel_values": values},
            metadata=load(found.metadata),
            parent_config=parent,
            pending_writes=[(write.task, write.channel, load(write.value)) for write in thread.writes(found.place)],
        )


def _wanted(thread: Thread, config: Any | None, before: Any) -> Iterator[Checkpoint]:
    """Yield the checkpoints that a config and an end allow, the latest of each name space first."""
    said = {} if config is None else config["configurable"]
    namespace, only = said.get("checkpoint_ns"), said.get("checkpoint_id")
    end = None if before is None else get_checkpoint_id(before)
    places = sorted(thread.checkpoints, key=lambda place: place[1], reverse=True)
    for place in places:
        if namespace is not None and place[0] != namespace:
            continue
        if (only and place[1] != only) or (end and place[1] >= end):
            continue
        yield thread.checkpoints[place]


def _found(thread: Thread, config: Any) -> Checkpoint | None:
    """Return the checkpoint that a config names, or the latest of its name space."""
    namespace, wanted = _named(config)[1], get_checkpoint_id(config)
    return thread.checkpoints.get((namespace, wanted)) if wanted else thread.latest(namespace)


def _named(config: Any) -> tuple[str, str]:
    """Return the thread and the name space that a config names."""
    said = config["configurable"]
    return str(said["thread_id"]), said.get("checkpoint_ns", "")


def _config(thread_id: str, place: Place) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": place[0], "checkpoint_id": place[1]}}
