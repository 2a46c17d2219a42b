"""What a message says, whatever wrote it; and text that is safe to show."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3store.importers.lines import wrap_line
from s3store.reading import Part, clean, moment, read_message, title

AT = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
STAMP = "2026-03-09T08:00:00.000Z"


def claude(kind: str, content: object, **more: object) -> dict[str, object]:
    return {"type": kind, "message": {"role": kind, "content": content}, **more}


def item(**payload: object) -> dict[str, object]:
    return {"type": "response_item", "payload": payload}


def event(**payload: object) -> dict[str, object]:
    return {"type": "event_msg", "payload": payload}


def call(name: str, arguments: object) -> dict[str, object]:
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


CASES: dict[str, tuple[object, list[Part]]] = {
    "claude text": (
        claude("user", "hi", timestamp=STAMP),
        [Part("user", "text", "hi", timestamp=AT)],
    ),
    "claude blocks": (
        claude(
            "assistant",
            [
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls ä"}},
            ],
        ),
        [
            Part("assistant", "thinking", "hm"),
            Part("assistant", "thinking", "(not readable)"),
            Part("assistant", "text", "I look."),
            Part("assistant", "tool_call", '{"command":"ls ä"}', "Bash"),
        ],
    ),
    "claude tool result": (
        claude(
            "user", [{"type": "tool_result", "tool_use_id": "t", "content": "no", "is_error": True}], toolUseResult="no"
        ),
        [Part("tool", "tool_result", "no", is_error=True)],
    ),
    "claude tool result of blocks": (
        claude(
            "user",
            [
                {
                    "type": "tool_result",
                    "content": [
                        {"type": "text", "text": "a"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
                        {"type": "text", "text": "b"},
                    ],
                }
            ],
        ),
        [Part("tool", "tool_result", "a\nb"), Part("tool", "image", "image/png, 4 characters of base64")],
    ),
    "claude result outside the message": (
        {"type": "user", "message": {"role": "user"}, "toolUseResult": "done"},
        [Part("tool", "tool_result", "done")],
    ),
    "claude message without a role": (
        {"type": "assistant", "message": {"content": "hi"}},
        [Part("assistant", "text", "hi")],
    ),
    "claude message that is a text": ({"type": "user", "message": "error"}, [Part("user", "text", "error")]),
    "claude summary": ({"type": "summary", "summary": "s", "leafUuid": "u"}, [Part("summary", "meta", "s")]),
    "claude system": ({"type": "system", "content": "c"}, [Part("system", "meta", "c")]),
    "claude attachment": (
        {"type": "attachment", "attachment": {"type": "queued_command", "prompt": "later"}},
        [Part("user", "meta", "later")],
    ),
    "claude snapshot": (
        {"type": "file-history-snapshot", "snapshot": {}},
        [Part("file-history-snapshot", "meta", '{"type":"file-history-snapshot","snapshot":{}}')],
    ),
    "codex message": (
        item(type="message", role="user", content=[{"type": "input_text", "text": "hi"}]),
        [Part("user", "text", "hi")],
    ),
    "codex message without a type": (item(role="user", content="hi"), [Part("user", "text", "hi")]),
    "codex call": (
        item(type="function_call", name="exec_command", arguments='{"cmd":"ls"}', call_id="c"),
        [Part("assistant", "tool_call", '{"cmd":"ls"}', "exec_command")],
    ),
    "codex custom call": (
        item(type="custom_tool_call", name="apply_patch", input="*** Begin"),
        [Part("assistant", "tool_call", "*** Begin", "apply_patch")],
    ),
    "codex shell call": (
        item(type="local_shell_call", action={"type": "exec", "command": ["ls"]}),
        [Part("assistant", "tool_call", '{"type":"exec","command":["ls"]}', "local_shell")],
    ),
    "codex output": (item(type="function_call_output", output="ok"), [Part("tool", "tool_result", "ok")]),
    "codex output with an exit code": (
        item(type="function_call_output", output='{"output":"no","metadata":{"exit_code":1}}'),
        [Part("tool", "tool_result", "no", is_error=True)],
    ),
    "codex output with an exit code in words": (
        item(type="function_call_output", output="Wall time: 1\nProcess exited with code 101\nOutput:\nno"),
        [Part("tool", "tool_result", "Wall time: 1\nProcess exited with code 101\nOutput:\nno", is_error=True)],
    ),
    "codex output of blocks": (
        item(type="custom_tool_call_output", output=[{"type": "input_text", "text": "a"}]),
        [Part("tool", "tool_result", "a")],
    ),
    "codex output that failed": (
        item(type="function_call_output", output={"content": "no", "success": False}),
        [Part("tool", "tool_result", "no", is_error=True)],
    ),
    "codex reasoning": (
        item(type="reasoning", summary=[{"type": "summary_text", "text": "hm"}], content=None),
        [Part("assistant", "thinking", "hm")],
    ),
    "codex hidden reasoning": (
        item(type="reasoning", summary=[], encrypted_content="x"),
        [Part("assistant", "thinking", "(not readable)")],
    ),
    "codex event that repeats an item": (
        event(type="agent_message", message="hi"),
        [Part("agent_message", "echo", "hi")],
    ),
    "codex event without text": (
        event(type="token_count", info=None),
        [Part("token_count", "meta", '{"type":"token_count","info":null}')],
    ),
    "codex header": ({"type": "session_meta", "payload": {"id": "1"}}, [Part("session_meta", "meta", '{"id":"1"}')]),
    "codex compaction": ({"type": "compacted", "payload": {"message": "m"}}, [Part("summary", "meta", "m")]),
    "codex item of its own": (
        {"type": "function_call", "name": "shell", "arguments": "{}"},
        [Part("assistant", "tool_call", "{}", "shell")],
    ),
    "chat text": ({"role": "system", "content": "s"}, [Part("system", "text", "s")]),
    "chat parts": (
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {"type": "image_url", "image_url": {"url": "data:image/gif;base64,AAAA"}},
                "bare",
                {"type": "input_audio", "input_audio": {}},
            ],
        },
        [
            Part("user", "text", "see"),
            Part("user", "image", "https://example.org/a.png"),
            Part("user", "image", "image/gif, 26 characters of base64"),
            Part("user", "text", "bare"),
            Part("user", "meta", '{"type":"input_audio","input_audio":{}}'),
        ],
    ),
    "chat calls": (
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "tool_calls": [
                call("a", "{}"),
                call("b", {"x": 1}),
                {"type": "custom", "custom": {"name": "c", "input": "i"}},
            ],
        },
        [
            Part("assistant", "thinking", "hm"),
            Part("assistant", "tool_call", "{}", "a"),
            Part("assistant", "tool_call", '{"x":1}', "b"),
            Part("assistant", "tool_call", "i", "c"),
        ],
    ),
    "chat function call": (
        {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}, "tool_calls": None},
        [Part("assistant", "tool_call", "{}", "f")],
    ),
    "chat refusal": ({"role": "assistant", "content": None, "refusal": "no"}, [Part("assistant", "text", "no")]),
    "chat tool": (
        {"role": "tool", "tool_call_id": "c", "name": "f", "content": "42"},
        [Part("tool", "tool_result", "42", "f")],
    ),
    "anthropic message": (
        {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {}}]},
        [Part("assistant", "tool_call", "{}", "f")],
    ),
    "swe-agent thought in its content": (
        {
            "role": "assistant",
            "content": "I look.\n```\nls\n```",
            "thought": "I look.",
            "action": "ls",
            "agent": "main",
        },
        [Part("assistant", "text", "I look.\n```\nls\n```"), Part("assistant", "tool_call", "ls", "action")],
    ),
    "swe-agent thought of its own": (
        {"role": "assistant", "content": "", "thought": "hm", "action": "ls", "tool_calls": [call("bash", "{}")]},
        [Part("assistant", "thinking", "hm"), Part("assistant", "tool_call", "{}", "bash")],
    ),
    "raw line": (wrap_line(b'{"a":\xff'), [Part("unknown", "meta", '{"a":\\xff')]),
    "raw line that can be read": (
        wrap_line(b'\xef\xbb\xbf{"role":"user","role":"user","content":"hi"}'),
        [Part("user", "text", "hi")],
    ),
    "something else": ({"a": [1, None]}, [Part("unknown", "meta", '{"a":[1,null]}')]),
    "a text": ("hi", [Part("unknown", "meta", '"hi"')]),
    "nothing": (None, [Part("unknown", "meta", "null")]),
}

NAMES = """
    type role content message payload output text tool_calls function function_call name arguments image_url source
    data custom item summary thought action timestamp created_at toolUseResult attachment prompt url metadata
    exit_code s3store base64 leafUuid customTitle refusal input isMeta is_error uuid media_type
"""
WORDS = """
    user assistant tool tool_use tool_result image image_url thinking text response_item event_msg compacted
    function_call function_call_output reasoning local_shell_call summary system attachment raw-line custom-title
"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES.split()), inner | st.sampled_from(WORDS.split()), max_size=6)
    ),
    max_leaves=25,
)


@pytest.mark.parametrize(("message", "parts"), CASES.values(), ids=CASES)
def test_a_message_is_read(message: object, parts: list[Part]) -> None:
    assert read_message(message) == parts


@given(JSON)
def test_reading_never_raises(message: Any) -> None:
    for part in read_message(message):
        clean(part.text).encode()
        clean(part.role).encode()
    title([message, message])


def test_a_message_nested_too_deeply_is_read_as_such() -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    assert [part.kind for part in read_message({"role": "user", "content": {"x": deep}})] == ["meta"]
    while isinstance(deep, list):  # Freed by hand, for Python frees it recursively.
        deep = deep.pop()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (STAMP, AT),
        ("2026-03-09T09:00:00+01:00", AT),
        (AT.timestamp(), AT),
        (int(AT.timestamp() * 1000), AT),
        ("2026-03-09T08:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (0, None),
        (-1, None),
        (10**400, None),
        (float("nan"), None),
        (True, None),
        (None, None),
        ({}, None),
    ],
)
def test_a_time_is_read_or_is_none(value: object, expected: datetime | None) -> None:
    assert moment(value) == expected


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], None),
        ([claude("user", "Fix it\nplease")], "Fix it"),
        ([{"role": "system", "content": "rules"}, {"role": "user", "content": "  Fix \t it "}], "Fix it"),
        ([claude("user", "x" * 100)], "x" * 79 + "…"),
        ([claude("user", "<command-name>/clear</command-name>"), claude("user", "real")], "real"),
        ([claude("user", "Caveat: The messages below"), claude("user", "real")], "real"),
        ([claude("user", "meta", isMeta=True), claude("user", "real")], "real"),
        ([claude("user", [{"type": "tool_result", "content": "out"}]), claude("user", "real")], "real"),
        ([item(role="user", content="<environment_context>"), item(role="user", content="real")], "real"),
        ([claude("user", "talk"), {"type": "summary", "summary": "Sum", "leafUuid": "u"}], "Sum"),
        (
            [
                {"type": "summary", "summary": "Other", "leafUuid": "o"},
                claude("user", "talk", uuid="u"),
                {"type": "summary", "summary": "Own", "leafUuid": "u"},
            ],
            "Own",
        ),
        ([{"type": "summary", "summary": "Sum"}, {"type": "custom-title", "customTitle": "Mine"}], "Mine"),
        ([{"type": "summary", "summary": " "}, claude("user", "\x1b[31mred\x07")], "red\\x07"),
        ([wrap_line(b"{"), {"type": ["summary"]}, 3], None),
    ],
)
def test_a_title_is_what_the_tool_or_a_person_wrote(messages: list[object], expected: str | None) -> None:
    assert title(messages) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ä 🚲\n\ttext", "plain ä 🚲\n\ttext"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"),
        ("\x1bP1$r\x1b\\a\x1b_x\x1b\\b\x1b^y\x9cc", "abc"),
        ("\x1bc\x1b(B\x1b7a", "a"),
        ("a\x1b]0;no end", "a\\x1b]0;no end"),
        ("end\x1b", "end\\x1b"),
        ("\x1b\x1b[31m[2J", "\\x1b[2J"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\x00\x08\x7f\x85", "\\x00\\x08\\x7f\\x85"),
        ("\u202eabc\u2066\ud800", "\\u202eabc\\u2066\\ud800"),
    ],
)
def test_cleaned_text_cannot_drive_a_terminal(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text(st.sampled_from("\x1b\x9b\x9d\x90[]P0;m\\\x07\x9ca\r\n\x85\u202e\ud800")))
def test_nothing_that_controls_is_left(text: str) -> None:
    left = clean(text)
    assert not [char for char in left if char not in "\n\t" and (ord(char) < 32 or 127 <= ord(char) < 160)]
    left.encode()


@pytest.mark.parametrize("unit", ["\x1b", "\x1b[", "\x1b]", "\x9d", "\x9b0", "\x1bP", "\x1b "])
def test_cleaning_hostile_text_takes_time_in_proportion(unit: str) -> None:
    text = unit * 200_000
    start = time.process_time()
    clean(text)
    assert time.process_time() - start < 2
