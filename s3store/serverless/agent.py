"""The handler that an agent lives in: woken by an event, it works off the inboxes that the event speaks of."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from ..errors import InvalidOption
from ..runtime import run
from .events import Letter, wakes_of
from .stores import KeptStore
from .timeleft import TimeLeft
from .turns import Turns, TurnsLeft

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..blocking import SessionStore
    from ..jsontext import JsonValue
    from .events import News, Wake
    from .timeleft import Context
    from .turns import Publish, RunTurn

    Handler: TypeAlias = "Callable[[object, Context | None], dict[str, JsonValue]]"

_log = logging.getLogger("s3store.serverless")


def agent_handler(
    run_turn: RunTurn,
    *,
    store: SessionStore | str | None = None,
    publish: Publish | None = None,
    attempts: int | None = 5,
    reserve: float = 15.0,
) -> Handler:
    """Return a `handler(event, context)` that runs an agent on the messages of the sessions that an event speaks of.

    `run_turn` is given a `Turn` and returns the messages to be added after it; a message whose turn was stored is never
    answered again, however often its event comes. It may run again where it raised, or was killed, before that: what it
    does elsewhere should go by `Turn.id`. `publish` is given each `Answer` once it is stored, and again if the function
    dies before the message is marked as done. After `attempts` turns (None: no bound) that failed or were killed a
    message is stored without an answer, so that those behind it are come to.

    The archive is `store`, a URL, or what S3STORE_URL names; it is opened by the first event and kept. With less than
    `reserve` seconds left no further turn begins. What came from SQS and is not done then is reported as
    `batchItemFailures`; any other event raises (`TurnsLeft`, or what the first turn raised), so that it comes again.
    The queue, or the function's own retries, should send to a dead-letter queue what came too often.

    Raises `InvalidOption` for wrong numbers.
    """
    if attempts is not None and attempts < 1:
        raise InvalidOption(f"attempts is 1 or more, or None, not {attempts!r}")
    if reserve < 0:
        raise InvalidOption(f"reserve is 0 seconds or more, not {reserve!r}")
    kept = KeptStore(store)

    def handler(event: object, context: Context | None = None) -> dict[str, JsonValue]:
        opened = kept.store
        turns = Turns(opened, run_turn, publish, attempts)
        try:
            outcome = _Invocation(opened, turns, TimeLeft(context, reserve)).handle(wakes_of(event))
        finally:
            opened.flush()
        return outcome

    return handler


@dataclass(slots=True)
class _Visit:
    """A session that an event speaks of."""

    items: list[str | None] = field(default_factory=list)
    bells: set[str] = field(default_factory=set)
    has_letters: bool = False


class _Invocation:
    """One call of the handler."""

    def __init__(self, store: SessionStore, turns: Turns, time: TimeLeft) -> None:
        self._store = store
        self._bells = store._archive.bells  # noqa: SLF001 - of this package
        self._turns = turns
        self._time = time
        self._failed: dict[str | None, Exception] = {}

    def handle(self, wakes: Iterable[Wake]) -> dict[str, JsonValue]:
        """Work off all that an event speaks of, and return what the host is told."""
        visits: dict[str, _Visit] = {}
        for wake in wakes:
            self._try([wake.item], lambda wake=wake: self._take_in(wake, visits))  # type: ignore[misc]
        for session_id, visit in visits.items():
            self._try(visit.items, lambda each=session_id, visit=visit: self._visit(each, visit))  # type: ignore[misc]
        if None in self._failed:
            raise self._failed[None]
        return {"batchItemFailures": [{"itemIdentifier": item} for item in self._failed]}

    def _try(self, items: Iterable[str | None], work: Callable[[], None]) -> None:
        """Let one part fail without the others, and note for which items."""
        try:
            work()
        except TurnsLeft as error:
            _log.info("%s", error)
            failed: Exception = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the item comes again
            # The message of an agent's error may hold what was said; that of ours does not.
            _log.error("an item of the event failed: %s", _said(error))
            failed = error
        else:
            return
        for item in items:
            self._failed.setdefault(item, failed)

    def _take_in(self, wake: Wake, visits: dict[str, _Visit]) -> None:
        """Put letters into their inboxes, and note the sessions that are to be visited."""
        if wake.fault is not None:
            raise wake.fault
        for news in wake.news:
            session_id = self._session_of(news)
            if session_id is None:
                continue
            visit = visits.setdefault(session_id, _Visit())
            visit.items.append(wake.item)
            if isinstance(news, Letter):
                visit.has_letters = True
                self._store.inbox(session_id).send(news.message, key=news.key)
            else:
                visit.bells.add(news.key)

    def _session_of(self, news: News) -> str | None:
        return news.session_id if isinstance(news, Letter) else run(self._bells.session_of(news.key))

    def _visit(self, session_id: str, visit: _Visit) -> None:
        # A bell may go only if the inbox is found empty after it was known: so the letters' own are listed first.
        if visit.has_letters:
            visit.bells.update(run(self._bells.of(session_id)))
        self._turns.work_off(session_id, self._time)
        run(self._bells.take_down(visit.bells))


def _said(error: Exception) -> str:
    ours = type(error).__module__.startswith("s3store.")
    return f"{type(error).__name__}: {error}" if ours else type(error).__name__
