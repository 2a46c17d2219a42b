from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from s3store.errors import StoreNotCapable
from s3store.objects import MIN_PART
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.testing import ObjectStoreTests


class TestMemoryStore(ObjectStoreTests):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


def test_equal_bytes_have_equal_etags_as_on_s3() -> None:
    store = MemoryStore()
    first = run(store.put("a", b"same"))
    run(store.put("a", b"other"))
    assert run(store.put("a", b"same")) == run(store.put("b", b"same")) == first


def test_the_time_of_a_write_is_the_given_clocks() -> None:
    times = [datetime(2020, 1, day, tzinfo=UTC) for day in (3, 2, 1)]
    store = MemoryStore(clock=times.pop)
    run(store.put("a", b"1"))
    run(store.put("b", b"1"))
    run(store.put("a", b"2"))
    assert [found.modified.day for found in run(store.list_page("")).objects] == [3, 2]


def test_a_misspelt_difference_of_a_server_is_refused() -> None:
    with pytest.raises(TypeError, match="emojy"):
        type("TestMisspelt", (ObjectStoreTests,), {"refused_keys": {"emojy": "a reason", "emoji": "a reason"}})


def test_an_object_of_parts_has_the_etag_that_s3_gives_it() -> None:
    store = MemoryStore()
    upload = run(store.begin_upload("a", part_size=MIN_PART))
    parts = [run(store.put_part(upload, number, bytes(size))) for number, size in ((1, MIN_PART), (2, 3))]
    digests = b"".join(hashlib.md5(bytes(size)).digest() for size in (MIN_PART, 3))
    assert run(store.finish_upload(upload, parts)) == f'"{hashlib.md5(digests).hexdigest()}-2"'


def test_what_has_no_address_gives_no_url() -> None:
    with pytest.raises(StoreNotCapable, match="only an archive on S3"):
        run(MemoryStore().presign("a", seconds=60))
