"""What a message says, whatever tool wrote it.

`read_message` understands the lines of Claude Code and Codex, chat messages in the shapes of OpenAI and
Anthropic, SWE-agent's history and the importers' own messages. What it does not understand it shows as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from .importers.lines import MARK, lenient, raw_line
from .jsontext import JsonValue

Kind: TypeAlias = Literal["text", "thinking", "tool_call", "tool_result", "image", "meta", "echo"]
"""What a part of a message is; `meta` is everything that is neither talk nor tool, `echo` repeats another record."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a message says. The texts are as they came: `clean` them before a terminal gets them."""

    role: str
    """Who says it: `user`, `assistant`, `system`, `tool`, or what the message says instead."""
    kind: Kind
    text: str
    tool_name: str | None = None
    """The tool called, or whose result it is, where the message says so."""
    is_error: bool = False
    timestamp: datetime | None = None


def read_message(message: JsonValue) -> list[Part]:
    """Return what a message says, in order. Never raises on JSON; what is unknown is one `meta` part."""
    try:
        return list(_parts(message))
    except RecursionError:
        return [Part("unknown", "meta", "(nested too deeply to be shown)")]


def title(messages: Iterable[JsonValue]) -> str | None:
    """Return a title for a session, on one line of at most 80 characters; None if nothing gives one.

    That is a title or summary that the tool wrote, else the first line that a person wrote.
    """
    titles = Titles()
    for message in messages:
        titles.add(message)
    return titles.best()


def clean(text: str) -> str:
    r"""Return text that cannot drive a terminal.

    Escape sequences are taken out. Other control characters, what changes the direction of writing, and lone
    surrogates are written out, as `\x1b` or `\u202e`. Line ends and tabs stay; a carriage return becomes a
    line end.
    """
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _UNSAFE.sub(_written_out, text)


def moment(value: JsonValue) -> datetime | None:
    """Return the time (UTC) that a value stands for: RFC 3339 text, or seconds or milliseconds since 1970."""
    if isinstance(value, str):
        return _iso(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 0 < value < _LEAST_MILLISECONDS:
            return datetime.fromtimestamp(value, UTC)
        if _LEAST_MILLISECONDS <= value < _LEAST_MILLISECONDS * 1000:
            return datetime.fromtimestamp(value / 1000, UTC)
    return None


class TimeSpan:
    """The least and the greatest of the times that it is shown."""

    def __init__(self) -> None:
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, value: JsonValue) -> None:
        """Take one more value into account; one that is no time is passed over."""
        found = moment(value)
        if found is not None:
            self.first = found if self.first is None else min(self.first, found)
            self.last = found if self.last is None else max(self.last, found)


class Titles:
    """Finds a title for a session from messages that pass one by one; see `title`."""

    def __init__(self) -> None:
        self._given: str | None = None
        self._talk: str | None = None
        self._uuids: set[str] = set()
        self._summaries: list[tuple[JsonValue, str]] = []

    def add(self, message: JsonValue) -> None:
        """Take one more message into account."""
        message = lenient(message)
        if not isinstance(message, dict):
            return
        kind = message.get("type")
        if isinstance(kind, str) and kind in _TITLE_FIELDS and (given := _one_line(message.get(_TITLE_FIELDS[kind]))):
            self._given = given
        elif kind == "summary" and (summary := _one_line(message.get("summary"))):
            self._summaries.append((message.get("leafUuid"), summary))
        elif isinstance(uuid := message.get("uuid"), str):
            self._uuids.add(uuid)
        if self._talk is None:
            self._talk = _first_words(message)

    def best(self) -> str | None:
        """Return the best title so far, or None: one that was given, or else the first words of the talk."""
        return self.given() or self._talk

    def given(self) -> str | None:
        """Return the title that somebody or something gave, or None."""
        # Claude Code also writes the summaries of earlier sessions into a new one's file: its own come first.
        own = [summary for leaf, summary in self._summaries if isinstance(leaf, str) and leaf in self._uuids]
        others = [summary for _, summary in self._summaries]
        return self._given or next(reversed(own), None) or next(iter(others), None)


_LONGEST_TITLE = 80
_LEAST_MILLISECONDS = 100_000_000_000
_TITLE_FIELDS = {"custom-title": "customTitle", "ai-title": "aiTitle"}
_NOT_TALK = re.compile(
    r"\s*(?:<(?:command-|local-command-|bash-|system-reminder|task-notification|environment_context"
    r"|user_instructions|user_shell_command|turn_aborted|permissions|INSTRUCTIONS|skill)"
    r"|Caveat: |# AGENTS\.md instructions|\[Request interrupted|\Z)"
)
# CSI; OSC, DCS, SOS, PM and APC up to their terminator; then the escapes of two or three characters. None
# reads past the start of another one, so hostile text cannot make this slow.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]+[0-~]"
    r"|\x1b[0-OQ-WYZ\\`-~]"
)
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def _iso(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _one_line(value: JsonValue) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    line = " ".join(clean(value.strip().split("\n", 1)[0]).split())
    if len(line) > _LONGEST_TITLE:
        line = line[: _LONGEST_TITLE - 1].rstrip() + "…"
    return line or None


def _first_words(message: dict[str, JsonValue]) -> str | None:
    if message.get("isMeta") is True or message.get("isCompactSummary") is True:
        return None
    for part in read_message(message):
        if part.role == "user" and part.kind == "text" and not _NOT_TALK.match(part.text):
            return _one_line(part.text)
    return None


# The shapes of whole messages.


def _parts(message: JsonValue) -> Iterator[Part]:
    raw = raw_line(message)
    if raw is not None:
        read = lenient(message)
        if read is message or not isinstance(read, dict) or MARK in read:
            yield Part("unknown", "meta", raw.decode("utf-8", "backslashreplace"))
            return
        message = read
    if not isinstance(message, dict):
        yield _as_it_is("unknown", message)
        return
    at = moment(message.get("timestamp", message.get("created_at")))
    for part in _reader(message)(message):
        yield replace(part, timestamp=at)


_Reader: TypeAlias = Callable[[dict[str, JsonValue]], Iterator[Part]]


def _reader(message: dict[str, JsonValue]) -> _Reader:
    kind = message.get("type")
    if isinstance(kind, str):
        if isinstance(message.get("payload"), dict):
            return _codex_line
        if kind in _CLAUDE_LINES and "role" not in message:
            return _CLAUDE_LINES[kind]
        if kind in _CODEX_ITEMS and "role" not in message:
            return _CODEX_ITEMS[kind]
    return _chat if isinstance(message.get("role"), str) else _unknown


def _unknown(message: dict[str, JsonValue]) -> Iterator[Part]:
    kind = message.get("type")
    yield _as_it_is(kind if isinstance(kind, str) else "unknown", message)


def _as_it_is(role: str, value: JsonValue) -> Part:
    return Part(role, "meta", _compact(value))


def _text_or_none(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None


def _compact(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# Chat messages, and SWE-agent's history, which is chat messages with a few more fields.


def _chat(message: dict[str, JsonValue]) -> Iterator[Part]:
    role = message["role"]
    if role in {"tool", "function"}:
        name = _text_or_none(message.get("name"))
        yield from _results("tool", message.get("content"), name, is_error=message.get("is_error") is True)
        return
    for name in ("reasoning_content", "reasoning"):
        if _text_or_none(message.get(name)):
            yield Part(role, "thinking", message[name])
    yield from _thought(role, message)
    yield from _content(role, message.get("content"))
    if _text_or_none(message.get("refusal")):
        yield Part(role, "text", message["refusal"])
    yield from _calls(role, message)


def _thought(role: str, message: dict[str, JsonValue]) -> Iterator[Part]:
    thought, content = _text_or_none(message.get("thought")), message.get("content")
    if thought and not (isinstance(content, str) and thought in content):
        yield Part(role, "thinking", thought)


def _calls(role: str, message: dict[str, JsonValue]) -> Iterator[Part]:
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        yield _tool_call(role, call)
    if isinstance(function := message.get("function_call"), dict):
        yield _call(role, function.get("name"), function.get("arguments"))
    action = _text_or_none(message.get("action"))
    if action and not calls:
        yield Part(role, "tool_call", action, "action")


def _tool_call(role: str, call: JsonValue) -> Part:
    if isinstance(call, dict):
        for kind, arguments in (("function", "arguments"), ("custom", "input")):
            if isinstance(about := call.get(kind), dict):
                return _call(role, about.get("name"), about.get(arguments))
    return _as_it_is(role, call)


def _call(role: str, name: JsonValue, arguments: JsonValue) -> Part:
    text = arguments if isinstance(arguments, str) else "" if arguments is None else _compact(arguments)
    return Part(role, "tool_call", text, _text_or_none(name))


def _results(role: str, content: JsonValue, name: str | None, *, is_error: bool) -> Iterator[Part]:
    """Yield what a tool gave back: its texts as one part, its pictures as parts of their own."""
    texts, others = [], []
    for part in _content(role, content):
        if part.kind == "text":
            texts.append(part.text)
        else:
            others.append(part)
    yield Part(role, "tool_result", "\n".join(texts), name, is_error)
    yield from others


# Content: a text, or a list of blocks, whose types OpenAI and Anthropic name differently.


def _content(role: str, content: JsonValue) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Part(role, "text", content)
    elif isinstance(content, list):
        for block in content:
            yield from _block(role, block)
    elif content is not None:
        yield _as_it_is(role, content)


def _block(role: str, block: JsonValue) -> Iterator[Part]:
    if isinstance(block, str):
        yield Part(role, "text", block)
        return
    kind = block.get("type") if isinstance(block, dict) else None
    reader = _BLOCKS.get(kind) if isinstance(kind, str) else None
    if reader is not None:
        yield from reader(role, block)
    elif kind is None and isinstance(block, dict) and isinstance(block.get("text"), str):
        yield Part(role, "text", block["text"])
    else:
        yield _as_it_is(role, block)


def _texts_of(kind: Kind, field: str) -> Callable[[str, dict[str, JsonValue]], Iterator[Part]]:
    def read(role: str, block: dict[str, JsonValue]) -> Iterator[Part]:
        text = block.get(field)
        yield Part(role, kind, text) if isinstance(text, str) else _as_it_is(role, block)

    return read


def _hidden_thought(role: str, _block: dict[str, JsonValue]) -> Iterator[Part]:
    yield Part(role, "thinking", "(not readable)")


def _tool_use(role: str, block: dict[str, JsonValue]) -> Iterator[Part]:
    yield _call(role, block.get("name"), block.get("input"))


def _tool_result(_role: str, block: dict[str, JsonValue]) -> Iterator[Part]:
    yield from _results("tool", block.get("content"), None, is_error=block.get("is_error") is True)


def _picture(role: str, block: dict[str, JsonValue]) -> Iterator[Part]:
    source = block.get("source", block.get("image_url"))
    url = source.get("url") if isinstance(source, dict) else source
    if isinstance(source, dict) and isinstance(source.get("data"), str):
        yield Part(role, "image", f"{source.get('media_type', 'image')}, {len(source['data'])} characters of base64")
    elif isinstance(url, str) and url.startswith("data:"):
        yield Part(role, "image", f"{url[5:].split(';', 1)[0][:100]}, {len(url)} characters of base64")
    else:
        yield Part(role, "image", url if isinstance(url, str) else _compact(block))


_BLOCKS: dict[str, Callable[[str, dict[str, JsonValue]], Iterator[Part]]] = {
    "text": _texts_of("text", "text"),
    "input_text": _texts_of("text", "text"),
    "output_text": _texts_of("text", "text"),
    "refusal": _texts_of("text", "refusal"),
    "thinking": _texts_of("thinking", "thinking"),
    "reasoning_text": _texts_of("thinking", "text"),
    "summary_text": _texts_of("thinking", "text"),
    "redacted_thinking": _hidden_thought,
    "tool_use": _tool_use,
    "server_tool_use": _tool_use,
    "mcp_tool_use": _tool_use,
    "tool_result": _tool_result,
    "mcp_tool_result": _tool_result,
    "web_search_tool_result": _tool_result,
    "image": _picture,
    "image_url": _picture,
    "input_image": _picture,
}


# Claude Code: an event around a message.


def _claude_talk(line: dict[str, JsonValue]) -> Iterator[Part]:
    role = line["type"]
    inner = line.get("message")
    if not isinstance(inner, dict):
        yield Part(role, "text", inner) if isinstance(inner, str) else _as_it_is(role, line)
        return
    if isinstance(inner.get("role"), str):
        role = inner["role"]
    if "content" in inner:
        yield from _content(role, inner["content"])
    elif "toolUseResult" in line:
        yield from _results("tool", line["toolUseResult"], None, is_error=False)
    else:
        yield _as_it_is(role, line)


def _claude_text(role: str, *fields: str) -> _Reader:
    def read(line: dict[str, JsonValue]) -> Iterator[Part]:
        found = next((line[name] for name in fields if isinstance(line.get(name), str)), None)
        yield _as_it_is(role, line) if found is None else Part(role, "meta", found)

    return read


def _claude_attachment(line: dict[str, JsonValue]) -> Iterator[Part]:
    attachment = line.get("attachment")
    prompt = attachment.get("prompt") if isinstance(attachment, dict) else None
    yield Part("user", "meta", prompt) if isinstance(prompt, str) else _as_it_is("attachment", line)


_CLAUDE_LINES: dict[str, _Reader] = {
    "user": _claude_talk,
    "assistant": _claude_talk,
    "attachment": _claude_attachment,
    "system": _claude_text("system", "content"),
    "summary": _claude_text("summary", "summary"),
    "custom-title": _claude_text("title", "customTitle"),
    "ai-title": _claude_text("title", "aiTitle"),
    "queue-operation": _claude_text("queue", "content"),
}


# Codex: an event with a payload; what the model saw and said are `response_item`s.


def _codex_line(line: dict[str, JsonValue]) -> Iterator[Part]:
    kind, payload = line["type"], line["payload"]
    if kind == "response_item":
        item = payload.get("type", "message")
        reader = _CODEX_ITEMS.get(item) if isinstance(item, str) else None
        yield from _as_one(payload) if reader is None else reader(payload)
    elif kind == "compacted" and isinstance(payload.get("message"), str):
        yield Part("summary", "meta", payload["message"])
    elif kind == "event_msg":
        yield _codex_event(payload)
    else:
        yield _as_it_is(kind, payload)


def _as_one(item: dict[str, JsonValue]) -> Iterator[Part]:
    yield _as_it_is("assistant", item)


def _codex_event(payload: dict[str, JsonValue]) -> Part:
    """Most events repeat a response item for the screen, so they are no talk of their own."""
    text = payload.get("message", payload.get("text"))
    name = payload.get("type")
    role = name if isinstance(name, str) else "event"
    if not isinstance(text, str):
        return _as_it_is(role, payload)
    return Part(role, "echo" if role in _CODEX_ECHOES else "meta", text)


def _codex_message(item: dict[str, JsonValue]) -> Iterator[Part]:
    role = item.get("role")
    yield from _content(role if isinstance(role, str) else "unknown", item.get("content"))


def _codex_reasoning(item: dict[str, JsonValue]) -> Iterator[Part]:
    parts = [*_content("assistant", item.get("summary")), *_content("assistant", item.get("content"))]
    yield from parts or _hidden_thought("assistant", item)


def _codex_call(item: dict[str, JsonValue]) -> Iterator[Part]:
    arguments = next((item[name] for name in ("arguments", "input", "action") if item.get(name) is not None), None)
    name = item.get("name")
    if not isinstance(name, str):
        name = str(item.get("type", "call")).removesuffix("_call")
    yield _call("assistant", name, arguments)


def _codex_output(item: dict[str, JsonValue]) -> Iterator[Part]:
    output = item.get("output")
    if isinstance(output, str):
        yield Part("tool", "tool_result", *_shell_output(output))
    elif isinstance(output, dict) and "content" in output:
        yield from _results("tool", output["content"], None, is_error=output.get("success") is False)
    else:
        yield from _results("tool", output, None, is_error=False)


def _shell_output(output: str) -> tuple[str, None, bool]:
    # Older versions write a shell's output as JSON text with the exit code beside it.
    if output.startswith('{"output":'):
        found = lenient({MARK: "raw-line", "text": output})
        if isinstance(found.get("output"), str):
            about = found.get("metadata")
            code = about.get("exit_code") if isinstance(about, dict) else 0
            return found["output"], None, code is not None and code != 0
    code = _EXIT_CODE.search(output, 0, _EXIT_CODE_WITHIN)
    return output, None, code is not None and int(code[1]) != 0


_EXIT_CODE = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d{1,9})$", re.MULTILINE)
_EXIT_CODE_WITHIN = 300

_CODEX_ECHOES = frozenset({"user_message", "agent_message", "agent_reasoning"})
_CODEX_ITEMS: dict[str, _Reader] = {
    "message": _codex_message,
    "reasoning": _codex_reasoning,
    "function_call": _codex_call,
    "function_call_output": _codex_output,
    "custom_tool_call": _codex_call,
    "custom_tool_call_output": _codex_output,
    "local_shell_call": _codex_call,
    "local_shell_call_output": _codex_output,
    "web_search_call": _codex_call,
}
