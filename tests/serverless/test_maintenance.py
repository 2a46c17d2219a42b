"""The handler that keeps an archive in order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from s3store import InvalidOption, SessionStore, StoreUnavailable
from s3store.index.policy import IndexPolicy
from s3store.keys import StreamKeys, segment_name
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.serverless import maintenance_handler
from tests.archives import keys_of
from tests.longterm.glacier import Glacier

from .events import FakeContext

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOLD = {"LogLength", "Failures", "Incomplete", "Restoring"}
ORPHAN = StreamKeys.of("a", "transcript").segment(segment_name(0, "01kah0000000000000000000aa"))


@pytest.fixture
def objects() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(objects: MemoryStore) -> Iterator[SessionStore]:
    with SessionStore(objects, index=IndexPolicy(compact_after=None)) as store:
        for number in range(20):
            store.append(f"s{number}", "x")
        run(objects.put(ORPHAN, b"left by a crash"))
        yield store


def test_the_log_is_merged_and_what_nobody_needs_is_removed(store: SessionStore, objects: MemoryStore) -> None:
    lines: list[str] = []
    handler = maintenance_handler(store=store, older_than=0, emit=lines.append)
    assert store.index.status().log >= 20
    report: dict[str, Any] = handler({}, FakeContext(seconds=900))
    assert report["complete"] is True
    assert report["failures"] == []
    assert report["steps"]["compact"]["merged"] >= 20
    assert ORPHAN not in keys_of(objects)
    assert len(list(store.list())) == 20
    metrics: dict[str, Any] = json.loads(lines[0])
    told = {name: metrics[name] for name in ("FunctionName", *_TOLD)}
    expected = {"LogLength": report["log"], "Failures": 0, "Incomplete": 0, "Restoring": 0}
    assert told == {"FunctionName": "upkeep", **expected}
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in directive["Metrics"]} == _TOLD


def test_packs_that_are_being_restored_are_counted() -> None:
    objects = Glacier()
    lines: list[str] = []
    with SessionStore(objects) as store:
        store.create("s", ["x"])
        store.pack(idle=0, storage_class="GLACIER")
        handler = maintenance_handler(store=store, older_than=0, emit=lines.append)
        handler({}, FakeContext(seconds=900))
        store.restore(["s"])
        handler({}, FakeContext(seconds=900))
        objects.thaw()
        handler({}, FakeContext(seconds=900))
    assert [json.loads(line)["Restoring"] for line in lines] == [0, 1, 0]


def test_a_pass_ends_in_time_and_the_next_one_goes_on(store: SessionStore, objects: MemoryStore) -> None:
    lines: list[str] = []
    handler = maintenance_handler(store=store, older_than=0, reserve=30, emit=lines.append)
    assert handler({}, FakeContext(seconds=30))["complete"] is False
    assert json.loads(lines[0])["Incomplete"] == 1
    assert "Restoring" not in json.loads(lines[0])
    assert ORPHAN in keys_of(objects)
    for _ in range(5):
        if handler({}, FakeContext(seconds=900))["complete"]:
            break
    assert ORPHAN not in keys_of(objects)


def test_an_outage_fails_the_invocation(monkeypatch: pytest.MonkeyPatch, objects: MemoryStore) -> None:
    async def out(*args: object, **kwargs: object) -> None:
        raise StoreUnavailable("out")

    with SessionStore(objects) as store:
        monkeypatch.setattr(objects, "list_page", out)
        with pytest.raises(StoreUnavailable):
            maintenance_handler(store=store, emit=lambda _: None)({}, None)


@pytest.mark.parametrize("wrong", [{"reserve": -1}, {"reserve": float("nan")}])
def test_wrong_numbers_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        maintenance_handler(**wrong)  # type: ignore[arg-type]
