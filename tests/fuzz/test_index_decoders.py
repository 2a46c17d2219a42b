"""The index as anybody may have written it who may write to the archive: a listing, or an error of ours."""

from __future__ import annotations

import copy
import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3store import CorruptObject, IndexPolicy, S3StoreError, SessionStore
from s3store.index.entry import Entry, read_fields, read_text, write_text
from s3store.index.manifest import read_manifest
from s3store.index.pages import read_page
from s3store.keys import INDEX_LOG, INDEX_PAGES, MANIFEST, log_key
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.streams.frames import compress, pack, unpack
from tests.archives import keys_of

from .test_decoders import broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3store.jsontext import JsonValue

QUIET = IndexPolicy(compact_after=None)
CALLS: dict[str, Callable[[SessionStore], object]] = {
    "newest": lambda store: list(store.list()),
    "oldest": lambda store: list(store.list(order="oldest")),
    "offset": lambda store: list(store.list(offset=1, limit=2)),
    "page": lambda store: store.page(limit=2),
    "count": lambda store: store.count(),
    "filtered": lambda store: list(store.list(agent="x", labels=["l"], name_prefix="N", state="running")),
    "count of some": lambda store: store.count(state="idle"),
    "running": lambda store: store.running(),
    "stuck": lambda store: store.stuck(0),
    "search": lambda store: store.search("alpha", agent="x"),
    "append": lambda store: store.append("a", "more"),
    "status": lambda store: store.index.status(),
    "compact": lambda store: store.index.compact(),
    "compact all": lambda store: store.index.compact(everything=True),
    "verify": lambda store: store.index.verify(),
    "mend": lambda store: store.index.verify(fix=True),
}
ENTRY = ["id", "incarnation", "version", "count", "size", "updated_at", "created_at", "active_at", "name",
         "agent", "parent", "state", "labels", "turn", "place", "deleted", "renewed", "provisional", "head",
         "unknown"]  # fmt: skip
PAGE = ["name", "run", "tier", "bytes", "sha256", "count", "oldest", "newest", "since", "states", "values"]
TOP = ["format", "version", "commits", "rebuild", "pages"]
NASTY: list[JsonValue] = [
    None, True, False, 0, -1, 2**31, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 1.5, 1e300, "", "x",
    "../../x", "../" * 40, "\0", "0" * 3000, [], {}, [None], [[]], [1], ["x"], {"id": 1}, {"id": "t"},
    {"started_at": 1}, {"id": "t", "started_at": 2**62}, {"id": "t", "started_at": None}, {"": -1},
    {"idle": 2**62}, {"agent": [[]]},
]  # fmt: skip
ODD = st.sampled_from(NASTY) | st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@cache
def archive() -> dict[str, bytes]:
    """The objects of an archive with two pages, and entries in the log beside them."""
    memory = MemoryStore()
    with SessionStore(memory, index=QUIET) as store:
        store.create("a", ["alpha"], name="Name", agent="x", labels={"l"}, state="running", turn="t")
        store.create("b", ["beta"], state="idle")
        store.index.compact()
        store.append("b", "alpha")
        store.create("c", parent="a")
        store.index.compact()
        store.create("d", ["delta"], agent="x")
        store.append("a", "alpha again")
    return {key: run(memory.get(key)).body for key in keys_of(memory)}


def reopened(objects: dict[str, bytes]) -> SessionStore:
    memory = MemoryStore()
    for key, body in objects.items():
        run(memory.put(key, body))
    return SessionStore(memory, index=QUIET)


def ends_well(objects: dict[str, bytes], call: str) -> None:
    """Have a call give a result or an error of ours; anything else fails the test."""
    with reopened(objects) as store:
        try:
            CALLS[call](store)
        except S3StoreError:
            pass


def with_manifest(inner: JsonValue, **changed: bytes) -> dict[str, bytes]:
    """The archive with another manifest, whose hash is right."""
    text = orjson.dumps(inner)
    whole = b'{"sha256":"%s","manifest":%s}\n' % (hashlib.sha256(text).hexdigest().encode(), text)
    return {**archive(), **changed, MANIFEST: whole}


def manifest() -> Any:
    return copy.deepcopy(json.loads(archive()[MANIFEST])["manifest"])


def an_entry() -> Entry:
    page = next(key for key in archive() if key.startswith(INDEX_PAGES))
    return read_fields(orjson.loads(unpack(page, archive()[page]).lines.splitlines()[0]))


calls = st.sampled_from(sorted(CALLS))


@settings(max_examples=250, derandomize=True)
@given(st.sampled_from(TOP) | st.sampled_from(PAGE).map(lambda field: f"pages.{field}"), ODD, calls)
def test_whatever_a_manifest_says(field: str, odd: JsonValue, call: str) -> None:
    said = manifest()
    if field.startswith("pages."):
        said["pages"][0][field.partition(".")[2]] = odd
    else:
        said[field] = odd
    ends_well(with_manifest(said), call)


@settings(max_examples=250, derandomize=True)
@given(st.sampled_from(ENTRY), ODD, calls)
def test_whatever_an_entry_on_a_page_says(field: str, odd: JsonValue, call: str) -> None:
    said = manifest()
    named = said["pages"][0]
    key = f"{INDEX_PAGES}{named['name']}.jsonl.zst"
    header, lines, _ = unpack(key, archive()[key])
    first, *rest = lines.splitlines(keepends=True)
    changed = orjson.dumps({**orjson.loads(first), field: odd}) + b"\n"
    body = pack(header, compress(b"".join([changed, *rest])))
    named |= {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    ends_well(with_manifest(said, **{key: body}), call)


@settings(max_examples=250, derandomize=True)
@given(st.sampled_from(ENTRY), ODD, calls)
def test_whatever_an_entry_of_the_log_says(field: str, odd: JsonValue, call: str) -> None:
    right = an_entry()
    text = write_text(right._replace(fields={**right.fields, field: odd}))
    ends_well({**archive(), log_key("7zzzzzzzzzzzzzzzzzzzzzzzzz", text): b""}, call)


@settings(max_examples=150, derandomize=True)
@given(st.sampled_from(["head", "version", "provisional"]), ODD, calls)
def test_whatever_an_entry_says_that_names_its_head(field: str, odd: JsonValue, call: str) -> None:
    stub = {"head": "ab/long", "version": 1, "provisional": False, field: odd}
    text = write_text(an_entry()._replace(fields=stub))
    ends_well({**archive(), log_key("7zzzzzzzzzzzzzzzzzzzzzzzzz", text): b""}, call)


@settings(max_examples=150, derandomize=True)
@given(st.data(), calls)
def test_an_index_that_is_broken_anywhere(data: st.DataObject, call: str) -> None:
    key = data.draw(st.sampled_from(sorted(key for key in archive() if key.startswith("index/") and archive()[key])))
    ends_well({**archive(), key: data.draw(broken(archive()[key]))}, call)


@settings(max_examples=300, derandomize=True)
@given(st.binary(max_size=300), st.text(max_size=300))
def test_any_bytes_and_any_key_are_read_or_refused(body: bytes, text: str) -> None:
    with pytest.raises(CorruptObject):
        read_manifest(body)
    info = read_manifest(archive()[MANIFEST]).pages[0]
    with pytest.raises(CorruptObject):
        read_page(info, body)
    for found in (text, body.hex()):
        try:
            read_text("key", found)
        except CorruptObject:
            pass


@pytest.mark.parametrize(
    "part", ["../../archive.json", "ab/..", "ab/.", "ab/", "ab/x/y", "/etc", "ab/\0", "zz/x", 7, None]
)
def test_an_entry_that_names_a_head_elsewhere_is_refused(part: JsonValue) -> None:
    text = write_text(an_entry()._replace(fields={"head": part, "version": 1, "provisional": False}))
    key = log_key("7zzzzzzzzzzzzzzzzzzzzzzzzz", text)
    with reopened({**archive(), key: b""}) as store:
        with pytest.raises(CorruptObject, match="rebuild"):
            list(store.list())
        store.index.rebuild()
        assert len(list(store.list())) == 4


def test_the_archive_that_is_broken_here_is_right_before() -> None:
    assert len([key for key in archive() if key.startswith(INDEX_PAGES)]) == 2
    assert [key for key in archive() if key.startswith(INDEX_LOG)]
    for call in CALLS.values():
        with reopened(archive()) as store:
            call(store)
    with reopened(archive()) as store:
        assert sorted(found.id for found in store.list()) == ["a", "b", "c", "d"]
