"""The rules of retention, as people write them: `idle 30d -> pack GLACIER_IR; age 7y -> delete`.

    rules     = rule *(";" rule)
    rule      = ("idle" | "age") duration "->" action
    duration  = whole number, then h, d, w or y (365 days)
    action    = "delete" | "pack" [class] | class

`idle` counts from a session's last change, `age` from its creation. Of the rules that apply, the last one holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias

from ..errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Since: TypeAlias = Literal["idle", "age"]
"""What a rule counts from: the last change of a session, or its creation."""
Action: TypeAlias = Literal["pack", "delete"]
"""What a rule does with a session."""

CLASSES = ("STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
"""The storage classes of S3, each colder than the one before it."""
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}
_DURATION = re.compile(r"([0-9]{1,6})([hdwy])")
_LONGEST = timedelta(days=100 * 365)
_WORD = re.compile(r"\S+")
_MOST_RULES = 16


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to a session after how long."""

    since: Since
    after: timedelta
    action: Action
    storage_class: str | None = None
    """Where a pack goes; None for the class that the archive writes to."""
    written: str = ""
    """The duration as it was written."""

    def __str__(self) -> str:
        does = self.action if self.storage_class is None else f"{self.action} {self.storage_class}"
        return f"{self.since} {self.written} -> {does}"

    @property
    def depth(self) -> int:
        """How far it takes a session from hand: a delete the furthest, then the classes from cold to warm."""
        if self.action == "delete":
            return len(CLASSES)
        return 0 if self.storage_class is None else CLASSES.index(self.storage_class)


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Read rules. Raises `InvalidOption`, which names the wrong word and its place, for anything that is none.

    Rules that contradict each other are refused: a later one must wait longer than each before it and take a session
    further, so that nothing is deleted before it is packed, and nothing comes back by itself.
    """
    if not isinstance(text, str):
        raise InvalidOption(f"rules are text, not {type(text).__name__}")
    rules = []
    start = 0
    for part in text.split(";"):
        rules.append(_Reader(text, start, start + len(part)).rule())
        start += len(part) + 1
    if len(rules) > _MOST_RULES:
        raise InvalidOption(f"{len(rules)} rules are over the limit of {_MOST_RULES}")
    for earlier, later in pairwise(rules):
        if later.after <= earlier.after:
            raise InvalidOption(f"'{later}' does not wait longer than '{earlier}' before it; write the soonest first")
        if later.depth <= earlier.depth:
            raise InvalidOption(f"'{later}' contradicts '{earlier}', which has taken the session as far by then")
    return tuple(rules)


def write_rules(rules: Iterable[Rule]) -> str:
    """Return rules as `parse_rules` reads them."""
    return "; ".join(map(str, rules))


class _Reader:
    """Reads one rule, which stands in `text` from `start` to `end`."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self._words: Sequence[re.Match[str]] = list(_WORD.finditer(text, start, end))
        self._end = end
        self._next = 0

    def rule(self) -> Rule:
        since = self._word("'idle' or 'age'")
        if since not in {"idle", "age"}:
            self._refuse("'idle' or 'age'")
        written = self._word("a duration such as 30d")
        after = self._duration(written)
        if self._word("'->'") != "->":
            self._refuse("'->'")
        action, storage_class = self._action()
        if self._next < len(self._words):
            self._next += 1
            self._refuse("';' or the end")
        return Rule("idle" if since == "idle" else "age", after, action, storage_class, written)

    def _action(self) -> tuple[Action, str | None]:
        wanted = f"'delete', 'pack' or a storage class ({', '.join(CLASSES)})"
        word = self._word(wanted)
        if word == "delete":
            return "delete", None
        if word in CLASSES:
            return "pack", word
        if word != "pack":
            self._refuse(wanted)
        if self._next == len(self._words):
            return "pack", None
        storage_class = self._word("a storage class")
        if storage_class not in CLASSES:
            self._refuse(f"a storage class ({', '.join(CLASSES)})")
        return "pack", storage_class

    def _duration(self, word: str) -> timedelta:
        match = _DURATION.fullmatch(word)
        if match is None:
            self._refuse("a duration such as 12h, 30d, 8w or 7y")
        found = int(match[1]) * _UNITS[match[2]]
        if not timedelta(0) < found <= _LONGEST:
            self._refuse("a duration of 1h to 100y")
        return found

    def _word(self, wanted: str) -> str:
        if self._next == len(self._words):
            raise InvalidOption(f"rules: at character {self._end + 1}: {wanted} is missing")
        self._next += 1
        return self._words[self._next - 1][0]

    def _refuse(self, wanted: str) -> NoReturn:
        word = self._words[self._next - 1]
        raise InvalidOption(f"rules: at character {word.start() + 1}: {word[0][:40]!r} is not {wanted}")
