"""The rules that an archive keeps: one object, replaced by compare-and-swap, with who set them when."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from ..errors import CorruptObject, InvalidOption, UnsupportedFormat
from ..keys import RETENTION
from ..objects.base import NoSuchKey, parsed
from ..streams.commit import Known, Proposal
from ..streams.head import HISTORY
from ..streams.segments import text_of, whole_number
from ..times import format_time, parse_time
from .rules import parse_rules, write_rules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from ..jsontext import JsonValue
    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from .rules import Action, Rule

RULES_FORMAT = "s3store.retention/1"
"""What the object says of itself."""
_MOST_EVENTS = 200
_MOST_POLICIES = 100
_LONGEST_WHO = 1000


@dataclass(frozen=True, slots=True)
class Scope:
    """For which sessions rules are: of this agent, with each of these labels; without any, for all."""

    agent: str | None = None
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, agent: str | None, labels: Iterable[str]) -> Scope:
        """Make one. Raises `InvalidOption` for what is no text."""
        given = [labels] if isinstance(labels, str) else list(labels)
        if not all(isinstance(text, str) and text for text in (*given, *([] if agent is None else [agent]))):
            raise InvalidOption("rules are for an agent and labels that are text, and not empty")
        return cls(agent, tuple(sorted(set(given))))

    def covers(self, agent: str | None, labels: Collection[str]) -> bool:
        """Tell whether a session of this agent, with these labels, is in it."""
        return self.agent in {None, agent} and set(self.labels) <= set(labels)

    @property
    def narrowness(self) -> int:
        """How many conditions it has."""
        return len(self.labels) + (self.agent is not None)

    def __str__(self) -> str:
        said = [f"agent {self.agent}"] if self.agent is not None else []
        return ", ".join([*said, *(f"label {label}" for label in self.labels)]) or "all sessions"


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules for a scope, with who set them when (UTC)."""

    scope: Scope
    rules: tuple[Rule, ...]
    who: str | None
    at: datetime

    def first(self, action: Action) -> Rule | None:
        """Return the first rule that does this; None if none does."""
        return next((rule for rule in self.rules if rule.action == action), None)

    def rule_at(self, now: datetime, created: datetime, updated: datetime) -> Rule | None:
        """Return the rule that holds for a session of these times: the last one that applies; None if none does."""
        ages = {"age": now - created, "idle": now - updated}
        return next((rule for rule in reversed(self.rules) if ages[rule.since] >= rule.after), None)


@dataclass(frozen=True, slots=True)
class Event:
    """What was done to the rules: for a scope they were set, or (None) taken away."""

    scope: Scope
    rules: str | None
    who: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All the rules of an archive, and what was done to them: the last 200 times."""

    version: int
    commits: tuple[str, ...]
    policies: tuple[Policy, ...]
    history: tuple[Event, ...]

    def governing(self, agent: str | None, labels: Collection[str]) -> Policy | None:
        """Return whose rules hold for a session: those of the narrowest scope.

        Of several equally narrow ones, those by which it stays longest, and then hot for longest; None if it is in no
        scope.
        """
        covering = [policy for policy in self.policies if policy.scope.covers(agent, labels)]
        return max(covering, key=_reach, default=None)


EMPTY = RuleBook(0, (), (), ())
"""What there is before the first rule."""


class RuleBookCell:
    """The rules, as the commit protocol sees them."""

    key = RETENTION
    session_id = ""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def read(self) -> Known[RuleBook]:
        """Read the rules from the store. Raises `CorruptObject` and `UnsupportedFormat`."""
        try:
            return Known(*await parsed(await self._store.get(RETENTION), read_book))
        except NoSuchKey:
            return Known(None, None)


class SetRules:
    """A change that sets the rules of a scope, or with None takes them away."""

    def __init__(self, runtime: Runtime, scope: Scope, rules: tuple[Rule, ...] | None, who: str | None) -> None:
        if who is not None and not (isinstance(who, str) and 1 <= len(who) <= _LONGEST_WHO):
            raise InvalidOption(f"who is text of 1 to {_LONGEST_WHO:,} characters, or None")
        self._runtime = runtime
        self._scope = scope
        self._rules = rules
        self._who = who
        self.commit_id = runtime.ulid()

    async def propose(self, base: Known[RuleBook]) -> Proposal[RuleBook] | None:
        """Return the rules with the change; None if they are so already. Raises `InvalidOption` for too many."""
        book = base.state or EMPTY
        there = next((policy for policy in book.policies if policy.scope == self._scope), None)
        if (None if there is None else there.rules) == self._rules:
            return None
        now = self._runtime.now()
        policies = [policy for policy in book.policies if policy is not there]
        if self._rules is not None:
            policies.append(Policy(self._scope, self._rules, self._who, now))
        if len(policies) > _MOST_POLICIES:
            raise InvalidOption(f"an archive has rules for at most {_MOST_POLICIES} scopes")
        written = None if self._rules is None else write_rules(self._rules)
        event = Event(self._scope, written, self._who, now)
        after = replace(
            book,
            version=book.version + 1,
            commits=(*book.commits, self.commit_id)[-HISTORY:],
            policies=tuple(policies),
            history=(*book.history, event)[-_MOST_EVENTS:],
        )
        return Proposal(after, write_book(after))


def write_book(book: RuleBook) -> bytes:
    """Return the bytes of the object that holds the rules."""
    return orjson.dumps(
        {
            "format": RULES_FORMAT,
            "version": book.version,
            "commits": book.commits,
            "policies": [
                {**_scope_json(each.scope), "rules": write_rules(each.rules), **_by(each.who, each.at)}
                for each in book.policies
            ],
            "history": [
                {**_scope_json(each.scope), "rules": each.rules, **_by(each.who, each.at)} for each in book.history
            ],
        },
        option=orjson.OPT_INDENT_2,
    )


def read_book(body: bytes) -> RuleBook:
    """Read what `write_book` wrote. Raises `CorruptObject`, and `UnsupportedFormat` for another format."""
    try:
        found = orjson.loads(body)
        if found["format"] != RULES_FORMAT:
            raise UnsupportedFormat.of(RETENTION, found["format"])
        policies = tuple(
            Policy(_scope(each), parse_rules(each["rules"]), each.get("who"), parse_time(each["at"]))
            for each in found["policies"]
        )
        history = tuple(
            Event(_scope(each), each["rules"], each.get("who"), parse_time(each["at"])) for each in found["history"]
        )
        commits = tuple(map(text_of, found["commits"]))
        return RuleBook(whole_number(found["version"]), commits, policies, history)
    except (InvalidOption, ValueError, TypeError, LookupError, AttributeError):
        raise CorruptObject(f"{RETENTION}: not the rules of an archive; nothing is deleted by rule") from None


def _reach(policy: Policy) -> tuple[float, ...]:
    rules = policy.first("delete"), policy.first("pack")
    return (policy.scope.narrowness, *(math.inf if rule is None else rule.after.total_seconds() for rule in rules))


def _scope_json(scope: Scope) -> dict[str, JsonValue]:
    said: dict[str, JsonValue] = {} if scope.agent is None else {"agent": scope.agent}
    return {**said, "labels": list(scope.labels)}


def _scope(found: dict[str, JsonValue]) -> Scope:
    labels: Sequence[str] = found["labels"]
    return Scope.of(found.get("agent"), labels)


def _by(who: str | None, at: datetime) -> dict[str, JsonValue]:
    return {"at": format_time(at)} if who is None else {"who": who, "at": format_time(at)}
