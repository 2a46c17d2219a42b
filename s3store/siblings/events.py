"""Streams of records beside a transcript: traces, run records, verification reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..changes import Append, Extend, Replace
from ..errors import InvalidOption, SessionNotFound
from ..model import Record
from ..streams.change import FixedPlan
from .otlp import events_of_request, request_of_events, span_key
from .sibling import SiblingCore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from ..changes import Change
    from ..jsontext import JsonValue
    from ..streams.head import Head


class EventsCore(SiblingCore):
    """A stream of events: any JSON, kept in order."""

    async def append(self, event: object, key: str | None) -> int:
        """See `Events.append`."""
        return await self._commit(Append(event, key=key))

    async def extend(self, events: Iterable[object], keys: Iterable[str | None] | None) -> int:
        """See `Events.extend`."""
        return await self._commit(Extend(events, keys=keys))

    async def replace(self, events: Iterable[object]) -> int:
        """See `Events.replace`."""
        return await self._commit(replacing(events))

    async def load(self) -> list[JsonValue] | None:
        """See `Events.load`."""
        found = await self.read_all()
        return None if found is None else found[1]

    async def read_all(self) -> tuple[Head, list[JsonValue]] | None:
        """Return the head and all events; None if nothing was ever saved."""
        found = await self.read()
        return None if found is None else (found[0], [line["message"] for line in found[1]])

    async def last(self, number: int) -> list[Record]:
        """See `Events.last`."""
        if number < 0:
            raise InvalidOption(f"the number of events to read is 0 or more, not {number}")
        found = await self.read(number)
        return [] if found is None else [Record.from_fields(line) for line in found[1]]

    def parts(self, start: int) -> AsyncIterator[list[Record]]:
        """See `Events.records`; a part is a list of records."""
        if start < 0:
            raise InvalidOption(f"the first event to read is 0 or more, not {start}")
        return self._parts(start)

    async def add_otlp(self, request: JsonValue | str | bytes, *, once: bool) -> int:
        """See `Traces.add_otlp`."""
        events = events_of_request(request)
        return await self.extend(events, [span_key(event) for event in events] if once else None)

    async def otlp(self) -> JsonValue | None:
        """See `Traces.otlp`."""
        events = await self.load()
        return None if events is None else request_of_events(events)

    async def _parts(self, start: int) -> AsyncIterator[list[Record]]:
        terms = await self._terms()
        try:
            async for part in self._streams.parts(self.keys.session_id, terms, start=start, stream=self.keys.stream):
                yield part
        except SessionNotFound:
            return

    async def _commit(self, change: Change) -> int:
        made = await self.change(FixedPlan([change]))
        landed = await self.land(made)
        head = landed.known.state if landed.proposal is None else landed.proposal.state
        return 0 if head is None else head.count


def replacing(events: Iterable[object]) -> Replace:
    """Return the change that makes `events` the whole stream, and writes nothing where it is that already."""
    return Replace(events, only_if_changed=True)
