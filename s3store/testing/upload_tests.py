"""The part of `ObjectStoreTests` about large objects: uploads in parts, sizes, versions, presigned URLs."""

# ruff: noqa: D102 - the name of a test says what it tests

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import pytest

from ..errors import InvalidOption
from ..objects.base import (
    MAX_PART,
    MAX_PARTS,
    MAX_PRESIGNED,
    MIN_PART,
    InvalidPart,
    ListPage,
    NoSuchKey,
    NoSuchUpload,
    NotModified,
    ObjectStore,
    Part,
    PreconditionFailed,
    StartedUpload,
    StoredObject,
    Upload,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .drivers import Driver

_KEY = "large/object"
_FIRST, _SECOND, _LAST = (bytes([number]) * size for number, size in ((1, MIN_PART), (2, MIN_PART), (3, 1000)))


OVER = "put-part-or-finish-of-no-upload"
"""In `ObjectStoreTests.other_answers`: what a part or a finish is answered whose upload is over."""


class UploadTests:
    """Tests of large objects, for a store in the fixture `store`. Reached through `ObjectStoreTests`."""

    other_answers: ClassVar[Mapping[str, str]] = {}

    def test_the_size_of_an_object(self, driver: Driver, store: ObjectStore) -> None:
        for body in (b"", b"12345"):
            driver.run(store.put(_KEY, body))
            assert driver.run(store.size(_KEY)) == len(body)
        driver.run(store.delete(_KEY))
        with pytest.raises(NoSuchKey):
            driver.run(store.size(_KEY))

    def test_parts_make_an_object(self, driver: Driver, store: ObjectStore) -> None:
        """Sent out of order and side by side; the object appears with the finish, whole and by ranges."""
        upload = driver.run(store.begin_upload(_KEY, part_size=MIN_PART))
        assert upload.key == _KEY
        bodies = {3: _LAST, 1: _FIRST, 2: _SECOND}
        sent = driver.race([partial(store.put_part, upload, number, body) for number, body in bodies.items()])
        assert [(part.number, part.size) for part in sent] == [(n, len(body)) for n, body in bodies.items()]
        parts = sorted(sent, key=lambda part: part.number)
        assert driver.run(store.parts(upload)) == parts
        assert driver.run(store.list_page("")) == ListPage((), None)
        with pytest.raises(NoSuchKey):
            driver.run(store.size(_KEY))
        etag = driver.run(store.finish_upload(upload, parts))
        assert driver.run(store.get(_KEY)) == StoredObject(_FIRST + _SECOND + _LAST, etag)
        assert driver.run(store.size(_KEY)) == 2 * MIN_PART + 1000
        assert [found.key for found in driver.run(store.list_page("")).objects] == [_KEY]
        assert driver.run(store.list_uploads("")) == []

    def test_an_object_of_parts_is_read_by_ranges(self, driver: Driver, store: ObjectStore) -> None:
        etag = _finished(driver, store, _FIRST, _LAST)
        for byte_range, part in (
            ((0, 3), _FIRST[:3]),
            ((MIN_PART - 2, MIN_PART + 2), _FIRST[:2] + _LAST[:2]),
            ((MIN_PART + 990, MIN_PART + 5000), _LAST[:10]),
            ((MIN_PART + 1000, MIN_PART + 1001), b""),
            ((7, 7), b""),
        ):
            assert driver.run(store.get(_KEY, byte_range=byte_range)) == StoredObject(part, etag)
        with pytest.raises(NotModified):
            driver.run(store.get(_KEY, if_none_match=etag, byte_range=(0, 3)))

    def test_an_object_of_parts_takes_conditions(self, driver: Driver, store: ObjectStore) -> None:
        etag = _finished(driver, store, _FIRST, _LAST)
        with pytest.raises(NotModified):
            driver.run(store.get(_KEY, if_none_match=etag))
        with pytest.raises(PreconditionFailed):
            driver.run(store.put(_KEY, b"new", if_absent=True))
        newer = driver.run(store.put(_KEY, b"new", if_match=etag))
        with pytest.raises(PreconditionFailed):
            driver.run(store.delete(_KEY, if_match=etag))
        driver.run(store.delete(_KEY, if_match=newer))

    def test_one_part_is_enough_and_may_be_empty(self, driver: Driver, store: ObjectStore) -> None:
        for body in (b"", b"small"):
            etag = _finished(driver, store, body)
            assert driver.run(store.get(_KEY)) == StoredObject(body, etag)

    def test_a_part_sent_again_counts_instead(self, driver: Driver, store: ObjectStore) -> None:
        upload = driver.run(store.begin_upload(_KEY, part_size=MIN_PART))
        former = driver.run(store.put_part(upload, 1, b"a longer part"))
        part = driver.run(store.put_part(upload, 1, b"short"))
        assert driver.run(store.put_part(upload, 1, b"short")) == part
        assert driver.run(store.parts(upload)) == [part]
        with pytest.raises(InvalidPart):
            driver.run(store.finish_upload(upload, [former]))
        driver.run(store.finish_upload(upload, [part]))
        assert driver.run(store.get(_KEY)).body == b"short"

    def test_parts_that_are_left_out_are_no_part_of_the_object(self, driver: Driver, store: ObjectStore) -> None:
        upload = driver.run(store.begin_upload(_KEY, part_size=MIN_PART))
        first = driver.run(store.put_part(upload, 1, b"first"))
        driver.run(store.put_part(upload, 2, b"left out"))
        driver.run(store.finish_upload(upload, [first]))
        assert driver.run(store.get(_KEY)).body == b"first"

    def test_a_part_that_never_came_is_missed(self, driver: Driver, store: ObjectStore) -> None:
        upload = driver.run(store.begin_upload(_KEY, part_size=MIN_PART))
        with pytest.raises(InvalidPart):
            driver.run(store.finish_upload(upload, [Part(1, '"0123456789abcdef0123456789abcdef"', 10)]))
        assert driver.run(store.list_page("")) == ListPage((), None)

    def test_an_upload_that_is_over_is_gone(self, driver: Driver, store: ObjectStore) -> None:
        upload = driver.run(store.begin_upload(_KEY, part_size=MIN_PART))
        part = driver.run(store.put_part(upload, 1, b"part"))
        driver.run(store.finish_upload(upload, [part]))
        self._is_gone(driver, store, upload)
        driver.run(store.abort_upload(upload))
        assert driver.run(store.get(_KEY)).body == b"part"

    def test_an_upload_that_was_given_up_is_gone(self, driver: Driver, store: ObjectStore) -> None:
        upload = driver.run(store.begin_upload(_KEY, part_size=MIN_PART))
        part = driver.run(store.put_part(upload, 1, b"part"))
        for _ in range(2):
            driver.run(store.abort_upload(upload))
            self._is_gone(driver, store, upload)
            if OVER not in self.other_answers:
                with pytest.raises(NoSuchUpload):
                    driver.run(store.finish_upload(upload, [part]))
        assert driver.run(store.list_page("")) == ListPage((), None)
        assert driver.run(store.list_uploads("")) == []

    def _is_gone(self, driver: Driver, store: ObjectStore, upload: Upload) -> None:
        with pytest.raises(NoSuchUpload) as answered:
            driver.run(store.parts(upload))
        assert answered.value.key == _KEY
        if OVER not in self.other_answers:
            with pytest.raises(NoSuchUpload):
                driver.run(store.put_part(upload, 1, b"late"))

    def test_uploads_of_one_key_do_not_meet(self, driver: Driver, store: ObjectStore) -> None:
        uploads = [driver.run(store.begin_upload(_KEY, part_size=MIN_PART)) for _ in range(2)]
        parts = [driver.run(store.put_part(upload, 1, b"%d" % n)) for n, upload in enumerate(uploads)]
        for number, (upload, part) in enumerate(zip(uploads, parts, strict=True)):
            driver.run(store.finish_upload(upload, [part]))
            assert driver.run(store.get(_KEY)).body == b"%d" % number

    def test_uploads_are_listed_by_prefix_until_they_are_over(self, driver: Driver, store: ObjectStore) -> None:
        begun = [
            driver.run(store.begin_upload(key, part_size=MIN_PART)) for key in ("a/2", "a/1", "b/é 😀", "a/1", "a")
        ]
        listed = driver.run(store.list_uploads(""))
        assert [started.upload.key for started in listed] == ["a", "a/1", "a/1", "a/2", "b/é 😀"]
        assert {started.upload for started in listed} == set(begun)
        assert all(started.started.utcoffset() == timedelta(0) for started in listed)
        assert _uploads(driver.run(store.list_uploads("a/"))) == {begun[0], begun[1], begun[3]}
        assert driver.run(store.list_uploads("c")) == []
        driver.run(store.abort_upload(begun[1]))
        part = driver.run(store.put_part(begun[3], 1, b"part"))
        driver.run(store.finish_upload(begun[3], [part]))
        assert _uploads(driver.run(store.list_uploads("a/"))) == {begun[0]}

    @pytest.mark.parametrize("part_size", [0, MIN_PART - 1, MAX_PART + 1])
    def test_an_impossible_size_of_parts_is_refused(self, driver: Driver, store: ObjectStore, part_size: int) -> None:
        with pytest.raises(InvalidOption):
            driver.run(store.begin_upload(_KEY, part_size=part_size))
        assert driver.run(store.list_uploads("")) == []

    @pytest.mark.parametrize("number", [-1, 0, MAX_PARTS + 1])
    def test_an_impossible_number_is_refused(self, driver: Driver, store: ObjectStore, number: int) -> None:
        upload = driver.run(store.begin_upload(_KEY, part_size=MIN_PART))
        with pytest.raises(InvalidOption):
            driver.run(store.put_part(upload, number, b"part"))
        assert driver.run(store.parts(upload)) == []

    @pytest.mark.parametrize(
        "sizes",
        [
            pytest.param({}, id="none"),
            pytest.param({2: 10}, id="first-missing"),
            pytest.param({1: MIN_PART, 3: 10}, id="gap"),
            pytest.param({2: MIN_PART, 1: MIN_PART}, id="backward"),
            pytest.param({1: 10, 2: 10}, id="too-small"),
            pytest.param({1: MIN_PART, 2: MIN_PART + 1, 3: 10}, id="other-size"),
            pytest.param({1: MIN_PART, 2: MIN_PART + 1}, id="last-is-larger"),
        ],
    )
    def test_parts_that_make_no_object_are_refused(
        self, driver: Driver, store: ObjectStore, sizes: dict[int, int]
    ) -> None:
        upload = driver.run(store.begin_upload(_KEY, part_size=MIN_PART))
        parts = [Part(number, f'"{number:032x}"', size) for number, size in sizes.items()]
        with pytest.raises(InvalidOption):
            driver.run(store.finish_upload(upload, parts))
        assert _uploads(driver.run(store.list_uploads(""))) == {upload}

    def test_a_store_without_versions_has_its_objects(self, driver: Driver, store: ObjectStore) -> None:
        for key in ("a", "b/1", "b/2"):
            driver.run(store.put(key, b"12345"))
        first, second = driver.run(store.list_versions("b/"))
        assert (first.key, second.key) == ("b/1", "b/2")
        assert (first.size, first.is_current, first.is_delete_marker) == (5, True, False)
        assert first.modified.utcoffset() == timedelta(0)
        driver.run(store.delete_version(first.key, first.version))
        driver.run(store.delete_version(first.key, first.version))
        assert driver.run(store.list_versions("b/")) == [second]
        with pytest.raises(NoSuchKey):
            driver.run(store.get("b/1"))

    @pytest.mark.parametrize("seconds", [0, -1, MAX_PRESIGNED + 1])
    def test_an_impossible_life_of_a_url_is_refused(self, driver: Driver, store: ObjectStore, seconds: int) -> None:
        with pytest.raises(InvalidOption):
            driver.run(store.presign(_KEY, seconds=seconds))

    def test_what_is_no_media_type_is_refused(self, driver: Driver, store: ObjectStore) -> None:
        with pytest.raises(InvalidOption):
            driver.run(store.presign(_KEY, seconds=60, media_type="text/plain\r\nx-injected: 1"))


def _finished(driver: Driver, store: ObjectStore, *bodies: bytes) -> str:
    upload = driver.run(store.begin_upload(_KEY, part_size=MIN_PART))
    parts = [driver.run(store.put_part(upload, number, body)) for number, body in enumerate(bodies, 1)]
    return driver.run(store.finish_upload(upload, parts))


def _uploads(listed: list[StartedUpload]) -> set[Upload]:
    return {started.upload for started in listed}
