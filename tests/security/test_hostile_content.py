"""Archives that somebody else wrote: whatever stands in them, a call ends with an error of ours and takes no room."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from s3store import CorruptObject, IndexPolicy, S3StoreError, SessionStore, UnsupportedFormat
from s3store.changes import Append
from s3store.keys import ARCHIVE, INDEX_PAGES, MANIFEST, StreamKeys
from s3store.runtime import run
from s3store.streams.change import FixedPlan
from s3store.streams.frames import MAX_CONTENT_BYTES, compress, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

KEYS = StreamKeys.of("a", "transcript")
ARTIFACTS = StreamKeys.of("a", "artifacts")
BODY = bytes(100_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
DEEP = 10_000
LITTLE = 3 * MAX_CONTENT_BYTES

READS: dict[str, Callable[[SessionStore], object]] = {
    "load": lambda store: store.load("a"),
    "info": lambda store: store.info("a"),
    "last": lambda store: store.last("a", 1),
    "records": lambda store: list(store.records("a")),
    "append": lambda store: store.append("a", "more", key="k"),
    "save": lambda store: store.save("a", ["all"]),
    "delete": lambda store: store.delete("a"),
    "scan": lambda store: list(store.scan()),
    "load_all": lambda store: store.load_all("a"),
    "search": lambda store: store.search("word"),
    "verify": lambda store: store.index.verify(),
}
LISTS: dict[str, Callable[[SessionStore], object]] = {
    "list": lambda store: list(store.list()),
    "oldest": lambda store: list(store.list(order="oldest", offset=1)),
    "count": lambda store: store.count(),
    "search": lambda store: store.search("word"),
    "compact": lambda store: store.index.compact(everything=True),
    "verify": lambda store: store.index.verify(),
}


@pytest.fixture
def archive(memory: Place, small_parts: None) -> Place:
    """Session a with segments, an artifact with a body, and a page in the index."""
    with memory.open(index=IndexPolicy(compact_after=None)) as store:
        store.create("a", ["first"], name="n")
        for number in range(3):
            store.append("a", f"word {number}", key=f"k{number}")
        store.artifacts("a").put("n", BODY)
        store.index.compact()
    return memory


@pytest.fixture
def bounded() -> Iterator[None]:
    """Fail where a test takes much memory."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < LITTLE
    finally:
        tracemalloc.stop()


def ends_well(archive: Place, calls: dict[str, Callable[[SessionStore], object]]) -> dict[str, str]:
    """Make each call on a client of its own, on the archive as it is; return how it ended."""
    before = {key: archive.read(key) for key in archive.listed()}
    ended, said = {}, []
    for name, call in calls.items():
        try:
            call(archive.open(index=IndexPolicy(compact_after=None)))
            ended[name] = "done"
        except S3StoreError as error:
            ended[name] = type(error).__name__
            said.append(str(error))
        for key in archive.listed():
            archive.remove(key)
        for key, body in before.items():
            archive.write(key, body)
    assert all(len(text) < 1000 for text in said)
    return ended


def rewrite_head(archive: Place, change: Callable[[Any], object], lines: bytes | None = None) -> None:
    header, _, frame = unpack(KEYS.head, archive.read(KEYS.head))
    change(header)
    archive.write(KEYS.head, pack(header, frame if lines is None else compress(lines)))


def raw_head(archive: Place, header: bytes) -> None:
    """Put a head in place whose header is this text, hashed as a writer would."""
    frame = unpack(KEYS.head, archive.read(KEYS.head)).frame
    payload = b"%s\n%s\n" % (header, hashlib.sha256(header + frame).hexdigest().encode())
    archive.write(KEYS.head, b"\x50\x2a\x4d\x18" + len(payload).to_bytes(4, "little") + payload + frame)


def rewrite_page(archive: Place, lines: bytes, **said: Any) -> None:
    """Put other lines on the page, and have the manifest name it with the right hash."""
    manifest = json.loads(archive.read(MANIFEST))["manifest"]
    [page] = manifest["pages"]
    body = pack({"format": "s3store.page/1", "count": 1}, compress(lines))
    archive.write(f"{INDEX_PAGES}{page['name']}.jsonl.zst", body)
    page |= {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(), **said}
    write_manifest(archive, orjson.dumps(manifest))


def write_manifest(archive: Place, inner: bytes) -> None:
    digest = hashlib.sha256(inner).hexdigest().encode()
    archive.write(MANIFEST, b'{"sha256":"%s","manifest":%s}\n' % (digest, inner))


def put_record(archive: Place, record: Any) -> None:
    """Have the artifacts of session a say this."""
    core = archive.open().artifacts("a")._core
    run(core.land(run(core.change(FixedPlan([Append(record)])))))


# --- Bombs ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bounded")
def test_a_head_that_decompresses_to_too_much_is_refused(archive: Place) -> None:
    rewrite_head(archive, lambda header: None, bytes(MAX_CONTENT_BYTES + 1))
    with pytest.raises(CorruptObject):
        archive.open().load("a")


@pytest.mark.usefixtures("bounded")
def test_a_segment_that_decompresses_to_too_much_is_refused(archive: Place) -> None:
    first = archive.listed(KEYS.segments)[0]
    body = pack(unpack(first, archive.read(first)).header, compress(bytes(MAX_CONTENT_BYTES + 1)))
    archive.write(first, body)
    changed = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    rewrite_head(archive, lambda header: header["segments"][0].update(changed))
    with pytest.raises(CorruptObject, match="transcript/"):
        archive.open().load("a")


@pytest.mark.usefixtures("bounded")
def test_a_page_that_decompresses_to_too_much_is_refused(archive: Place) -> None:
    rewrite_page(archive, bytes(MAX_CONTENT_BYTES + 1))
    with pytest.raises(CorruptObject, match="index/pages/"):
        list(archive.open().list())


# --- Depth ------------------------------------------------------------------------------------------------------------

TOO_DEEP = b"[" * DEEP + b"]" * DEEP


def test_json_that_is_nested_for_ever_is_refused_in_a_head(archive: Place) -> None:
    raw_head(archive, b'{"format":%s}' % TOO_DEEP)
    assert set(ends_well(archive, READS).values()) <= {"CorruptObject", "done"}
    with pytest.raises(CorruptObject):
        archive.open().load("a")


@pytest.mark.parametrize("wide", [b"", b'"wide":true,'], ids=["plain", "wide"])
def test_json_that_is_nested_for_ever_is_refused_in_a_record(archive: Place, wide: bytes) -> None:
    header = unpack(KEYS.head, archive.read(KEYS.head)).header
    tail = header["count"] - 1
    line = b'{%s"seq":%d,"commit":"c","at":"2026-01-01T00:00:00Z","message":%s}\n' % (wide, tail, TOO_DEEP)
    rewrite_head(archive, lambda header: None, line)
    ended = ends_well(archive, READS)
    assert {ended[call] for call in ("load", "last", "records")} == {"CorruptObject"}


def test_json_that_is_nested_for_ever_is_refused_in_the_index(archive: Place) -> None:
    rewrite_page(archive, TOO_DEEP + b"\n")
    assert ends_well(archive, LISTS)["list"] == "CorruptObject"
    write_manifest(archive, b'{"format":%s}' % TOO_DEEP)
    assert ends_well(archive, LISTS)["list"] == "CorruptObject"


def test_json_that_is_nested_for_ever_is_refused_as_the_archives_record(archive: Place) -> None:
    archive.write(ARCHIVE, TOO_DEEP)
    with pytest.raises(CorruptObject, match="archive"):
        archive.open().append("a", "x")


@pytest.mark.parametrize("capability", [None, [], "x", 1])
def test_a_record_of_another_kind_is_refused_as_the_archives(archive: Place, capability: Any) -> None:
    record = json.loads(archive.read(ARCHIVE))
    archive.write(ARCHIVE, json.dumps({**record, "capability": capability}).encode())
    with pytest.raises(CorruptObject, match="archive"):
        archive.open().append("a", "x")


# --- Huge numbers, and times at the end of time -----------------------------------------------------------------------


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("number", [2**62, 2**63 - 1, 2**63, 2**64 - 1, 10**30])
@pytest.mark.parametrize("field", ["count", "version", "fence"])
def test_a_head_with_a_huge_number(archive: Place, field: str, number: int) -> None:
    header, _, _ = unpack(KEYS.head, archive.read(KEYS.head))
    raw_head(archive, json.dumps({**header, field: number}).encode())
    ends_well(archive, READS)
    if field == "count":
        with pytest.raises(CorruptObject):
            archive.open().load("a")


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("number", [2**62, 2**63, 2**64 - 1])
def test_a_segment_with_a_huge_number(archive: Place, number: int) -> None:
    for field in ("count", "bytes", "first", "keyed"):
        good = archive.read(KEYS.head)
        header, _, _ = unpack(KEYS.head, good)
        header["segments"][0][field] = number
        raw_head(archive, json.dumps(header).encode())
        ends_well(archive, READS)
        archive.write(KEYS.head, good)


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("number", [2**62, 2**63 - 1, 2**63])
@pytest.mark.parametrize("field", ["count", "oldest", "newest", "since", "bytes", "tier", "states"])
def test_a_page_with_a_huge_number(archive: Place, field: str, number: int) -> None:
    manifest = json.loads(archive.read(MANIFEST))["manifest"]
    manifest["pages"][0][field] = {"": number} if field == "states" else number
    write_manifest(archive, orjson.dumps(manifest))
    ends_well(archive, LISTS)


TIMES = [
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
]


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("field", ["created_at", "updated_at"])
def test_a_head_at_the_end_of_time(archive: Place, field: str, time: str) -> None:
    rewrite_head(archive, lambda header: header.update({field: time}))
    ends_well(archive, READS)


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("size", [2**40, 2**62, 2**63, -1])
def test_an_artifact_that_claims_to_be_huge_is_refused(archive: Place, tmp_path: Path, size: int) -> None:
    name = archive.listed(f"{ARTIFACTS.segments}{SHA256}-")[0].rpartition("/")[2]
    put_record(archive, {"put": {"name": "n", "media_type": "x", "size": size, "sha256": SHA256, "body": name}})
    artifacts = archive.open().artifacts("a")
    reads: list[Callable[[], object]] = [
        lambda: artifacts.get("n"),
        lambda: artifacts.load(),
        lambda: list(artifacts.stream("n")),
        lambda: artifacts.get_to("n", tmp_path / "out"),
    ]
    for read in reads:
        with pytest.raises(CorruptObject):
            read()
    assert not (tmp_path / "out").exists()


# --- What points elsewhere --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sha256", ["../../x", "/../../../../etc/passwd", "x\0y", "", "A" * 64, "0" * 63, 7, None])
def test_a_hash_that_is_a_path_is_refused_before_a_file_is_opened(
    archive: Place, tmp_path: Path, sha256: object
) -> None:
    body = f"{SHA256}-01kah0000000000000000000aa"
    put_record(archive, {"put": {"name": "m", "media_type": "x", "size": 5, "sha256": sha256, "body": body}})
    (tmp_path / ".s3store-").mkdir()
    with pytest.raises(CorruptObject):
        archive.open().artifacts("a").get_to("m", tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == [".s3store-"]


def test_a_content_of_another_size_than_its_record_says_is_refused(archive: Place) -> None:
    digest = hashlib.sha256(b"text").hexdigest()
    put_record(archive, {"put": {"name": "m", "media_type": "x", "size": 1 << 40, "sha256": digest, "text": "text"}})
    with pytest.raises(CorruptObject):
        archive.open().artifacts("a").list()


def test_the_head_of_another_session_under_a_key_is_refused(archive: Place) -> None:
    with archive.open() as store:
        store.create("b", ["not of a"])
    archive.write(KEYS.head, archive.read(StreamKeys.of("b", "transcript").head))
    ended = ends_well(archive, READS)
    assert {ended[call] for call in ("load", "info", "last", "records", "append", "save", "scan")} == {"CorruptObject"}


def test_of_a_format_that_is_not_known_no_more_is_shown_than_its_name(archive: Place) -> None:
    rewrite_head(archive, lambda header: header.update(format="\x1b[31m" * 10_000))
    with pytest.raises(UnsupportedFormat) as caught:
        archive.open().load("a")
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()
    rewrite_head(archive, lambda header: header.update(format={"secret": "x" * 10_000}))
    with pytest.raises(UnsupportedFormat) as caught:
        archive.open().load("a")
    assert "secret" not in str(caught.value)
