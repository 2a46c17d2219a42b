"""Messages of Brainwires and their wire form."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self, TypeAlias

from ...jsontext import JsonValue
from ..wire import OMITTED, Wire

Role: TypeAlias = Literal["user", "assistant", "system", "tool"]
"""Who speaks."""


@dataclass(frozen=True)
class ImageSource(Wire):
    """An image, in base64."""

    tag: ClassVar[str] = "base64"
    media_type: str
    data: str


@dataclass(frozen=True)
class TextBlock(Wire):
    """A piece of text."""

    tag: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class ImageBlock(Wire):
    """An image."""

    tag: ClassVar[str] = "image"
    source: ImageSource


@dataclass(frozen=True)
class ToolUseBlock(Wire):
    """A call of a tool."""

    tag: ClassVar[str] = "tool_use"
    id: str
    name: str
    input: JsonValue


@dataclass(frozen=True)
class ToolResultBlock(Wire):
    """What a tool gave back."""

    tag: ClassVar[str] = "tool_result"
    tool_use_id: str
    content: str
    is_error: bool | None = field(default=None, metadata=OMITTED)


ContentBlock: TypeAlias = TextBlock | ImageBlock | ToolUseBlock | ToolResultBlock
"""A part of a message."""


@dataclass(frozen=True)
class Message(Wire):
    """A message: text, or blocks. Text and a single block of that text are not the same message."""

    role: Role
    content: str | tuple[ContentBlock, ...]
    name: str | None = field(default=None, metadata=OMITTED)
    metadata: JsonValue = field(default=None, metadata=OMITTED)

    @classmethod
    def tool_result(cls, tool_use_id: str, content: str) -> Self:
        """Return a message, of the role `tool`, that holds the result of a tool."""
        return cls("tool", (ToolResultBlock(tool_use_id, content),))

    def text(self) -> str | None:
        """Return the text; None where the content is blocks."""
        return self.content if isinstance(self.content, str) else None

    def text_or_summary(self) -> str:
        """Return the text, or a line for each block."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(map(_summary, self.content))


def _summary(block: ContentBlock) -> str:
    match block:
        case TextBlock():
            return block.text
        case ToolUseBlock():
            return f"[Called tool: {block.name}]"
        case ToolResultBlock():
            return f"[Tool {'error' if block.is_error else 'result'}: {block.content}]"
        case ImageBlock():
            return "[Image]"
