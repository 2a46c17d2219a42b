"""A line is a message, and every line comes back."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3store.changes import Append
from s3store.errors import InvalidRecord, TooLarge
from s3store.importers import lines
from s3store.importers.lines import FileLines, lenient, parse_line, raw_line, wrap_line, write_line

DEEP = b"[" * 250 + b"1" + b"]" * 250

EXACT = [
    b'{"a":1}',
    b'"text"',
    b"12",
    b"null",
    b"[]",
    b' {"a" : 1.50 } \t',
    b'{"a":1}\r',
    b"1" + b"0" * 400,
    b'"\\ud800"',
    '{"ort":"Tromsø 🚲"}'.encode(),
    b"[" * 199 + b"1" + b"]" * 199,
    b'{"text":"' + b"[" * 500 + b'"}',
]

RAW = {
    b"": "is blank",
    b"\r": "is blank",
    b'{"a":': "is no JSON",
    b"{} {}": "is no JSON",
    b"\x00\x01": "is no JSON",
    b"\xff\xfe{}": "is not UTF-8",
    b'"\xed\xa0\x80"': "is not UTF-8",
    b'\xef\xbb\xbf{"a":1}': "starts with a byte order mark",
    b'{"a":NaN}': "holds NaN, which is no JSON",
    b"[-Infinity]": "holds -Infinity, which is no JSON",
    b'{"a":1e999}': "holds a number beyond the range of a float",
    b'{"a":1,"a":2}': "has an object with one name twice",
    b"1" * 5000: "holds an integer of too many digits",
    DEEP: "is nested deeper than 200 levels",
    b"[" * 100_000: "is nested deeper than 200 levels",
    b'{"s3store":"raw-line","text":"x"}': 'has the name "s3store", which marks messages of the importer',
}


@pytest.mark.parametrize("line", EXACT)
def test_a_line_that_is_json_is_the_message_itself(line: bytes) -> None:
    message, problem = parse_line(line)
    assert problem is None
    assert message == json.loads(line)
    assert json.loads(write_line(message)) == message


@pytest.mark.parametrize(("line", "problem"), RAW.items(), ids=list(RAW.values()))
def test_any_other_line_is_kept_byte_for_byte_with_the_reason(line: bytes, problem: str) -> None:
    message, found = parse_line(line)
    assert found == problem
    assert raw_line(message) == line
    assert write_line(message) == line


@pytest.mark.parametrize("line", [*EXACT, *RAW])
def test_whatever_a_line_becomes_an_archive_takes(line: bytes) -> None:
    Append(parse_line(line)[0])


@given(st.binary())
def test_every_line_of_bytes_comes_back(line: bytes) -> None:
    message, problem = parse_line(line)
    assert write_line(message) == line if problem else json.loads(write_line(message)) == json.loads(line)


@pytest.mark.parametrize(
    "message",
    [
        {"s3store": "raw-line"},
        {"s3store": "raw-line", "text": 1},
        {"s3store": "raw-line", "base64": "no base64!"},
        {"s3store": "raw-line", "text": "a", "more": 1},
        {"s3store": "document", "text": "a"},
        "raw-line",
    ],
)
def test_what_only_resembles_a_raw_line_is_none(message: object) -> None:
    assert raw_line(message) is None


def test_a_raw_line_may_be_read_leniently() -> None:
    assert lenient(wrap_line(b'\xef\xbb\xbf{"a":1,"a":2}')) == {"a": 2}
    half = wrap_line(b'{"a":')
    assert lenient(half) is half
    assert lenient({"a": 1}) == {"a": 1}


def test_the_lines_of_a_file_do_not_change_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "grows.jsonl"
    path.write_bytes(b"1\n22")
    found = FileLines.of(path)
    path.write_bytes(b"1\n2233\n4\n")
    assert list(found) == list(found) == [b"1\n", b"22"]


def test_a_file_that_became_shorter_is_not_read_as_if_it_were_whole(tmp_path: Path) -> None:
    path = tmp_path / "shrinks.jsonl"
    path.write_bytes(b"1\n2\n")
    found = FileLines.of(path)
    path.write_bytes(b"1\n")
    with pytest.raises(InvalidRecord, match="shorter"):
        list(found)


def test_a_line_over_the_limit_is_refused_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_MESSAGE_BYTES", 1000)
    path = tmp_path / "long.jsonl"
    path.write_bytes(b"1\n" + b"2" * 1000 + b"\n")
    with pytest.raises(TooLarge, match="line 2"):
        list(FileLines.of(path))


def test_a_line_of_a_megabyte_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    text = json.dumps({"text": "ü" * 500_000}, ensure_ascii=False)
    path.write_text(f"1\n{text}\n2\n", encoding="utf-8")
    assert [parse_line(line.rstrip(b"\n"))[0] for line in FileLines.of(path)] == [1, json.loads(text), 2]
