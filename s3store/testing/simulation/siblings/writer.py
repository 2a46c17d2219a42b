"""The real writer of artifacts, given contents that are small and say that they are large where that is wanted."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ....siblings.artifact_plan import ArtifactPlan, Incoming, Said, putting
from ....siblings.model import ArtifactLimits
from ....siblings.upload import PART, Uploader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ....archive import Archive
    from ....keys import StreamKeys
    from ....siblings.upload import Body
    from .plan import SiblingsStep

_UNLIMITED = ArtifactLimits(None, None)


def putting_artifact(archive: Archive, keys: StreamKeys, step: SiblingsStep) -> ArtifactPlan:
    """Return the plan that puts the artifact of a step."""
    said = Said(step.artifact, "text/plain", None, {"step": step.name})
    uploader = _Uploader(archive.store, archive.runtime, keys)
    incoming = Incoming(said, _Content(step), uploader, None, inline=False)
    return ArtifactPlan(archive.streams, archive.store, archive.runtime, keys, putting(_UNLIMITED), [incoming])


def name_of(message: Any) -> str:
    """Return the name of the step that stored a record of the stream."""
    name: str = message["step"] if "remove" in message else message["put"]["attributes"]["step"]
    return name


class _Content:
    """A few bytes. In parts they are said to be so many that they take two; then they are found again by others."""

    def __init__(self, step: SiblingsStep) -> None:
        self._bytes = f"{step.content}, in parts: {step.in_parts}".encode()
        self.size: int | None = PART + 1 if step.in_parts else len(self._bytes)

    async def sha256(self) -> str | None:
        """See `Content.sha256`."""
        return hashlib.sha256(self._bytes).hexdigest()

    async def pieces(self, size: int) -> AsyncGenerator[bytes, None]:  # noqa: ARG002 - they are fewer
        """See `Content.pieces`."""
        yield self._bytes


class _Uploader(Uploader):
    """Tells of a body the size that its content says it has."""

    async def upload(self, content: Any, progress: Any) -> Body:
        """See `Uploader.upload`."""
        body = await super().upload(content, progress)
        return body._replace(size=content.size)
