"""`ArchiveArtifactService`: each version of an artifact of ADK as an artifact of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from google.adk.artifacts import artifact_util
from google.adk.artifacts.base_artifact_service import ArtifactVersion, BaseArtifactService, ensure_part
from google.adk.errors.input_validation_error import InputValidationError
from google.adk.platform import time as platform_time

from ...contracts.namespace import Namespace, settled
from ...siblings.model import ArtifactLimits
from ..faces import Faced
from .parts import artifact_of, filenames_of, latest_of, name_of, next_of, part_of, version_of, versions_of
from .places import SESSIONS, USERS, Place, user_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.genai import types

    from ...archive import Archive
    from ...blocking import SessionStore
    from ...siblings.artifacts import ArtifactsCore
    from ...siblings.model import NewArtifact
    from ...store import AsyncSessionStore

_OF_THE_USER = "user:"
_MOST_REFERENCES = 5
"""How many references from one artifact to another are followed; as ADK's own services do."""


class ArchiveArtifactService(BaseArtifactService):
    """A `BaseArtifactService` on an archive.

    A `SessionStore` is used in threads, an `AsyncSessionStore` on the event loop; close it when done. A file name is
    any text, with slashes too; it never stands in a key. One that starts with `user:` belongs to the user, in all
    sessions; any other needs a session, and goes when that is deleted.

    Every method raises what the archive's own methods raise, and `InputValidationError` for an artifact of a session
    where no session is given; an outage is never an artifact that is not there.
    """

    def __init__(self, store: SessionStore | AsyncSessionStore) -> None:
        self._faced = Faced(store)
        self._core = _Core(self._faced.archive)

    async def save_artifact(
        self,
        *,
        app_name: str,
        user_id: str,
        filename: str,
        artifact: types.Part | dict[str, Any],
        session_id: str | None = None,
        custom_metadata: dict[str, Any] | None = None,
    ) -> int:
        """Keep a part as the next version of a file, and return its number: 0, 1, 2 and so on.

        Two that save at the same time get two numbers. Raises `InputValidationError` for a part that has neither data,
        nor a text, nor a URI, or that refers to an artifact of others, and `InvalidOption` for metadata that is no
        JSON.
        """
        file = _File.of(app_name, user_id, session_id, filename)
        part = ensure_part(artifact)
        if artifact_util.is_artifact_ref(part):
            file.target(part, _MOST_REFERENCES)
        new = artifact_of(filename, part, custom_metadata or {}, platform_time.get_time())
        return await self._faced.write(self._core.save(file, new))

    async def load_artifact(
        self,
        *,
        app_name: str,
        user_id: str,
        filename: str,
        session_id: str | None = None,
        version: int | None = None,
    ) -> types.Part | None:
        """Return a version of a file, or the latest one; None if there is none, or a rewind took it back.

        A reference is followed. Raises `InputValidationError` for one that leads to others, or through too many.
        """
        file = _File.of(app_name, user_id, session_id, filename)
        return await self._faced.call(self._core.load(file, version))

    async def list_artifact_keys(self, *, app_name: str, user_id: str, session_id: str | None = None) -> list[str]:
        """Return the names of the files of a session and of the user, sorted; without a session those of the user."""
        owners = [_Owner(app_name, user_id, None), *([_Owner(app_name, user_id, session_id)] if session_id else [])]
        return await self._faced.call(self._core.filenames(owners))

    async def delete_artifact(
        self, *, app_name: str, user_id: str, filename: str, session_id: str | None = None
    ) -> None:
        """Delete all versions of a file. An unknown one is no error."""
        file = _File.of(app_name, user_id, session_id, filename)
        await self._faced.write(self._core.delete(file))

    async def list_versions(
        self, *, app_name: str, user_id: str, filename: str, session_id: str | None = None
    ) -> list[int]:
        """Return the numbers of the versions of a file, in order."""
        file = _File.of(app_name, user_id, session_id, filename)
        return [version.version for version in await self._faced.call(self._core.versions(file))]

    async def list_artifact_versions(
        self, *, app_name: str, user_id: str, filename: str, session_id: str | None = None
    ) -> list[ArtifactVersion]:
        """Return what is said of each version of a file, in order. `canonical_uri` is one that a part may refer to."""
        file = _File.of(app_name, user_id, session_id, filename)
        return await self._faced.call(self._core.versions(file))

    async def get_artifact_version(
        self,
        *,
        app_name: str,
        user_id: str,
        filename: str,
        session_id: str | None = None,
        version: int | None = None,
    ) -> ArtifactVersion | None:
        """Return what is said of a version of a file, or of the latest one; None if there is none."""
        file = _File.of(app_name, user_id, session_id, filename)
        found = await self._faced.call(self._core.versions(file))
        if version is None:
            return found[-1] if found else None
        return next((each for each in found if each.version == version), None)


class _Owner(NamedTuple):
    """Whose artifacts: those of a session, or without one those of the user."""

    app: str
    user: str
    session: str | None


class _File(NamedTuple):
    """A file: whose it is, its name, and the session that it was asked for in."""

    owner: _Owner
    name: str
    session: str | None

    @classmethod
    def of(cls, app: str, user: str, session: str | None, name: str) -> _File:
        """Return the file that ADK means. Raises `InputValidationError` if it is of a session, and none is given."""
        if name.startswith(_OF_THE_USER):
            return cls(_Owner(app, user, None), name, session)
        if session is None:
            raise InputValidationError("Session ID must be provided for session-scoped artifacts.")
        return cls(_Owner(app, user, session), name, session)

    def uri(self, version: int) -> str:
        """Return the reference to a version."""
        owner = self.owner
        uri: str = artifact_util.get_artifact_uri(owner.app, owner.user, self.name, version, owner.session)
        return uri

    def target(self, part: types.Part, references: int) -> tuple[_File, int]:
        """Return the file that a part refers to, and the version. Raises `InputValidationError` if it may not."""
        owner = self.owner
        file_data = part.file_data
        found = artifact_util.resolve_artifact_reference(
            file_uri=file_data.file_uri if file_data else "",
            app_name=owner.app,
            user_id=owner.user,
            session_id=self.session,
            remaining_depth=references,
        )
        return _File.of(found.app_name, found.user_id, found.session_id, found.filename), found.version


class _Core:
    """The artifacts in an archive. It awaits nothing but the archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._sessions = Namespace(archive, SESSIONS)
        self._users = Namespace(archive, USERS)

    async def save(self, file: _File, new: NewArtifact) -> int:
        """Keep an artifact as the next version of a file, and return its number."""
        name = ""

        def following(names: Iterable[str]) -> str:
            nonlocal name
            name = next_of(file.name, names)
            return name

        artifacts = self._artifacts(file.owner)
        await settled(lambda: artifacts.put_as(new, following), artifacts.resolve)
        return versions_of(file.name, [name])[0]

    async def load(self, file: _File, version: int | None) -> types.Part | None:
        """Return a version of a file, or the latest, through all references."""
        left = _MOST_REFERENCES
        while True:
            artifact = await self._artifacts(file.owner).pick(_choice(file.name, version))
            part = None if artifact is None else part_of(artifact)
            if part is None or not artifact_util.is_artifact_ref(part):
                return part
            file, version = file.target(part, left)
            left -= 1

    async def filenames(self, owners: list[_Owner]) -> list[str]:
        """Return the names of all files of some owners, sorted."""
        infos = await self._archive.runtime.branches([self._artifacts(owner).infos() for owner in owners])
        return sorted(filenames_of(info.name for found in infos for info in found))

    async def delete(self, file: _File) -> None:
        """Delete all versions of a file."""
        artifacts = self._artifacts(file.owner)
        await settled(
            lambda: artifacts.remove_those(lambda name: bool(versions_of(file.name, [name]))),
            artifacts.resolve,
        )

    async def versions(self, file: _File) -> list[ArtifactVersion]:
        """Return what is said of each version of a file, in order."""
        infos = {info.name: info for info in await self._artifacts(file.owner).infos()}
        numbers = versions_of(file.name, infos)
        return [version_of(infos[name_of(file.name, number)], file.uri(number)) for number in numbers]

    def _artifacts(self, owner: _Owner) -> ArtifactsCore:
        if owner.session is None:
            session = self._users.session(user_key(owner.app, owner.user))
        else:
            session = self._sessions.session(Place(owner.app, owner.user, owner.session).key)
        return session.artifacts(ArtifactLimits())


def _choice(filename: str, version: int | None) -> Callable[[Iterable[str]], str | None]:
    """Return what chooses a version of a file, or the latest one, from the names there are."""

    def choose(names: Iterable[str]) -> str | None:
        if version is None:
            return latest_of(filename, names)
        return name_of(filename, version) if version in versions_of(filename, names) else None

    return choose
