"""The turns of one session: each message of its inbox, what the agent answers, and both in the transcript, once.

A turn's records carry keys made of the message's id. Before the agent runs, the transcript is searched for them, and
they are committed only onto the version that was searched; so of two functions that work on one message, whether at the
same time or one after the other has died, one commits its records, whole, and the other finds them there.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ..errors import Conflict, RetryLater, S3StoreError, SessionNotFound
from ..streams.consumption import MAX_LEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..blocking import SessionStore
    from ..jsontext import JsonValue
    from ..model import Transcript
    from ..siblings.inbox.blocking import InboxMessage
    from .timeleft import TimeLeft

_log = logging.getLogger("s3store.serverless")
_RACES = 20
_SHORTEST_LEASE = 1.0


class TurnsLeft(RetryLater):
    """Messages wait that this invocation did not come to: its time was over, or somebody else is at them."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What an agent is given: one message, and all that was said before."""

    session_id: str
    id: str
    """What names the message: the same each time that it is handed out. A key for what the agent does elsewhere."""
    message: JsonValue
    history: Sequence[JsonValue]
    """The messages of the transcript, oldest first; the one to be answered is not among them."""
    attempt: int
    """How often this message has been handed out: over 1, an earlier turn failed or was killed."""
    time: TimeLeft
    """How long the function may still run. What is not returned before it is killed is lost, and tried again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to a message, as it stands in the transcript."""

    session_id: str
    id: str
    """The `id` of the `Turn`: an idempotency key for whoever it is published to."""
    messages: Sequence[JsonValue]


RunTurn: TypeAlias = "Callable[[Turn], Iterable[object]]"
"""An agent: returns the messages to be added after the one that it is given."""
Publish: TypeAlias = "Callable[[Answer], object]"
"""Passes an answer on, at least once."""


class Turns:
    """Works off the inboxes of sessions by an agent."""

    def __init__(self, store: SessionStore, run_turn: RunTurn, publish: Publish | None, attempts: int | None) -> None:
        self._store = store
        self._run_turn = run_turn
        self._publish = publish
        self._attempts = attempts

    def work_off(self, session_id: str, time: TimeLeft) -> None:
        """Run a turn for each message that waits, until none does.

        Raises `TurnsLeft` where some still wait, and what the agent raises: its message is then given back.
        """
        inbox = self._store.inbox(session_id)
        if not time.is_short():
            lease = min(max(time.seconds(), _SHORTEST_LEASE), MAX_LEASE)
            for mail in inbox.watch(lease=lease, wait=0):
                self._turn(mail, time)
                if time.is_short():
                    mail.done()
                    break
        waiting = inbox.status().waiting
        if waiting:
            raise TurnsLeft(f"session {session_id!r}: {waiting} messages wait for another invocation")

    def _turn(self, mail: InboxMessage, time: TimeLeft) -> None:
        try:
            answer = self._commit(mail, time)
            if answer is not None and self._publish is not None:
                self._publish(answer)
        except Exception:
            with suppress(S3StoreError):
                mail.release()
            raise

    def _commit(self, mail: InboxMessage, time: TimeLeft) -> Answer | None:
        """Put the message and its answer into the transcript; None if the session was deleted meanwhile."""
        transcript = self._loaded(mail.session_id)
        answered: list[object] | None = None
        for _ in range(_RACES):
            if transcript is not None and (found := _records_of(transcript, mail)):
                return Answer(mail.session_id, mail.id, found[1:])
            if answered is None:
                answered = self._answered(mail, transcript, time)
            try:
                return self._stored(mail, answered, transcript)
            except Conflict:
                before, transcript = transcript, self._loaded(mail.session_id)
            if transcript is None and before is not None:
                _log.warning("session %r was deleted while its message %d was answered", mail.session_id, mail.seq)
                return None
        raise Conflict(f"session {mail.session_id!r}: others changed it each of {_RACES} times that a turn was stored")

    def _answered(self, mail: InboxMessage, transcript: Transcript | None, time: TimeLeft) -> list[object]:
        if self._attempts is not None and mail.attempt > self._attempts:
            _log.error(
                "session %r: message %d is stored without an answer, after %d turns that failed",
                mail.session_id,
                mail.seq,
                self._attempts,
            )
            return []
        history = [] if transcript is None else transcript.messages
        return list(self._run_turn(Turn(mail.session_id, mail.id, mail.message, history, mail.attempt, time)))

    def _stored(self, mail: InboxMessage, answered: list[object], transcript: Transcript | None) -> Answer:
        keys = [mail.id, *(f"{mail.id}-{number}" for number in range(1, len(answered) + 1))]
        version = 0 if transcript is None else transcript.info.version
        self._store.extend(mail.session_id, [mail.message, *answered], keys=keys, expected_version=version)
        return Answer(mail.session_id, mail.id, answered)

    def _loaded(self, session_id: str) -> Transcript | None:
        try:
            return self._store.load(session_id)
        except SessionNotFound:
            return None


def _records_of(transcript: Transcript, mail: InboxMessage) -> list[JsonValue]:
    """Return the messages that an earlier turn has stored for this one: it, and the answers."""
    answers = f"{mail.id}-"
    return [
        record.message
        for record in transcript.records
        if record.key is not None and (record.key == mail.id or record.key.startswith(answers))
    ]
