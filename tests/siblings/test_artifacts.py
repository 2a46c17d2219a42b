"""Artifacts: put, read, listed, removed, saved as a set; on every store and with every face that it has."""

from __future__ import annotations

import hashlib
import io
import random
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3store import (
    Artifact,
    ArtifactInfo,
    ArtifactLimits,
    ArtifactNotFound,
    Artifacts,
    CorruptObject,
    InvalidOption,
    NewArtifact,
    SessionDeleted,
    SessionStore,
    StoreNotCapable,
    TooLarge,
)
from s3store.changes import Append
from s3store.keys import StreamKeys
from s3store.runtime import run
from s3store.siblings.artifact_plan import INLINE
from s3store.siblings.artifact_set import ArtifactSet, Entry
from s3store.streams.change import FixedPlan
from tests.archives import prepare, s3_options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.archives import Place
    from tests.servers import MotoServer

pytest_plugins = ["tests.archive_fixtures"]

KEYS = StreamKeys.of("a", "artifacts")
MIDDLE = random.Random(1).randbytes(INLINE + 1)
"""The least content that gets an object of its own."""


@pytest.fixture
def store(place: Place) -> SessionStore:
    return place.open()


@pytest.fixture
def artifacts(store: SessionStore) -> Artifacts:
    return store.artifacts("a")


def names(artifacts: Artifacts) -> list[str]:
    return [info.name for info in artifacts.list()]


def bodies(place: Place) -> list[str]:
    return [key for key in place.listed(KEYS.segments) if not key.endswith(".jsonl.zst")]


def new(name: str, data: Any = "x", **more: Any) -> NewArtifact:
    return NewArtifact(name, data, **more)


# --- Put and get ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [b"", b"text \xc3\xa9", b"\xff\x00\xfe", MIDDLE], ids=["empty", "utf8", "bytes", "body"]
)
def test_bytes_come_back_as_they_were_put(place: Place, artifacts: Artifacts, data: bytes) -> None:
    info = artifacts.put("n", data, media_type="x/y", tool="hammer", attributes={"deep": [1, {"a": None}]})
    assert (info.name, info.media_type, info.tool, info.size) == ("n", "x/y", "hammer", len(data))
    assert info.attributes == {"deep": [1, {"a": None}]}
    assert info.sha256 == hashlib.sha256(data).hexdigest()
    other = place.open().artifacts("a")
    found = other.get("n")
    assert (found.data, found.info) == (data, info)
    assert other.list() == [info]
    assert b"".join(other.stream("n")) == data
    assert other.read("n", 1, 4) == data[1:4]
    assert other.read("n", 2) == data[2:]
    assert other.read("n", 5, 5) == b""
    assert other.read("n", len(data) + 7, len(data) + 9) == b""


def test_every_kind_of_source_is_taken(artifacts: Artifacts, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"<p>")
    middle = io.BytesIO(b"skipped<p>")
    middle.seek(7)
    sources: dict[str, Any] = {"text": "<p>", "bytes": b"<p>", "view": bytearray(b"<p>"), "path": path, "file": middle}
    for name, source in sources.items():
        artifacts.put(name, source)
    artifacts.put("iterator", iter([b"<", b"", b"p>"]))
    assert {info.name: artifacts.get(info.name).text for info in artifacts.list()} == dict.fromkeys(
        [*sources, "iterator"], "<p>"
    )
    types = {info.name: info.media_type for info in artifacts.list()}
    assert types["text"] == "text/plain; charset=utf-8"
    assert types["path"] == "text/html"
    assert types["bytes"] == types["iterator"] == "application/octet-stream"
    assert not middle.closed


def test_small_ones_ride_in_their_record_and_larger_ones_have_a_body(place: Place, artifacts: Artifacts) -> None:
    artifacts.put("small", MIDDLE[:INLINE])
    assert bodies(place) == []
    info = artifacts.put("larger", MIDDLE)
    assert bodies(place) == [KEYS.body(str(info.body))]
    assert place.read(KEYS.body(str(info.body))) == MIDDLE
    assert str(info.body).startswith(info.sha256)


def test_a_small_one_gets_an_object_if_it_is_asked_for(place: Place, artifacts: Artifacts) -> None:
    artifacts.put("n", b"tiny")
    info = artifacts.put("n", b"tiny", inline=False)
    assert [place.read(key) for key in bodies(place)] == [b"tiny"]
    assert artifacts.put("n", b"tiny").body == info.body
    assert place.open().artifacts("a").get("n").data == b"tiny"


@pytest.mark.parametrize(
    "name",
    ["../../x", "/etc/passwd", "nul\x00byte", "", ".", "..", "n" * 2000, "file:///a b?c#d", "\u202e\n\t", "é" * 9],
)
def test_a_name_is_only_data(place: Place, artifacts: Artifacts, name: str) -> None:
    artifacts.put(name, MIDDLE)
    assert names(place.open().artifacts("a")) == [name]
    assert artifacts.get(name).data == MIDDLE
    assert all(
        key.startswith("sessions/") for key in place.listed() if not key.startswith(("archive", "check", "index"))
    )
    assert artifacts.remove(name) is True


def test_what_is_not_there_is_said(artifacts: Artifacts) -> None:
    for call in (artifacts.get, artifacts.read, lambda name: list(artifacts.stream(name)), artifacts.url):
        with pytest.raises(ArtifactNotFound, match="'gone'"):
            call("gone")
    assert artifacts.remove("gone") is False
    assert artifacts.exists() is False
    assert artifacts.load() is None
    artifacts.put("there", b"")
    with pytest.raises(ArtifactNotFound):
        artifacts.get("gone")
    assert artifacts.remove("gone") is False


@pytest.mark.parametrize(
    ("name", "data", "more", "error"),
    [
        (1, b"", {}, InvalidOption),
        ("\ud800", b"", {}, InvalidOption),
        ("n" * 8193, b"", {}, TooLarge),
        ("n", 5, {}, InvalidOption),
        ("n", "\ud800", {}, InvalidOption),
        ("n", ["text"], {}, InvalidOption),
        ("n", io.StringIO("text"), {}, InvalidOption),
        ("n", b"", {"media_type": 1}, InvalidOption),
        ("n", b"", {"tool": b"x"}, InvalidOption),
        ("n", b"", {"attributes": [1]}, InvalidOption),
        ("n", b"", {"attributes": {"a": float("nan")}}, InvalidOption),
        ("n", b"", {"attributes": {"a": 2**70}}, InvalidOption),
        ("n", b"", {"attributes": {"a": "x" * 70_000}}, TooLarge),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_sent(
    memory: Place, name: Any, data: Any, more: Any, error: type[Exception]
) -> None:
    artifacts = memory.open().artifacts("a")
    with pytest.raises(error):
        artifacts.put(name, data, **more)
    with pytest.raises(error):
        artifacts.save([NewArtifact(name, data, **more)])
    assert memory.listed() == []


# --- Order, limits, sets ----------------------------------------------------------------------------------------------


def test_a_name_that_is_put_again_moves_to_the_end(place: Place, artifacts: Artifacts) -> None:
    for name in ("one", "two", "three"):
        artifacts.put(name, name)
    artifacts.put("one", "one")
    artifacts.put("two", "new")
    assert names(place.open().artifacts("a")) == ["three", "one", "two"]
    assert artifacts.get("two").text == "new"
    assert artifacts.put("two", "new").name == "two"
    assert names(artifacts) == ["three", "one", "two"]


def test_the_oldest_go_where_there_are_too_many(place: Place, store: SessionStore) -> None:
    limited = store.artifacts("a", ArtifactLimits(count=2))
    for name in ("one", "two", "three"):
        limited.put(name, MIDDLE + name.encode())
    assert names(limited) == ["two", "three"]
    assert len(bodies(place)) == 2
    limited.put("two", MIDDLE)
    limited.put("four", "x")
    assert names(limited) == ["two", "four"]


def test_the_oldest_go_where_they_are_too_large(store: SessionStore) -> None:
    limited = store.artifacts("a", ArtifactLimits(size=10))
    limited.put("one", "1234")
    limited.put("two", "1234")
    limited.put("three", "123")
    assert names(limited) == ["two", "three"]
    limited.put("three", "123456")
    assert names(limited) == ["two", "three"]
    limited.put("four", "1234567890")
    assert names(limited) == ["four"]


def test_one_that_is_over_the_limit_by_itself_is_refused(place: Place, store: SessionStore) -> None:
    limited = store.artifacts("a", ArtifactLimits(size=INLINE))
    limited.put("one", "1")
    with pytest.raises(TooLarge, match="limit"):
        limited.put("two", MIDDLE)
    assert names(place.open().artifacts("a")) == ["one"]
    assert bodies(place) == []


def test_limits_are_not_applied_on_reading(store: SessionStore) -> None:
    store.artifacts("a").save([new("one"), new("two"), new("three")])
    limited = store.artifacts("a", ArtifactLimits(count=1))
    assert names(limited) == ["one", "two", "three"]
    assert [artifact.name for artifact in limited.load() or []] == ["one", "two", "three"]
    limited.save([new("one"), new("two"), new("three")])
    assert names(limited) == ["three"]


def test_a_set_is_saved_and_loaded_whole(place: Place, artifacts: Artifacts) -> None:
    given = [new("one", "1", tool="t"), new("two", MIDDLE), new("three", b"\xff", attributes={"a": 1})]
    infos = artifacts.save(given)
    assert [info.name for info in infos] == ["one", "two", "three"]
    loaded = place.open().artifacts("a").load() or []
    assert [artifact.info for artifact in loaded] == infos
    assert [artifact.data for artifact in loaded] == [b"1", MIDDLE, b"\xff"]
    artifacts.save([loaded[1], new("four"), loaded[0]])
    assert names(place.open().artifacts("a")) == ["two", "four", "one"]
    assert len(bodies(place)) == 1
    artifacts.save([])
    assert place.open().artifacts("a").load() == []
    assert bodies(place) == []


def test_an_empty_set_is_saved_too(place: Place, artifacts: Artifacts) -> None:
    assert artifacts.save([]) == []
    other = place.open().artifacts("a")
    assert (other.exists(), other.load()) == (True, [])


def test_of_several_of_one_name_the_last_counts(artifacts: Artifacts) -> None:
    artifacts.save([new("n", "1"), new("m", "2"), new("n", "3")])
    assert [(artifact.name, artifact.text) for artifact in artifacts.load() or []] == [("m", "2"), ("n", "3")]


def test_what_has_not_changed_is_not_sent_again(place: Place, artifacts: Artifacts) -> None:
    given = [new("one", "1"), new("two", MIDDLE)]
    artifacts.save(given)
    before = {key: place.read(key) for key in place.listed()}
    artifacts.save(given)
    artifacts.put("two", MIDDLE)
    place.open().artifacts("a").save(given)
    assert {key: place.read(key) for key in place.listed()} == before
    artifacts.put("again", MIDDLE)
    assert len(bodies(place)) == 1
    artifacts.remove("two")
    assert artifacts.get("again").data == MIDDLE
    artifacts.remove("again")
    assert bodies(place) == []


def test_the_log_of_a_set_that_changes_for_ever_stays_short(memory: Place) -> None:
    limited = memory.open().artifacts("a", ArtifactLimits(count=3))
    for number in range(150):
        limited.put(f"n{number}", f"{number}")
    assert names(memory.open().artifacts("a")) == ["n147", "n148", "n149"]
    found = run(limited._core.read())
    assert found is not None
    assert len(found[1]) <= 64


# --- Beside a session -------------------------------------------------------------------------------------------------


def test_artifacts_make_no_session_and_go_with_it(place: Place, store: SessionStore, artifacts: Artifacts) -> None:
    artifacts.put("n", MIDDLE)
    assert store.exists("a") is False
    assert list(store.list()) == []
    store.append("a", "message")
    handle = store.session("a").artifacts()
    assert handle.get("n").data == MIDDLE
    store.delete("a")
    assert place.open().artifacts("a").load() is None
    assert bodies(place) == []
    with pytest.raises(SessionDeleted):
        handle.put("n", "x")
    with pytest.raises(SessionDeleted):
        handle.list()


def test_a_damaged_or_missing_body_is_said_to_be(place: Place, tmp_path: Path) -> None:
    artifacts = place.open(cache=False).artifacts("a")
    info = artifacts.put("n", MIDDLE)
    key = KEYS.body(str(info.body))
    for wrong in (MIDDLE[:-1], bytes([MIDDLE[0] ^ 1]) + MIDDLE[1:]):
        place.write(key, wrong)
        for call in (artifacts.get, lambda name: list(artifacts.stream(name)), lambda _: artifacts.load()):
            with pytest.raises(CorruptObject, match=info.sha256):
                call("n")
        with pytest.raises(CorruptObject):
            artifacts.get_to("n", tmp_path / "file")
        assert list(tmp_path.glob("file*")) == []
    place.remove(key)
    reads: list[Callable[[str], Any]] = [
        artifacts.get,
        artifacts.read,
        lambda name: list(artifacts.stream(name)),
        lambda _: artifacts.load(),
    ]
    for read in reads:
        with pytest.raises(CorruptObject, match="missing"):
            read("n")


@pytest.mark.parametrize(
    "record",
    [
        {"put": {"name": "n", "media_type": "x", "size": 1, "sha256": "0" * 64, "body": "../../../archive.json"}},
        {"put": {"name": "n", "media_type": "x", "size": 1, "sha256": "0" * 64, "text": "another"}},
        {"put": {"name": "n"}},
        {"remove": 1},
        "text",
    ],
)
def test_a_record_that_is_none_is_refused(memory: Place, record: Any) -> None:
    core = memory.open().artifacts("a")._core
    run(core.land(run(core.change(FixedPlan([Append(record)])))))
    for call in (memory.open().artifacts("a").list, lambda: memory.open().artifacts("a").put("m", b"")):
        with pytest.raises(CorruptObject, match=r"artifacts\.jsonl\.zst"):
            call()


def test_a_long_log_is_sealed_and_read_again(small_parts: None, place: Place) -> None:
    artifacts = place.open().artifacts("a")
    for number in range(9):
        artifacts.put(f"n{number}", random.Random(number).randbytes(300))
    artifacts.put("n0", "moved")
    assert [key for key in place.listed(KEYS.segments) if key.endswith(".jsonl.zst")]
    assert names(place.open().artifacts("a")) == [*(f"n{number}" for number in range(1, 9)), "n0"]
    artifacts.save([new("n3"), new("only")])
    assert names(place.open().artifacts("a")) == ["n3", "only"]


@pytest.mark.s3
def test_a_url_reads_an_artifact_without_credentials(moto: MotoServer, bucket_name: Callable[[], str]) -> None:
    bucket = moto.make_bucket(bucket_name())
    with SessionStore(f"s3://{bucket}/agents", s3=s3_options(moto.url)) as store:
        prepare(store._archive.store)
        artifacts = store.artifacts("a")
        artifacts.put("page", "<p>", media_type="text/html", inline=False)
        with urlopen(artifacts.url("page", seconds=60, filename="p.html")) as answer:
            assert answer.read() == b"<p>"
            assert answer.headers["content-type"] == "text/html"
            assert "p.html" in answer.headers["content-disposition"]


def test_urls_are_for_s3_and_for_what_has_an_object(memory: Place) -> None:
    artifacts = memory.open().artifacts("a")
    artifacts.put("small", "x")
    with pytest.raises(InvalidOption, match="inline=False"):
        artifacts.url("small")
    artifacts.put("large", MIDDLE)
    with pytest.raises(StoreNotCapable):
        artifacts.url("large")


def test_what_was_loaded_is_comfortable(memory: Place) -> None:
    artifacts = memory.open().artifacts("a")
    artifacts.put("n", "é")
    found = artifacts.get("n")
    assert (found.name, found.text) == ("n", "é")
    assert "é" not in repr(Artifact(found.info, MIDDLE))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    ["name", "media_type", "tool", "attributes", "size", "sha256", "text", "base64", "body", "put", "remove"]
)


@given(JSON | st.dictionaries(FIELDS, JSON | st.dictionaries(FIELDS, JSON)), FIELDS, JSON)
def test_whatever_a_record_says_it_tells_of_artifacts_or_is_refused(record: Any, field: str, odd: Any) -> None:
    right = Entry(ArtifactInfo("n", "x/y", "t", {"a": 1}, 1, hashlib.sha256(b"x").hexdigest(), None), b"x")
    for message in (record, {"put": {**right.to_json(), field: odd}}):
        try:
            found = ArtifactSet.of("k", [message])
        except CorruptObject:
            continue
        for entry in found.entries.values():
            assert Entry.from_json(entry.to_json()).same_as(entry)
            assert found.size == entry.info.size
            assert found.bodies == {body for body in [entry.info.body] if body is not None}
