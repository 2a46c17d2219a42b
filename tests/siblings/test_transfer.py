"""Large artifacts: up and down in parts, again after an interruption, with nothing held and everything checked."""

from __future__ import annotations

import hashlib
import io
import random
from typing import TYPE_CHECKING, Any

import pytest

from s3store import AccessDenied, Artifacts, Conflict, CorruptObject, InvalidOption, SessionStore, StoreUnavailable
from s3store.keys import StreamKeys
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.siblings.upload import PART, is_part, part_size
from tests.archives import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from s3store.objects.base import Part, StartedUpload, StoredObject, Upload
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

KEYS = StreamKeys.of("a", "artifacts")
LARGE = random.Random(2).randbytes(2 * PART + 12345)
DIGEST = hashlib.sha256(LARGE).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(LARGE)
    return path


class Watched(MemoryStore):
    """Counts what is asked for, and fails where a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[int] = []
        self.ranges: list[tuple[int, int]] = []
        self.on_begin: Callable[[], object] = lambda: None
        self.on_part: Callable[[Upload, int], None] = lambda _upload, _number: None
        self.on_finish: Callable[[Upload], None] = lambda _: None
        self.after_finish: Callable[[Upload], None] = lambda _: None
        self.on_range: Callable[[tuple[int, int]], None] = lambda _: None

    async def begin_upload(self, key: str, *, part_size: int) -> Upload:
        self.on_begin()
        return await super().begin_upload(key, part_size=part_size)

    async def put_part(self, upload: Upload, number: int, body: bytes) -> Part:
        self.on_part(upload, number)
        self.sent.append(number)
        return await super().put_part(upload, number, body)

    async def finish_upload(self, upload: Upload, parts: Sequence[Part]) -> str:
        self.on_finish(upload)
        etag = await super().finish_upload(upload, parts)
        self.after_finish(upload)
        return etag

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        if byte_range is not None:
            self.on_range(byte_range)
            self.ranges.append(byte_range)
        return await super().get(key, if_none_match=if_none_match, byte_range=byte_range)

    def uploads(self) -> list[Upload]:
        return [started.upload for started in run(self.list_uploads(""))]


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def artifacts(watched: Watched) -> Artifacts:
    return SessionStore(watched, policy=QUICK).artifacts("a")


def broken(*_: object) -> None:
    raise StoreUnavailable("the connection broke", may_have_landed=True)


def chunks(size: int = 1_000_003) -> Iterator[bytes]:
    return (LARGE[at : at + size] for at in range(0, len(LARGE), size))


def test_a_large_file_goes_up_and_down(place: Place, file: Path, tmp_path: Path) -> None:
    artifacts = place.open().artifacts("a")
    told: list[tuple[int, int | None]] = []
    info = artifacts.put("large", file, progress=lambda done, total: told.append((done, total)))
    assert (info.size, info.sha256) == (len(LARGE), DIGEST)
    assert told[-1] == (len(LARGE), len(LARGE))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    other = place.open().artifacts("a")
    target = tmp_path / "down" / "x"
    target.parent.mkdir()
    told.clear()
    assert other.get_to("large", target, progress=lambda done, total: told.append((done, total))) == info
    assert target.read_bytes() == LARGE
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["x"]
    assert told[-1] == (len(LARGE), len(LARGE))
    assert other.read("large", PART - 3, PART + 3) == LARGE[PART - 3 : PART + 3]
    assert hashlib.sha256(b"".join(other.stream("large"))).hexdigest() == DIGEST
    assert other.get("large").data == LARGE
    assert other.remove("large") is True
    assert [key for key in place.listed(KEYS.segments) if DIGEST in key] == []


@pytest.mark.parametrize("kind", ["bytes", "file", "unseekable", "iterator"])
def test_every_large_source_is_taken(artifacts: Artifacts, kind: str) -> None:
    class Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return False

    skipped = io.BytesIO(b"skipped" + LARGE)
    skipped.seek(7)
    sources: dict[str, Any] = {"bytes": LARGE, "file": skipped, "unseekable": Unseekable(LARGE), "iterator": chunks()}
    info = artifacts.put("n", sources[kind])
    assert (info.size, info.sha256) == (len(LARGE), DIGEST)
    assert artifacts.get("n").data == LARGE


def test_a_file_that_is_there_already_is_not_sent_again(watched: Watched, artifacts: Artifacts, file: Path) -> None:
    artifacts.put("n", file)
    watched.sent.clear()
    assert artifacts.put("m", file).body == artifacts.put("n", file).body
    assert watched.sent == []


def test_an_interrupted_upload_goes_on(watched: Watched, artifacts: Artifacts, file: Path) -> None:
    watched.on_part = lambda _, number: broken() if number == 2 else None
    with pytest.raises(StoreUnavailable):
        artifacts.put("n", file)
    # Which of the others had begun when it failed is the threads' affair.
    arrived = set(watched.sent)
    assert arrived <= {1, 3}
    assert artifacts.exists() is False
    watched.on_part = lambda _upload, _number: None
    watched.sent.clear()
    told: list[int] = []
    SessionStore(watched).artifacts("a").put("n", file, progress=lambda done, _: told.append(done))
    assert set(watched.sent) == {1, 2, 3} - arrived
    assert told[-1] == len(LARGE)
    assert artifacts.get("n").data == LARGE
    assert watched.uploads() == []


def test_an_interrupted_upload_goes_on_in_every_store(place: Place, file: Path) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(_done: int, _total: int | None) -> None:
        raise Interrupted

    artifacts = place.open().artifacts("a")
    with pytest.raises(Interrupted):
        artifacts.put("n", file, progress=interrupt)
    [started] = run(place.objects.list_uploads(KEYS.segments))
    arrived = {part.number: part for part in run(place.objects.parts(started.upload))}
    info = place.open().artifacts("a").put("n", file)
    assert arrived
    assert KEYS.body(str(info.body)) == started.upload.key
    assert run(place.objects.list_uploads(KEYS.segments)) == []
    assert place.open().artifacts("a").get("n").data == LARGE


def test_who_may_not_list_uploads_sends_all_parts(watched: Watched, artifacts: Artifacts, file: Path) -> None:
    async def denied(prefix: str) -> list[StartedUpload]:
        raise AccessDenied("s3:ListBucketMultipartUploads")

    watched.list_uploads = denied  # type: ignore[method-assign]
    artifacts.put("n", file)
    assert sorted(watched.sent) == [1, 2, 3]
    assert artifacts.get("n").data == LARGE


def test_the_parts_of_every_store_are_known_again(place: Place) -> None:
    """What has arrived is told by its ETag, which each store makes in its own way."""
    upload = run(place.objects.begin_upload(KEYS.body("01kah0000000000000000000aa"), part_size=PART))
    part = run(place.objects.put_part(upload, 1, LARGE[:PART]))
    assert is_part(part, LARGE[:PART])
    assert not is_part(part, LARGE[1 : PART + 1])
    assert not is_part(part, LARGE[: PART - 1])
    run(place.objects.abort_upload(upload))


def test_a_part_that_is_not_the_same_is_sent_again(watched: Watched, artifacts: Artifacts, file: Path) -> None:
    upload = run(watched.begin_upload(KEYS.body(f"{DIGEST}-01kah0000000000000000000aa"), part_size=PART))
    run(watched.put_part(upload, 1, LARGE[:PART]))
    run(watched.put_part(upload, 2, bytes(PART)))
    watched.sent.clear()
    artifacts.put("n", file)
    assert sorted(watched.sent) == [2, 3]
    assert artifacts.get("n").data == LARGE


def test_an_iterator_that_breaks_leaves_nothing(watched: Watched, artifacts: Artifacts) -> None:
    def breaking() -> Iterator[bytes]:
        yield from chunks()
        raise ValueError("broken source")

    with pytest.raises(ValueError, match="broken source"):
        artifacts.put("n", breaking())
    assert watched.uploads() == []
    assert artifacts.exists() is False


def test_a_lost_answer_to_the_end_of_an_upload_is_settled(watched: Watched, artifacts: Artifacts, file: Path) -> None:
    watched.after_finish = broken
    assert artifacts.put("n", file).size == len(LARGE)
    assert artifacts.get("n").data == LARGE


def test_an_end_that_never_came_is_told(watched: Watched, artifacts: Artifacts, file: Path) -> None:
    watched.on_finish = broken
    with pytest.raises(StoreUnavailable):
        artifacts.put("n", file)
    watched.on_finish = lambda _: None
    watched.sent.clear()
    artifacts.put("n", file)
    assert watched.sent == []
    assert artifacts.get("n").data == LARGE


def test_an_upload_that_a_clean_up_aborts_begins_again(watched: Watched, artifacts: Artifacts, file: Path) -> None:
    aborted: list[Upload] = []

    def abort(upload: Upload) -> None:
        if not aborted:
            aborted.append(upload)
            run(watched.abort_upload(upload))

    watched.on_finish = abort
    artifacts.put("n", file)
    assert len(aborted) == 1
    assert artifacts.get("n").data == LARGE
    aborted.clear()
    with pytest.raises(Conflict, match="cannot be read again"):
        artifacts.put("m", chunks())
    assert [info.name for info in artifacts.list()] == ["n"]


def test_a_file_that_changes_while_it_is_read_is_refused(watched: Watched, artifacts: Artifacts, file: Path) -> None:
    watched.on_begin = lambda: file.write_bytes(LARGE[::-1])
    with pytest.raises(InvalidOption, match="changed while it was read"):
        artifacts.put("n", file)
    assert artifacts.exists() is False


def test_an_interrupted_download_goes_on(watched: Watched, artifacts: Artifacts, tmp_path: Path) -> None:
    wide = LARGE * 3
    artifacts.put("n", io.BytesIO(wide))
    target = tmp_path / "x"
    watched.on_range = lambda found: broken() if found[0] >= 4 * PART else None
    with pytest.raises(StoreUnavailable):
        artifacts.get_to("n", target)
    [left] = tmp_path.iterdir()
    assert left.name.endswith(".part")
    left.write_bytes(wide[: PART + 7])
    watched.on_range = lambda _: None
    watched.ranges.clear()
    artifacts.get_to("n", target)
    assert min(watched.ranges)[0] == PART + 7
    assert target.read_bytes() == wide
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("wrong", [bytes(PART), LARGE + b"more"], ids=["other", "longer"])
def test_what_lies_in_the_way_of_a_download_does_no_harm(artifacts: Artifacts, tmp_path: Path, wrong: bytes) -> None:
    artifacts.put("n", LARGE)
    part = tmp_path / f".s3store-{DIGEST[:32]}.part"
    part.write_bytes(wrong)
    target = tmp_path / "x"
    target.write_bytes(b"before")
    if len(wrong) < len(LARGE):
        with pytest.raises(CorruptObject):
            artifacts.get_to("n", target)
        assert target.read_bytes() == b"before"
        assert not part.exists()
    artifacts.get_to("n", target)
    assert target.read_bytes() == LARGE


def test_two_downloads_of_one_content_into_one_folder_are_kept_apart(artifacts: Artifacts, tmp_path: Path) -> None:
    from s3store.siblings.download import PartFile

    artifacts.put("n", LARGE)
    other = PartFile(tmp_path, DIGEST)
    with pytest.raises(InvalidOption, match="another download"):
        artifacts.get_to("n", tmp_path / "x")
    other.close()
    artifacts.get_to("n", tmp_path / "x")


def test_a_small_artifact_goes_to_a_file_too(artifacts: Artifacts, tmp_path: Path) -> None:
    artifacts.put("n", "text")
    artifacts.get_to("n", tmp_path / "x")
    assert (tmp_path / "x").read_text() == "text"
    with pytest.raises(FileNotFoundError):
        artifacts.get_to("n", tmp_path / "missing" / "x")


def test_parts_are_as_large_as_their_number_asks_for() -> None:
    assert part_size(PART + 1) == PART
    assert part_size(PART * 10_000) == PART
    for size in (PART * 10_000 + 1, 5 * 2**40):
        assert -(-size // part_size(size)) <= 10_000
    assert part_size(None) > PART
