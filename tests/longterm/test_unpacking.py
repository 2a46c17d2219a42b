"""Unpacking many sessions: by filter, and what cannot be unpacked does not keep the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from s3store import InvalidOption, SessionStore

from .glacier import Glacier

if TYPE_CHECKING:
    from ..archives import Place

pytest_plugins = ["tests.archive_fixtures"]


def test_sessions_are_unpacked_by_filter(memory: Place) -> None:
    store = memory.open()
    for number in range(40):
        store.create(f"{number}", [number], agent="goes" if number % 2 else "stays", labels={f"{number % 4}"})
    assert not store.pack(idle=0).failures
    assert not store.cleanup(older_than=0).failures

    foreseen = store.unpack_all(dry_run=True, agent="goes")
    assert (foreseen.dry_run, foreseen.sessions, foreseen.records) == (True, 20, 20)
    assert store.count(place="cold") == 40
    assert store.unpack_all(agent="goes", idle=3600).sessions == 0
    done = store.unpack_all(agent="goes", labels=["1"], idle=0)

    assert (done.sessions, done.records, +done.left, done.failures) == (10, 10, {}, [])
    assert {summary.id for summary in store.list(place="hot")} == {f"{number}" for number in range(1, 40, 4)}
    assert store.unpack_all(agent="goes").sessions == 10
    assert memory.open().load("7").messages == [7]
    for wrong in ({}, {"place": "cold"}, {"idle": -1}):
        with pytest.raises(InvalidOption):
            store.unpack_all(**wrong)


def test_what_is_archived_is_left_packed_and_said() -> None:
    objects = Glacier()
    with SessionStore(objects) as store:
        for name, storage_class in (("archived", "GLACIER"), ("near", "GLACIER_IR")):
            store.create(name, [name], agent="a")
            store.pack(idle=0, storage_class=storage_class, id_prefix=name)
        assert store.cleanup(older_than=0).moved == 2
        done = store.unpack_all(agent="a")
        assert (done.sessions, done.left["archived"]) == (1, 1)
        assert "restored" in done.failures[0]
        assert [summary.id for summary in store.list(place="hot")] == ["near"]
