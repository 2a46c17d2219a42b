"""What callers give and get: artifacts, their limits, and a session with all that stands beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

if TYPE_CHECKING:
    from ..jsontext import JsonValue
    from ..model import Transcript

MAX_NAME_BYTES = 8192
"""The longest name of an artifact, in bytes of UTF-8."""
MAX_DESCRIPTION_BYTES = 64 * 1024
"""The most that is said of an artifact beside its content, in bytes of JSON."""

Source: TypeAlias = str | bytes | PathLike[str] | BinaryIO | Iterable[bytes] | AsyncIterator[bytes]
"""What an artifact may be made of: text, bytes, the path of a file, an open file (from where it stands), or an iterator
of bytes. An async iterator is for the asyncio face alone. A `str` is always text, never a path."""
Progress: TypeAlias = Callable[[int, int | None], None]
"""Is told how many bytes of how many (None: not known) have been moved, from whichever thread moves them."""


@dataclass(frozen=True, slots=True)
class NewArtifact:
    """An artifact to be kept: its name, what it is made of, and what is said of it."""

    name: str
    """Any text, such as a file name or a URI. It tells the artifacts of a session apart."""
    data: Source
    media_type: str | None = None
    """If not given: `text/plain; charset=utf-8` for a text, what its ending says for a path, else
    `application/octet-stream`."""
    tool: str | None = None
    """The tool that made it."""
    attributes: Mapping[str, JsonValue] = field(default_factory=lambda: MappingProxyType({}))
    inline: bool = True
    """Whether a small content may stand in the record itself, which saves a request; it then has no URL."""


@dataclass(frozen=True)
class ArtifactInfo:
    """An artifact without its content."""

    name: str
    media_type: str
    tool: str | None
    attributes: Mapping[str, JsonValue]
    size: int
    """In bytes."""
    sha256: str
    """Of the content, in hex."""
    body: str | None
    """The name of the object that holds the content; None where the record itself does."""


@dataclass(frozen=True)
class Artifact:
    """An artifact with its content, checked against its SHA-256."""

    info: ArtifactInfo
    data: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Its name."""
        return self.info.name

    @property
    def text(self) -> str:
        """The content as text. Raises `UnicodeDecodeError` where it is no UTF-8."""
        return self.data.decode()

    def as_new(self) -> NewArtifact:
        """Return it as something to be kept, here or in another session."""
        info = self.info
        return NewArtifact(info.name, self.data, info.media_type, info.tool, info.attributes)


@dataclass(frozen=True)
class ArtifactLimits:
    """How many artifacts a set holds, and how many bytes of content; the oldest go first. None sets no limit.

    They hold when something is put or saved, never when it is read.
    """

    count: int | None = None
    size: int | None = None


Apart: TypeAlias = Literal["changed", "unfinished"]
"""Why a sibling does not belong to the transcript beside it: it was changed since both were saved together, or the
save that they were to be part of did not come to its end."""


@dataclass(frozen=True)
class Bundle:
    """A session with all that is kept beside it; None stands for what was never saved."""

    transcript: Transcript | None
    artifacts: list[Artifact] | None
    """Each with its content."""
    traces: list[Any] | None
    runs: list[Any] | None
    verification: list[Any] | None
    apart: Mapping[str, Apart]
    """Why each sibling that does not belong to the transcript does not, by its name: `artifacts`, `traces`, `runs`,
    `verification`. A sibling that was never saved by `save_all` is not in here."""

    @property
    def together(self) -> bool:
        """Whether the transcript and what was last saved with it belong together."""
        return not self.apart
