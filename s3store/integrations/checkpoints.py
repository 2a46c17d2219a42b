"""Threads of checkpoints as streams of records: what the saver of LangGraph keeps, without LangGraph.

A thread is one session. Its messages are of three kinds:

- `value`: what a channel held at a version of it, whole, or as a list that keeps the first items of an earlier one;
- `checkpoint`: the versions of its channels, its parent, and what else its owner serialized;
- `writes`: what a task wrote that ran after a checkpoint.

So a checkpoint adds what changed since the one before it. Serialized bytes stand as a pair: their type, and base64.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ..errors import CorruptObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..jsontext import JsonValue
    from ..model import RecordFields

Typed: TypeAlias = tuple[str, bytes]
"""A serialized value: its type, and its bytes."""
Version: TypeAlias = str | int | float
Message: TypeAlias = "dict[str, JsonValue]"
Place: TypeAlias = tuple[str, str]
"""Where a checkpoint stands in its thread: its name space, and its id."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint without the values of its channels."""

    place: Place
    parent: str | None
    versions: Mapping[str, Version]
    body: Typed
    metadata: Typed
    message: Message


@dataclass(frozen=True, slots=True)
class Write:
    """What a task wrote to a channel. Below 0 `number` is a kind of which there is one, and the last one counts."""

    task: str
    number: int
    channel: str
    value: Typed
    path: str

    def order(self) -> tuple[str, str, int]:
        """Return what the writes of one step are sorted by: as they were applied."""
        return self.path, self.task, self.number


class Thread:
    """A thread as it was read, and as it grows by what is added."""

    def __init__(self, session_id: str) -> None:
        self.version = 0
        self.count = 0
        self.checkpoints: dict[Place, Checkpoint] = {}
        self._session_id = session_id
        self._last: JsonValue = None
        self._values: dict[str, Message] = {}
        self._current: dict[tuple[str, str, Version], str] = {}
        self._newest: dict[tuple[str, str], str] = {}
        self._items: dict[str, list[JsonValue]] = {}
        self._writes: dict[Place, dict[tuple[str, int], tuple[Write, Message]]] = {}

    def follows(self, lines: Sequence[RecordFields]) -> bool:
        """Tell whether lines read from the last known record on begin with that very record.

        A rewrite only removes, so that a record which still has its place has the same ones before it.
        """
        return bool(lines) and lines[0]["seq"] == self.count - 1 and lines[0]["message"] == self._last

    def take(self, version: int, lines: Iterable[RecordFields]) -> None:
        """Add records that were read, and be at a version. Raises `CorruptObject` for what is none of a thread."""
        for line in lines:
            self._fold(line["message"])
        self.version = version

    def grow(self, messages: Iterable[Message]) -> None:
        """Add messages that were committed on this version."""
        for message in messages:
            self._fold(message)
        self.version += 1

    def latest(self, namespace: str) -> Checkpoint | None:
        """Return the latest checkpoint of a name space."""
        found = [place for place in self.checkpoints if place[0] == namespace]
        return self.checkpoints[max(found)] if found else None

    def ancestors(self, checkpoint: Checkpoint) -> Iterator[Checkpoint]:
        """Yield the parent of a checkpoint, its parent, and so on, as far as they are there.

        Raises `CorruptObject` where that leads in a circle.
        """
        seen, at = {checkpoint.place}, self._parent(checkpoint)
        while at is not None:
            if at.place in seen:
                raise CorruptObject(f"session {self._session_id!r}: a checkpoint is its own ancestor")
            seen.add(at.place)
            yield at
            at = self._parent(at)

    def _parent(self, checkpoint: Checkpoint) -> Checkpoint | None:
        return None if checkpoint.parent is None else self.checkpoints.get((checkpoint.place[0], checkpoint.parent))

    def writes(self, place: Place) -> list[Write]:
        """Return what was written after a checkpoint, in the order in which it is applied."""
        return sorted((write for write, _ in self._writes.get(place, {}).values()), key=Write.order)

    def has_written(self, place: Place, task: str, number: int) -> bool:
        """Tell whether such a write is there and stays."""
        return number >= 0 and (task, number) in self._writes.get(place, {})

    def has_value(self, checkpoint: Checkpoint, channel: str) -> bool:
        """Tell whether a checkpoint holds a value of a channel."""
        return self._value_of(checkpoint, channel) is not None

    def holds(self, namespace: str, channel: str, version: Version) -> bool:
        """Tell whether a value of a channel at a version is there."""
        return (namespace, channel, version) in self._current

    def values(self, checkpoint: Checkpoint) -> dict[str, Typed | list[Typed]]:
        """Return the values of a checkpoint's channels: serialized whole, or item by item."""
        held = [channel for channel in checkpoint.versions if self.has_value(checkpoint, channel)]
        return {channel: self.value(checkpoint, channel) for channel in held}

    def value(self, checkpoint: Checkpoint, channel: str) -> Typed | list[Typed]:
        """Return the value that a checkpoint holds of a channel. Raises `CorruptObject` if it holds none."""
        with self._reading():
            found = self._value_of(checkpoint, channel)
            message = self._values[found or ""]
            return (
                _bytes(message["value"]) if "value" in message else [_bytes(each) for each in self._list(message["id"])]
            )

    def value_message(
        self, new_id: str, namespace: str, channel: str, version: Version, value: Typed | list[Typed]
    ) -> Message:
        """Return the message that keeps a value: of a list, what the newest one of the channel has not at its start."""
        said: Message = {"kind": "value", "id": new_id, "ns": namespace, "channel": channel, "version": version}
        if isinstance(value, tuple):
            return said | {"value": _text(value)}
        items = [_text(each) for each in value]
        base = self._newest.get((namespace, channel))
        kept = 0
        if base is not None and "items" in self._values[base]:
            kept = _same_at_start(self._list(base), items)
        return said | ({"base": base, "keep": kept} if kept else {}) | {"items": items[kept:]}

    def without(self, keep: set[Place]) -> list[Message]:
        """Return the messages of a thread that has these checkpoints only, with their values and writes."""
        kept = [self.checkpoints[place] for place in self.checkpoints if place in keep]
        wanted = {value for each in kept for name in each.versions if (value := self._value_of(each, name))}
        with self._reading():
            messages = [self._detached(value, wanted) for value in self._values if value in wanted]
        messages += [each.message for each in kept]
        for place, writes in self._writes.items():
            if place in keep:
                # A message with several writes stands for all of them, so it is kept once.
                messages += {id(message): message for _, message in writes.values()}.values()
        return messages

    def _detached(self, value: str, wanted: set[str]) -> Message:
        """Return the message of a value that builds on none but those that are wanted."""
        message = self._values[value]
        if message.get("base") is None or message["base"] in wanted:
            return message
        rest = {name: said for name, said in message.items() if name not in {"base", "keep"}}
        return rest | {"items": self._list(value)}

    def _value_of(self, checkpoint: Checkpoint, channel: str) -> str | None:
        version = checkpoint.versions.get(channel)
        return None if version is None else self._current.get((checkpoint.place[0], channel, version))

    def _list(self, value: str) -> list[JsonValue]:
        """Return the items of a list, put together from the lists that it builds on."""
        chain: list[Message] = []
        at: str | None = value
        while at is not None and at not in self._items:
            chain.append(self._values[at])
            at = chain[-1].get("base")
        items = [] if at is None else self._items[at]
        for message in reversed(chain):
            items = items[: message["keep"]] + message["items"] if "base" in message else message["items"]
        return items

    def _fold(self, message: JsonValue) -> None:
        with self._reading():
            match message["kind"]:
                case "value":
                    self._fold_value(message)
                case "checkpoint":
                    place = message["ns"], message["id"]
                    body, metadata = _bytes(message["body"]), _bytes(message["metadata"])
                    self.checkpoints[place] = Checkpoint(
                        place, message["parent"], message["versions"], body, metadata, message
                    )
                case "writes":
                    self._fold_writes(message)
                case _:
                    raise ValueError
        self._last = message
        self.count += 1

    def _fold_value(self, message: Message) -> None:
        value, channel = message["id"], (message["ns"], message["channel"])
        if message.get("base") is not None and message["base"] not in self._values:
            raise LookupError
        self._values[value] = message
        self._current[*channel, message["version"]] = value
        if "items" in message:
            # Only the newest list of a channel is held whole: the next one most likely builds on it.
            items = self._list(value)
            self._items.pop(self._newest.get(channel, ""), None)
            self._items[value] = items
        self._newest[channel] = value

    def _fold_writes(self, message: Message) -> None:
        writes = self._writes.setdefault((message["ns"], message["checkpoint"]), {})
        for number, channel, value in message["writes"]:
            if number < 0 or (message["task"], number) not in writes:
                write = Write(message["task"], number, channel, _bytes(value), message["path"])
                writes[message["task"], number] = write, message

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError):
            raise CorruptObject(f"session {self._session_id!r}: holds what is no record of a thread") from None


def checkpoint_message(
    place: Place, parent: str | None, versions: Mapping[str, Version], body: Typed, metadata: Typed
) -> Message:
    """Return the message that keeps a checkpoint."""
    said = {"kind": "checkpoint", "ns": place[0], "id": place[1], "parent": parent, "versions": dict(versions)}
    return said | {"body": _text(body), "metadata": _text(metadata)}


def writes_message(place: Place, task: str, path: str, writes: Iterable[tuple[int, str, Typed]]) -> Message:
    """Return the message that keeps what a task wrote after a checkpoint: number, channel and value of each."""
    said = {"kind": "writes", "ns": place[0], "checkpoint": place[1], "task": task, "path": path}
    return said | {"writes": [[number, channel, _text(value)] for number, channel, value in writes]}


def _text(value: Typed) -> list[str]:
    return [value[0], b64encode(value[1]).decode("ascii")]


def _bytes(found: JsonValue) -> Typed:
    kind, text = found
    return kind, b64decode(text, validate=True)


def _same_at_start(before: Sequence[JsonValue], after: Sequence[JsonValue]) -> int:
    """Return how many items at their start are the same."""
    pairs = zip(before, after, strict=False)
    return next((place for place, (old, new) in enumerate(pairs) if old != new), min(len(before), len(after)))
