"""The least rights: each call uses just those that `docs/operations.md` names for it, and says which one it lacks.

The default suite makes each call once, in `tests/terraform/test_policies.py`, and holds it to the role that may.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pytest

from s3store import AccessDenied, Append, IndexPolicy, SessionNotFound, SessionStore, StoreNotCapable
from s3store.runtime import run
from s3store.siblings.upload import PART
from tests.archives import prepare, s3_options
from tests.servers.policy_proxy import PolicyProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.servers import MotoServer

pytestmark = [pytest.mark.s3, pytest.mark.usefixtures("small_parts")]
pytest_plugins = ["tests.archive_fixtures"]

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
TABLE = re.compile(r"^\| (?P<calls>`[^|]+`) \| (?P<rights>`s3:[^|]+`) \|$", re.MULTILINE)
LARGE = bytes(PART + 1)
MIDDLE = bytes(20_000)


def breaking() -> Iterator[bytes]:
    yield LARGE
    raise ZeroDivisionError


def interrupted(store: SessionStore, file: Path) -> None:
    def stop(done: int, whole: int | None) -> None:
        raise ZeroDivisionError

    file.write_bytes(LARGE)
    with pytest.raises(ZeroDivisionError):
        store.artifacts("a").put("n", file, progress=stop)


def interrupted_then_again(store: SessionStore, file: Path) -> None:
    interrupted(store, file)
    store.artifacts("a").put("n", file)


def sent_and_taken(store: SessionStore, _: Path) -> None:
    store.inbox("a").send("x")
    mail = store.inbox("a").receive()
    assert mail is not None
    mail.done()


def into_a_pack(store: SessionStore, storage_class: str) -> None:
    """Pack a session. By the store's clock, which has but seconds, it may not have been idle at all yet."""

    async def chosen() -> AsyncIterator[str]:
        yield "a"

    assert run(store._archive.packs.pack(chosen(), storage_class=storage_class)).sessions == 1


def restored(store: SessionStore, _: Path) -> None:
    assert store.restore(["a"]).cost.requests == 1
    with pytest.raises(SessionNotFound):
        store.restore(["missing"])


def broken_off(store: SessionStore, file: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        store.artifacts("b").put("iterator", breaking())


def copied_from_memory(store: SessionStore, _: Path) -> None:
    with SessionStore("memory://") as source:
        source.append("c", "x")
        source.append("new", "x")
        source.artifacts("new").put("n", MIDDLE)
        assert source.copy_to(store, replace=True).is_complete


def copied_to_memory(store: SessionStore, _: Path) -> None:
    with SessionStore("memory://") as target:
        assert store.copy_to(target).is_complete


Opened: TypeAlias = "Callable[[str], SessionStore]"
Call = tuple["Callable[[SessionStore, Path], object]", ...]
CALLS: dict[str, Call] = {
    "load": (lambda s, _: s.load("a"), lambda s, _: s.load("b")),
    "last": (lambda s, _: s.last("a", 1),),
    "records": (lambda s, _: list(s.records("a")),),
    "info": (lambda s, _: s.info("a"),),
    "exists": (lambda s, _: s.exists("a"), lambda s, _: s.exists("missing")),
    "load_all": (lambda s, _: s.load_all("a"),),
    "list": (lambda s, _: list(s.list()),),
    "page": (lambda s, _: s.page(limit=1),),
    "count": (lambda s, _: s.count(),),
    "running": (lambda s, _: s.running(),),
    "stuck": (lambda s, _: s.stuck(1),),
    "scan": (lambda s, _: list(s.scan()),),
    "export": (lambda s, file: s.export(file, form="csv"),),
    "copy_to": (copied_to_memory,),
    "search": (lambda s, _: s.search("word"),),
    "traces.load": (lambda s, _: s.traces("a").load(),),
    "artifacts.list": (lambda s, _: s.artifacts("a").list(),),
    "artifacts.get": (lambda s, _: s.artifacts("a").get("n"),),
    "artifacts.read": (lambda s, _: s.artifacts("a").read("n", 1, 5),),
    "artifacts.stream": (lambda s, _: list(s.artifacts("a").stream("n")),),
    "artifacts.get_to": (lambda s, file: s.artifacts("a").get_to("n", file),),
    "artifacts.url": (lambda s, _: s.artifacts("a").url("n"),),
    "index.status": (lambda s, _: s.index.status(),),
    "index.verify": (lambda s, _: s.index.verify(),),
    "create": (lambda s, _: s.create("new", ["x"]),),
    "append": (lambda s, _: s.append("a", "x"), lambda s, _: s.append("a", "y")),
    "extend": (lambda s, _: s.extend("a", ["x", "y"]),),
    "replace_last": (lambda s, _: s.replace_last("a", "x"),),
    "remove_last": (lambda s, _: s.remove_last("a"),),
    "clear": (lambda s, _: s.clear("a"),),
    "update": (lambda s, _: s.update("a", name="n"),),
    "commit": (lambda s, _: s.commit("a", Append("x")),),
    "save": (lambda s, _: s.save("a", ["all"]),),
    "save_all": (lambda s, _: s.save_all("a", transcript=["all"], runs=[1]),),
    "resolve": (lambda s, _: s.resolve("b", "01kah0000000000000000000aa"),),
    "traces.append": (lambda s, _: s.traces("a").append({"kind": "x"}),),
    "runs.replace": (lambda s, _: s.runs("a").replace([1]),),
    "artifacts.put": (lambda s, _: s.artifacts("a").put("m", "small"), lambda s, _: s.artifacts("a").put("m", MIDDLE)),
    "artifacts.remove": (lambda s, _: s.artifacts("a").remove("n"),),
    "artifacts.save": (lambda s, _: s.artifacts("a").save([]),),
    "copy_to as its target": (copied_from_memory,),
    "inbox.send": (lambda s, _: s.inbox("a").send("x"),),
    "inbox.receive": (sent_and_taken,),
    "delete": (interrupted, lambda s, _: s.delete("a")),
    "cleanup": (interrupted, lambda s, _: s.cleanup(older_than=0)),
    "hold": (lambda s, _: s.hold("a", "r"),),
    "release": (lambda s, _: s.hold("a", "r"), lambda s, _: s.release("a")),
    "holds": (lambda s, _: list(s.holds()),),
    "retention.set": (lambda s, _: s.retention.set("age 7y -> delete"),),
    "retention.remove": (lambda s, _: s.retention.remove(),),
    "retention.rules": (lambda s, _: s.retention.rules(),),
    "retention.plan": (lambda s, _: s.retention.plan(),),
    "maintain": (interrupted, lambda s, _: s.maintain(older_than=0)),
    "erase": (interrupted, lambda s, _: s.erase(id_prefix="a")),
    "remains": (lambda s, _: s.remains("a"),),
    "erase_versions": (lambda s, _: s.erase_versions("a"),),
    "pack": (lambda s, _: into_a_pack(s, "GLACIER"), lambda s, _: s.pack(idle=0)),
    "unpack": (lambda s, _: s.unpack("a"), lambda s, _: s.unpack("missing")),
    "unpack_all": (lambda s, _: s.unpack_all(id_prefix="a"),),
    "restore": (restored,),
    "index.compact": (lambda s, _: s.index.compact(everything=True),),
    "index.rebuild": (lambda s, _: s.index.rebuild(),),
    "index.verify(fix=True)": (lambda s, _: s.index.verify(fix=True),),
    "artifacts.put of over 8 MiB": (interrupted_then_again, broken_off),
    "check": (lambda s, _: s.check().require_shared_writing(),),
}


def archived(store: SessionStore) -> None:
    into_a_pack(store, "GLACIER")
    store.cleanup(older_than=0)


def packed(store: SessionStore) -> None:
    into_a_pack(store, "STANDARD")
    store.cleanup(older_than=0)


BEFORE: dict[str, Callable[[SessionStore], None]] = {"unpack": packed, "unpack_all": packed, "restore": archived}
"""What has to be so before a call has anything to do."""


class Row(NamedTuple):
    """A row of the table in the docs."""

    calls: tuple[str, ...]
    rights: frozenset[str]


def ticked(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


ROWS = [Row(ticked(row["calls"]), frozenset(ticked(row["rights"]))) for row in TABLE.finditer(OPERATIONS.read_text())]
DONE_WITHOUT = {
    ("create", "s3:DeleteObject"),
    ("index.compact", "s3:DeleteObject"),
    ("artifacts.put of over 8 MiB", "s3:DeleteObject"),
    ("artifacts.put of over 8 MiB", "s3:AbortMultipartUpload"),
    ("artifacts.put of over 8 MiB", "s3:ListBucketMultipartUploads"),
    ("delete", "s3:AbortMultipartUpload"),
    ("erase", "s3:AbortMultipartUpload"),
    ("check", "s3:GetBucketVersioning"),
}
"""Rights that a row's calls do without, where they have to; the docs say what is then left behind."""


@pytest.fixture
def proxy(moto: MotoServer) -> Iterator[PolicyProxy]:
    with PolicyProxy(moto.port) as proxy:
        yield proxy


@pytest.fixture
def opened(proxy: PolicyProxy, moto: MotoServer, bucket_name: Callable[[], str]) -> Iterator[Opened]:
    """Make clients, each on an archive of its own with the same sessions in it."""
    stores = []

    def open_it(name: str) -> SessionStore:
        proxy.deny()
        url = f"s3://{moto.make_bucket(bucket_name())}/agents"
        options: dict[str, Any] = {
            "s3": s3_options(proxy.url),
            "cache": False,
            "index": IndexPolicy(compact_after=None),
        }
        with SessionStore(url, **options) as store:
            prepare(store._archive._bare)
            store.create("a", ["word"], state="running", turn="t")
            store.append("a", "second")
            store.append("a", "third")
            store.create("b", ["word"])
            store.artifacts("a").put("n", MIDDLE)
            store.traces("a").append({"kind": "x"})
            store.index.compact()
            store.create("c")
            if name in BEFORE:
                BEFORE[name](store)
        stores.append(SessionStore(url, **options))
        proxy.deny()
        return stores[-1]

    yield open_it
    proxy.deny()
    for store in stores:
        store.close()


def test_the_docs_name_every_call_and_no_other() -> None:
    assert sorted(name for row in ROWS for name in row.calls) == sorted(CALLS)


@pytest.mark.long
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.calls[0])
def test_calls_use_just_the_rights_that_the_docs_name(
    opened: Opened, proxy: PolicyProxy, tmp_path: Path, row: Row
) -> None:
    used: set[str] = set()
    for name in row.calls:
        store = opened(name)
        for call in CALLS[name]:
            call(store, tmp_path / "file")
        assert proxy.used <= row.rights, name
        used |= proxy.used
    assert used == row.rights


@pytest.mark.long
@pytest.mark.parametrize(
    ("row", "right"),
    [(row, right) for row in ROWS for right in sorted(row.rights)],
    ids=lambda value: value if isinstance(value, str) else value.calls[0],
)
def test_a_call_that_lacks_a_right_says_which(
    opened: Opened, proxy: PolicyProxy, tmp_path: Path, row: Row, right: str
) -> None:
    refusal = None
    for name in row.calls:
        store = opened(name)
        proxy.deny({right})
        try:
            for call in CALLS[name]:
                call(store, tmp_path / "file")
        except (AccessDenied, StoreNotCapable) as error:
            refusal = str(error)
            break
    if (row.calls[0], right) in DONE_WITHOUT:
        assert refusal is None
    else:
        assert refusal is not None
        assert right in refusal
