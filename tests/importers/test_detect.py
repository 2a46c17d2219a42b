"""Session files are found by what is in them."""

import json
import os
import shutil
from pathlib import Path
from typing import IO, Any

import pytest

from s3store.errors import InvalidOption
from s3store.importers.base import Problem
from s3store.importers.detect import Discovery, SourceFile, detect, discover

from .samples import CHAT, CHAT_LINES, CLAUDE_CODE, CODEX, CUT_SHORT, RUNS, SAMPLES, SUBAGENT, TRAJECTORY

FORMATS = {
    CLAUDE_CODE: "claude-code",
    CUT_SHORT: "claude-code",
    SUBAGENT: "claude-code",
    CODEX: "codex",
    CHAT: "messages",
    CHAT_LINES: "messages",
    TRAJECTORY: "swe-agent",
    RUNS: "tau-bench",
}

KNOWN = {
    '{"messages":[{"role":"user","content":"a"}]}\n{"messages":[]}\n': "messages",
    '[{"messages":[{"role":"user","content":"a"}]}]': "messages",
    '{\n "messages": [\n {"role": "user", "content": "a"}]}': "messages",
    '{"role":"assistant","content":null,"tool_calls":[]}\n{"role":"tool"}\n': "messages",
    '\ufeff{"type":"session_meta","payload":{}}\n{}\n': "codex",
    '{"id":"1","timestamp":"t","instructions":null}\n{"type":"message","role":"user","content":[]}\n': "codex",
    '{"type":"queue-operation","operation":"enqueue","sessionId":"s"}\n{}\n': "claude-code",
    '{"history":[{"role":"system","content":"a"}]}': "swe-agent",
}

UNKNOWN = [
    "",
    "\n\n",
    "null",
    "{}",
    "[]",
    "[1]",
    "{",
    "text",
    '{"type":"user"}\n{"type":["user"]}\n',
    '{"display":"a prompt","timestamp":1}\n{"display":"b","timestamp":2}\n',
    '{"agentType":"x","description":"y"}',
    '{"messages":[1]}',
    '{"messages":"none"}',
    '{"messages":' + '[{"messages":' * 300 + "1" + "}]" * 300 + "}",
    "[" * 100_000,
]


def test_every_sample_is_found_in_the_order_of_the_names_and_known() -> None:
    found = discover(SAMPLES)
    assert {file.path: file.format for file in found.files} == FORMATS
    assert [file.path for file in discover(CLAUDE_CODE.parent).files] == [CLAUDE_CODE, CUT_SHORT, SUBAGENT]
    assert found.problems == ()


def test_one_file_may_be_named_and_may_have_any_suffix(tmp_path: Path) -> None:
    for path, name in FORMATS.items():
        copy = tmp_path / "copy.txt"
        shutil.copy(path, copy)
        assert discover(copy) == Discovery((SourceFile(copy, name),), ())


@pytest.mark.parametrize(("text", "name"), KNOWN.items(), ids=range(len(KNOWN)))
def test_the_content_decides_not_the_suffix(tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / "session.json"
    path.write_text(text, encoding="utf-8")
    assert detect(path) == name


def test_odd_first_lines_do_not_hide_what_a_file_is(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.write_text('{"type":"us\n\n{"type":"a-new-kind"}\n{"type":"user","message":{"content":"a"}}\n')
    assert detect(path) == "claude-code"


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".traj"])
@pytest.mark.parametrize("text", UNKNOWN, ids=range(len(UNKNOWN)))
def test_what_is_no_session_is_passed_over(tmp_path: Path, text: str, suffix: str) -> None:
    path = tmp_path / f"other{suffix}"
    path.write_text(text, encoding="utf-8")
    assert detect(path) is None
    assert discover(tmp_path) == Discovery((), ())
    with pytest.raises(InvalidOption, match="known format"):
        discover(path)


def test_a_walk_looks_at_regular_files_with_known_suffixes_only(tmp_path: Path) -> None:
    line = json.dumps({"role": "user", "content": "a"})
    (tmp_path / "b").mkdir()
    for name in ("b/chat.jsonl", "chat.jsonl", "chat.txt", "chat.jsonl.bak"):
        (tmp_path / name).write_text(line)
    (tmp_path / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "again.jsonl").symlink_to(tmp_path / "chat.jsonl")
    (tmp_path / "itself.jsonl").symlink_to(tmp_path / "itself.jsonl")
    assert [file.path for file in discover(tmp_path).files] == [tmp_path / "chat.jsonl", tmp_path / "b" / "chat.jsonl"]


def test_a_path_that_is_itself_a_link_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "sessions"
    link.symlink_to(SAMPLES, target_is_directory=True)
    assert len(discover(link).files) == len(FORMATS)


def test_a_file_that_cannot_be_opened_is_reported_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        shutil.copy(CHAT_LINES, tmp_path / name)
    open_path = Path.open

    def refuse(path: Path, mode: str = "r") -> IO[Any]:
        if path.name == "a.jsonl":
            raise PermissionError(13, "Permission denied", str(path))
        return open_path(path, mode)

    monkeypatch.setattr(Path, "open", refuse)
    found = discover(tmp_path)
    assert [file.path.name for file in found.files] == ["b.jsonl"]
    assert found.problems == (Problem(tmp_path / "a.jsonl", None, "cannot be read: Permission denied"),)
    with pytest.raises(InvalidOption, match="Permission denied"):
        discover(tmp_path / "a.jsonl")


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="gone"):
        discover(tmp_path / "gone")
