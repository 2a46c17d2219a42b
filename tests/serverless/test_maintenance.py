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

from .events import FakeContext

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def test_the_log_is_merged_and_what_nobody_needs_is_removed(store: SessionStore) -> None:
    lines: list[str] = []
    handler = maintenance_handler(store=store, cleanup_older_than=0, emit=lines.append)
    assert store.index.status().log >= 20
    report = handler({}, FakeContext(seconds=900))
    merged = report["merged"]
    assert isinstance(merged, int)
    assert merged >= 20
    assert report == {"merged": merged, "log": 0, "removed": 1, "failures": 0, "complete": True}
    # The clean-up has left a tombstone for the session that never was, and that is an entry.
    assert handler({}, FakeContext(seconds=900)) == {**report, "merged": 1, "removed": 0}
    assert handler({}, FakeContext(seconds=900)) == {**report, "merged": 0, "removed": 0}
    assert len(list(store.list())) == 20
    metrics: dict[str, Any] = json.loads(lines[0])
    assert {name: metrics[name] for name in ("FunctionName", "LogLength", "Merged", "Removed", "Failures")} == {
        "FunctionName": "upkeep",
        "LogLength": 0,
        "Merged": merged,
        "Removed": 1,
        "Failures": 0,
    }
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in directive["Metrics"]} == {"LogLength", "Merged", "Removed", "Failures"}


def test_the_clean_up_ends_in_time_and_goes_on_another_time(store: SessionStore, objects: MemoryStore) -> None:
    handler = maintenance_handler(store=store, cleanup_older_than=0, reserve=30, emit=lambda _: None)
    short = handler({}, FakeContext(seconds=34, step=1))
    assert short["complete"] is False
    assert short["merged"] != 0
    none = handler({}, FakeContext(seconds=29))
    assert (none["merged"], none["removed"], none["complete"]) == (0, 0, False)
    assert handler({}, FakeContext(seconds=900))["complete"] is True
    assert ORPHAN not in keys_of(objects)


def test_without_a_clean_up_nothing_is_removed(store: SessionStore, objects: MemoryStore) -> None:
    report = maintenance_handler(store=store, cleanup_older_than=None, emit=lambda _: None)({}, None)
    assert report.keys() == {"merged", "log"}
    assert run(objects.get(ORPHAN)).body


def test_an_outage_fails_the_invocation(monkeypatch: pytest.MonkeyPatch, objects: MemoryStore) -> None:
    async def out(*args: object, **kwargs: object) -> None:
        raise StoreUnavailable("out")

    with SessionStore(objects) as store:
        monkeypatch.setattr(objects, "list_page", out)
        with pytest.raises(StoreUnavailable):
            maintenance_handler(store=store, emit=lambda _: None)({}, None)


@pytest.mark.parametrize("wrong", [{"cleanup_older_than": -1}, {"cleanup_older_than": float("nan")}, {"reserve": -1}])
def test_wrong_numbers_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(wrong))):
        maintenance_handler(**wrong)  # type: ignore[arg-type]
