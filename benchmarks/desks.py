"""Sessions of agents that answer customers, made up by the hundred thousand: 8 to 32 KB of JSON each, none held.

There are 40 agents, the busiest with a quarter of all sessions. Each has a prompt of its own, which opens all its
sessions, some tools, whose answers have the same fields each time, and sentences that it says again and again. What
customers say and what stands in the fields is another in every session; within one, answers come again. A session is
the same at every run, whichever others are made.

They are held to 200 real ones of that kind (17.7 KB in the mean, 28 messages; zstd-3 3.7:1 one by one): these take
22 KB and 45 messages, and compress 3.8:1.
"""

from __future__ import annotations

import argparse
import random
from base64 import b64encode
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson

from s3store import SessionStore
from s3store.objects.directory import DirectoryStore

from .common import in_processes
from .content import json_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.jsontext import JsonValue

AGENTS = 40
LEAST, MOST = 8_000, 32_000
"""Of JSON, in bytes, that a session takes."""
_SYLLABLES = [
    "an",
    "be",
    "cor",
    "den",
    "el",
    "fi",
    "gar",
    "hu",
    "in",
    "jo",
    "ka",
    "lis",
    "men",
    "no",
    "or",
    "pre",
    "qui",
    "ra",
    "sto",
    "tur",
    "un",
    "ver",
    "win",
    "ya",
    "zo",
]
_VOCABULARY = 6000
_PROCESSES = 2
_NEW = 0.5
"""How many of the rows of an answer are new in a session."""
_VERBS = ["get", "list", "search", "create", "update", "cancel", "confirm", "quote", "assign", "close"]
_NOUNS = ["order", "invoice", "booking", "account", "parcel", "ticket", "refund", "device", "policy", "visit"]
_FIELDS = [
    "status",
    "owner",
    "city",
    "amount",
    "currency",
    "priority",
    "channel",
    "region",
    "plan",
    "source",
    "category",
    "carrier",
    "grade",
]
_CHOICES = [
    "open",
    "closed",
    "pending",
    "gold",
    "silver",
    "express",
    "standard",
    "north",
    "south",
    "web",
    "phone",
    "partner",
    "returned",
    "approved",
]


class _Tool(NamedTuple):
    name: str
    fields: tuple[tuple[str, str], ...]
    """What each row of its answers holds: a name, and the kind of the value."""
    most_rows: int


class _Agent(NamedTuple):
    name: str
    prompt: str
    tools: tuple[_Tool, ...]
    sayings: tuple[str, ...]


def desk_session(number: int) -> tuple[str, list[JsonValue]]:
    """Return the session of this number: the name of its agent, and its messages."""
    rng = random.Random(number)
    agent = _agent(rng.choices(range(AGENTS), cum_weights=_agent_weights())[0])
    messages: list[JsonValue] = [{"role": "system", "content": agent.prompt}]
    left = rng.randint(LEAST, MOST) - len(agent.prompt)
    seen: dict[str, list[JsonValue]] = {}
    while left > 0:
        turn = _turn(rng, agent, seen)
        messages += turn
        left -= json_bytes(turn)
    return agent.name, messages


def fill(folder: Path, sessions: int, *, attached: int = 0) -> int:
    """Make an archive of so many sessions in a directory; return how many bytes of JSON their messages are.

    Each ends with a picture of `attached` bytes in base64, which compresses to three quarters and no further.
    Nothing waits for the disk, here and in all that is measured on it: only s3store's own work is to be seen.
    """
    step = -(-sessions // _PROCESSES)
    ranges = [range(first, min(first + step, sessions)) for first in range(0, sessions, step)]
    return sum(in_processes(_fill, [(folder, numbers, attached) for numbers in ranges]))


def directory(folder: Path) -> DirectoryStore:
    """Return the store of such an archive."""
    return DirectoryStore(folder, durable=False)


def session_id(number: int) -> str:
    """Return the id that the session of this number has in the archive."""
    return f"desk/{number:07d}"


def _fill(folder: Path, numbers: range, attached: int) -> int:
    size = 0
    with SessionStore(directory(folder), cache=False) as store:
        for number in numbers:
            agent, messages = desk_session(number)
            if attached:
                picture = b64encode(random.Random(number).randbytes(attached * 3 // 4)).decode()
                messages.append({"role": "user", "content": [{"type": "image", "data": picture}]})
            store.create(session_id(number), messages, agent=agent)
            size += json_bytes(messages)
    return size


@cache
def _agent_weights() -> list[float]:
    return list(accumulate(1 / (rank + 1) for rank in range(AGENTS)))


@cache
def _vocabulary() -> tuple[list[str], list[float]]:
    rng = random.Random(0)
    words = ["".join(rng.choices(_SYLLABLES, k=rng.choice((1, 2, 2, 3)))) for _ in range(_VOCABULARY)]
    return words, list(accumulate(1 / (rank + 6) for rank in range(_VOCABULARY)))


@cache
def _agent(number: int) -> _Agent:
    rng = random.Random(f"agent {number}")
    tools = tuple(_tool(rng) for _ in range(rng.randint(5, 12)))
    rules = "\n".join(f"- {_said(rng, 12, 40)}" for _ in range(rng.randint(10, 40)))
    sayings = tuple(_said(rng, 8, 25) for _ in range(40))
    return _Agent(f"desk-{number:02d}", f"# Policy of desk {number}\n\n{_said(rng, 40, 80)}\n\n{rules}", tools, sayings)


def _tool(rng: random.Random) -> _Tool:
    names = rng.sample(_FIELDS, rng.randint(4, 9))
    fields = tuple((name, rng.choice(list(_VALUES))) for name in names)
    return _Tool(f"{rng.choice(_VERBS)}_{rng.choice(_NOUNS)}", (("id", "id"), *fields), rng.choice((1, 1, 3, 8)))


def _turn(rng: random.Random, agent: _Agent, seen: dict[str, list[JsonValue]]) -> list[JsonValue]:
    messages: list[JsonValue] = [{"role": "user", "content": _said(rng, 6, 40)}]
    for _ in range(rng.randint(1, 4)):
        messages += _call(rng, rng.choice(agent.tools), seen)
    told = [*rng.choices(agent.sayings, k=rng.randint(1, 3)), _said(rng, 4, 30)]
    messages.append({"role": "assistant", "content": " ".join(told)})
    return messages


def _call(rng: random.Random, tool: _Tool, seen: dict[str, list[JsonValue]]) -> list[JsonValue]:
    call = f"call_{rng.getrandbits(120):030x}"
    rows = [_row(rng, tool, seen.setdefault(tool.name, [])) for _ in range(rng.randint(1, tool.most_rows))]
    given = {"id": rows[0]["id"], "reason": rng.choice(_CHOICES)}
    function = {"name": tool.name, "arguments": orjson.dumps(given).decode()}
    called = {"id": call, "type": "function", "function": function}
    answer = orjson.dumps(rows[0] if tool.most_rows == 1 else {"count": len(rows), "items": rows}).decode()
    return [
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": call, "name": tool.name, "content": answer},
    ]


def _row(rng: random.Random, tool: _Tool, seen: list[JsonValue]) -> JsonValue:
    """Return a row, most often one that this session has had: customers ask about the same things again."""
    if not seen or rng.random() < _NEW:
        seen.append({name: _VALUES[kind](rng) for name, kind in tool.fields})
    return rng.choice(seen)


def _said(rng: random.Random, least: int, most: int) -> str:
    words, weights = _vocabulary()
    text = " ".join(rng.choices(words, cum_weights=weights, k=rng.randint(least, most)))
    return text.capitalize() + "."


def _identifier(rng: random.Random) -> str:
    return f"{rng.getrandbits(48):012X}"


def _date(rng: random.Random) -> str:
    return f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}Z"


def _amount(rng: random.Random) -> float:
    return rng.randint(100, 250_000) / 100


def _choice(rng: random.Random) -> str:
    return rng.choice(_CHOICES)


def _note(rng: random.Random) -> str:
    return _said(rng, 3, 14)


_VALUES: dict[str, Callable[[random.Random], str | float]] = {
    "id": _identifier,
    "date": _date,
    "amount": _amount,
    "choice": _choice,
    "note": _note,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make an archive of made-up sessions in a directory, and keep it.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sessions", type=int, default=100_000)
    given = parser.parse_args()
    print(f"{fill(given.folder, given.sessions):,} bytes of JSON")


if __name__ == "__main__":
    main()
