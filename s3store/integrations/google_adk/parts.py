"""Versions of an artifact of ADK as artifacts of a session: `report.md@0`, `report.md@1`, and what is said of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
from google.adk.artifacts.base_artifact_service import ArtifactVersion
from google.adk.errors.input_validation_error import InputValidationError
from google.genai import types
from pydantic import ValidationError

from ...errors import CorruptObject
from ...siblings.model import NewArtifact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ...siblings.model import Artifact, ArtifactInfo

_VERSION = re.compile("[0-9]{1,18}")
_BINARY = "application/octet-stream"
_TEXT = "text/plain"
_CONTENT = {"inline_data": {"data"}, "text": True}
_REMOVED = types.Part(inline_data=types.Blob(mime_type=_BINARY, data=b""))
"""What ADK saves as a version when a rewind of a session takes an artifact back."""


def name_of(filename: str, version: int) -> str:
    """Return the name that a version has in the archive."""
    return f"{filename}@{version}"


def filenames_of(names: Iterable[str]) -> set[str]:
    """Return the files that names in the archive are versions of."""
    return {file for file, _ in _versions(names)}


def versions_of(filename: str, names: Iterable[str]) -> list[int]:
    """Return the versions of a file among the names in the archive, in order."""
    return sorted(version for file, version in _versions(names) if file == filename)


def latest_of(filename: str, names: Iterable[str]) -> str | None:
    """Return the name of the latest version of a file; None if there is none."""
    versions = versions_of(filename, names)
    return name_of(filename, versions[-1]) if versions else None


def next_of(filename: str, names: Iterable[str]) -> str:
    """Return the name of the version that follows those of a file, which begin with 0."""
    return name_of(filename, max(versions_of(filename, names), default=-1) + 1)


def artifact_of(filename: str, part: types.Part, custom: Mapping[str, Any], now: float) -> NewArtifact:
    """Return a part as an artifact. Raises `InputValidationError` for one without data, a text or a URI."""
    if part.inline_data is not None:
        data, mime_type = part.inline_data.data or b"", part.inline_data.mime_type
    elif part.text is not None:
        data, mime_type = part.text.encode(), _TEXT
    elif part.file_data is not None:
        data, mime_type = b"", part.file_data.mime_type
    else:
        raise InputValidationError("Not supported artifact type.")
    said = {
        "part": part.model_dump(mode="json", exclude_none=True, exclude=_CONTENT),
        "custom": dict(custom),
        "created": now,
        "mime_type": mime_type,
    }
    return NewArtifact(filename, data, mime_type or _BINARY, attributes=said)


def part_of(artifact: Artifact) -> types.Part | None:
    """Return the part that an artifact is; None for one that stands for the removal of the file.

    Raises `CorruptObject` if it is none.
    """
    try:
        # As JSON, for that is how bytes in a part are read as what they were.
        part = types.Part.model_validate_json(orjson.dumps(artifact.info.attributes["part"]))
        if part.inline_data is not None:
            part.inline_data.data = artifact.data
        elif part.file_data is None:
            part.text = artifact.text
    except (ValidationError, ValueError, LookupError):
        raise CorruptObject(f"artifact {artifact.name!r}: is no part of ADK") from None
    return None if part == _REMOVED else part


def version_of(info: ArtifactInfo, uri: str) -> ArtifactVersion:
    """Return what is said of a version. Raises `CorruptObject` if it is none."""
    said = info.attributes
    try:
        return ArtifactVersion(
            version=int(info.name.rpartition("@")[2]),
            canonical_uri=uri,
            custom_metadata=said["custom"],
            create_time=said["created"],
            mime_type=said["mime_type"],
        )
    except (ValidationError, ValueError, LookupError):
        raise CorruptObject(f"artifact {info.name!r}: is no part of ADK") from None


def _versions(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the files and versions that are meant; what others have put beside them is left out."""
    for name in names:
        file, at, version = name.rpartition("@")
        if at and _VERSION.fullmatch(version):
            yield file, int(version)
