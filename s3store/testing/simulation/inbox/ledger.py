"""What the clients of inboxes were told, and what must hold of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ....jsontext import JsonValue

Floors: TypeAlias = "Mapping[str, int]"
"""How many messages of each session were told to be done by some moment, at the least."""


@dataclass(slots=True)
class Sent:
    """Messages that somebody sent, in one commit."""

    session_id: str
    texts: tuple[str, ...]
    began: int
    """The moment at which their sender first tried."""
    acknowledged: int | None = None
    """The moment at which it was told that they were sent."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """What there is of a session in the end."""

    session_id: str
    sent: Sequence[str]
    done: int
    transcript: Sequence[JsonValue]


class Ledger:
    """Writes down what clients were told. `wrong` tells of what cannot be true."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.handed_out = 0
        """How often a message was."""
        self._moment = 0
        self._sent: list[Sent] = []
        self._handed: dict[tuple[str, int], str] = {}
        self._done: set[tuple[str, int]] = set()
        self._floors: dict[str, int] = {}
        self._reads: list[tuple[str, list[str]]] = []

    def sends(self, session_id: str, texts: tuple[str, ...]) -> Sent:
        """Write down that somebody begins to send."""
        self._sent.append(Sent(session_id, texts, self._tick()))
        return self._sent[-1]

    def acknowledge(self, sent: Sent) -> None:
        """Write down that a sender was told so."""
        sent.acknowledged = self._tick()

    def acknowledged(self, session_id: str) -> list[Sent]:
        """Return what was acknowledged by now."""
        return [sent for sent in self._sent if sent.session_id == session_id and sent.acknowledged is not None]

    def floors(self) -> Floors:
        """Return what was told to be done by now: taken before a call, it is what that must not fall behind."""
        return dict(self._floors)

    def hand_out(self, session_id: str, number: int, text: str, floors: Floors) -> None:
        """Write down that a message was handed to somebody who asked when the floors were these."""
        self.handed_out += 1
        if number < floors.get(session_id, 0):
            self.wrong.append(f"message {number} was handed out after somebody was told that it is done")
        if self._handed.setdefault((session_id, number), text) != text:
            self.wrong.append(f"message {number} was handed out as {self._handed[session_id, number]!r} and {text!r}")

    def told_done(self, session_id: str, number: int) -> None:
        """Write down that one who held a message was told that it did it."""
        if (session_id, number) in self._done:
            self.wrong.append(f"two were told that they had done message {number}")
        self._done.add((session_id, number))
        self._floors[session_id] = max(self._floors.get(session_id, 0), number + 1)

    def told_status(self, session_id: str, done: int, floors: Floors) -> None:
        """Write down how many messages somebody was told to be done."""
        if done < floors.get(session_id, 0):
            self.wrong.append(f"{done} messages are said to be done, after somebody was told of {floors[session_id]}")
        self._floors[session_id] = max(self._floors.get(session_id, 0), done)

    def read(self, session_id: str, texts: list[str], acknowledged: Sequence[Sent]) -> None:
        """Write down what somebody read, and what had been acknowledged when it asked."""
        self._reads.append((session_id, texts))
        if not {text for sent in acknowledged for text in sent.texts} <= set(texts):
            self.wrong.append("a reader was shown less than was acknowledged before it asked")

    def judge(self, inbox: Inbox) -> list[str]:
        """Return what is wrong with a session in the end, when all whose bells hung have been worked off."""
        sent = [each for each in self._sent if each.session_id == inbox.session_id]
        return [*self._judge_sent(inbox, sent), *self._judge_told(inbox), *_judge_answers(inbox)]

    def _judge_sent(self, inbox: Inbox, sent: Sequence[Sent]) -> list[str]:
        """Judge what stands in the inbox, and where."""
        places = {text: place for place, text in enumerate(inbox.sent)}
        if len(places) < len(inbox.sent):
            return ["a message was stored twice"]
        stored = [each for each in sent if each.texts[0] in places]
        wrong = []
        if any(each.acknowledged is not None and not {*each.texts} <= places.keys() for each in sent):
            wrong.append("an acknowledged message is lost")
        for each in stored:
            first = places[each.texts[0]]
            if tuple(inbox.sent[first : first + len(each.texts)]) != each.texts:
                wrong.append(f"{each.texts} were sent together, and do not stand together")
            if each.acknowledged is not None and first >= inbox.done:
                wrong.append(f"{each.texts} was acknowledged, waits for ever, and no bell tells of it")
        wrong += [
            f"{later.texts} was sent after {earlier.texts} was acknowledged, and stands before it"
            for earlier in stored
            for later in stored
            if earlier.acknowledged is not None
            and earlier.acknowledged < later.began
            and places[earlier.texts[0]] > places[later.texts[0]]
        ]
        return wrong

    def _judge_told(self, inbox: Inbox) -> list[str]:
        """Judge what clients were shown of it."""
        shown = [texts for session_id, texts in self._reads if session_id == inbox.session_id]
        handed = {number: text for (session_id, number), text in self._handed.items() if session_id == inbox.session_id}
        wrong = [f"a reader was shown {texts}" for texts in shown if texts != inbox.sent[: len(texts)]]
        wrong += [
            f"message {number} was handed out as {text!r}"
            for number, text in handed.items()
            if [text] != inbox.sent[number : number + 1]
        ]
        if inbox.done < self._floors.get(inbox.session_id, 0):
            wrong.append(f"{inbox.done} messages are done, after somebody was told of {self._floors[inbox.session_id]}")
        return wrong

    def _tick(self) -> int:
        self._moment += 1
        return self._moment


def answer_to(text: str) -> list[str]:
    """Return what a worker adds to the transcript for a message."""
    return [text, f"answer to {text}"]


def _judge_answers(inbox: Inbox) -> list[str]:
    """Judge what the workers wrote: each message once, in order; the next one may have been answered, and not done."""
    answered = [inbox.done, min(inbox.done + 1, len(inbox.sent))]
    expected = [[line for text in inbox.sent[:number] for line in answer_to(text)] for number in answered]
    return [] if inbox.transcript in expected else ["what was answered is not what was sent, each once and in order"]
