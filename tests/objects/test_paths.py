from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from s3store.objects.base import MAX_KEY_BYTES
from s3store.objects.paths import Kind, folder_path, object_path, read_name
from s3store.testing import ODD_KEYS

same_every_time = settings(derandomize=True, database=None, deadline=None, max_examples=300)

# Short, with much of what the mapping treats in its own way, so that near misses are frequent.
tricky_keys = st.text(alphabet="aAobpmn012ef./+%=~é", min_size=1, max_size=12)
long_keys = st.lists(
    st.sampled_from(["a" * 199, "a" * 200, "A" * 100, ".", "é", "+", "%", "/", ".json", "b"]), min_size=1, max_size=8
).map("".join)
any_keys = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
keys = st.one_of(tricky_keys, long_keys, any_keys).filter(lambda key: len(key.encode()) <= MAX_KEY_BYTES)


def read_path(path: str) -> tuple[str, list[Kind]]:
    read = [read_name(name) for name in path.split("/")]
    parts = [found for found in read if found is not None]
    assert len(parts) == len(read)
    return b"".join(part for part, _ in parts).decode(), [kind for _, kind in parts]


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("archive.json", "archive.json"),
        ("sessions/ab/sess-1/transcript.jsonl.zst", "sessions/ab/sess-1/transcript.jsonl.zst"),
        ("sessions/0f/~/traces/0000000007-01j9.jsonl.zst", "sessions/0f/~/traces/0000000007-01j9.jsonl.zst"),
        ("index/log/01j9/entry.json", "index/log/01j9/entry.json"),
        ("cold/deep/2026/11/01j9.parquet", "cold/deep/2026/11/01j9.parquet"),
        ("a", "a+o"),
        ("a/b.json", "a/b.json"),
        ("a.json/b.json", "a.json+p/b.json"),
        ("Room.json", "=room.json"),
        ("a b=c%2F+", "a+20b+3dc%2=f+2b+o"),
        ("é.json", "+c3+a9.json"),
        ("../.hidden.json", "+2e./+2ehidden.json"),
        ("/a//b.json", "+n/a/+n/b.json"),
        ("a/", "a/+n+o"),
        ("a" * 200, "a" * 200 + "+o"),
        ("a" * 201, "a" * 200 + "+m/a+o"),
        ("A" * 101, "=a" * 100 + "+m/=a+o"),
        ("a" * 199 + "A", "a" * 199 + "+m/=a+o"),
        ("a" * 198 + "é", "a" * 198 + "+m/+c3+a9+o"),
        ("a" * 200 + ".json", "a" * 200 + "+m/+2ejson+o"),
    ],
)
def test_the_mapping_is_the_one_that_archives_on_disk_have(key: str, path: str) -> None:
    assert object_path(key) == path
    assert read_path(path)[0] == key


@same_every_time
@given(keys)
@example("a" * 199 + "." + "b")
@example("a" * 200 + ".zst/x")
def test_a_path_gives_its_key_back(key: str) -> None:
    found, kinds = read_path(object_path(key))
    assert found == key
    assert kinds[-1] is Kind.OBJECT
    assert Kind.OBJECT not in kinds[:-1]


@same_every_time
@given(keys)
def test_every_name_suits_every_file_system(key: str) -> None:
    for name in object_path(key).split("/"):
        assert 1 <= len(name) <= 208  # room for the temporary file's name within 255
        assert name.isascii()
        assert name.isprintable()
        assert name == name.lower()
        assert not name.startswith(".")
        assert not set(name) & set('<>:"\\|?* ')


@same_every_time
@given(keys, keys)
def test_two_keys_never_need_the_same_name_as_file_and_folder(one: str, other: str) -> None:
    if one == other:
        return
    first, second = object_path(one) + "/", object_path(other) + "/"
    assert not first.startswith(second)
    assert not second.startswith(first)


def test_odd_keys_never_need_the_same_name_as_file_and_folder() -> None:
    paths = sorted(object_path(key) + "/" for key in ODD_KEYS.values())
    assert not any(second.startswith(first) for first, second in itertools.pairwise(paths))


@same_every_time
@given(keys, keys)
def test_a_folder_holds_every_key_under_its_prefix(prefix: str, rest: str) -> None:
    assert object_path(f"{prefix}/{rest}").startswith(folder_path(f"{prefix}/".encode()) + "/")


@pytest.mark.parametrize("name", ["", ".a", "A", "a b", "a+", "+", "a+x", "a+F0", "é", "+o", "a+o+o", "a=", "=A"])
def test_a_name_that_is_never_made_is_not_read(name: str) -> None:
    assert read_name(name) is None
