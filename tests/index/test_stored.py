"""Pages and the manifest as bytes: what is damaged is told, and says what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from s3store.errors import CorruptObject, UnsupportedFormat
from s3store.index.manifest import EMPTY, Manifest, read_manifest, write_manifest
from s3store.index.pages import PageInfo, read_page, write_page
from tests.index.entries import entry

ENTRIES = [entry(f"s{at}", at, agent=f"agent {at % 3}", state="idle") for at in (3, 1, 2)]


def page(name: str = "page") -> tuple[PageInfo, bytes]:
    return write_page(name, "run", 1, ENTRIES)


def test_a_page_gives_its_entries_back_in_order() -> None:
    info, data = page()
    assert read_page(info, data) == sorted(ENTRIES)
    assert (info.count, info.live, info.oldest, info.newest, info.since) == (3, 3, 1, 3, 1)
    assert info.states == {"idle": 3}
    assert info.values["agent"] == ["agent 0", "agent 1", "agent 2"]
    assert info.values["room"] == [None]


def test_deleted_sessions_count_as_entries_and_not_as_live() -> None:
    info, _ = write_page("page", "run", 0, [entry("a", 1), entry("b", 2, deleted=True, renewed=True)])
    assert (info.count, info.live, info.since) == (2, 1, 0)


def test_many_values_of_a_field_are_not_named() -> None:
    info, _ = write_page("page", "run", 0, [entry(f"s{at}", at, agent=f"a{at}") for at in range(40)])
    assert "agent" not in info.values


def test_a_flipped_or_missing_byte_of_a_page_is_told() -> None:
    info, data = page()
    for at in range(len(data)):
        damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(CorruptObject, match=r"index/pages/page.*rebuild"):
            read_page(info, damaged)
    with pytest.raises(CorruptObject):
        read_page(info, data[:-1])
    with pytest.raises(CorruptObject):
        read_page(info, page("other")[1] + b"\0")
    with pytest.raises(CorruptObject, match="number of entries"):
        read_page(replace(info, count=info.count + 1), data)


def test_a_manifest_comes_back_as_it_was() -> None:
    manifest = EMPTY.with_pages([page()[0]]).next("01kcommit")
    assert read_manifest(write_manifest(manifest)) == manifest
    assert manifest.version == 1
    assert read_manifest(write_manifest(EMPTY)) == EMPTY


def test_a_manifest_keeps_the_ids_of_the_last_swaps() -> None:
    manifest = EMPTY
    for number in range(100):
        manifest = manifest.with_pages([]).next(f"c{number}")
    assert manifest.commits == tuple(f"c{number}" for number in range(36, 100))


def test_a_flipped_or_missing_byte_of_a_manifest_is_told() -> None:
    data = write_manifest(EMPTY.with_pages([page()[0]]).next("01kcommit"))
    for at in range(len(data)):
        damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises((CorruptObject, UnsupportedFormat), match="index/manifest"):
            read_manifest(damaged)
        with pytest.raises(CorruptObject, match=r"index/manifest.*rebuild"):
            read_manifest(data[:at])


def test_a_manifest_of_a_later_form_is_refused_not_replaced() -> None:
    data = write_manifest(Manifest(1, ("c",), ())).replace(b"s3store.index/1", b"s3store.index/2")
    with pytest.raises(UnsupportedFormat, match="newer s3store"):
        read_manifest(data)
