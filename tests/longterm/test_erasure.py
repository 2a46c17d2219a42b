"""What is left of a session, on buckets that keep earlier versions and elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3store import AccessDenied, SessionStore
from s3store.keys import StreamKeys
from s3store.objects.base import MIN_PART, ObjectVersion
from s3store.objects.memory import MemoryStore
from s3store.runtime import run

if TYPE_CHECKING:
    from ..archives import Place

pytest_plugins = ["tests.archive_fixtures"]


def test_what_is_stored_of_a_session_is_told_by_kind(place: Place) -> None:
    store = place.open()
    store.append("a", 1)
    store.artifacts("a").put("large", b"body" * 10_000)
    key = StreamKeys.of("a", "artifacts").segments
    run(place.objects.begin_upload(key + "01m7wfy0frb4sa6wnn7wrgjxmk", part_size=MIN_PART))
    place.write(key + "notes.txt", b"strange")
    store.append("b", 1)

    found = store.remains("a")

    assert sorted(remnant.kind for remnant in found.found) == ["body", "head", "head", "other", "upload"]
    assert not found.erased
    assert all("/a/" in remnant.key for remnant in found.found)


def test_nothing_is_left_of_what_never_was(place: Place) -> None:
    found = place.open().remains("never was")
    assert found.found == ()
    assert found.erased


def test_a_versioned_bucket_keeps_what_was_until_its_versions_are_erased(versioned: Place) -> None:
    store = versioned.open()
    for number in range(3):
        store.append("a", f"secret {number}")
    store.traces("a").append({"secret": 1})
    store.artifacts("a").put("large", b"secret" * 10_000)
    store.append("b", 1)
    store.append("b", 2)
    store.delete("a")
    others = run(versioned.objects.list_versions(StreamKeys.of("b", "any").head.rpartition("/")[0]))

    left = store.remains("a")
    assert not left.erased
    kinds = [remnant.kind for remnant in left.found]
    assert kinds.count("tombstone") == 3
    assert kinds.count("version") == 3 + 1 + 1 + 1
    assert kinds.count("delete marker") == 1

    erased = store.erase_versions("a")

    assert erased.kept == ()
    assert erased.removed == 7
    assert store.remains("a").erased
    assert not store.exists("a")
    assert run(versioned.objects.list_versions(StreamKeys.of("b", "any").head.rpartition("/")[0])) == others
    store.append("a", "anew")
    assert versioned.open().load("a").messages == ["anew"]


class Held(MemoryStore):
    """Has a version under a legal hold beneath a delete marker."""

    async def list_versions(self, prefix: str) -> list[ObjectVersion]:
        current = await super().list_versions(prefix)
        key = prefix + "artifacts/01m7wfy0frb4sa6wnn7wrgjxmk"
        time = current[0].modified
        return [
            *current,
            ObjectVersion(key, "v2", is_current=True, is_delete_marker=True, size=0, modified=time),
            ObjectVersion(key, "v1", is_current=False, is_delete_marker=False, size=7, modified=time),
        ]

    async def delete_version(self, key: str, version: str) -> None:
        assert version == "v1", "without its delete marker the object would be back"
        raise AccessDenied(f"{key}: under a legal hold")


def test_what_is_held_stays_beneath_its_delete_marker_and_is_told() -> None:
    with SessionStore(Held()) as store:
        store.append("a", 1)
        store.delete("a")

        erased = store.erase_versions("a")

        assert erased.removed == 0
        ((remnant, why),) = erased.kept
        assert (remnant.kind, remnant.version) == ("version", "v1")
        assert "legal hold" in why
        assert not store.remains("a").erased
