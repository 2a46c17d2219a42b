from __future__ import annotations

from datetime import UTC, datetime

import pytest

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
