"""Each format: every line of a source comes back, and a session is named and described."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from s3store.changes import Extend
from s3store.errors import InvalidOption, InvalidRecord, TooLarge
from s3store.importers import documents, lines
from s3store.importers.base import SourceSession
from s3store.importers.documents import rebuild
from s3store.importers.formats import READERS, read
from s3store.importers.lines import raw_line
from s3store.model import Metadata
from s3store.reading import read_message

from .samples import CHAT, CHAT_LINES, CLAUDE_CODE, CODEX, CODEX_ID, CUT_SHORT, RUNS, SUBAGENT, TRAJECTORY

LINE_FILES = [
    (CLAUDE_CODE, "claude-code"),
    (CUT_SHORT, "claude-code"),
    (SUBAGENT, "claude-code"),
    (CODEX, "codex"),
    (CHAT_LINES, "messages"),
]


def only(path: Path, name: str) -> SourceSession:
    [session] = read(path, name)
    return session


def write(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


@pytest.mark.parametrize(("path", "name"), LINE_FILES, ids=[path.name for path, _ in LINE_FILES])
def test_every_line_of_a_sample_comes_back(path: Path, name: str) -> None:
    messages = list(only(path, name).messages())
    source = path.read_bytes().removesuffix(b"\n").split(b"\n")
    assert len(messages) == len(source)
    for line, message in zip(source, messages, strict=True):
        assert line == raw_line(message) or json.loads(line) == message


@pytest.mark.parametrize(
    ("path", "name"), [*LINE_FILES, (CHAT, "messages"), (RUNS, "tau-bench"), (TRAJECTORY, "swe-agent")]
)
def test_an_archive_takes_the_messages_and_the_metadata_of_a_sample(path: Path, name: str) -> None:
    for session in read(path, name):
        Extend(session.messages())
        metadata = session.survey().description.metadata
        Metadata().changed({name: getattr(metadata, name) for name in ("name", "agent", "parent", "attributes")})


def test_a_claude_code_session_is_described_by_its_lines() -> None:
    session = only(CLAUDE_CODE, "claude-code")
    survey = session.survey()
    metadata = survey.description.metadata
    assert session.id == f"claude-code/-home-mia-weather-cli/{CLAUDE_CODE.stem}"
    assert metadata.name == "Forecast showed 0 °C for days below zero"
    assert (metadata.agent, metadata.parent) == ("claude-code", None)
    assert metadata.attributes["cwd"] == "/home/mia/weather-cli"
    assert metadata.attributes["git_branch"] == "main"
    assert survey.description.created_at == datetime(2026, 3, 9, 8, 41, 11, 137000, tzinfo=UTC)
    assert survey.description.updated_at is not None
    assert survey.description.updated_at > survey.description.created_at
    assert (survey.problems, survey.tail_is_partial) == ((), False)


def test_a_line_cut_short_at_the_end_is_reported_and_kept() -> None:
    survey = only(CUT_SHORT, "claude-code").survey()
    [problem] = survey.problems
    assert (problem.source, problem.line, problem.what) == (CUT_SHORT, survey.records, "is no JSON")
    assert survey.tail_is_partial


@pytest.mark.parametrize(("content", "partial"), [("{}\n{", True), ("{}\n{\n", False), ("{\n{}", False)])
def test_only_an_odd_last_line_without_its_end_is_partial(tmp_path: Path, content: str, *, partial: bool) -> None:
    survey = only(write(tmp_path / "s.jsonl", content), "claude-code").survey()
    assert survey.tail_is_partial is partial
    assert len(survey.problems) == 1


def test_a_subagent_names_the_session_that_it_worked_for(tmp_path: Path) -> None:
    parent = only(CUT_SHORT, "claude-code").id
    session = only(SUBAGENT, "claude-code")
    assert session.id == f"{parent}/subagents/agent-a7f31c09"
    assert session.survey().description.metadata.parent == parent
    copied = write(tmp_path / "p" / "s-1" / "subagents" / "wf" / "agent-1.jsonl", '{"type":"user","message":"x"}')
    assert only(copied, "claude-code").survey().description.metadata.parent == "claude-code/p/s-1"
    assert only(copied, "claude-code").id == "claude-code/p/s-1/subagents/wf/agent-1"
    beside = write(tmp_path / "projects" / "-p" / "agent-1.jsonl", '{"type":"user","sessionId":"s-1","message":"x"}\n')
    assert only(beside, "claude-code").survey().description.metadata.parent == "claude-code/-p/s-1"


def test_sessions_resumed_from_one_another_keep_apart(tmp_path: Path) -> None:
    line = {"type": "user", "sessionId": "first", "message": {"role": "user", "content": "hi"}}
    ids = {only(write(tmp_path / "projects" / p / f"{s}.jsonl", line), "claude-code").id for p in "ab" for s in "cd"}
    assert len(ids) == 4


def test_a_codex_session_is_named_by_the_uuid_of_its_file() -> None:
    session = only(CODEX, "codex")
    metadata = session.survey().description.metadata
    assert session.id == f"codex/{CODEX_ID}"
    assert metadata.name is not None
    assert metadata.name.startswith("The test retries_are_spaced_out fails")
    assert metadata.attributes["git_branch"] == "main"
    assert metadata.attributes["model"] == "gpt-5.3-codex"


@pytest.mark.parametrize(
    "about",
    [{"forked_from_id": "p-1"}, {"source": {"subagent": {"thread_spawn": {"parent_thread_id": "p-1"}}}}],
)
def test_a_codex_fork_or_subagent_names_where_it_came_from(tmp_path: Path, about: dict[str, object]) -> None:
    path = write(tmp_path / "rollout-x.jsonl", {"type": "session_meta", "payload": {"id": "c-1", **about}})
    session = only(path, "codex")
    assert session.id == "codex/rollout-x"
    assert session.survey().description.metadata.parent == "codex/p-1"


def test_a_chat_in_one_json_array_comes_back_equal() -> None:
    session = only(CHAT, "messages")
    assert session.id == "messages/openai/support-chat.json"
    assert rebuild(list(session.messages())) == list(session.messages()) == json.loads(CHAT.read_text())


def test_an_object_with_messages_comes_back_equal_with_what_is_around_them(tmp_path: Path) -> None:
    document = {"id": "c-1", "messages": [{"role": "user", "content": "hi"}], "model": "m-1"}
    session = only(write(tmp_path / "chat.json", document), "messages")
    messages = list(session.messages())
    assert messages[0] == {"role": "user", "content": "hi"}
    assert rebuild(messages) == document
    assert list(rebuild(messages)) == list(document)
    assert session.survey().description.metadata.attributes == {"model": "m-1", "session_id": "c-1"}


@pytest.mark.parametrize("messages", [[], [None], [None, {"role": "user", "content": "a"}], ["a", ["b"]]])
def test_an_array_of_anything_comes_back_equal(tmp_path: Path, messages: list[object]) -> None:
    session = only(write(tmp_path / "chat.json", messages), "messages")
    assert rebuild(list(session.messages())) == messages


def test_a_json_text_may_be_one_line_longer_than_any_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_MESSAGE_BYTES", 100)
    document = {"messages": [{"role": "user", "content": "a" * 50}] * 5}
    session = only(write(tmp_path / "chat.json", document), "messages")
    assert rebuild(list(session.messages())) == document


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_several_conversations_in_one_file_are_a_session_each(tmp_path: Path, suffix: str) -> None:
    conversations = [{"messages": [{"role": "user", "content": f"question {n}"}], "n": n} for n in range(3)]
    text = json.dumps(conversations) if suffix == "json" else "\n\n".join(map(json.dumps, conversations))
    sessions = list(read(write(tmp_path / f"train.{suffix}", text), "messages"))
    assert [rebuild(list(session.messages())) for session in sessions] == conversations
    assert len({session.id for session in sessions}) == 3
    assert [session.survey().description.metadata.name for session in sessions] == [f"question {n}" for n in range(3)]


def test_a_line_among_conversations_that_is_none_is_still_kept(tmp_path: Path) -> None:
    source = [
        '{"messages":[{"role":"user","content":"a"}]}',
        '{"messages":[],"messages":[1]}',
        '"other"',
        '{"messages":[{',
    ]
    _, twice, other, half = read(write(tmp_path / "train.jsonl", "\n".join(source)), "messages")
    assert [raw_line(message) for message in twice.messages()] == [source[1].encode()]
    assert list(other.messages()) == ["other"]
    assert [raw_line(message) for message in half.messages()] == [source[3].encode()]
    assert half.survey().tail_is_partial


def test_each_run_of_tau_bench_is_a_session_and_comes_back_equal() -> None:
    sessions = list(read(RUNS, "tau-bench"))
    runs = json.loads(RUNS.read_text())
    assert [rebuild(list(session.messages())) for session in sessions] == runs
    assert [session.id for session in sessions] == [
        "tau-bench/runs/task-0-trial-0",
        "tau-bench/runs/task-1-trial-0",
        "tau-bench/runs/task-0-trial-1",
    ]
    assert sessions[1].survey().description.metadata.attributes == {"task_id": 1, "trial": 0, "reward": 0.0}


def test_runs_that_cannot_be_told_apart_still_get_ids_of_their_own(tmp_path: Path) -> None:
    runs = [{"task_id": 1, "traj": []}, {"task_id": 1, "traj": []}, {"traj": []}, {"traj": [], "task_id": {}}, 7]
    sessions = list(read(write(tmp_path / "runs.json", runs), "tau-bench"))
    assert len({session.id for session in sessions}) == 5
    assert [rebuild(list(session.messages())) for session in sessions] == [*runs[:4], [7]]


def test_a_trajectory_comes_back_equal_with_its_names_in_order() -> None:
    session = only(TRAJECTORY, "swe-agent")
    document = json.loads(TRAJECTORY.read_text())
    messages = list(session.messages())
    assert messages[:-1] == document["history"]
    assert json.dumps(rebuild(messages)) == json.dumps(document)
    assert session.survey().description.metadata.name == "fix-off-by-one"


def test_trajectories_of_one_instance_in_two_runs_keep_apart(tmp_path: Path) -> None:
    paths = [write(tmp_path / run / "bug-1" / "bug-1.traj", {"history": []}) for run in ("run-a", "run-b")]
    assert [only(path, "swe-agent").id for path in paths] == ["swe-agent/run-a/bug-1", "swe-agent/run-b/bug-1"]


def test_a_document_with_what_no_archive_takes_comes_back_equal_all_the_same(tmp_path: Path) -> None:
    deep: object = 1
    for _ in range(300):
        deep = [deep]
    document = {
        "info": {"reward": float("-inf")},
        "history": [{"role": "user", "content": deep}, {"s3store": "document"}],
    }
    session = only(write(tmp_path / "odd.traj", document), "swe-agent")
    messages = list(session.messages())
    Extend(messages)
    assert rebuild(messages) == document
    assert [problem.line for problem in session.survey().problems] == [1, 2]


@pytest.mark.parametrize("messages", [[{"s3store": "document", "at": "a"}], [{"s3store": "raw-line", "text": "{"}]])
def test_messages_that_no_document_was_made_into_are_not_rebuilt(messages: list[object]) -> None:
    with pytest.raises(InvalidRecord):
        rebuild(messages)


@pytest.mark.parametrize(
    "text", ["[1,]", "[1 2]", "[", "[1", "[1,", "[] []", '[{"a":1,"a":2}]', "[1e999]", "[" * 100_000, "", "\ufeff"]
)
@pytest.mark.parametrize("name", ["tau-bench", "swe-agent"])
def test_a_document_that_cannot_be_kept_exactly_is_refused_by_its_name(tmp_path: Path, text: str, name: str) -> None:
    path = write(tmp_path / "broken.json", text)
    with pytest.raises(InvalidRecord, match=r"broken\.json"):
        list(read(path, name))


def test_a_document_may_start_with_a_byte_order_mark_and_end_in_blanks(tmp_path: Path) -> None:
    path = write(
        tmp_path / "runs.json", '\ufeff \r\n[ {"task_id": 1, "traj": []} , {"task_id": 2, "traj": []}\n ] \r\n'
    )
    assert len(list(read(path, "tau-bench"))) == 2
    assert list(read(write(path, "[ ]"), "tau-bench")) == []


def test_a_document_that_is_not_utf_8_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.json"
    path.write_bytes(b'["\xff"]')
    with pytest.raises(InvalidRecord, match="UTF-8"):
        list(read(path, "tau-bench"))
    monkeypatch.setattr(documents, "MAX_DOCUMENT_BYTES", 4)
    with pytest.raises(TooLarge):
        list(read(path, "tau-bench"))


@pytest.mark.parametrize("name", ["claude-code", "codex", "messages"])
def test_lines_of_any_json_are_kept_and_can_be_read(tmp_path: Path, name: str) -> None:
    source = [
        b"null",
        b"[]",
        b"{}",
        b"",
        b'{"type":[],"payload":7,"message":[],"timestamp":{}}',
        b'{"type":"session_meta","payload":{"git":1}}\r',
        b"\xff",
        b"",
    ]
    path = tmp_path / "odd.jsonl"
    path.write_bytes(b"\n".join(source))
    session = only(path, name)
    messages = list(session.messages())
    assert len(messages) == len(source) - 1
    assert all(read_message(message) for message in messages)
    assert [problem.line for problem in session.survey().problems] == [4, 7]


@pytest.mark.parametrize("name", ["claude-code", "codex", "messages"])
def test_an_empty_file_is_an_empty_session(tmp_path: Path, name: str) -> None:
    session = only(write(tmp_path / "empty.jsonl", ""), name)
    assert list(session.messages()) == []
    assert session.survey().records == 0


def test_metadata_from_a_hostile_file_is_cut_and_well_formed(tmp_path: Path) -> None:
    line = {
        "type": "user",
        "cwd": "x\ud800" * 5000,
        "version": 10**400,
        "message": {"content": "\x1b[2J\x07hello\ud800"},
    }
    metadata = only(write(tmp_path / "s.jsonl", line), "claude-code").survey().description.metadata
    Metadata().changed({"name": metadata.name, "attributes": metadata.attributes})
    assert metadata.name == "\\x07hello\\ud800"
    assert len(metadata.attributes["cwd"]) == 500
    assert "tool_version" not in metadata.attributes


def test_a_file_name_that_is_not_utf_8_still_gives_an_id(tmp_path: Path) -> None:
    path = Path(f"{tmp_path}/caf\udce9.jsonl")
    path.write_text("1\n")
    only(path, "codex").id.encode()


def test_an_unknown_format_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="claude-code, codex"):
        list(read(CODEX, "codecs"))
    for name in READERS:
        with pytest.raises(InvalidOption, match="No such file"):
            list(read(tmp_path / "gone.json", name))
