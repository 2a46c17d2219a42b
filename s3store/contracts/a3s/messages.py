"""Messages of A3S and their wire form."""

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from ...jsontext import JsonValue
from ..wire import OMITTED, Wire


@dataclass(frozen=True)
class ImageSource(Wire):
    """An image: how it is given, such as `base64`, its media type, and its data."""

    type: str
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
    """What a tool gave back: text, or texts and images."""

    tag: ClassVar[str] = "tool_result"
    tool_use_id: str
    content: str | tuple[TextBlock | ImageBlock, ...]
    is_error: bool | None = None


ContentBlock: TypeAlias = TextBlock | ImageBlock | ToolUseBlock | ToolResultBlock
"""A part of a message."""


@dataclass(frozen=True)
class Message(Wire):
    """A message: who speaks (any text; results of tools are the `user`'s), and blocks."""

    role: str
    content: tuple[ContentBlock, ...]
    reasoning_content: str | None = field(default=None, metadata=OMITTED)
