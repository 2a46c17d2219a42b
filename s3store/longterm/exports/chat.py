"""A session as chat messages for training: one JSON object a line, in the shape that OpenAI's interface has.

Whatever tool wrote a message, `s3store.reading` says what it means; here it is written anew:

- text becomes `{"role", "content"}`; what one role says in several parts without a break becomes one message,
- tool calls become `tool_calls` of the assistant's message, with ids `call_1`, `call_2` … made here,
- a result becomes `{"role": "tool", "tool_call_id", "content"}`, and belongs to the earliest call without one.

So it is lossy: thinking, images, what is neither talk nor tool, the tools' own ids and times are left out, and
`left_out` counts the parts that are.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ...reading import read_message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...jsontext import JsonValue
    from ...reading import Part


class Chat:
    """The messages of one conversation, in the making."""

    def __init__(self) -> None:
        self.messages: list[dict[str, JsonValue]] = []
        self.left_out = 0
        self._calls = 0
        self._open: deque[str] = deque()

    @classmethod
    def of(cls, messages: Iterable[JsonValue]) -> Chat:
        """Return the conversation that messages of any tool are."""
        chat = cls()
        for message in messages:
            for part in read_message(message):
                chat.add(part)
        return chat

    def add(self, part: Part) -> None:
        """Take one more thing that was said or done."""
        if part.kind == "text":
            self._say(part.role, part.text)
        elif part.kind == "tool_call":
            self._call(part)
        elif part.kind == "tool_result":
            self._result(part)
        else:
            self.left_out += 1

    def _say(self, role: str, text: str) -> None:
        last = self.messages[-1] if self.messages else None
        # After a call comes its result, so what is said then is a message of its own.
        if last is not None and last["role"] == role and "tool_calls" not in last and role != "tool":
            last["content"] = f"{last['content']}\n\n{text}"
        else:
            self.messages.append({"role": role, "content": text})

    def _call(self, part: Part) -> None:
        last = self.messages[-1] if self.messages else None
        if last is None or last["role"] != "assistant":
            last = {"role": "assistant", "content": None}
            self.messages.append(last)
        self._calls += 1
        call_id = f"call_{self._calls}"
        self._open.append(call_id)
        function = {"name": part.tool_name or "unknown", "arguments": part.text}
        last.setdefault("tool_calls", []).append({"id": call_id, "type": "function", "function": function})

    def _result(self, part: Part) -> None:
        if not self._open:
            # A result without a call is refused by whoever trains on this.
            self.left_out += 1
            return
        self.messages.append({"role": "tool", "tool_call_id": self._open.popleft(), "content": part.text})
