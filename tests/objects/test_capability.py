from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from s3store.errors import AccessDenied, BucketNotFound, CorruptObject, StoreNotCapable, StoreUnavailable
from s3store.keys import CHECKS
from s3store.objects import ListPage, NoSuchKey, PreconditionFailed, StoredObject, WriteRaced
from s3store.objects.capability import (
    CONDITIONAL_DELETE,
    CREATE_OVER_EXISTING,
    CREATE_RACE,
    ETAG_FOLLOWS_CONTENT,
    LIST_AFTER_WRITE,
    LIST_IN_ORDER,
    NEEDED,
    READ_AFTER_WRITE,
    SWAP_OF_MISSING_KEY,
    SWAP_RACE,
    SWAP_WITH_RIGHT_ETAG,
    SWAP_WITH_WRONG_ETAG,
    Capability,
    Finding,
    check_capability,
)
from s3store.objects.memory import MemoryStore
from s3store.runtime import AsyncioRuntime, BlockingRuntime, run

from .s3_cases import ASYNCIO, BLOCKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from s3store.objects import ObjectStore
    from tests.servers import MinistackServer, MotoServer

    from .s3_cases import Case

WRITERS = 4
RACE = "/race-"


@pytest.fixture
def runtime() -> Iterator[BlockingRuntime]:
    runtime = NoPauses(max_threads=WRITERS)
    yield runtime
    run(runtime.close())


class NoPauses(BlockingRuntime):
    async def sleep(self, seconds: float) -> None:
        pass


def check(store: ObjectStore, runtime: BlockingRuntime) -> Capability:
    return run(check_capability(store, runtime, rounds=2, writers=WRITERS))


def failed(capability: Capability) -> set[str]:
    return {finding.name for finding in capability.findings if not finding.ok}


def objects(store: ObjectStore) -> list[str]:
    return [found.key for found in run(store.list_page("")).objects]


class Wrapper(MemoryStore):
    """A store with one thing wrong: subclasses say what."""


class IgnoresCreate(Wrapper):
    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        return await super().put(key, body, if_match=if_match)


class IgnoresSwap(Wrapper):
    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        return await super().put(key, body, if_absent=if_absent)


class RefusesAndStores(Wrapper):
    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        try:
            return await super().put(key, body, if_match=if_match, if_absent=if_absent)
        except (NoSuchKey, PreconditionFailed):
            await super().put(key, body)
            raise


class SwapWritesMissing(Wrapper):
    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        try:
            return await super().put(key, body, if_match=if_match, if_absent=if_absent)
        except NoSuchKey:
            return await super().put(key, body)


class RefusesEverySwap(Wrapper):
    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        if if_match is not None:
            raise PreconditionFailed(key)
        return await super().put(key, body, if_absent=if_absent)


class IgnoresDeleteCondition(Wrapper):
    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        await super().delete(key)


class ReadsTheFirstWriteForEver(Wrapper):
    def __init__(self) -> None:
        super().__init__()
        self._first: dict[str, StoredObject] = {}

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        if key not in self._first:
            self._first[key] = await super().get(key)
        return self._first[key]


class ListsLate(Wrapper):
    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        return ListPage((), None)


class ListsBackward(Wrapper):
    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        page = await super().list_page(prefix, after=after, limit=limit)
        return ListPage(page.objects[::-1], page.next_after)


class StartsOverAtEachPage(Wrapper):
    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        return await super().list_page(prefix, limit=limit)


class HasOneETag(Wrapper):
    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        await super().put(key, body, if_absent=if_absent)
        return '"always"'

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        return StoredObject((await super().get(key)).body, '"always"')


class RightUntilRaced(Wrapper):
    """Checks the condition, waits until every other writer has done so too, and writes."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word
        self._all_checked = threading.Barrier(WRITERS, timeout=30)

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        raced = if_match is not None if self._word == "swap" else if_absent
        if f"{RACE}{self._word}" not in key or not raced:
            return await super().put(key, body, if_match=if_match, if_absent=if_absent)
        self._all_checked.wait()
        return await super().put(key, body)


class TellsTheWrongWriter(Wrapper):
    """One writer of each race is told that it won, while another's body stays."""

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        etag = await super().put(key, body, if_match=if_match, if_absent=if_absent)
        if f"{RACE}create" in key:
            await super().put(key, b"another's")
        return etag


class NobodyWins(Wrapper):
    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        if f"{RACE}create" in key:
            raise WriteRaced(key)
        return await super().put(key, body, if_match=if_match, if_absent=if_absent)


class EverybodyLosesAndItChanges(Wrapper):
    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        etag = await super().put(key, body, if_match=if_match, if_absent=if_absent)
        if f"{RACE}create" in key:
            raise PreconditionFailed(key)
        return etag


class LosesAnswers(Wrapper):
    """Every `nth` conditional write is done, and its answer lost."""

    def __init__(self, nth: int) -> None:
        super().__init__()
        self._nth = nth
        self._count = 0
        self._count_lock = threading.Lock()

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        etag = await super().put(key, body, if_match=if_match, if_absent=if_absent)
        if if_absent or if_match is not None:
            with self._count_lock:
                self._count += 1
                lost = self._count % self._nth == 0
            if lost:
                raise StoreUnavailable("lost")
        return etag


class IsDownForWrites(Wrapper):
    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        raise StoreUnavailable("down")


class IsDownInRaces(Wrapper):
    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        if f"{RACE}create" in key:
            raise StoreUnavailable("down", may_have_landed=False)
        return await super().put(key, body, if_match=if_match, if_absent=if_absent)


class MayNotList(Wrapper):
    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        raise AccessDenied("ListObjectsV2: access denied; it needs s3:ListBucket")


class MayNotDelete(Wrapper):
    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        raise AccessDenied("DeleteObject: access denied; it needs s3:DeleteObject")


class HasNoBucket(Wrapper):
    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        raise BucketNotFound("there is no such bucket")


def test_memory_keeps_every_promise_and_is_left_clean(runtime: BlockingRuntime) -> None:
    store = MemoryStore()
    run(store.put("sessions/kept", b"kept"))
    capability = check(store, runtime)
    assert failed(capability) == set()
    assert {finding.name for finding in capability.findings} == {*NEEDED, CONDITIONAL_DELETE}
    assert capability.shared_writing
    assert capability.conditional_delete
    assert objects(store) == ["sessions/kept"]
    capability.require_shared_writing()


@pytest.mark.parametrize(
    ("store", "broken"),
    [
        (IgnoresCreate(), {CREATE_OVER_EXISTING, CREATE_RACE}),
        (IgnoresSwap(), {SWAP_WITH_WRONG_ETAG, SWAP_OF_MISSING_KEY, SWAP_RACE}),
        (SwapWritesMissing(), {SWAP_OF_MISSING_KEY}),
        (RefusesEverySwap(), {SWAP_WITH_RIGHT_ETAG, SWAP_RACE}),
        (ReadsTheFirstWriteForEver(), {READ_AFTER_WRITE, SWAP_WITH_RIGHT_ETAG}),
        (ListsLate(), {LIST_AFTER_WRITE, LIST_IN_ORDER}),
        (ListsBackward(), {LIST_IN_ORDER}),
        (StartsOverAtEachPage(), {LIST_IN_ORDER}),
        (HasOneETag(), {ETAG_FOLLOWS_CONTENT, SWAP_WITH_WRONG_ETAG, SWAP_OF_MISSING_KEY, SWAP_RACE}),
        (RightUntilRaced("create"), {CREATE_RACE}),
        (RightUntilRaced("swap"), {SWAP_RACE}),
        (TellsTheWrongWriter(), {CREATE_RACE}),
        (EverybodyLosesAndItChanges(), {CREATE_RACE}),
        (NobodyWins(), {CREATE_RACE}),
        (MayNotList(), {LIST_AFTER_WRITE, LIST_IN_ORDER}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, MemoryStore) else "",
)
def test_a_store_that_breaks_a_promise_is_refused_by_its_name(
    runtime: BlockingRuntime, store: Wrapper, broken: set[str]
) -> None:
    capability = check(store, runtime)
    assert broken <= failed(capability)
    assert not capability.shared_writing
    with pytest.raises(StoreNotCapable) as refused:
        capability.require_shared_writing()
    for name in failed(capability) & NEEDED:
        assert f"{name}: " in str(refused.value)


@pytest.mark.parametrize("word", ["create", "swap"])
def test_only_the_race_tells_a_store_that_checks_and_then_writes(runtime: BlockingRuntime, word: str) -> None:
    assert failed(check(RightUntilRaced(word), runtime)) == {f"{word}-race"}


def test_a_store_that_refuses_and_yet_stores_is_found_out(runtime: BlockingRuntime) -> None:
    assert {CREATE_OVER_EXISTING, SWAP_WITH_WRONG_ETAG, SWAP_OF_MISSING_KEY} <= failed(
        check(RefusesAndStores(), runtime)
    )


def test_a_store_without_conditional_delete_is_capable_and_that_is_recorded(runtime: BlockingRuntime) -> None:
    capability = check(IgnoresDeleteCondition(), runtime)
    assert failed(capability) == {CONDITIONAL_DELETE}
    assert capability.shared_writing
    assert not capability.conditional_delete
    capability.require_shared_writing()


def test_a_missing_right_is_a_finding_that_names_it(runtime: BlockingRuntime) -> None:
    capability = check(MayNotDelete(), runtime)
    for finding in capability.findings:
        if finding.name in {READ_AFTER_WRITE, LIST_AFTER_WRITE, CONDITIONAL_DELETE}:
            assert not finding.ok
            assert "s3:DeleteObject" in finding.detail
    assert not capability.shared_writing


@pytest.mark.parametrize("nth", [4, 5, 7])
def test_lost_answers_are_not_held_against_a_store(runtime: BlockingRuntime, nth: int) -> None:
    assert failed(check(LosesAnswers(nth), runtime)) == set()


@pytest.mark.parametrize("store", [IsDownForWrites(), IsDownInRaces(), LosesAnswers(1)])
def test_a_store_that_does_not_answer_is_unavailable_and_not_incapable(
    runtime: BlockingRuntime, store: Wrapper
) -> None:
    with pytest.raises(StoreUnavailable) as down:
        check(store, runtime)
    assert not down.value.may_have_landed
    assert objects(store) == []


def test_a_store_that_breaks_one_promise_is_refused_though_another_could_not_be_told(runtime: BlockingRuntime) -> None:
    class NeverLists(IgnoresCreate):
        async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
            raise StoreUnavailable("down")

    found = check(NeverLists(), runtime)
    assert not found.shared_writing
    assert failed(found) >= {CREATE_OVER_EXISTING, LIST_IN_ORDER}


def test_no_pause_between_two_rounds_is_long() -> None:
    pauses: list[float] = []

    class NotesPauses(BlockingRuntime):
        async def sleep(self, seconds: float) -> None:
            pauses.append(seconds)

    runtime = NotesPauses(max_threads=WRITERS)
    with pytest.raises(StoreUnavailable):
        check(IsDownInRaces(), runtime)
    run(runtime.close())
    assert len(pauses) > 20
    assert max(pauses) <= 2


def test_a_missing_bucket_is_no_finding(runtime: BlockingRuntime) -> None:
    with pytest.raises(BucketNotFound):
        check(HasNoBucket(), runtime)


def test_a_capability_survives_json() -> None:
    capability = Capability((Finding(CREATE_RACE, ok=False, detail="no"),), "enabled")
    value = json.loads(json.dumps(capability.to_json()))
    assert value["shared_writing"] is False
    assert Capability.from_json(value | {"later": 1}) == capability


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"findings": [], "versioning": None},
        {"findings": [{"name": "a", "ok": 1, "detail": ""}], "versioning": "off"},
        {"findings": [{"name": "a", "ok": True}], "versioning": "off"},
    ],
)
def test_a_record_that_is_not_one_is_corrupt(value: object) -> None:
    with pytest.raises(CorruptObject):
        Capability.from_json(value)


def test_nothing_checked_is_not_capable() -> None:
    with pytest.raises(StoreNotCapable, match="create-race: not checked"):
        Capability(()).require_shared_writing()


@pytest.mark.parametrize("versioned", [False, True])
def test_s3_by_moto_is_capable(moto: MotoServer, bucket_name: Callable[[], str], *, versioned: bool) -> None:
    bucket = moto.make_bucket(bucket_name())
    if versioned:
        set_versioning(moto.url, bucket)
    assert_capable(BLOCKING, moto.url, bucket, "enabled" if versioned else "off")


def test_s3_by_ministack_is_capable(ministack: MinistackServer, bucket_name: Callable[[], str]) -> None:
    assert_capable(BLOCKING, ministack.url, ministack.make_bucket(bucket_name()), "off")


@pytest.mark.parametrize("case", ASYNCIO)
def test_s3_by_moto_is_capable_through_asyncio(case: Case, moto: MotoServer, bucket_name: Callable[[], str]) -> None:
    with case.opened(moto.make_bucket(bucket_name()), endpoint_url=moto.url) as (driver, store):

        async def scenario() -> Capability:
            return await check_capability(store, AsyncioRuntime(), rounds=3)

        capability = driver.run(scenario())
        assert failed(capability) == set()
        assert driver.run(store.list_page(CHECKS)).objects == ()


def assert_capable(case: Case, url: str, bucket: str, versioning: str) -> None:
    runtime = BlockingRuntime()
    with case.opened(bucket, "agents", endpoint_url=url) as (driver, store):
        capability = driver.run(check_capability(store, runtime, rounds=3))
        assert failed(capability) == set()
        assert capability.versioning == versioning
        assert driver.run(store.list_page("")).objects == ()
    run(runtime.close())


def set_versioning(url: str, bucket: str) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=url)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.close()
