"""`ArchiveArtifactService` on each kind of archive."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from google.adk.artifacts import InMemoryArtifactService
from google.adk.errors.input_validation_error import InputValidationError
from google.genai import types

from s3store import AsyncSessionStore, InvalidOption, SessionStore
from s3store.integrations.google_adk import ArchiveArtifactService, ArchiveSessionService

if TYPE_CHECKING:
    from tests.archives import Place

pytestmark = pytest.mark.anyio

OF: dict[str, Any] = {"app_name": "app/1", "user_id": "mia ü", "session_id": "s"}
BYTES = types.Part(inline_data=types.Blob(data=b"\xff\x00\n", mime_type="image/png", display_name="p.png"))
TEXT = types.Part(text="héllo")
LINK = types.Part(file_data=types.FileData(file_uri="gs://b/k", mime_type="video/mp4"))


@pytest.fixture
def service(place: Place) -> ArchiveArtifactService:
    return ArchiveArtifactService(place.open())


async def test_each_kind_of_part_comes_back_as_it_was(service: ArchiveArtifactService) -> None:
    large = types.Part(inline_data=types.Blob(data=bytes(100_000), mime_type="a/b"))
    thought = types.Part(text="x", thought_signature=b"\xff\xfe", thought=True)
    for number, part in enumerate([BYTES, TEXT, LINK, large, thought, types.Part(text="")]):
        assert await service.save_artifact(**OF, filename="f", artifact=part) == number
    for number, part in enumerate([BYTES, TEXT, LINK, large, thought, types.Part(text="")]):
        assert await service.load_artifact(**OF, filename="f", version=number) == part
    assert await service.load_artifact(**OF, filename="f") == types.Part(text="")


async def test_names_with_slashes_are_names(service: ArchiveArtifactService) -> None:
    names = ["dir/f.txt", "dir", "g", "g/h", "g@1", "../../x", "@", "ü\n"]
    for name in names:
        await service.save_artifact(**OF, filename=name, artifact=types.Part(text=name))
    await service.save_artifact(**OF, filename="g/h", artifact=TEXT)
    assert await service.list_artifact_keys(**OF) == sorted(names)
    assert await service.list_versions(**OF, filename="g") == [0]
    assert await service.list_versions(**OF, filename="g/h") == [0, 1]
    for name in names:
        found = await service.load_artifact(**OF, filename=name, version=0)
        assert found == types.Part(text=name)


async def test_what_is_of_the_user_is_in_all_sessions(service: ArchiveArtifactService) -> None:
    await service.save_artifact(**OF, filename="user:cv/1", artifact=TEXT)
    await service.save_artifact(**OF, filename="own", artifact=BYTES)
    other = {**OF, "session_id": "another"}
    assert await service.list_artifact_keys(**OF) == ["own", "user:cv/1"]
    assert await service.list_artifact_keys(**other) == ["user:cv/1"]
    assert await service.list_artifact_keys(app_name="app/1", user_id="mia ü") == ["user:cv/1"]
    assert await service.load_artifact(**other, filename="user:cv/1") == TEXT
    assert await service.load_artifact(app_name="app/1", user_id="mia ü", filename="user:cv/1") == TEXT
    assert await service.load_artifact(**{**OF, "user_id": "bo"}, filename="user:cv/1") is None
    assert await service.load_artifact(**{**OF, "app_name": "app"}, filename="user:cv/1") is None


async def test_a_session_called_user_is_a_session(service: ArchiveArtifactService) -> None:
    await service.save_artifact(**{**OF, "session_id": "user"}, filename="f", artifact=TEXT)
    assert await service.list_artifact_keys(app_name="app/1", user_id="mia ü") == []


async def test_what_is_said_of_versions(service: ArchiveArtifactService) -> None:
    await service.save_artifact(**OF, filename="f", artifact=BYTES, custom_metadata={"by": ["mia", 1]})
    await service.save_artifact(**OF, filename="f", artifact=TEXT)
    first, second = await service.list_artifact_versions(**OF, filename="f")
    assert (first.version, first.mime_type, first.custom_metadata) == (0, "image/png", {"by": ["mia", 1]})
    assert (second.version, second.mime_type, second.custom_metadata) == (1, "text/plain", {})
    assert second.create_time >= first.create_time > 0
    assert await service.get_artifact_version(**OF, filename="f") == second
    assert await service.get_artifact_version(**OF, filename="f", version=0) == first
    assert await service.get_artifact_version(**OF, filename="f", version=2) is None
    assert await service.get_artifact_version(**OF, filename="g") is None


async def test_delete_takes_all_versions_of_one_file(service: ArchiveArtifactService) -> None:
    for name in ("f", "f", "f/g"):
        await service.save_artifact(**OF, filename=name, artifact=TEXT)
    await service.delete_artifact(**OF, filename="f")
    await service.delete_artifact(**OF, filename="f")
    await service.delete_artifact(**{**OF, "session_id": "none"}, filename="f")
    assert await service.list_artifact_keys(**OF) == ["f/g"]
    assert await service.list_versions(**OF, filename="f") == []
    assert await service.load_artifact(**OF, filename="f") is None
    assert await service.save_artifact(**OF, filename="f", artifact=TEXT) == 0


async def test_what_is_not_there(service: ArchiveArtifactService) -> None:
    assert await service.load_artifact(**OF, filename="f") is None
    assert await service.list_artifact_keys(**OF) == []
    await service.save_artifact(**OF, filename="f", artifact=TEXT)
    assert await service.load_artifact(**OF, filename="f", version=1) is None
    assert await service.load_artifact(**OF, filename="f", version=-1) is None


async def test_two_writers_get_two_versions(place: Place) -> None:
    services = [ArchiveArtifactService(place.open()) for _ in range(2)]
    numbers = await asyncio.gather(
        *(services[n % 2].save_artifact(**OF, filename="f", artifact=types.Part(text=str(n))) for n in range(8))
    )
    assert sorted(numbers) == list(range(8))
    for text, version in enumerate(numbers):
        found = await services[0].load_artifact(**OF, filename="f", version=version)
        assert found == types.Part(text=str(text))


async def test_references_are_followed_within_the_users_own(service: ArchiveArtifactService) -> None:
    await service.save_artifact(**OF, filename="f", artifact=TEXT)
    version = await service.get_artifact_version(**OF, filename="f")
    assert version is not None
    link = types.Part(file_data=types.FileData(file_uri=version.canonical_uri))
    strange = "artifact://apps/app/users/bo/artifacts/user:f/versions/0"
    plain = {**OF, "app_name": "app"}
    await service.save_artifact(**plain, filename="f", artifact=TEXT)
    target = await service.get_artifact_version(**plain, filename="f")
    assert target is not None
    link = types.Part(file_data=types.FileData(file_uri=target.canonical_uri))
    await service.save_artifact(**plain, filename="user:link", artifact=link)
    assert await service.load_artifact(**plain, filename="user:link") == TEXT
    with pytest.raises(InputValidationError, match="scope"):
        await service.save_artifact(
            **plain, filename="x", artifact=types.Part(file_data=types.FileData(file_uri=strange))
        )
    assert await service.list_versions(**plain, filename="x") == []


async def test_references_in_a_circle_end(service: ArchiveArtifactService) -> None:
    plain = {**OF, "app_name": "app"}
    own = "artifact://apps/app/users/mia ü/sessions/s/artifacts/f/versions/0"
    await service.save_artifact(**plain, filename="f", artifact={"fileData": {"fileUri": own}})
    with pytest.raises(InputValidationError, match="depth"):
        await service.load_artifact(**plain, filename="f")


async def test_a_rewind_takes_an_artifact_back(service: ArchiveArtifactService) -> None:
    removed = types.Part(inline_data=types.Blob(mime_type="application/octet-stream", data=b""))
    await service.save_artifact(**OF, filename="f", artifact=TEXT)
    await service.save_artifact(**OF, filename="f", artifact=removed)
    assert await service.load_artifact(**OF, filename="f") is None
    assert await service.load_artifact(**OF, filename="f", version=0) == TEXT


async def test_wrong_calls_are_refused(service: ArchiveArtifactService) -> None:
    nobody: dict[str, Any] = {"app_name": "app/1", "user_id": "mia ü"}
    with pytest.raises(InputValidationError, match="Session ID"):
        await service.save_artifact(**nobody, filename="f", artifact=TEXT)
    with pytest.raises(InputValidationError, match="Not supported"):
        await service.save_artifact(**OF, filename="f", artifact=types.Part())
    with pytest.raises(InvalidOption):
        await service.save_artifact(**OF, filename="f", artifact=TEXT, custom_metadata={"at": object()})
    assert await service.list_artifact_keys(**OF) == []


async def test_artifacts_go_with_their_session_and_the_users_stay(place: Place) -> None:
    store = place.open()
    service, sessions = ArchiveArtifactService(store), ArchiveSessionService(store)
    await sessions.create_session(**OF)
    await service.save_artifact(**OF, filename="f", artifact=BYTES)
    await service.save_artifact(**OF, filename="user:f", artifact=TEXT)
    await sessions.delete_session(**OF)
    assert await service.list_artifact_keys(**OF) == ["user:f"]


async def test_what_others_put_beside_them_is_left_out(place: Place) -> None:
    store = place.open()
    service = ArchiveArtifactService(store)
    await service.save_artifact(**OF, filename="f", artifact=TEXT)
    [stored] = [summary.id for summary in store.list()] or ["google-adk/app%2F1/mia ü/s"]
    for name in ("f", "f@", "f@x", "plain"):
        store.artifacts(stored).put(name, b"others'")
    assert await service.list_artifact_keys(**OF) == ["f"]
    assert await service.list_versions(**OF, filename="f") == [0]


async def test_it_answers_as_the_frameworks_own(service: ArchiveArtifactService) -> None:
    theirs = InMemoryArtifactService()
    plain = {**OF, "app_name": "app"}
    for each in (service, theirs):
        for name in ("a", "d/e", "a", "user:u"):
            await each.save_artifact(**plain, filename=name, artifact=TEXT, custom_metadata={"n": name})
        await each.delete_artifact(**plain, filename="d/e")
    assert await service.list_artifact_keys(**plain) == await theirs.list_artifact_keys(**plain)
    for name in ("a", "d/e", "user:u"):
        assert await service.list_versions(**plain, filename=name) == await theirs.list_versions(**plain, filename=name)
        assert await service.load_artifact(**plain, filename=name) == await theirs.load_artifact(**plain, filename=name)


async def test_either_face_serves() -> None:
    async with AsyncSessionStore("memory://") as store:
        service = ArchiveArtifactService(store)
        assert await service.save_artifact(**OF, filename="f", artifact=BYTES) == 0
        assert await service.load_artifact(**OF, filename="f") == BYTES
    with pytest.raises(InvalidOption, match="SessionStore"):
        ArchiveArtifactService(SessionStore)  # type: ignore[arg-type]
