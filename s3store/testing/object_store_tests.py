"""The tests that every object store has to pass: `ObjectStoreTests`, a pytest class to subclass.

What an operation answers under which condition is a table, `CONDITIONS`, taken from what AWS documents and
does; the keys that stores tend to get wrong are another, `ODD_KEYS`. A server that differs from AWS names its
differences in the subclass, each with a reason, and a difference that is gone fails too.
"""

# ruff: noqa: D102 - the name of a test says what it tests

from __future__ import annotations

import enum
import itertools
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import pytest

from ..errors import InvalidOption
from ..objects.base import (
    MAX_KEY_BYTES,
    ListedObject,
    ListPage,
    NoSuchKey,
    NotModified,
    ObjectAnswer,
    ObjectStore,
    PreconditionFailed,
    StoredObject,
    WriteRaced,
)
from .drivers import BlockingDriver, Driver
from .tier_tests import TierTests
from .upload_tests import OVER, UploadTests

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping
    from typing import Any

ODD_KEYS: Mapping[str, str] = {
    "plain": "a",
    "below-plain": "a/b",
    "same-start": "a-b",
    "capital": "A",
    "capital-below": "A/b",
    "double-slash": "a//b",
    "leading-slash": "/a",
    "trailing-slash": "a/",
    "only-slash": "/",
    "dot": ".",
    "dot-dot": "..",
    "dot-segment": "a/./b",
    "dot-dot-segment": "a/../b",
    "climbing": "../../climbing",
    "hidden": ".hidden/file",
    "file-and-folder": "file.json",
    "below-a-file": "file.json/b.json",
    "folder-like-a-file": "folder.zst/a",
    "longest": "k" * MAX_KEY_BYTES,
    "longest-unicode": "é" * (MAX_KEY_BYTES // 2),
    "longest-capitals": "K" * MAX_KEY_BYTES,
    # No deeper: a test that fails half-way must leave no tree of folders that `shutil.rmtree` cannot remove.
    "deep": "d/" * 200 + "d",
    "only-slashes": "/" * 200,
    "long-component": "c" * 200,
    "longer-component": "c" * 201,
    "below-a-long-component": "c" * 200 + "/b",
    "above-a-slash": "c" * 200 + "!",
    "unicode": "ключ/鍵/clé",
    "composed": "\u00e9.json",
    "decomposed": "e\u0301.json",
    "emoji": "emoji/😀👩‍💻",
    "last-of-16-bits": "emoji/\uffee",
    "space": "a b",
    "spaces": " leading and trailing ",
    "encoded-slash": "a%2Fb",
    "encoded-slash-small": "a%2fb",
    "percent": "100%",
    "plus": "a+b",
    "question": "a?b=c&d",
    "hash": "a#b",
    "backslash": "a\\b",
    "quotes": "a\"b'c",
    "markup": "<a>&amp;]]></a>",
    "wildcards": "a*b[c]{d}",
    "colon": "c:/windows",
    "control": "control/\x01\x1f\x7f",
    "newline": "line\nbreak\r\n",
    "tab": "tab\there",
    "zero": "zero/\x00byte",
    "escaped-capital": "=a",
    "escaped-empty": "a/+n/b",
    "marked-object": "a+o",
    "marked-folder": "a+p/b",
    "marked-part": "c+m/c",
    "own-lock": ".s3store/locks/00",
    "own-temporary": ".a+o.tmp",
}
"""Keys that S3 takes and stores tend to get wrong, each under a name for `ObjectStoreTests.refused_keys`."""

BAD_KEYS: Mapping[str, str] = {
    "empty": "",
    "too-long": "k" * (MAX_KEY_BYTES + 1),
    "too-long-in-utf-8": "é" * (MAX_KEY_BYTES // 2) + "k",
    "lone-surrogate": "a\ud800b",
}
"""What is no key: every operation that takes a key raises `InvalidOption`."""


class Operation(enum.Enum):
    """What is asked."""

    GET = "get"
    PUT = "put"
    DELETE = "delete"


class Condition(enum.Enum):
    """On what condition. `get` takes an ETag as `if_none_match`, `put` and `delete` as `if_match`."""

    NONE = "unconditional"
    ABSENT = "if-absent"
    CURRENT = "current-etag"
    """The ETag that the object has (or had last, where it is deleted)."""
    FORMER = "former-etag"
    """The ETag of what the object held before."""
    FOREIGN = "foreign-etag"
    """The ETag of another object."""


class State(enum.Enum):
    """What is under the key."""

    ABSENT = "absent"
    PRESENT = "present"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what a store answers; None is success."""

    operation: Operation
    condition: Condition
    state: State
    answer: type[ObjectAnswer] | None

    def __str__(self) -> str:
        """Return the row's name, as in test ids and in `ObjectStoreTests.other_answers`."""
        return f"{self.operation.value}-{self.condition.value}-{self.state.value}"


def _rows() -> Iterator[Row]:
    get, put, delete = Operation.GET, Operation.PUT, Operation.DELETE
    none, if_absent = Condition.NONE, Condition.ABSENT
    current, former, foreign = Condition.CURRENT, Condition.FORMER, Condition.FOREIGN
    absent, present, deleted = State.ABSENT, State.PRESENT, State.DELETED
    for operation, condition, state, answer in (
        (get, none, absent, NoSuchKey),
        (get, none, present, None),
        (get, none, deleted, NoSuchKey),
        (get, current, present, NotModified),
        (get, former, present, None),
        (get, foreign, present, None),
        (get, foreign, absent, NoSuchKey),
        (get, current, deleted, NoSuchKey),
        (put, none, absent, None),
        (put, none, present, None),
        (put, none, deleted, None),
        (put, if_absent, absent, None),
        (put, if_absent, present, PreconditionFailed),
        (put, if_absent, deleted, None),
        (put, current, present, None),
        (put, former, present, PreconditionFailed),
        (put, foreign, present, PreconditionFailed),
        (put, foreign, absent, NoSuchKey),
        (put, current, deleted, NoSuchKey),
        (delete, none, absent, None),
        (delete, none, present, None),
        (delete, none, deleted, None),
        (delete, current, present, None),
        (delete, former, present, PreconditionFailed),
        (delete, foreign, present, PreconditionFailed),
        (delete, foreign, absent, NoSuchKey),
        (delete, current, deleted, NoSuchKey),
    ):
        yield Row(operation, condition, state, answer)


CONDITIONS: tuple[Row, ...] = tuple(_rows())
"""What AWS answers (general purpose buckets), for all that the interface can express."""

_KEY = "the/key.json"
_ETAGS = (Condition.CURRENT, Condition.FORMER, Condition.FOREIGN)
# Never the same twice: equal bytes may have equal ETags, and then a swap by one racer would not stop the next.
_BODIES = (b"body %d" % number for number in itertools.count())


class ObjectStoreTests(UploadTests, TierTests):
    """Subclass it in a class whose name starts with `Test`, and give that a fixture `store`.

    `store` returns an empty store for each test, and closes it if that is needed. A store of asyncio sets
    `driver_type = AsyncioDriver`, and opens and closes the store in its fixture with `driver.run(…)`, so that
    it lives on the same event loop as the test::

        class TestMyAsyncStore(ObjectStoreTests):
            driver_type = AsyncioDriver

            @pytest.fixture
            def store(self, driver):
                store = driver.run(open_my_store())
                yield store
                driver.run(store.close())
    """

    driver_type: ClassVar[Callable[[], Driver]] = BlockingDriver
    """How coroutines are run: `BlockingDriver`, or `AsyncioDriver`."""
    refused_keys: ClassVar[Mapping[str, str]] = {}
    """Names of `ODD_KEYS` that the server behind the store cannot take, each with the reason."""
    other_answers: ClassVar[Mapping[str, str]] = {}
    """What the server answers otherwise, each with the reason: rows of `CONDITIONS` by `str`, `upload_tests.OVER`, or
    whole tests by their names."""
    racers: ClassVar[int] = 8
    """How many threads or tasks race each other."""
    rounds: ClassVar[int] = 5
    """How many times each race is run."""
    increments: ClassVar[int] = 25
    """How often each racer raises the counter."""

    def __init_subclass__(cls) -> None:
        """Refuse differences from AWS that name no test: a misspelt one would hide nothing, and look as if it did."""
        tests = {name for name in dir(cls) if name.startswith("test_")}
        unknown = {*cls.refused_keys} - {*ODD_KEYS} | {*cls.other_answers} - {*map(str, CONDITIONS), OVER, *tests}
        if unknown:
            raise TypeError(f"{cls.__name__} names unknown keys, rows or tests: {', '.join(sorted(unknown))}")

    @pytest.fixture(autouse=True)
    def _expect_difference(self, request: pytest.FixtureRequest) -> None:
        if request.function.__name__ in self.other_answers:
            _must_fail(request, self.other_answers[request.function.__name__])

    @pytest.fixture
    def driver(self) -> Iterator[Driver]:
        """Run the test's coroutines, for as long as the test and its store live."""
        with type(self).driver_type() as driver:
            yield driver

    @pytest.fixture
    def store(self) -> ObjectStore:
        """Return an empty store; the subclass says which."""
        raise NotImplementedError(f"give {type(self).__name__} a fixture `store` that returns an empty store")

    # Reading and writing

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"text", id="text"),
            pytest.param(b"", id="empty"),
            pytest.param(bytes(range(256)) * 8, id="binary"),
            pytest.param(b"\r\n \n\x00\x1a", id="white-space"),
            pytest.param(b"0123456789abcdef" * 65536, id="one-mebibyte"),
        ],
    )
    def test_a_body_comes_back_as_it_went(self, driver: Driver, store: ObjectStore, body: bytes) -> None:
        etag = driver.run(store.put(_KEY, body))
        assert driver.run(store.get(_KEY)) == StoredObject(body, etag)

    def test_an_overwrite_replaces_the_whole_object(self, driver: Driver, store: ObjectStore) -> None:
        driver.run(store.put(_KEY, b"a longer body"))
        etag = driver.run(store.put(_KEY, b"short"))
        assert driver.run(store.get(_KEY)) == StoredObject(b"short", etag)

    def test_the_etag_changes_with_the_content(self, driver: Driver, store: ObjectStore) -> None:
        bodies = (b"", b"a", b"b", b"ab", b"ab\n", b"\x00")
        etags = [driver.run(store.put(_KEY, body)) for body in bodies]
        assert len(set(etags)) == len(bodies)

    def test_an_etag_lives_as_long_as_the_content(self, driver: Driver, store: ObjectStore) -> None:
        etag = driver.run(store.put(_KEY, b"kept"))
        driver.run(store.put("the/other.json", b"another"))
        driver.run(store.delete("the/other.json"))
        assert driver.run(store.get(_KEY)).etag == etag

    @pytest.mark.parametrize(
        ("byte_range", "part"),
        [
            pytest.param((0, 10), b"0123456789", id="whole"),
            pytest.param((0, 1), b"0", id="first-byte"),
            pytest.param((3, 6), b"345", id="middle"),
            pytest.param((9, 10), b"9", id="last-byte"),
            pytest.param((7, 100), b"789", id="cut-at-the-end"),
            pytest.param((10, 12), b"", id="from-the-end"),
            pytest.param((100, 200), b"", id="behind-the-end"),
            pytest.param((4, 4), b"", id="empty"),
        ],
    )
    def test_a_range_gives_its_part_and_the_etag_of_the_whole(
        self, driver: Driver, store: ObjectStore, byte_range: tuple[int, int], part: bytes
    ) -> None:
        etag = driver.run(store.put(_KEY, b"0123456789"))
        assert driver.run(store.get(_KEY, byte_range=byte_range)) == StoredObject(part, etag)

    def test_a_range_of_an_empty_object_is_empty(self, driver: Driver, store: ObjectStore) -> None:
        etag = driver.run(store.put(_KEY, b""))
        assert driver.run(store.get(_KEY, byte_range=(0, 10))) == StoredObject(b"", etag)

    @pytest.mark.parametrize("byte_range", [(0, 10), (100, 200)], ids=["whole", "behind-the-end"])
    def test_a_range_of_a_missing_object_is_not_empty_but_absent(
        self, driver: Driver, store: ObjectStore, byte_range: tuple[int, int]
    ) -> None:
        with pytest.raises(NoSuchKey):
            driver.run(store.get(_KEY, byte_range=byte_range))

    def test_a_range_of_an_object_that_is_known_is_not_sent(self, driver: Driver, store: ObjectStore) -> None:
        etag = driver.run(store.put(_KEY, b"0123456789"))
        with pytest.raises(NotModified):
            driver.run(store.get(_KEY, if_none_match=etag, byte_range=(2, 4)))

    # Conditions

    @pytest.mark.parametrize("row", CONDITIONS, ids=str)
    def test_condition(self, request: pytest.FixtureRequest, driver: Driver, store: ObjectStore, row: Row) -> None:
        """Every row of the table, and what is under the key afterwards."""
        if str(row) in self.other_answers:
            _must_fail(request, self.other_answers[str(row)])
        etags = self._prepare(driver, store, row.state)
        before = _content(driver, store)
        if row.answer is None:
            self._ask(driver, store, row, etags)
        else:
            with pytest.raises(row.answer) as answered:
                self._ask(driver, store, row, etags)
            assert type(answered.value) is row.answer
            assert answered.value.key == _KEY
        after = _content(driver, store)
        if row.answer is not None or row.operation is Operation.GET:
            assert after == before
        elif row.operation is Operation.DELETE:
            assert after is None
        else:
            assert after is not None
            assert after.body == b"new"

    def _prepare(self, driver: Driver, store: ObjectStore, state: State) -> dict[Condition, str]:
        etags = {Condition.FOREIGN: driver.run(store.put("the/foreign.json", b"foreign"))}
        if state is not State.ABSENT:
            etags[Condition.FORMER] = driver.run(store.put(_KEY, b"former"))
            etags[Condition.CURRENT] = driver.run(store.put(_KEY, b"current"))
        if state is State.DELETED:
            driver.run(store.delete(_KEY))
        return etags

    def _ask(self, driver: Driver, store: ObjectStore, row: Row, etags: dict[Condition, str]) -> None:
        etag = etags[row.condition] if row.condition in _ETAGS else None
        if row.operation is Operation.GET:
            found = driver.run(store.get(_KEY, if_none_match=etag))
            assert found == StoredObject(b"current", etags[Condition.CURRENT])
        elif row.operation is Operation.PUT:
            if_absent = row.condition is Condition.ABSENT
            stored = driver.run(store.put(_KEY, b"new", if_match=etag, if_absent=if_absent))
            assert stored == driver.run(store.get(_KEY)).etag
        else:
            driver.run(store.delete(_KEY, if_match=etag))

    def test_a_chain_of_swaps_takes_each_etag_once(self, driver: Driver, store: ObjectStore) -> None:
        etag = driver.run(store.put(_KEY, b"0", if_absent=True))
        for number in range(1, 4):
            newer = driver.run(store.put(_KEY, b"%d" % number, if_match=etag))
            with pytest.raises(PreconditionFailed):
                driver.run(store.put(_KEY, b"late", if_match=etag))
            etag = newer
        assert driver.run(store.get(_KEY)) == StoredObject(b"3", etag)

    def test_two_conditions_at_once_are_refused(self, driver: Driver, store: ObjectStore) -> None:
        etag = driver.run(store.put(_KEY, b"current"))
        with pytest.raises(InvalidOption):
            driver.run(store.put(_KEY, b"new", if_match=etag, if_absent=True))
        assert driver.run(store.get(_KEY)).body == b"current"

    # Listing

    def test_an_empty_store_lists_nothing(self, driver: Driver, store: ObjectStore) -> None:
        assert driver.run(store.list_page("")) == ListPage((), None)

    def test_keys_are_listed_in_the_order_of_their_bytes(self, driver: Driver, store: ObjectStore) -> None:
        keys = ["", "-", "!", "/", "//", "/x", "0", "A", "Z", "_", "a", "z", "~", "é", "\uffee", "😀"]
        keys = [f"{start}{end}" for start in ("p", "pa") for end in keys]
        _fill(driver, store, keys)
        assert _keys(driver.run(store.list_page(""))) == sorted(set(keys), key=str.encode)

    @pytest.mark.parametrize(
        ("prefix", "found"),
        [
            pytest.param("", ["o", "p", "p-", "p/", "p/a", "p/b/c", "p/bc", "p0", "pp/p", "q"], id="all"),
            pytest.param("p", ["p", "p-", "p/", "p/a", "p/b/c", "p/bc", "p0", "pp/p"], id="a-key-itself"),
            pytest.param("p/", ["p/", "p/a", "p/b/c", "p/bc"], id="to-a-slash"),
            pytest.param("p/b", ["p/b/c", "p/bc"], id="within-a-component"),
            pytest.param("p/b/", ["p/b/c"], id="deeper"),
            pytest.param("p/b/c", ["p/b/c"], id="one-key"),
            pytest.param("p/b/c/", [], id="below-a-key"),
            pytest.param("P", [], id="other-case"),
            pytest.param("nothing/here/", [], id="nothing"),
            pytest.param("/", [], id="leading-slash"),
        ],
    )
    def test_a_prefix_selects(self, driver: Driver, store: ObjectStore, prefix: str, found: list[str]) -> None:
        _fill(driver, store, ["o", "p", "p-", "p/", "p/a", "p/b/c", "p/bc", "p0", "pp/p", "q"])
        assert _keys(driver.run(store.list_page(prefix))) == found

    @pytest.mark.parametrize(
        ("after", "found"),
        [
            pytest.param(None, ["p/", "p/a", "p/b/c", "p/b/d", "p/e"], id="none"),
            pytest.param("a", ["p/", "p/a", "p/b/c", "p/b/d", "p/e"], id="before-the-prefix"),
            pytest.param("p", ["p/", "p/a", "p/b/c", "p/b/d", "p/e"], id="start-of-the-prefix"),
            pytest.param("p/", ["p/a", "p/b/c", "p/b/d", "p/e"], id="the-prefix-itself"),
            pytest.param("p/a", ["p/b/c", "p/b/d", "p/e"], id="a-key"),
            pytest.param("p/a/never/there", ["p/b/c", "p/b/d", "p/e"], id="below-a-key"),
            pytest.param("p/b", ["p/b/c", "p/b/d", "p/e"], id="start-of-keys"),
            pytest.param("p/b/", ["p/b/c", "p/b/d", "p/e"], id="a-folder"),
            pytest.param("p/b/c", ["p/b/d", "p/e"], id="a-key-in-a-folder"),
            pytest.param("p/b/cc", ["p/b/d", "p/e"], id="between-keys"),
            pytest.param("p/b0", ["p/e"], id="behind-a-folder"),
            pytest.param("p/b/\U0010ffff", ["p/e"], id="last-of-a-folder"),
            pytest.param("p/e", [], id="the-last-key"),
            pytest.param("p/é 100%", [], id="behind-the-last-key"),
            pytest.param("q", [], id="behind-the-prefix"),
        ],
    )
    def test_a_listing_goes_on_after_any_text(
        self, driver: Driver, store: ObjectStore, after: str | None, found: list[str]
    ) -> None:
        _fill(driver, store, ["o", "p", "p/", "p/a", "p/b/c", "p/b/d", "p/e", "q"])
        assert _keys(driver.run(store.list_page("p/", after=after))) == found

    @pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 1000])
    def test_pages_give_every_key_exactly_once(self, driver: Driver, store: ObjectStore, limit: int) -> None:
        keys = ["p", "p-", "p/a/b", "p/a0", "p/é", "p/😀"]
        _fill(driver, store, ["o", *keys, "q"])
        pages = list(_pages(driver, store, "p", limit))
        assert [key for page in pages for key in _keys(page)] == keys
        assert all(len(page.objects) == limit for page in pages[:-1])
        assert len(pages) == -(-len(keys) // limit)

    def test_pages_show_what_was_created_ahead_of_them(self, driver: Driver, store: ObjectStore) -> None:
        _fill(driver, store, ["p/a", "p/c"])
        first = driver.run(store.list_page("p/", limit=1))
        _fill(driver, store, ["p/b"])
        driver.run(store.delete("p/a"))
        assert _keys(driver.run(store.list_page("p/", after=first.next_after))) == ["p/b", "p/c"]

    def test_a_listing_tells_sizes_and_times(self, driver: Driver, store: ObjectStore) -> None:
        driver.run(store.put("p/empty", b""))
        driver.run(store.put("p/full", bytes(100_000)))
        empty, full = driver.run(store.list_page("p/")).objects
        assert (empty.size, full.size) == (0, 100_000)
        assert empty.modified.utcoffset() == full.modified.utcoffset() == timedelta(0)

    def test_a_listing_follows_every_write_at_once(self, driver: Driver, store: ObjectStore) -> None:
        for size in (3, 5, 0):
            driver.run(store.put(_KEY, bytes(size)))
            assert len(driver.run(store.get(_KEY)).body) == size
            assert [(found.key, found.size) for found in _listed(driver, store)] == [(_KEY, size)]
            driver.run(store.delete(_KEY))
            assert _content(driver, store) is None
            assert _listed(driver, store) == []

    @pytest.mark.parametrize("limit", [0, -1, 1001])
    def test_a_page_of_an_impossible_size_is_refused(self, driver: Driver, store: ObjectStore, limit: int) -> None:
        with pytest.raises(InvalidOption):
            driver.run(store.list_page("", limit=limit))

    # Keys

    @pytest.mark.parametrize("name", ODD_KEYS)
    def test_key(self, request: pytest.FixtureRequest, driver: Driver, store: ObjectStore, name: str) -> None:
        """Every operation takes the key as it is."""
        if name in self.refused_keys:
            _must_fail(request, self.refused_keys[name])
        key = ODD_KEYS[name]
        etag = driver.run(store.put(key, b"odd", if_absent=True))
        assert driver.run(store.get(key)) == StoredObject(b"odd", etag)
        assert _keys(driver.run(store.list_page(""))) == [key]
        assert _keys(driver.run(store.list_page(key))) == [key]
        assert _keys(driver.run(store.list_page("", after=key))) == []
        etag = driver.run(store.put(key, b"odd again", if_match=etag))
        driver.run(store.delete(key, if_match=etag))
        with pytest.raises(NoSuchKey):
            driver.run(store.get(key))
        assert driver.run(store.list_page("")) == ListPage((), None)

    def test_no_key_is_taken_for_another(self, driver: Driver, store: ObjectStore) -> None:
        taken = (key for name, key in ODD_KEYS.items() if name not in self.refused_keys)
        keys = sorted(taken, key=str.encode)
        for key in keys:
            driver.run(store.put(key, key.encode(), if_absent=True))
        assert [driver.run(store.get(key)).body for key in keys] == [key.encode() for key in keys]
        assert [key for page in _pages(driver, store, "", 7) for key in _keys(page)] == keys
        while keys:
            for key in keys[::2]:
                driver.run(store.delete(key))
            del keys[::2]
            assert _keys(driver.run(store.list_page(""))) == keys
            assert [driver.run(store.get(key)).body for key in keys] == [key.encode() for key in keys]

    @pytest.mark.parametrize("name", BAD_KEYS)
    def test_what_is_no_key_is_refused(self, driver: Driver, store: ObjectStore, name: str) -> None:
        key = BAD_KEYS[name]
        for operation in (store.get(key), store.put(key, b"bad"), store.delete(key)):
            with pytest.raises(InvalidOption):
                driver.run(operation)
        assert _listed(driver, store) == []

    def test_a_listing_of_what_is_no_text_is_refused(self, driver: Driver, store: ObjectStore) -> None:
        with pytest.raises(InvalidOption):
            driver.run(store.list_page("\ud800"))
        with pytest.raises(InvalidOption):
            driver.run(store.list_page("", after="\ud800"))

    @pytest.mark.parametrize("byte_range", [(-1, 2), (3, 2), (-3, -1)], ids=["negative", "backward", "both"])
    def test_an_impossible_range_is_refused(
        self, driver: Driver, store: ObjectStore, byte_range: tuple[int, int]
    ) -> None:
        driver.run(store.put(_KEY, b"0123456789"))
        with pytest.raises(InvalidOption):
            driver.run(store.get(_KEY, byte_range=byte_range))

    # Races

    def test_of_racing_creators_one_wins(self, driver: Driver, store: ObjectStore) -> None:
        for round_ in range(self.rounds):
            key = f"race/{round_}.json"
            self._one_wins(driver, store, key, partial(_create, store, key))

    def test_of_racing_swappers_one_wins(self, driver: Driver, store: ObjectStore) -> None:
        etag = driver.run(store.put(_KEY, b"start"))
        for _ in range(self.rounds):
            etag = self._one_wins(driver, store, _KEY, partial(_swap, store, etag))

    def test_of_racing_deleters_one_wins(self, driver: Driver, store: ObjectStore) -> None:
        for round_ in range(self.rounds):
            etag = driver.run(store.put(_KEY, b"%d" % round_))
            won = driver.race([partial(_remove, store, etag)] * self.racers)
            assert won.count(True) == 1
            assert _content(driver, store) is None

    def test_a_counter_raised_by_swaps_loses_nothing(self, driver: Driver, store: ObjectStore) -> None:
        driver.run(store.put(_KEY, b"0"))
        driver.race([partial(_count_up, store, self.increments)] * self.racers)
        assert driver.run(store.get(_KEY)).body == b"%d" % (self.racers * self.increments)

    def test_a_reader_and_a_lister_see_every_overwritten_object(self, driver: Driver, store: ObjectStore) -> None:
        bodies = (b"a" * 50_000, b"b" * 100_000)
        for number in range(self.racers):
            driver.run(store.put(f"hot/{number}.json", bodies[0]))

        async def overwrite(number: int) -> bool:
            for turn in range(self.increments):
                await store.put(f"hot/{number}.json", bodies[turn % 2])
            return True

        async def read() -> bool:
            for turn in range(self.increments):
                if len((await store.list_page("hot/")).objects) != self.racers:
                    return False
                if (await store.get(f"hot/{turn % self.racers}.json")).body not in bodies:
                    return False
            return True

        writers = [partial(overwrite, number) for number in range(self.racers)]
        assert all(driver.race([read, *writers, read]))

    def _one_wins(
        self,
        driver: Driver,
        store: ObjectStore,
        key: str,
        write: Callable[[bytes], Coroutine[Any, Any, str | None]],
    ) -> str:
        bodies = [next(_BODIES) for _ in range(self.racers)]
        etags = driver.race([partial(write, body) for body in bodies])
        winners = [(body, etag) for body, etag in zip(bodies, etags, strict=True) if etag is not None]
        assert len(winners) == 1
        body, etag = winners[0]
        assert driver.run(store.get(key)) == StoredObject(body, etag)
        return etag


async def _create(store: ObjectStore, key: str, body: bytes) -> str | None:
    return await _attempt(store.put(key, body, if_absent=True))


async def _swap(store: ObjectStore, etag: str, body: bytes) -> str | None:
    return await _attempt(store.put(_KEY, body, if_match=etag))


async def _remove(store: ObjectStore, etag: str) -> bool:
    try:
        await store.delete(_KEY, if_match=etag)
    except (NoSuchKey, PreconditionFailed, WriteRaced):
        return False
    return True


async def _attempt(write: Coroutine[Any, Any, str]) -> str | None:
    try:
        return await write
    except (PreconditionFailed, WriteRaced):
        return None


async def _count_up(store: ObjectStore, increments: int) -> None:
    while increments:
        found = await store.get(_KEY)
        body = b"%d" % (int(found.body) + 1)
        if await _attempt(store.put(_KEY, body, if_match=found.etag)) is not None:
            increments -= 1


def _must_fail(request: pytest.FixtureRequest, reason: str) -> None:
    request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


def _fill(driver: Driver, store: ObjectStore, keys: list[str]) -> None:
    for key in keys:
        driver.run(store.put(key, b"filled"))


def _content(driver: Driver, store: ObjectStore) -> StoredObject | None:
    try:
        return driver.run(store.get(_KEY))
    except NoSuchKey:
        return None


def _listed(driver: Driver, store: ObjectStore) -> list[ListedObject]:
    return list(driver.run(store.list_page("")).objects)


def _keys(page: ListPage) -> list[str]:
    return [found.key for found in page.objects]


def _pages(driver: Driver, store: ObjectStore, prefix: str, limit: int) -> Iterator[ListPage]:
    after = None
    while True:
        page = driver.run(store.list_page(prefix, after=after, limit=limit))
        yield page
        after = page.next_after
        if after is None:
            return
