"""Erasing by filter leaves nothing anywhere, and the receipt proves it; held sessions stay and are named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from s3store import CachePolicy, InvalidOption, SessionStore
from s3store.objects.memory import MemoryStore
from s3store.runtime import run

if TYPE_CHECKING:
    from pathlib import Path

    from ..archives import Place

pytest_plugins = ["tests.archive_fixtures"]

SECRET = "Ada Lovelace"


def fill(store: SessionStore) -> None:
    for session_id in ("one", "two"):
        store.create(session_id, [SECRET], name=SECRET, labels={"user=ada"})
        store.artifacts(session_id).put("a", SECRET.encode() * 2000)
        store.traces(session_id).append({"said": SECRET})
    store.create("other", ["hello"], name="other", labels={"user=bob"})


def everything(objects: MemoryStore) -> list[str]:
    return [each.key for each in run(objects.list_page("")).objects]


def test_a_persons_sessions_are_gone_from_everywhere(place: Place) -> None:
    store = place.open()
    fill(store)
    store.index.compact()

    receipt = store.erase(labels=["user=ada"])

    assert receipt.complete
    assert [(each.id, each.outcome) for each in receipt.sessions] == [("two", "erased"), ("one", "erased")]
    assert receipt.filters == ("labels",)
    assert [summary.id for summary in place.open().list()] == ["other"]
    for session_id in ("one", "two"):
        assert store.remains(session_id).erased
    assert store.index.verify().right
    assert store.load("other").messages == ["hello"]
    again = store.erase(labels=["user=ada"])
    assert again.complete
    assert again.sessions == ()


def test_no_page_holds_what_was_said_of_them() -> None:
    objects = MemoryStore()
    with SessionStore(objects) as store:
        fill(store)
        store.index.compact()
        assert store.erase(labels=["user=ada"]).complete
    from s3store.streams.frames import unpack

    for key in everything(objects):
        assert SECRET not in key
        body = run(objects.get(key)).body
        if key.startswith("index/pages/"):
            assert SECRET.encode() not in unpack(key, body).lines
            assert b"user=ada" not in unpack(key, body).lines


def test_the_held_stay_and_are_named(memory: Place) -> None:
    store = memory.open()
    fill(store)
    store.hold("one", "case 7")
    would = store.erase(dry_run=True, labels=["user=ada"])
    assert {each.id: each.outcome for each in would.sessions} == {"one": "held", "two": "would erase"}
    assert store.exists("two")

    receipt = store.erase(labels=["user=ada"])

    assert {each.id: each.outcome for each in receipt.sessions} == {"one": "held", "two": "erased"}
    assert not receipt.complete
    assert store.load("one").messages == [SECRET]


def test_a_receipt_names_nobody_unless_asked(memory: Place) -> None:
    store = memory.open()
    fill(store)
    receipt = store.erase(name_prefix=SECRET)
    hashed = json.dumps(receipt.to_json())
    assert "one" not in [each.get("id") for each in receipt.to_json()["sessions"]]
    assert SECRET not in hashed
    assert {each["id"] for each in receipt.to_json(hashed=False)["sessions"]} == {"one", "two"}


def test_the_whole_archive_is_not_erased_by_accident(memory: Place) -> None:
    store = memory.open()
    fill(store)
    for nothing in ({}, {"agent": None}, {"labels": ()}):
        with pytest.raises(InvalidOption, match="at least one filter"):
            store.erase(**nothing)
    assert store.count() == 3


def test_plans_that_name_them_go(memory: Place) -> None:
    store = memory.open()
    fill(store)
    store.retention.set("idle 1h -> delete")
    plans = store._archive.retention.plans
    from s3store.longterm.plans import Doomed

    run(plans.add([Doomed("one", store.info("one").incarnation)]))
    assert store.erase(labels=["user=ada"]).complete
    assert run(plans.all()) == []


def test_nothing_is_left_on_this_machine(tmp_path: Path) -> None:
    url = (tmp_path / "archive").as_uri()
    cache = tmp_path / "cache"
    with SessionStore(url, cache=CachePolicy(place=cache)) as store:
        fill(store)
        assert store.search("Lovelace").hits
        store.load("one")
        assert store.erase(labels=["user=ada"]).complete
        assert not store.search("Lovelace").hits
    for file in (each for each in cache.rglob("*.sqlite*") if each.is_file()):
        assert b"Lovelace" not in file.read_bytes()


def test_nothing_is_left_in_the_earlier_versions_of_a_bucket(versioned: Place) -> None:
    store = versioned.open()
    fill(store)
    store.create("packed", [SECRET], labels={"user=ada"})
    store.pack(idle=0)
    store.cleanup(older_than=0)
    store.append("two", SECRET)

    receipt = store.erase(labels=["user=ada"])

    assert receipt.complete, receipt.failures
    assert {each.id for each in receipt.sessions} == {"one", "two", "packed"}
    assert store.load("other").messages == ["hello"]
    objects = versioned.objects
    kept = [version for version in run(objects.list_versions("packs/")) if not version.is_current]
    assert kept == []
    for version in run(objects.list_versions("packs/")):
        assert SECRET.encode() not in run(objects.get(version.key)).body
    for session_id in ("one", "two", "packed"):
        assert store.remains(session_id).erased
