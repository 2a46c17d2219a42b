"""What a session's folder holds, and compressed sessions: kept as they are, and put back byte for byte."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard

from s3store import InvalidOption, InvalidRecord, TooLarge
from s3store.sync import expanded as module
from s3store.sync.expanded import expanded
from s3store.sync.files import kept_files
from s3store.sync.keep import Kept, keep, keep_folder
from s3store.sync.mark import ATTRIBUTE
from s3store.sync.restore import restore
from s3store.sync.tools import TOOLS

from .conftest import ID, SESSION, Home, line, lines

if TYPE_CHECKING:
    from s3store import SessionStore

ROLLOUT = "sessions/2026/03/14/rollout-2026-03-14T09-26-53-019ceb1a-52f0-7d33-9c8e-4b7a90d2e6f1.jsonl"
CODEX_ID = "codex/019ceb1a-52f0-7d33-9c8e-4b7a90d2e6f1"
RESULT = "tool-results/toolu_01.txt"


def beside(home: Home, store: SessionStore) -> Kept:
    """Keep what the session's folder holds, as the command does."""
    ((folder, files),) = TOOLS["claude-code"].beside(home.root)
    return keep_folder(store, "claude-code", folder, [path for path, _ in files])


def event(number: int) -> bytes:
    """A line of Codex, in a spelling of its own."""
    payload = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"Words {number}"}]}
    return json.dumps({"type": "response_item", "payload": payload}, indent=None).encode() + b"\n"


class TestFolder:
    def test_its_files_are_kept_once_and_come_back(self, home: Home, store: SessionStore) -> None:
        home.session.write_bytes(lines(0, 1))
        contents = {RESULT: b"\xff\x00" * 40_000, "subagents/agent-1.meta.json": b"{}", "empty": b""}
        for name, content in contents.items():
            home.file(f"{SESSION}/{name}").write_bytes(content)
        home.file(f"{SESSION}/subagents/agent-1.jsonl").write_bytes(line(7))
        home.keep()
        assert (beside(home, store).files, beside(home, store).files) == (3, 0)
        done = list(restore(store, ID, to=home.root / "other"))
        folder = home.root / "other" / home.session.parent.relative_to(home.root) / SESSION
        assert {each.path.relative_to(folder).as_posix(): each.path.read_bytes() for each in done[1:]} == contents
        assert {each.path.stat().st_mode & 0o777 for each in done} == {0o600}
        assert {each.outcome for each in restore(store, ID, to=home.root)} == {"there already"}

    def test_one_that_was_written_anew_loses_nothing(self, home: Home, store: SessionStore) -> None:
        home.session.write_bytes(lines(0))
        home.keep()
        result = home.file(f"{SESSION}/{RESULT}")
        for content in (b"one", b"two", b"one"):
            result.write_bytes(content)
            assert (beside(home, store).files, beside(home, store).files) == (1, 0)
        names = [info.name for info in store.artifacts(ID).list()]
        assert names == [RESULT, f"{RESULT}~2", f"{RESULT}~3"]
        assert store.artifacts(ID).get(f"{RESULT}~2").data == b"two"
        result.unlink()
        list(restore(store, ID, to=home.root))
        assert result.read_bytes() == b"one"

    def test_a_file_of_that_very_name_is_not_written_over(self, home: Home, store: SessionStore) -> None:
        home.session.write_bytes(lines(0))
        home.keep()
        home.file(f"{SESSION}/a").write_bytes(b"one")
        home.file(f"{SESSION}/a~2").write_bytes(b"other")
        beside(home, store)
        home.file(f"{SESSION}/a").write_bytes(b"two")
        beside(home, store)
        assert [store.artifacts(ID).get(name).data for name in ("a", "a~2", "a~3")] == [b"one", b"other", b"two"]

    def test_nothing_is_kept_until_the_session_is(self, home: Home, store: SessionStore) -> None:
        home.file("memory/MEMORY.md").write_bytes(b"mine")
        assert beside(home, store).files == 0
        assert store.count() == 0

    def test_it_comes_back_with_every_version_of_the_session(self, home: Home, store: SessionStore) -> None:
        home.file(f"{SESSION}/{RESULT}").write_bytes(b"result")
        for numbers in ((0, 1), (5,)):
            home.session.write_bytes(lines(*numbers))
            home.keep()
        beside(home, store)
        for version in (ID, f"{ID}~2"):
            done = list(restore(store, version, to=home.root / version[-2:]))
            assert [each.path.name for each in done] == [f"{SESSION}.jsonl", "toolu_01.txt"]

    @pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/../../x", "", "a\0b"])
    def test_a_name_that_leads_out_is_not_written_to(self, home: Home, store: SessionStore, name: str) -> None:
        home.session.write_bytes(lines(0))
        home.keep()
        store.artifacts(ID).put("a", b"evil", attributes={ATTRIBUTE: {"file": name}})
        with pytest.raises(InvalidOption, match="no name of a file"):
            list(restore(store, ID, to=home.root))

    def test_links_are_passed_over_and_artifacts_of_others_stay_where_they_are(
        self, home: Home, store: SessionStore, tmp_path: Path
    ) -> None:
        home.session.write_bytes(lines(0))
        home.keep()
        (tmp_path / "secret").write_text("secret")
        home.file(f"{SESSION}/a").symlink_to(tmp_path / "secret")
        home.file("folder").symlink_to(tmp_path)
        assert list(TOOLS["claude-code"].beside(home.root)) == []
        store.artifacts(ID).put("mine", b"mine")
        store.artifacts(ID).put("odd", b"odd", attributes={ATTRIBUTE: ["file"]})
        assert kept_files(store, ID) == []

    def test_a_name_that_is_no_text_is_refused(self, home: Home, store: SessionStore) -> None:
        home.session.write_bytes(lines(0))
        home.keep()
        Path(os.fsdecode(os.fsencode(home.file(f"{SESSION}/a").parent) + b"/\xff")).write_bytes(b"x")
        with pytest.raises(InvalidOption, match="not UTF-8"):
            beside(home, store)

    def test_sessions_of_codex_have_none(self, store: SessionStore, tmp_path: Path) -> None:
        with pytest.raises(InvalidOption, match="no folders"):
            keep_folder(store, "codex", tmp_path, [])
        assert list(TOOLS["codex"].beside(tmp_path)) == []


class TestCompressed:
    @pytest.fixture
    def rollout(self, tmp_path: Path) -> Path:
        path = tmp_path / "codex" / ROLLOUT
        path.parent.mkdir(parents=True)
        return path

    def compressed(self, path: Path, content: bytes, level: int = 3) -> Path:
        """What Codex leaves in the place of a file."""
        path.unlink(missing_ok=True)
        target = path.with_name(path.name + ".zst")
        target.write_bytes(zstandard.ZstdCompressor(level=level).compress(content))
        return target

    def kept(self, store: SessionStore, path: Path) -> Kept:
        return keep(store, "codex", path, path.relative_to(path.parents[4]).as_posix())

    @pytest.mark.parametrize("known", [True, False], ids=["kept before", "not kept before"])
    def test_it_is_one_session_with_the_plain_file_and_comes_back_as_it_was(
        self, store: SessionStore, rollout: Path, *, known: bool
    ) -> None:
        content = event(0) + event(1)
        rollout.write_bytes(content)
        if known:
            self.kept(store, rollout)
        target = self.compressed(rollout, content)
        kept = self.kept(store, target)
        assert (kept.id, kept.outcome, kept.files) == (CODEX_ID, "unchanged" if known else "new", 1)
        assert self.kept(store, target).files == 0
        assert store.load(CODEX_ID).messages == [json.loads(event(0)), json.loads(event(1))]
        was = target.read_bytes()
        target.unlink()
        (done,) = restore(store, CODEX_ID, to=rollout.parents[4])
        assert (done.path, done.path.read_bytes()) == (target, was)

    def test_a_session_that_went_on_comes_back_plain(self, store: SessionStore, rollout: Path) -> None:
        self.kept(store, self.compressed(rollout, event(0)))
        rollout.write_bytes(event(0) + event(1))
        assert self.kept(store, rollout).outcome == "grew"
        (done,) = restore(store, CODEX_ID, to=rollout.parents[4], force=True)
        assert done.path == rollout
        target = self.compressed(rollout, event(0) + event(1))
        assert self.kept(store, target).files == 1
        (done,) = restore(store, CODEX_ID, to=rollout.parents[4] / "other")
        assert done.path.read_bytes() == target.read_bytes()

    def test_what_others_added_is_not_lost_by_the_way_back(self, store: SessionStore, rollout: Path) -> None:
        self.kept(store, self.compressed(rollout, event(0)))
        store.append(CODEX_ID, "a remark")
        (done,) = restore(store, CODEX_ID, to=rollout.parents[4])
        assert done.path.read_bytes().endswith(b'"a remark"\n')

    def test_an_empty_one_is_no_session_yet(self, store: SessionStore, rollout: Path) -> None:
        assert self.kept(store, self.compressed(rollout, b"")).files == 0
        assert store.count() == 0

    def test_the_command_finds_them(self, rollout: Path) -> None:
        target = self.compressed(rollout, event(0))
        (found,) = TOOLS["codex"].files(rollout.parents[4])
        assert found[0] == target


class TestExpanded:
    def file(self, folder: Path, content: bytes) -> Path:
        path = folder / "x.jsonl.zst"
        path.write_bytes(content)
        return path

    def test_several_frames_are_one_file_which_is_gone_afterwards(self, tmp_path: Path) -> None:
        frames = [zstandard.compress(os.urandom(5000) * 3), zstandard.compress(b""), zstandard.compress(b"end")]
        with expanded(self.file(tmp_path, b"".join(frames))) as plain:
            assert plain.name == "x.jsonl"
            assert plain.read_bytes() == b"".join(map(zstandard.decompress, frames))
        assert not plain.parent.exists()

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"no zstd", "no zstd"),
            (zstandard.compress(b"x" * 9000 + os.urandom(3000))[:-9], "cut short"),
            (zstandard.compress(b"x") + b"more", "no zstd"),
            (zstandard.compress(b"x") + zstandard.compress(b"y")[:3], "cut short"),
        ],
        ids=["another format", "cut short", "something behind", "a second frame that is cut"],
    )
    def test_what_is_damaged_is_refused(self, tmp_path: Path, content: bytes, why: str) -> None:
        with pytest.raises(InvalidRecord, match=why), expanded(self.file(tmp_path, content)):
            pass

    def test_a_bomb_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MAX_EXPANDED_BYTES", 1_000_000)
        with pytest.raises(TooLarge, match="1000000"), expanded(self.file(tmp_path, zstandard.compress(bytes(10**8)))):
            pass
