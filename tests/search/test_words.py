"""What a caller types, as FTS5 takes it."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3store.errors import InvalidOption
from s3store.search.words import any_word, terms_of


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("refund gift", ['"refund"', '"gift"']),
        ('"gift card" refund', ['"gift card"', '"refund"']),
        ("cod*", ['"cod" *']),
        ('"cod*"', ['"cod*"']),
        ("foo-bar", ['"foo-bar"']),
        ("AND OR NOT content:x ^y", ['"AND"', '"OR"', '"NOT"', '"content:x"', '"^y"']),
        ("!!! rust", ['"rust"']),
        ('never "closed phrase', ['"never"', '"closed phrase"']),
        ('a"b', ['"a b"']),
    ],
)
def test_words_phrases_and_beginnings(query: str, terms: list[str]) -> None:
    assert terms_of(query) == terms


@pytest.mark.parametrize("query", ["", "  ", '""', "!!!", '"', "***"])
def test_nothing_to_look_for_is_refused(query: str) -> None:
    with pytest.raises(InvalidOption, match="a word to look for"):
        terms_of(query)


def test_a_search_is_a_text() -> None:
    with pytest.raises(InvalidOption, match="not int"):
        terms_of(7)  # type: ignore[arg-type]


@given(st.text())
def test_fts5_takes_whatever_is_typed(query: str) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE words USING fts5 (content)")
    expressions = [any_word(query)]
    try:
        expressions += terms_of(query)
    except InvalidOption:
        pass
    for expression in expressions:
        if expression is not None:
            assert db.execute("SELECT * FROM words WHERE words MATCH ?", (expression,)).fetchall() == []
    db.close()


@pytest.mark.parametrize("keyword", ["", " \t", '"', '" "'])
def test_a_keyword_of_nothing_matches_nothing(keyword: str) -> None:
    assert any_word(keyword) is None


def test_one_of_the_words_is_enough() -> None:
    assert any_word('foo-bar  ru"st') == '"foo-bar" OR "ru" OR "st"'
