"""The archive with a cache on this machine: the same answers, fewer requests, and reading on through an outage."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from s3store.cache import Cache, default_directory

from s3store import (
    AsyncSessionStore,
    CachePolicy,
    IndexPolicy,
    InvalidOption,
    NotCached,
    S3Options,
    SessionDeleted,
    SessionNotFound,
    SessionStore,
    StoreUnavailable,
)
from s3store.objects.base import StoredObject
from s3store.objects.counting import CountingStore, Counts
from s3store.objects.memory import MemoryStore
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.objects.shelf import Shelf
from s3store.runtime import BlockingRuntime, run
from tests.archives import QUICK, Place, in_step, keys_of, prepare

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

    from s3store.objects.shelf import Kept

pytest_plugins = ["tests.archive_fixtures"]


class Counted:
    """An archive in memory that counts what it is asked, its clients' cache, and a network that can go away."""

    def __init__(self, folder: Path, face: str, closing: ExitStack) -> None:
        self.memory = MemoryStore()
        self.store = Breakable(self.memory)
        self.counting = CountingStore(self.store)
        self.folder = folder
        self.runner = closing.enter_context(asyncio.Runner()) if face == "async" else None
        self._closing = closing
        prepare(self.memory)

    def open(self, *, cache: Any = None, **options: Any) -> SessionStore:
        """Return a new client, with the cache that all share; `options` are those of its policy."""
        chosen: Any = cache if cache is not None else CachePolicy(self.folder, **options)
        index = IndexPolicy(compact_after=None)
        store: SessionStore
        if self.runner is None:
            store = SessionStore(self.counting, policy=QUICK, index=index, cache=chosen)
        else:
            asynchronous = AsyncSessionStore(self.counting, policy=QUICK, index=index, cache=chosen)
            store = in_step(asynchronous, self.runner)
        self._closing.callback(store.close)
        return store

    def asked(self) -> Counts:
        return self.counting.reset()

    def cached(self) -> Cache:
        """Return the cache, for those who spoil it."""
        opened = CachePolicy(self.folder).open()
        assert isinstance(opened, Cache)
        self._closing.callback(opened.close)
        return opened


class Breakable:
    """A store that cannot be reached while it is `down`."""

    def __init__(self, inner: MemoryStore) -> None:
        self._inner = inner
        self.down = False

    def __getattr__(self, name: str) -> Any:
        if self.down and name in {"get", "put", "delete", "list_page"}:
            raise StoreUnavailable("the network is down")
        return getattr(self._inner, name)

    get: Any
    put: Any
    delete: Any
    list_page: Any
    identity: Any
    close: Any


@pytest.fixture(params=["blocking", "async"])
def archive(request: pytest.FixtureRequest, tmp_path: Path, closing: ExitStack) -> Counted:
    return Counted(tmp_path / "cache", request.param, closing)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache-of-the-test"


# On every store, with both faces


def test_what_is_read_is_what_is_there(place: Place, cache: Path) -> None:
    one, two = place.open(cache=cache), place.open(cache=cache)
    plain = place.open(cache=False)
    for number in range(3):
        one.append("a", number)
        assert two.load("a").messages == list(range(number + 1))
        plain.append("b", number)
        assert one.load("b").messages == list(range(number + 1))
        assert [found.id for found in two.list()] == ["b", "a"]
    plain.delete("b")
    with pytest.raises(SessionNotFound):
        one.load("b")
    assert [found.id for found in one.list()] == ["a"]
    two.append("b", "again")
    assert one.load("b").messages == ["again"]


def test_an_outage_is_read_through(place: Place, cache: Path, small_parts: None) -> None:
    writer = place.open(cache=cache)
    for number in range(5):
        writer.append("long", {"number": number, "text": "word " * 50})
    writer.append("other", 1)
    writer.close()
    for key in place.listed():
        place.remove(key)
    offline = place.open(cache=CachePolicy(cache, offline=True))
    assert [found.id for found in offline.list()] == ["other", "long"]
    assert [message["number"] for message in offline.load("long").messages] == list(range(5))
    assert [record.message["number"] for record in offline.records("long")] == list(range(5))
    assert offline.last("other", 1)[0].message == 1
    with pytest.raises(NotCached, match="sessions/"):
        offline.load("never seen")


def test_many_writers_with_one_cache_lose_nothing(place: Place, cache: Path) -> None:
    stores = [place.open(cache=CachePolicy(cache, max_age=max_age)) for max_age in (0, 60, 0)]
    for number in range(12):
        stores[number % 3].append("a", number, key=f"{number % 6}")
    assert stores[0].load("a").messages == list(range(6))


# What is asked


def test_what_was_just_saved_is_read_back_with_one_304(archive: Counted) -> None:
    store = archive.open()
    store.append("a", "x" * 1000)
    archive.asked()
    assert store.load("a").messages == ["x" * 1000]
    assert archive.asked() == Counts(gets=1)
    assert archive.open().load("a").messages == ["x" * 1000]
    assert archive.asked() == Counts(gets=1)
    assert archive.open(max_age=60).load("a").messages == ["x" * 1000]
    assert archive.asked() == Counts()


def test_the_first_append_of_a_process_on_a_kept_head_reads_nothing(archive: Counted) -> None:
    archive.open().append("a", 1)
    archive.asked()
    archive.open().append("a", 2)
    asked = archive.asked()
    assert (asked.gets, asked.puts) == (0, 2)  # the head, and the entry of the log
    assert archive.open(cache=False).load("a").messages == [1, 2]


def test_a_kept_head_that_is_out_of_date_costs_a_read_and_no_more(archive: Counted) -> None:
    archive.open().append("a", 1)
    archive.open(cache=False).append("a", 2)
    archive.asked()
    archive.open().append("a", 3)
    asked = archive.asked()
    assert (asked.gets, asked.puts) == (1, 3)
    assert archive.open(cache=False).load("a").messages == [1, 2, 3]


def test_only_the_store_turns_a_caller_down(archive: Counted) -> None:
    archive.open().append("a", 1)
    archive.open(cache=False).append("a", 2)
    assert archive.open(max_age=3600).append("a", 3, expected_version=2).version == 3
    archive.open(max_age=3600).delete("b")
    archive.open(cache=False).append("b", 1)
    assert archive.open(max_age=3600).load("b").messages == [1]


def test_segments_and_pages_are_read_once(archive: Counted, small_parts: None) -> None:
    writer = archive.open(cache=False)
    for number in range(6):
        writer.append("a", {"number": number, "text": "word " * 50})
    writer.index.compact()
    archive.asked()
    for expected in (Counts(gets=6), Counts(gets=1)):
        assert len(archive.open().load("a").messages) == 6
        asked = archive.asked()
        assert (asked.gets, asked.lists) == (expected.gets, 0)
    for gets in (2, 1):
        assert [found.id for found in archive.open().page().sessions] == ["a"]
        asked = archive.asked()
        assert (asked.lists, asked.gets) == (1, gets)
    assert asked.bytes_down == 0


def test_a_listing_that_is_repeated_decodes_nothing_again(archive: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []

    def noted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **more: Any) -> Any:
            decoded.append(function.__name__)
            return function(*args, **more)

        return wrapper

    for place in ("view.read_page", "manifest.read_manifest", "log.read_text"):
        module, _, name = place.partition(".")
        found = getattr(import_module(f"s3store.index.{module}"), name)
        monkeypatch.setattr(f"s3store.index.{place}", noted(found))
    writer = archive.open(cache=False)
    writer.append("a", 1)
    writer.index.compact()
    writer.append("b", 1)
    store = archive.open()
    first = store.page()
    assert {"read_page", "read_manifest", "read_text"} <= set(decoded)
    decoded.clear()
    archive.asked()
    assert store.page() == first
    assert decoded == []
    assert archive.asked() == Counts(lists=1, gets=1)


def test_a_listing_within_max_age_asks_nobody_but_sees_what_this_process_wrote(archive: Counted) -> None:
    archive.open().append("a", 1)
    store = archive.open(max_age=3600)
    assert [found.id for found in store.list()] == ["a"]
    archive.asked()
    assert [found.id for found in store.list()] == ["a"]
    assert [found.id for found in archive.open(max_age=3600).list()] == ["a"]
    assert archive.asked() == Counts()
    store.append("b", 1)
    archive.asked()
    assert [found.id for found in store.list()] == ["b", "a"]
    assert archive.asked().lists == 1


def test_a_listing_within_max_age_whose_pages_are_gone_is_made_anew(archive: Counted) -> None:
    writer = archive.open(cache=False)
    writer.append("a", 1)
    writer.index.compact()
    reader = archive.open(max_age=3600)
    assert reader.count() == 1  # which reads the manifest, and no page
    writer.append("b", 1)
    writer.index.compact(everything=True)
    assert [found.id for found in reader.list()] == ["b", "a"]


def test_a_transcript_within_max_age_whose_segments_are_gone_is_read_anew(archive: Counted, small_parts: None) -> None:
    writer = archive.open(cache=False)
    writer.save("a", [{"text": "old " * 50}] * 4)
    reader = archive.open(max_age=3600)
    reader.info("a")
    writer.save("a", [{"text": "new " * 50}] * 4)
    assert reader.load("a").messages == [{"text": "new " * 50}] * 4


def test_a_handle_sees_a_delete_by_others_though_the_head_is_kept(archive: Counted) -> None:
    archive.open().append("a", 1)
    handle = archive.open().session("a")
    assert handle.load().messages == [1]
    archive.open(cache=False).delete("a")
    with pytest.raises(SessionDeleted):
        handle.load()


# Offline


def test_offline_sends_nothing_at_all(archive: Counted) -> None:
    archive.open().append("a", 1)
    archive.open().page()
    archive.store.down = True
    archive.asked()
    offline = archive.open(offline=True)
    assert offline.page().sessions[0].id == "a"
    assert offline.count() == 1
    assert offline.exists("a")
    calls: list[Callable[[], object]] = [
        lambda: offline.append("a", 2),
        lambda: offline.save("b", []),
        lambda: offline.delete("a"),
        offline.check,
        lambda: list(offline.scan()),
        offline.index.status,
        offline.index.compact,
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()
    with pytest.raises(NotCached):
        offline.exists("unknown")
    assert archive.asked() == Counts()


def test_offline_without_a_list_says_so(archive: Counted) -> None:
    with pytest.raises(NotCached, match="list of sessions"):
        list(archive.open(offline=True).list())


def test_offline_lists_what_was_merged_and_what_came_after_it(archive: Counted) -> None:
    store = archive.open()
    for number in range(40):
        store.append(f"s{number:02}", number)
    store.index.compact()
    assert store.count() == 40
    assert len(list(store.list())) == 40
    store.append("s00", "more")
    store.append("new", "x")
    store.delete("s39")
    store.close()
    archive.store.down = True
    listed = [found.id for found in archive.open(offline=True).list()]
    assert listed[:2] == ["new", "s00"]
    assert sorted(listed) == sorted([*(f"s{number:02}" for number in range(39)), "new"])


def test_warm_brings_the_newest_sessions_and_no_others(archive: Counted, small_parts: None) -> None:
    writer = archive.open(cache=False)
    for name in ("old", "middle", "new"):
        writer.save(name, [{"number": number, "text": "word " * 50} for number in range(6)], agent=name)
    told: list[int] = []
    warmed = archive.open().warm(limit=2, progress=lambda done: told.append(done.sessions))
    assert warmed.sessions == 2
    assert warmed.bytes == sum(writer.info(name).size for name in ("middle", "new"))
    archive.asked()
    assert archive.open().warm(limit=2) == warmed
    assert archive.asked().bytes_down == 0
    archive.store.down = True
    offline = archive.open(offline=True)
    assert len(offline.load("new").messages) == 6
    with pytest.raises(NotCached):
        offline.load("old")
    archive.store.down = False
    assert archive.open().warm(agent="old").sessions == 1
    assert len(archive.open(offline=True).load("old").messages) == 6


def test_warming_many_tells_how_far_it_has_come(archive: Counted) -> None:
    writer = archive.open(cache=False)
    for number in range(40):
        writer.append(f"{number}", number)
    told: list[int] = []
    assert archive.open().warm(progress=lambda done: told.append(done.sessions)).sessions == 40
    assert told == [32]


def test_what_goes_through_all_sessions_keeps_none_of_them(archive: Counted) -> None:
    writer = archive.open(cache=False)
    for number in range(5):
        writer.append(f"{number}", number)
    store = archive.open()
    store.page()
    kept = set(archive.cached().names())
    assert len(list(store.scan())) == 5
    assert store.index.verify().sessions == 5
    store.index.rebuild()
    new = set(archive.cached().names()) - kept
    assert not [name for name in new if "/sessions/" in name]


def test_warming_needs_a_cache(archive: Counted) -> None:
    with pytest.raises(InvalidOption, match="cache"):
        archive.open(cache=False).warm()


# A cache that is wrong, old, or broken


def spoilt(archive: Counted, spoil: Callable[[str, Kept], tuple[str, bytes] | None]) -> None:
    """Put something else in the place of what is kept, as a well-formed entry: its tag and its bytes."""
    opened = archive.cached()
    for name in list(opened.names()):
        found = opened.get(name)
        assert found is not None
        other = spoil(name, found)
        if other is not None:
            opened.put(name, *other, at=found.at)


def flipped(name: str, found: Kept) -> tuple[str, bytes]:
    middle = len(found.body) // 2
    return found.tag, found.body[:middle] + bytes([found.body[middle] ^ 1]) + found.body[middle + 1 :]


SPOILS: dict[str, Callable[[str, Kept], tuple[str, bytes] | None]] = {
    "flipped": lambda name, found: flipped(name, found) if found.body else None,
    "cut": lambda name, found: (found.tag, found.body[: len(found.body) // 2]),
    "empty": lambda name, found: (found.tag, b""),
    "foreign": lambda name, found: (found.tag, b'{"not": "of ours"}'),
    "old": lambda name, found: ('"0123456789abcdef0123456789abcdef"', found.body),
}


@pytest.mark.parametrize("how", SPOILS)
@pytest.mark.parametrize("max_age", [0, 3600])
def test_what_is_wrong_in_the_cache_is_never_given_out(
    archive: Counted, small_parts: None, how: str, max_age: float
) -> None:
    store = archive.open()
    messages = [{"number": number, "text": "word " * 50} for number in range(6)]
    for message in messages:
        store.append("a", message)
    store.append("b", "b")
    store.index.compact()
    assert len(list(store.list())) == 2
    store.close()
    spoilt(archive, SPOILS[how])
    reader = archive.open(max_age=max_age)
    assert reader.load("a").messages == messages
    assert [found.id for found in reader.list()] == ["b", "a"]
    spoilt(archive, SPOILS[how])
    archive.open(max_age=max_age).append("a", "next")
    assert archive.open(cache=False).load("a").messages == [*messages, "next"]
    assert archive.open(max_age=max_age).load("a").messages == [*messages, "next"]


@pytest.mark.parametrize("how", SPOILS)
def test_artifacts_in_the_cache_are_checked(archive: Counted, tmp_path: Path, how: str) -> None:
    content = b"0123456789" * 10_000
    archive.open().artifacts("a").put("file", content)
    spoilt(archive, SPOILS[how])
    assert archive.open().artifacts("a").get("file").data == content
    spoilt(archive, SPOILS[how])
    assert b"".join(archive.open().artifacts("a").stream("file")) == content
    spoilt(archive, SPOILS[how])
    archive.open().artifacts("a").get_to("file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == content


def test_what_stands_beside_a_session_is_read_once_and_through_an_outage(archive: Counted) -> None:
    content = b"0123456789" * 10_000
    store = archive.open()
    store.artifacts("a").put("file", content)
    store.traces("a").append({"n": 1})
    archive.asked()
    reader = archive.open()
    assert reader.artifacts("a").get("file").data == content
    assert reader.traces("a").load() == [{"n": 1}]
    asked = archive.asked()
    assert (asked.requests, asked.bytes_down) == (2, 0)
    archive.store.down = True
    offline = archive.open(offline=True)
    assert offline.artifacts("a").get("file").data == content
    assert offline.traces("a").load() == [{"n": 1}]
    with pytest.raises(NotCached):
        offline.runs("a").load()
    with pytest.raises(StoreUnavailable, match="offline"):
        offline.artifacts("a").put("other", b"x" * 100_000)


def test_bytes_of_another_session_are_not_given_out(archive: Counted) -> None:
    store = archive.open(max_age=3600)
    store.append("a", "of a")
    store.append("b", "of b")
    opened = archive.cached()
    heads = [name for name in opened.names() if name.endswith("transcript.jsonl.zst")]
    one, two = (opened.get(name) for name in heads)
    assert one is not None
    assert two is not None
    opened.put(heads[0], one.tag, two.body, at=one.at)
    opened.put(heads[1], two.tag, one.body, at=two.at)
    for name in ("a", "b"):
        assert archive.open(max_age=3600).load(name).messages == [f"of {name}"]
        archive.open().append(name, "more")
        assert archive.open(cache=False).load(name).messages == [f"of {name}", "more"]


@pytest.mark.parametrize("max_age", [0, 3600])
def test_an_earlier_state_under_the_name_of_the_current_one_is_not_given_out(archive: Counted, max_age: float) -> None:
    store = archive.open()
    store.append("a", 1)
    opened = archive.cached()
    name = next(name for name in opened.names() if name.endswith("transcript.jsonl.zst"))
    earlier = opened.get(name)
    assert earlier is not None
    store.append("a", 2)
    for number in range(3, 6):
        current = opened.get(name)
        assert current is not None
        opened.put(name, current.tag, earlier.body, at=current.at)
        assert archive.open(max_age=max_age).load("a").messages == list(range(1, number))
        opened.put(name, current.tag, earlier.body, at=current.at)
        archive.open(max_age=max_age).append("a", number)
        assert archive.open(cache=False).load("a").messages == list(range(1, number + 1))


def test_where_etags_are_no_hashes_it_is_found_out_once(archive: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(etag: str) -> str:
        return '"' + etag.strip('"')[::-1] + '"'

    put, get = archive.memory.put, archive.memory.get

    async def get_blind(key: str, *, if_none_match: str | None = None, **more: Any) -> StoredObject:
        known = None if if_none_match is None else blind(if_none_match)
        found = await get(key, if_none_match=known, **more)
        return StoredObject(found.body, blind(found.etag))

    async def put_blind(key: str, body: bytes, *, if_match: str | None = None, **more: Any) -> str:
        return blind(await put(key, body, if_match=None if if_match is None else blind(if_match), **more))

    monkeypatch.setattr(archive.memory, "put", put_blind)
    monkeypatch.setattr(archive.memory, "get", get_blind)
    writer = archive.open()
    for name in "abc":
        writer.append(name, "x" * 1000)
    store = archive.open()
    archive.asked()
    assert [store.load(name).messages for name in "abc"] == [["x" * 1000]] * 3
    assert archive.asked().bytes_down < 2000  # the first one whole, the others by a 304
    archive.open().append("a", "y")
    assert archive.open(max_age=60).load("a").messages == ["x" * 1000, "y"]


def test_a_directory_that_cannot_be_used_is_no_cache(tmp_path: Path, memory: Place) -> None:
    occupied = tmp_path / "a-file"
    occupied.write_text("not a directory")
    store = memory.open(cache=occupied)
    store.append("a", 1)
    assert store.load("a").messages == [1]
    with pytest.raises(NotCached):
        memory.open(cache=CachePolicy(occupied, offline=True)).load("a")
    assert occupied.read_text() == "not a directory"


def test_a_cache_that_is_removed_while_it_is_used_is_no_cache(archive: Counted, tmp_path: Path) -> None:
    import shutil

    store = archive.open()
    store.append("a", 1)
    shutil.rmtree(archive.folder)
    assert store.load("a").messages == [1]
    store.append("a", 2)
    assert archive.open().load("a").messages == [1, 2]


def test_another_archive_in_the_same_place_has_nothing_of_the_first(archive: Counted) -> None:
    store = archive.open()
    store.append("a", "of the first archive")
    store.page()
    for key in keys_of(archive.memory):
        run(archive.memory.delete(key))
    prepare(archive.memory)
    with pytest.raises(SessionNotFound):
        archive.open().load("a")
    assert list(archive.open().list()) == []
    a_day_later(archive).append("b", "of the second")
    with pytest.raises(NotCached):
        archive.open(offline=True).load("a")


def a_day_later(archive: Counted) -> SessionStore:
    """Return a client whose clock is a day ahead."""
    store = SessionStore(archive.counting, policy=QUICK, cache=archive.folder)
    clock = store._archive.runtime
    assert isinstance(clock, BlockingRuntime)
    clock.now = lambda: datetime.now(UTC) + timedelta(days=1, seconds=1)  # type: ignore[method-assign]
    archive._closing.callback(store.close)
    return store


# What a caller may choose


def test_a_cache_is_chosen_in_many_ways(tmp_path: Path) -> None:
    memory = MemoryStore()
    mine = Cache(tmp_path / "mine")
    for choice in (str(tmp_path / "text"), tmp_path / "path", 50_000_000, True, mine, CachePolicy(mine, max_age=5)):
        with SessionStore(memory, cache=choice) as store:
            store.append("a", 1)
            store.load("a")
    for used in (tmp_path / "text", tmp_path / "path", default_directory(), tmp_path / "mine"):
        assert used.is_dir()
    assert mine.info().entries > 0
    assert not mine.info().fault
    mine.close()


def test_a_function_with_a_small_disk_takes_less_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def limit(policy: CachePolicy) -> int:
        opened = policy.open()
        assert isinstance(opened, Cache)
        return opened.info().size_limit

    assert limit(CachePolicy()) == 1 << 30
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setenv("TMPDIR", str(default_directory().parent))
    assert limit(CachePolicy(default_directory())) == 128 << 20
    assert limit(CachePolicy(default_directory(), 5 << 20)) == 5 << 20


@pytest.mark.parametrize("choice", [None, False, "off"])
def test_nothing_is_kept_of_what_is_near_unless_somebody_asks(choice: Any, tmp_path: Path) -> None:
    for location in ("memory://", f"file://{tmp_path}/archive"):
        with SessionStore(location, cache=choice) as store:
            store.append("a", 1)
            store.load("a")
    assert not default_directory().exists()


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (1000, "size"),
        (3.5, "float"),
        (b"bytes", "bytes"),
        ("", "empty"),
        ({"size": 5}, "dict"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(choice: Any, told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        SessionStore("memory://", cache=choice)


@pytest.mark.parametrize(
    "options", [{"size": True}, {"size": 100}, {"max_age": -1}, {"max_age": float("nan")}, {"place": 5}, {"place": ""}]
)
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match="cache"):
        CachePolicy(**options)


def test_a_size_for_a_cache_that_has_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="size"):
        CachePolicy(Cache(tmp_path), size=1 << 30)


def test_a_store_that_cannot_say_which_it_is_is_refused_a_cache() -> None:
    class Anonymous:
        get = put = delete = list_page = close = MemoryStore.get

    store: Any = Anonymous()
    SessionStore(store)
    with pytest.raises(InvalidOption, match="identity"):
        SessionStore(store, cache=True)


@pytest.mark.s3
def test_s3_is_kept_by_default_apart_for_each_place_and_key(
    moto: Any, bucket_name: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    bucket = moto.make_bucket(bucket_name())

    def identity(key: str, prefix: str = "p", **more: Any) -> str:
        session = boto3.Session(key, "secret-of-" + key, region_name="us-east-1")
        return run(
            S3BlockingStore(bucket, prefix, S3Options(session=session, endpoint_url=moto.url, **more)).identity()
        )

    assert identity("one") == identity("one")
    assert len({identity("one"), identity("two"), identity("one", "q")}) == 3
    assert "secret" not in identity("one")
    options = S3Options(endpoint_url=moto.url, addressing_style="path")
    prepare(S3BlockingStore(bucket, "p", options))
    with SessionStore(f"s3://{bucket}/p", s3=options) as store:
        store.append("a", 1)
    moto.traffic.clear()
    with SessionStore(f"s3://{bucket}/p", s3=options, cache=CachePolicy(max_age=60)) as store:
        assert store.load("a").messages == [1]
    assert moto.traffic.exchanges == ()
    # The same archive, with the rights of another key.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    offline = CachePolicy(offline=True)
    with SessionStore(f"s3://{bucket}/p", s3=options, cache=offline) as store, pytest.raises(NotCached):
        store.load("a")


@pytest.mark.s3
def test_keys_that_are_fetched_are_told_by_how_and_for_which_profile() -> None:
    import boto3
    from botocore.credentials import RefreshableCredentials

    def fetched(key: str) -> S3Options:
        session = boto3.Session(region_name="us-east-1")
        expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        metadata = {"access_key": key, "secret_key": "secret", "token": "token", "expiry_time": expires}
        session._session._credentials = RefreshableCredentials.create_from_metadata(
            metadata, refresh_using=lambda: metadata, method="sso"
        )
        return S3Options(session=session)

    one, two = (run(S3BlockingStore("bucket", "", fetched(key)).identity()) for key in ("one", "two"))
    assert one == two
    assert "sso" in one


# The event loop


class StandsStill:
    """A cache that answers when the event loop has turned."""

    def __init__(self, inner: Cache, turned: threading.Event) -> None:
        self._inner = inner
        self._turned = turned

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._inner, name)

        def slow(*args: Any, **more: Any) -> Any:
            self._turned.clear()
            assert self._turned.wait(20), "the event loop stood still"
            return operation(*args, **more)

        return slow


def test_the_event_loop_turns_while_the_disk_is_slow(tmp_path: Path) -> None:
    turned = threading.Event()
    slow: Any = StandsStill(Cache(tmp_path), turned)

    async def main() -> list[Any]:
        async def turn() -> None:
            while True:
                await asyncio.sleep(0)
                turned.set()

        turning = asyncio.create_task(turn())
        async with AsyncSessionStore(MemoryStore(), cache=CachePolicy(slow, max_age=60)) as store:
            await store.append("a", 1)
            messages = (await store.load("a")).messages
            ids = [found.id async for found in store.list()]
            await store.delete("a")
        turning.cancel()
        return [messages, ids]

    assert asyncio.run(main()) == [[1], ["a"]]


def test_what_is_in_the_cache_of_a_blocking_store_is_read_in_the_calling_thread(tmp_path: Path) -> None:
    threads: set[int] = set()

    class Watched(Shelf):
        async def _do(self, operation: Callable[[], Any]) -> Any:
            threads.add(threading.get_ident())
            return await super()._do(operation)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("s3store.blocking.Shelf", Watched)
        with SessionStore(MemoryStore(), cache=tmp_path) as store:
            store.append("a", 1)
            store.load("a")
    assert threads == {threading.get_ident()}
