"""The artifacts of a session of A3S, and their wire form."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...errors import InvalidRecord
from ...jsontext import JsonValue
from ...siblings.model import Artifact, NewArtifact
from ..wire import Wire

MAX_ARTIFACTS = 256
"""How many artifacts a set holds, where nothing else is said."""
MAX_CONTENT_BYTES = 16 * 1024 * 1024
"""How much content a set holds, in bytes of UTF-8, where nothing else is said."""


@dataclass(frozen=True, kw_only=True)
class ToolArtifact(Wire):
    """What a tool gave out, kept under a URI; a model may have been shown less of it."""

    artifact_id: str
    artifact_uri: str
    tool_name: str
    content: str
    original_bytes: int
    shown_bytes: int

    @classmethod
    def from_archive(cls, found: Artifact) -> "ToolArtifact":
        """Return what `to_archive` made an artifact of. Raises `InvalidRecord` for another."""
        try:
            content = found.text
        except UnicodeDecodeError:
            raise InvalidRecord("ToolArtifact.content: text is wanted") from None
        said = {"artifact_uri": found.name, "tool_name": found.info.tool, "content": content}
        return cls.from_json({**found.info.attributes, **said})

    def to_archive(self) -> NewArtifact:
        """Return it as the archive keeps artifacts: under its URI, with the rest said of it."""
        attributes = {name: getattr(self, name) for name in ("artifact_id", "original_bytes", "shown_bytes")}
        return NewArtifact(self.artifact_uri, self.content, tool=self.tool_name, attributes=attributes)


class ArtifactStore:
    """A set of artifacts in the order they were put in, one for each URI.

    `put` lets the oldest out where there are more than `max_artifacts`, or more than `max_bytes` of content. A set that
    was stored comes back whole, whatever the limits.
    """

    def __init__(
        self,
        artifacts: Iterable[ToolArtifact] = (),
        *,
        max_artifacts: int = MAX_ARTIFACTS,
        max_bytes: int = MAX_CONTENT_BYTES,
    ) -> None:
        self._max_artifacts = max_artifacts
        self._max_bytes = max_bytes
        self._artifacts = {artifact.artifact_uri: artifact for artifact in artifacts}
        self._bytes = sum(map(_size, self._artifacts.values()))

    @property
    def content_bytes(self) -> int:
        """How much content there is, in bytes of UTF-8."""
        return self._bytes

    def put(self, artifact: ToolArtifact) -> None:
        """Put an artifact at the end, in the place of one of the same URI; let the oldest out that are too many."""
        self._take(artifact.artifact_uri)
        self._artifacts[artifact.artifact_uri] = artifact
        self._bytes += _size(artifact)
        while len(self._artifacts) > self._max_artifacts or self._bytes > self._max_bytes:
            self._take(next(iter(self._artifacts)))

    def get(self, artifact_uri: str) -> ToolArtifact | None:
        """Return the artifact of a URI, or None."""
        return self._artifacts.get(artifact_uri)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the set as JSON."""
        return {"artifacts": [artifact.to_json() for artifact in self]}

    @classmethod
    def from_json(cls, found: JsonValue) -> "ArtifactStore":
        """Return the set that a JSON object holds, whole. Raises `InvalidRecord` for anything else."""
        if not isinstance(found, dict) or not isinstance(found.get("artifacts"), list):
            raise InvalidRecord("ArtifactStore: an object with the array artifacts is wanted")
        return cls(map(ToolArtifact.from_json, found["artifacts"]))

    def __iter__(self) -> Iterator[ToolArtifact]:
        return iter(self._artifacts.values())

    def __len__(self) -> int:
        return len(self._artifacts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArtifactStore) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _take(self, artifact_uri: str) -> None:
        taken = self._artifacts.pop(artifact_uri, None)
        if taken is not None:
            self._bytes -= _size(taken)


def _size(artifact: ToolArtifact) -> int:
    return len(artifact.content.encode(errors="surrogatepass"))
