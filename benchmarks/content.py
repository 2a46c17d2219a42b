"""What the benchmarks store: real sessions of a folder, and coding-agent sessions made up to be like real ones."""

from __future__ import annotations

import math
import random
import string
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist
from typing import TYPE_CHECKING

import orjson

from s3store.importers.detect import discover
from s3store.importers.formats import read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from s3store.jsontext import JsonValue

_SYLLABLES = (
    "ba",
    "con",
    "de",
    "er",
    "fi",
    "gra",
    "in",
    "ka",
    "le",
    "mon",
    "pre",
    "qua",
    "re",
    "ta",
    "ur",
    "ing",
    "tion",
)
_LINES = (
    "        {a} = self.{b}.{c}({d}, {e}={f})",
    "    def {a}(self, {b}: {C}, {d}: {E} | None = None) -> {C}:",
    "        if {a} is None or {b}.{c} != {d}:",
    '            raise {C}Error(f"{a} {b} {{{c}}} {d}")',
    "        return {{{a}: {b}({c}) for {a} in {d}.{e}}}",
    "        for {a}, {b} in enumerate({c}.{d}):",
    "            {a}.{b}({c}[{d}])",
    "        # {p}",
    "",
)


@dataclass(frozen=True)
class CorpusSession:
    """A real session: the name of its format, and its messages."""

    format: str
    messages: list[JsonValue]


def corpus_sessions(folder: Path) -> list[CorpusSession]:
    """Read every session of a folder."""
    return [
        CorpusSession(file.format, list(session.messages()))
        for file in discover(folder).files
        for session in read(file.path, file.format)
    ]


def json_bytes(messages: list[JsonValue]) -> int:
    """Return the size of the messages as compact JSON lines."""
    return sum(len(orjson.dumps(message)) + 1 for message in messages)


def transcript(sessions: list[CorpusSession], size: int) -> list[JsonValue]:
    """Return a transcript of about `size` bytes of JSON, put together from whole real sessions in a fixed order.

    Where there are not enough, they come again with the letters of their texts exchanged: a text that repeats word
    for word would compress far better than any real session.
    """
    order = random.Random(7).sample(sessions, len(sessions))
    found: list[JsonValue] = []
    room = size
    repeat = 0
    while room > size * 0.02:
        before = room
        for session in order:
            for message in session.messages:
                disguised = _translated(message, _alphabet(repeat))
                taken = json_bytes([disguised])
                if taken <= room:
                    found.append(disguised)
                    room -= taken
        repeat += 1
        if room == before:
            break
    return found


def coding_sessions(number: int) -> Iterator[list[list[JsonValue]]]:
    """Yield made-up coding sessions, each a list of turns; the same at every run.

    Their sizes spread as measured on real ones: median 915 KB, nine of ten under 3.4 MB.
    """
    for seed in range(number):
        # Even steps through the distribution need fewer sessions than chance to show its shape.
        place = NormalDist().inv_cdf((seed + 0.5) / number)
        yield coding_session(seed, int(915_000 * math.exp(1.02 * place)))


def coding_session(seed: int, size: int) -> list[list[JsonValue]]:
    """Return one made-up coding session of about `size` bytes, as turns: a prompt, then tool calls and results."""
    writer = _Coder(seed)
    turns: list[list[JsonValue]] = []
    while size > 0:
        turn = writer.turn()
        turns.append(turn)
        size -= json_bytes(turn)
    return turns


def prose(size: int) -> str:
    """Return made-up text of `size` characters, the same at every run."""
    writer = _Coder(1)
    parts: list[str] = []
    while sum(map(len, parts)) < size:
        parts.append(writer.prose(200))
    return "\n".join(parts)[:size]


class _Coder:
    """Writes the records of a coding agent that reads, searches and edits the files of one project."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._words = [
            "".join(self._random.choices(_SYLLABLES, k=self._random.choice((1, 2, 2, 3)))) for _ in range(900)
        ]
        self._weights = list(accumulate(1 / (rank + 4) for rank in range(len(self._words))))
        self._files = {f"src/{self._name()}/{self._name()}.py": self._code(self._length()) for _ in range(24)}
        self._session = self._id()
        self._last: str | None = None
        self._clock = 0

    def turn(self) -> list[JsonValue]:
        """Return the records of one turn."""
        records = [self._user(self.prose(self._random.randint(5, 60)))]
        for _ in range(self._random.randint(2, 9)):
            records += self._tool_use()
        records.append(self._assistant({"type": "text", "text": self.prose(self._random.randint(20, 160))}))
        return records

    def _tool_use(self) -> list[JsonValue]:
        path = self._random.choice(list(self._files))
        call = f"toolu_{self._random.getrandbits(120):030x}"
        kind = self._random.random()
        if kind < 0.4:
            name, given, text, result = self._read(path)
        elif kind < 0.7:
            name, given, text, result = self._edit(path)
        else:
            name, given, text, result = self._bash()
        use = self._assistant({"type": "tool_use", "id": call, "name": name, "input": given})
        answer = self._user([{"tool_use_id": call, "type": "tool_result", "content": text}])
        return [use, {**answer, "toolUseResult": result}]

    def _read(self, path: str) -> tuple[str, JsonValue, str, JsonValue]:
        lines = self._files[path]
        first = self._random.randrange(max(1, len(lines) // 2))
        part = lines[first : first + self._random.choice((60, 120, 250))]
        text = "\n".join(f"{number:6d}→{line}" for number, line in enumerate(part, first + 1))
        file = {"filePath": path, "content": "\n".join(part), "numLines": len(part), "startLine": first + 1}
        return "Read", {"file_path": path, "offset": first, "limit": len(part)}, text, {"type": "text", "file": file}

    def _edit(self, path: str) -> tuple[str, JsonValue, str, JsonValue]:
        lines = self._files[path]
        at = self._random.randrange(max(1, len(lines) - 8))
        old, new = lines[at : at + 5], self._code(self._random.randint(3, 9))
        original = "\n".join(lines)
        self._files[path] = lines[:at] + new + lines[at + 5 :]
        given = {"file_path": path, "old_string": "\n".join(old), "new_string": "\n".join(new)}
        patch = [f"-{line}" for line in old] + [f"+{line}" for line in new]
        text = "The file has been updated.\n" + "\n".join(f"{n:6d}→{line}" for n, line in enumerate(new, at + 1))
        kept = original if self._random.random() < 0.5 else None
        return "Edit", given, text, {**given, "originalFile": kept, "structuredPatch": patch}

    def _bash(self) -> tuple[str, JsonValue, str, JsonValue]:
        found = [
            f"{self._random.choice(list(self._files))}:{self._random.randint(1, 400)}: {self.prose(7)} "
            f"0x{self._random.getrandbits(32):08x} {self._random.random():.4f}s"
            for _ in range(self._random.choice((2, 6, 15, 40)))
        ]
        text = "\n".join(found)
        return "Bash", {"command": f"pytest -k {self._name()}"}, text, {"stdout": text, "stderr": "", "code": 0}

    def _user(self, content: JsonValue) -> dict[str, JsonValue]:
        return self._record("user", {"role": "user", "content": content})

    def _assistant(self, block: JsonValue) -> dict[str, JsonValue]:
        usage = {"input_tokens": self._random.randint(3, 900), "output_tokens": self._random.randint(5, 900)}
        message = {"id": f"msg_{self._random.getrandbits(96):024x}", "role": "assistant", "content": [block]}
        return self._record("assistant", {**message, "model": "model-1", "stop_reason": None, "usage": usage})

    def _record(self, kind: str, message: JsonValue) -> dict[str, JsonValue]:
        self._clock += self._random.randint(800, 30_000)
        own, self._last, parent = self._id(), None, self._last
        self._last = own
        return {
            "parentUuid": parent,
            "isSidechain": False,
            "userType": "external",
            "cwd": "/home/dev/project",
            "sessionId": self._session,
            "version": "1.0.71",
            "gitBranch": "main",
            "type": kind,
            "message": message,
            "uuid": own,
            "timestamp": f"2026-11-20T{self._clock // 3_600_000 % 24:02d}:{self._clock // 60_000 % 60:02d}:"
            f"{self._clock // 1000 % 60:02d}.{self._clock % 1000:03d}Z",
        }

    def _code(self, lines: int) -> list[str]:
        return [self._line() for _ in range(lines)]

    def _line(self) -> str:
        names = {letter: self._name() for letter in "abcdef"}
        names |= {letter: self._word().title() for letter in "CE"}
        return self._random.choice(_LINES).format(**names, p=self.prose(8))

    def _name(self) -> str:
        return "_".join(self._random.choices(self._words, cum_weights=self._weights, k=self._random.choice((1, 1, 2))))

    def _word(self) -> str:
        return self._random.choices(self._words, cum_weights=self._weights)[0]

    def prose(self, words: int) -> str:
        return " ".join(self._random.choices(self._words, cum_weights=self._weights, k=words))

    def _length(self) -> int:
        return int(self._random.lognormvariate(4.9, 0.7))

    def _id(self) -> str:
        text = f"{self._random.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _alphabet(repeat: int) -> dict[int, int]:
    """Return an exchange of letters that is another for each repeat; none for the first."""
    letters = string.ascii_lowercase
    mixed = "".join(random.Random(repeat).sample(letters, len(letters))) if repeat else letters
    return str.maketrans(letters + letters.upper(), mixed + mixed.upper())


def _translated(value: JsonValue, alphabet: dict[int, int]) -> JsonValue:
    if isinstance(value, str):
        return value.translate(alphabet)
    if isinstance(value, list):
        return [_translated(inner, alphabet) for inner in value]
    if isinstance(value, dict):
        return {name: _translated(inner, alphabet) for name, inner in value.items()}
    return value
