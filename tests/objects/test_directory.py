from __future__ import annotations

import errno
import os
import resource
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3store.errors import (
    AccessDenied,
    BucketNotFound,
    CorruptObject,
    InvalidOption,
    StoreNotCapable,
    StoreUnavailable,
)
from s3store.objects import MIN_PART, NoSuchKey, NoSuchUpload, PreconditionFailed, Upload
from s3store.objects.directory import DirectoryStore
from s3store.runtime import run
from s3store.testing import ODD_KEYS, ObjectStoreTests

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = ".s3store"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    return DirectoryStore(root)


def listed(store: DirectoryStore, prefix: str = "") -> list[str]:
    return [found.key for found in run(store.list_page(prefix)).objects]


def files(root: Path) -> list[str]:
    """What is on disk beside the store's own folder: files and empty folders."""
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file() or not any(path.iterdir()))
    return sorted(str(path) for path in paths if path.parts[0] != OWN)


class TestDirectoryStore(ObjectStoreTests):
    @pytest.fixture
    def store(self, root: Path) -> DirectoryStore:
        return DirectoryStore(root)


# Opening


def test_the_directory_is_created_with_its_parents(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "not" / "yet" / "there")
    run(store.put("a.json", b"body"))
    assert (tmp_path / "not" / "yet" / "there" / "a.json").read_bytes() == b"body"


def test_what_one_store_wrote_another_reads(root: Path, store: DirectoryStore) -> None:
    etag = run(store.put("a/b", b"body"))
    assert run(DirectoryStore(str(root)).get("a/b")).etag == etag


def test_a_relative_root_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = DirectoryStore("archive")
    monkeypatch.chdir("/")
    run(store.put("a.json", b"body"))
    assert (tmp_path / "archive" / "a.json").exists()


def test_a_file_cannot_be_opened_as_a_directory(root: Path) -> None:
    root.write_bytes(b"")
    with pytest.raises(InvalidOption, match="not a directory"):
        DirectoryStore(root)


def test_a_system_without_flock_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(StoreNotCapable, match="flock"):
        DirectoryStore(root)


def test_a_directory_that_is_gone_is_no_empty_archive(root: Path, store: DirectoryStore) -> None:
    etag = run(store.put("a/b", b"body"))
    shutil.rmtree(root)
    root.mkdir()  # what is left when a disk is unmounted
    for operation in (
        store.get("a/b"),
        store.put("a/b", b"body"),
        store.put("a/b", b"body", if_match=etag),
        store.delete("a/b"),
        store.list_page(""),
    ):
        with pytest.raises(BucketNotFound):
            run(operation)
    assert list(root.iterdir()) == []


# Rights


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_nobody_else_may_read_whatever_the_umask(root: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = DirectoryStore(root / "deeper")
        run(store.put("a/b/c.json", b"body"))
    finally:
        os.umask(before)
    for path in [root, *root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.fixture
def private_root() -> Iterator[Path]:
    """A directory that root's rights do not open: as another user, where the tests run as root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder / "archive"
    finally:
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir():
                path.chmod(0o700)
        shutil.rmtree(folder)
        os.seteuid(user)


def test_a_read_only_directory_can_be_read_and_says_why_it_cannot_be_written(private_root: Path) -> None:
    etag = run(DirectoryStore(private_root).put("a.json", b"body"))
    private_root.chmod(0o500)
    store = DirectoryStore(private_root)
    assert run(store.get("a.json")).body == b"body"
    for operation in (
        store.put("a.json", b"new"),
        store.put("a.json", b"new", if_match=etag),
        store.put("b/c.json", b"new"),
        store.delete("a.json"),
    ):
        with pytest.raises(AccessDenied, match=r"object '.*\.json' cannot be .*: Permission denied"):
            run(operation)
    assert run(store.get("a.json")).body == b"body"
    assert listed(store) == ["a.json"]


def test_a_directory_in_a_read_only_one_is_not_made(private_root: Path) -> None:
    private_root.parent.chmod(0o500)
    with pytest.raises(AccessDenied, match="archive"):
        DirectoryStore(private_root)


def test_an_object_that_may_not_be_read_is_not_absent(private_root: Path) -> None:
    store = DirectoryStore(private_root)
    run(store.put("a/b.json", b"body"))
    (private_root / "a").chmod(0o000)
    for operation in (store.get("a/b.json"), store.put("a/b.json", b"new", if_absent=True), store.list_page("a/")):
        with pytest.raises(AccessDenied):
            run(operation)


# Faults of the disk


def test_a_disk_that_fills_up_in_the_middle_of_a_write_keeps_the_old_object(root: Path, store: DirectoryStore) -> None:
    run(store.put("a.json", b"old"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StoreUnavailable, match=r"'a\.json' cannot be written: File too large") as failed:
            run(store.put("a.json", bytes(1_000_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not failed.value.may_have_landed
    assert run(store.get("a.json")).body == b"old"
    assert files(root) == ["a.json"]


@pytest.mark.parametrize(
    ("call", "number", "may_have_landed"),
    [
        pytest.param("fsync", 1, False, id="sync-of-the-content"),
        pytest.param("replace", 1, True, id="rename"),
        pytest.param("fsync", 2, True, id="sync-of-the-folder"),
    ],
)
def test_a_failed_write_says_truly_whether_it_may_have_landed(
    root: Path,
    store: DirectoryStore,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    *,
    may_have_landed: bool,
) -> None:
    run(store.put("a.json", b"old"))
    with monkeypatch.context() as patch:
        fail_at(patch, call, number, errno.EIO)
        with pytest.raises(StoreUnavailable, match=r"'a\.json' cannot be written: Input/output error") as failed:
            run(store.put("a.json", b"new"))
    assert failed.value.may_have_landed is may_have_landed
    assert run(store.get("a.json")).body == (b"new" if call == "fsync" and number == 2 else b"old")
    run(store.put("a.json", b"newer"))
    assert files(root) == ["a.json"]


def test_an_object_that_cannot_be_looked_up_is_not_absent(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(store.put("a.json", b"old"))
    with monkeypatch.context() as patch:
        fail_at(patch, "lstat", 1, errno.EIO)
        with pytest.raises(StoreUnavailable, match="Input/output error") as failed:
            run(store.put("a.json", b"new", if_absent=True))
    assert not failed.value.may_have_landed
    assert run(store.get("a.json")).body == b"old"


def test_a_delete_whose_sync_fails_may_have_landed(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run(store.put("a.json", b"old"))
    with monkeypatch.context() as patch:
        fail_at(patch, "fsync", 1, errno.EIO)
        with pytest.raises(StoreUnavailable, match=r"'a\.json' cannot be deleted") as failed:
            run(store.delete("a.json"))
    assert failed.value.may_have_landed


def fail_at(patch: pytest.MonkeyPatch, call: str, number: int, reason: int) -> None:
    """Let the `number`th call of a function of `os` fail, as a broken disk does."""
    true_call = getattr(os, call)
    calls = 0

    def counted(*args: object) -> object:
        nonlocal calls
        calls += 1
        if calls == number:
            raise OSError(reason, os.strerror(reason))
        return true_call(*args)

    patch.setattr(os, call, counted)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc what was synced")
def test_every_new_name_is_synced_before_the_write_is_acknowledged(
    root: Path, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    true_fsync = os.fsync

    def recorded(opened: int) -> None:
        synced.append(Path(f"/proc/self/fd/{opened}").readlink())
        true_fsync(opened)

    monkeypatch.setattr(os, "fsync", recorded)
    run(store.put("a/b/c.json", b"body"))
    above = [root / "a", root]
    assert synced == [root, root / "a", root / "a/b/.c.json.tmp", root / "a/b", *above]
    synced.clear()
    # Folders that were there already may be another writer's, who has not synced them yet.
    run(store.put("a/b/c.json", b"body"))
    assert synced == [root / "a/b/.c.json.tmp", root / "a/b", *above]
    synced.clear()
    run(store.delete("a/b/c.json"))
    assert synced == [root / "a/b"]
    run(DirectoryStore(root, durable=False).put("d/e.json", b"body"))
    assert synced == [root / "a/b"]


# Names on disk


def test_the_archives_own_keys_look_the_same_on_disk(root: Path, store: DirectoryStore) -> None:
    keys = [
        "archive.json",
        "index/manifest.json",
        "sessions/ab/sess-1/transcript.jsonl.zst",
        "sessions/ab/sess-1/transcript/0000000000-01j9.jsonl.zst",
    ]
    for key in keys:
        run(store.put(key, b"body"))
    assert files(root) == sorted(keys)


def test_hostile_keys_stay_inside_the_root(tmp_path: Path) -> None:
    root = tmp_path / "outer" / "inner" / "archive"
    store = DirectoryStore(root)
    hostile = [
        "../../escaped",
        "/etc/passwd",
        "..",
        ".",
        "a/../../../../escaped",
        "..\\..\\escaped",
        "\x00/../x",
        "~/x",
    ]
    keys = sorted({*hostile, *ODD_KEYS.values()}, key=str.encode)
    for key in keys:
        run(store.put(key, key.encode()))
    assert listed(store) == keys
    assert [path.name for path in tmp_path.iterdir()] == ["outer"]
    assert [path.name for path in (tmp_path / "outer").iterdir()] == ["inner"]
    assert [path.name for path in (tmp_path / "outer" / "inner").iterdir()] == ["archive"]
    assert {path.name for path in (root / OWN).iterdir()} == {"locks"}
    for key in keys:
        run(store.delete(key))
    assert files(root) == []


@settings(derandomize=True, database=None, deadline=None, max_examples=60)
@given(
    keys=st.sets(st.text(alphabet="abA./+%!~é", min_size=1, max_size=6), max_size=12),
    prefix=st.text(alphabet="abA./!é", max_size=3),
    after=st.none() | st.text(alphabet="abA./!é", max_size=4),
    limit=st.integers(1, 5),
)
def test_any_listing_is_sorted_and_complete(keys: set[str], prefix: str, after: str | None, limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(folder, durable=False)
        for key in keys:
            run(store.put(key, b""))
        page = run(store.list_page(prefix, after=after, limit=limit))
    expected = sorted((key for key in keys if key.startswith(prefix) and key > (after or "")), key=str.encode)
    assert [found.key for found in page.objects] == expected[:limit]
    assert page.next_after == (expected[limit - 1] if len(expected) > limit else None)


def test_a_listing_opens_only_the_folders_that_it_needs(
    root: Path, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        run(store.put(f"p/{number}/a.json", b""))
        run(store.put(f"q/{number}/a.json", b""))
    opened: list[str] = []
    true_scandir = os.scandir

    def recorded(path: str) -> object:
        opened.append(os.path.relpath(path, root))
        return true_scandir(path)

    monkeypatch.setattr(os, "scandir", recorded)
    run(store.list_page("p/3/"))
    assert opened == ["p/3"]
    opened.clear()
    run(store.list_page("", after="p/6/a.json", limit=1))
    assert opened == [".", "p", "p/6", "p/7", "p/8"]


def test_files_that_the_store_did_not_make_are_not_listed(root: Path, store: DirectoryStore) -> None:
    run(store.put("a/b.json", b"body"))
    for name in [
        "README.txt",
        "Upper.json",
        "a/.DS_Store",
        "a/space .json",
        "a/b.json+o",
        "a/+ff.json",
        "a/c",
        "a/+41",
    ]:
        (root / name).write_bytes(b"foreign")
    (root / "a/folder.json").mkdir()
    (root / "a/link.json").symlink_to("b.json")
    deep = root / "a" / ("long" * 50 + "+m") / ("long" * 50 + "+m") / ("long" * 50 + "+m") / ("long" * 50 + "+m")
    (deep / ("long" * 50 + "+m") / ("long" * 50 + "+m")).mkdir(parents=True)
    (deep / ("long" * 50 + "+m") / ("long" * 50 + "+m") / "x+o").write_bytes(b"longer than any key")
    assert listed(store) == ["a/b.json"]


def test_something_else_in_an_objects_place_is_reported(root: Path, store: DirectoryStore) -> None:
    run(store.put("secret.json", b"secret"))
    (root / "folder.json").mkdir()
    (root / "link.json").symlink_to("secret.json")
    (root / "file").write_bytes(b"")
    for key in ("folder.json", "link.json", "file/a.json"):
        with pytest.raises(CorruptObject, match=key):
            run(store.get(key))


@pytest.mark.parametrize("key", ["/" * 1024, "d/" * 511 + "dd"], ids=["only-slashes", "deepest"])
def test_the_deepest_keys_can_be_stored(root: Path, store: DirectoryStore, key: str) -> None:
    try:
        run(store.put(key, b"deep"))
        assert run(store.get(key)).body == b"deep"
        assert listed(store) == [key]
    finally:
        run(store.delete(key))  # `shutil.rmtree` cannot remove so deep a tree
    assert files(root) == []


def test_a_delete_prunes_the_folders_that_it_empties(root: Path, store: DirectoryStore) -> None:
    run(store.put("a/b/c/d.json", b""))
    run(store.put("a/e.json", b""))
    run(store.delete("a/b/c/d.json"))
    assert files(root) == ["a/e.json"]
    run(store.delete("a/e.json"))
    assert files(root) == []
    assert root.is_dir()


def test_a_writer_that_loses_its_folder_to_a_delete_makes_it_again(
    root: Path, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_mkdir = os.mkdir
    lost: list[str] = []

    def pruned_at_once(path: str, mode: int) -> None:
        true_mkdir(path, mode)
        if len(lost) < 3:
            os.rmdir(path)
            lost.append(path)

    monkeypatch.setattr(os, "mkdir", pruned_at_once)
    run(store.put("a/b/c.json", b"body"))
    assert run(store.get("a/b/c.json")).body == b"body"
    assert len(lost) == 3


def test_what_a_killed_writer_left_is_not_seen_and_does_not_last(root: Path, store: DirectoryStore) -> None:
    run(store.put("a/b.json", b"old"))
    left = root / "a" / ".b.json.tmp"
    left.write_bytes(b"half of a new bo")
    left.chmod(0o000)
    assert listed(store) == ["a/b.json"]
    assert run(store.get("a/b.json")).body == b"old"
    run(store.put("a/b.json", b"new"))
    assert files(root) == ["a/b.json"]
    left.write_bytes(b"half of a new bo")
    run(store.delete("a/b.json"))
    assert files(root) == []


def test_a_key_that_is_too_long_below_a_long_root_is_refused(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path.joinpath(*["deep" * 50] * 10))
    with pytest.raises(InvalidOption, match="too long"):
        run(store.put("/" * 1024, b""))
    with pytest.raises(InvalidOption, match="too long"):
        run(store.get("/" * 1024))
    run(store.put("a", b""))


def test_equal_content_has_an_equal_etag_in_every_process(store: DirectoryStore) -> None:
    assert run(store.put("a", b"body")) == '"06b721c380b2160c50903e9f6c636b28"'


def test_a_refused_write_leaves_no_folder(root: Path, store: DirectoryStore) -> None:
    etag = run(store.put("a.json", b"body"))
    with pytest.raises(NoSuchKey):
        run(store.put("b/c.json", b"new", if_match=etag))
    with pytest.raises(PreconditionFailed):
        run(store.put("a.json", b"new", if_absent=True))
    assert files(root) == ["a.json"]


LARGE = bytes(3 * 1024 * 1024)


def test_equal_large_bodies_have_other_etags_so_that_none_comes_back(store: DirectoryStore) -> None:
    etags = [run(store.put("a", LARGE)) for _ in range(50)]
    assert len(set(etags)) == 50
    assert run(store.get("a", byte_range=(0, 1))).etag == etags[-1]
    for former in etags[:-1]:
        with pytest.raises(PreconditionFailed):
            run(store.put("a", LARGE, if_match=former))
    run(store.delete("a", if_match=etags[-1]))


def test_a_range_of_a_large_object_reads_no_more_than_that(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(store.put("a", LARGE))
    monkeypatch.setattr("s3store.objects.etags.hashlib", None)
    assert run(store.get("a", byte_range=(5, 9))).body == bytes(4)


@pytest.mark.parametrize("name", ["", ".", "..", "../../a", "0" * 31, "A" * 32, "0" * 32, "/etc"])
def test_an_upload_that_was_never_begun_is_no_path(root: Path, store: DirectoryStore, name: str) -> None:
    with pytest.raises(NoSuchUpload):
        run(store.put_part(Upload("a", name), 1, b"part"))
    run(store.abort_upload(Upload("a", name)))
    assert files(root) == []


def test_an_upload_belongs_to_its_key(store: DirectoryStore) -> None:
    upload = run(store.begin_upload("a", part_size=MIN_PART))
    with pytest.raises(NoSuchUpload):
        run(store.put_part(Upload("b", upload.id), 1, b"part"))
    run(store.abort_upload(Upload("b", upload.id)))
    assert [found.upload for found in run(store.list_uploads(""))] == [upload]


def test_a_part_that_is_larger_than_was_said_is_refused(store: DirectoryStore) -> None:
    upload = run(store.begin_upload("a", part_size=MIN_PART))
    with pytest.raises(InvalidOption, match="5,242,881"):
        run(store.put_part(upload, 1, bytes(MIN_PART + 1)))
    assert run(store.parts(upload)) == []


def test_what_an_upload_leaves_on_disk_is_private_and_goes_with_it(root: Path, store: DirectoryStore) -> None:
    upload = run(store.begin_upload("a/b", part_size=MIN_PART))
    part = run(store.put_part(upload, 1, b"part"))
    folder = root / OWN / "uploads" / upload.id
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)} == {0o700}
    run(store.finish_upload(upload, [part]))
    assert list(folder.parent.iterdir()) == []
    assert stat.S_IMODE((root / "a" / "b+o").stat().st_mode) == 0o600
