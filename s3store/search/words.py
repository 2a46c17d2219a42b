"""What callers type, in the terms of FTS5. Every word is quoted, so that none of it is taken for an operator."""

from __future__ import annotations

import re

from ..errors import InvalidOption

_TERM = re.compile(r'"([^"]*)"?|(\S+)')


def terms_of(query: str) -> list[str]:
    """Return what must be found, each as a term of FTS5: words, phrases in quotes, and `word*` for how one begins.

    Raises `InvalidOption` if there is nothing to look for.
    """
    if not isinstance(query, str):
        raise InvalidOption(f"a search is a text, not {type(query).__name__}")
    terms = [term for match in _TERM.finditer(_clean(query)) if (term := _term(match[1], match[2]))]
    if not terms:
        raise InvalidOption("a search needs a word to look for")
    return terms


def any_word(keyword: str) -> str | None:
    """Return the expression of FTS5 that zeroclaw's `search` makes of a keyword; None if nothing can match it.

    Each word is a phrase, and one of them is enough. A quote separates words, as everything does that is no letter.
    """
    words = _clean(keyword).replace('"', " ").split()
    return " OR ".join(f'"{word}"' for word in words) or None


def _term(phrase: str | None, word: str | None) -> str | None:
    text = phrase if word is None else word.replace('"', " ")
    if text is None or not any(character.isalnum() for character in text):
        return None
    begins = word is not None and text.endswith("*")
    return f'"{text.rstrip("*") if begins else text}"{" *" if begins else ""}'


def _clean(text: str) -> str:
    # SQLite ends a text at a zero byte; a lone surrogate cannot be handed to it at all.
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
