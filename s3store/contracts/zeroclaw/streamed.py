"""Answers on their way: the last message of a session, replaced many times a minute by a longer one.

The first replacement is written at once. Those that follow within `interval` seconds are held in memory, the newest in
the place of the others, and written together: when the interval is over, before the process does anything else with the
session or lists sessions, when the store is closed, and at a SIGTERM. A crash loses at most the last interval.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...changes import MarkActive, ReplaceLast
from ...errors import S3StoreError, SessionNotFound

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from ...model import Record
    from ..namespace import Namespace
    from .model import ChatMessage

_log = logging.getLogger("s3store")


class _Answer:
    """The last message of a session, as this process replaced it, and the one that is to take its place."""

    def __init__(self, record: Record, lock: AbstractAsyncContextManager[Any]) -> None:
        self.record = replace(record, message=None)
        self.lock = lock
        self.waiting: ChatMessage | None = None


class StreamedAnswers:
    """Replaces last messages, those of one session at most once in `interval` seconds; 0 writes each at once."""

    def __init__(self, sessions: Namespace, interval: float) -> None:
        self._sessions = sessions
        self._runtime = sessions.archive.runtime
        self._interval = interval
        self._answers: dict[str, _Answer] = {}
        self._lock = threading.Lock()
        self._hears_the_end = False
        if interval:
            sessions.archive.before_closing(self.flush)

    async def replace(self, key: str, message: ChatMessage) -> bool:
        """Replace the last message, now or soon; tell whether there was one."""
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                answer.waiting = message
                return True
        removed = (await self._sessions.commit(key, *_changes(message), must_exist=True)).removed
        if removed and self._interval:
            self._follow(key, removed[0])
        return bool(removed)

    async def flush(self) -> None:
        """Write all that waits. What cannot be written waits still; the first error is raised when all were tried."""
        failed: S3StoreError | None = None
        for key in list(self._answers):
            try:
                await self.finish(key)
            except S3StoreError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    async def finish(self, key: str) -> None:
        """Write what waits for a session. The next replacement is taken for the first of another answer."""
        answer = self._answers.get(key)
        if answer is not None:
            await self._write(key, answer)
            self._drop_if_idle(key, answer)

    def _follow(self, key: str, record: Record) -> None:
        with self._lock:
            if key in self._answers:
                return
            answer = self._answers[key] = _Answer(record, self._runtime.lock())
            if not self._hears_the_end:
                self._hears_the_end = True
                self._runtime.before_the_end(self.flush)
        self._write_later(key, answer)

    def _write_later(self, key: str, answer: _Answer) -> None:
        self._runtime.background(lambda: self._write_when_due(key, answer), after=self._interval)

    async def _write_when_due(self, key: str, answer: _Answer) -> None:
        if self._drop_if_idle(key, answer):
            return
        try:
            await self._write(key, answer)
        finally:
            self._write_later(key, answer)

    def _drop_if_idle(self, key: str, answer: _Answer) -> bool:
        with self._lock:
            if answer.waiting is not None:
                return False
            if self._answers.get(key) is answer:
                del self._answers[key]
            return True

    async def _write(self, key: str, answer: _Answer) -> None:
        async with answer.lock:
            with self._lock:
                message, answer.waiting = answer.waiting, None
            if message is None:
                return
            try:
                found = await self._put(key, message, answer.record)
            except BaseException:
                with self._lock:
                    answer.waiting = answer.waiting or message
                raise
        if not found:
            self._give_up(key, answer)

    async def _put(self, key: str, message: ChatMessage, instead_of: Record) -> bool:
        try:
            done = await self._sessions.commit(key, *_changes(message, instead_of), must_exist=True)
        except SessionNotFound:
            return False
        return bool(done.removed)

    def _give_up(self, key: str, answer: _Answer) -> None:
        """Another writer made the message another than the last: there is no place for what waits."""
        with self._lock:
            answer.waiting = None
        self._drop_if_idle(key, answer)
        _log.warning(
            "session %r: another writer has removed the last message or added one; what this process streamed into it "
            "in the last %g seconds is not kept",
            self._sessions.id_of(key),
            self._interval,
        )


def _changes(message: ChatMessage, instead_of: Record | None = None) -> tuple[ReplaceLast, MarkActive]:
    return ReplaceLast(message.to_json(), instead_of=instead_of), MarkActive()
