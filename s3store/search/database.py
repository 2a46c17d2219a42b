"""What is searched: the texts of all sessions, in an SQLite file, found by FTS5.

It is derived from the archive and may be deleted at any time. Several processes may use it at once. Everything here
blocks.

A session has a row of its own (`seq` -1), with its key and its name, and one for each record. What is known of a
deleted session stays without its texts, so that who is behind does not bring it back.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

import orjson

from ..index.entry import Entry, read_fields
from .file import DerivedFile
from .texts import Text, fit, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

MARKS = ("\2", "\3")
"""What stands around the words that were found, in a snippet."""

_VERSION = 1
_OWN_ROW = -1
_CONTENT_COLUMN = 2
_ANY_COLUMN = -1
_SNIPPET_WORDS = 24
_SCHEMA = (
    "CREATE TABLE pages (name TEXT PRIMARY KEY) WITHOUT ROWID",
    """
    CREATE TABLE sessions (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, name TEXT NOT NULL,
        incarnation TEXT NOT NULL, version INTEGER NOT NULL, deleted INTEGER NOT NULL,
        read INTEGER NOT NULL, last_commit TEXT, fields BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE texts (
        number INTEGER PRIMARY KEY, session INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER, content TEXT
    )
    """,
    "CREATE UNIQUE INDEX texts_of_session ON texts (session, seq)",
    """
    CREATE VIEW searched AS SELECT
        texts.number AS number,
        CASE texts.seq WHEN -1 THEN sessions.key END AS key,
        CASE texts.seq WHEN -1 THEN sessions.name END AS name,
        texts.content AS content
        FROM texts JOIN sessions ON sessions.number = texts.session
    """,
    "CREATE VIRTUAL TABLE words USING fts5 (key, name, content, content = 'searched', content_rowid = 'number')",
)
_KNOWN = "SELECT incarnation, version, read, last_commit FROM sessions WHERE id = ?"
_PUT_SESSION = """
    INSERT INTO sessions (id, key, name, incarnation, version, deleted, read, last_commit, fields)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET key = excluded.key, name = excluded.name, incarnation = excluded.incarnation,
        version = excluded.version, deleted = excluded.deleted, read = excluded.read,
        last_commit = excluded.last_commit, fields = excluded.fields
    RETURNING number
"""
_ADD_WORDS = """
    INSERT INTO words (rowid, key, name, content) SELECT number, key, name, content FROM searched WHERE number = ?
"""
_FORGET_WORDS = """
    INSERT INTO words (words, rowid, key, name, content)
    SELECT 'delete', number, key, name, content FROM searched WHERE number = ?
"""
_HAVING = "SELECT DISTINCT session FROM texts WHERE number IN (SELECT rowid FROM words WHERE words MATCH ?)"
# A word in the key or the name says more of a session than one in its messages.
_RANKED = """
    WITH hits AS MATERIALIZED (
        SELECT rowid AS number, bm25(words, 8.0, 4.0, 1.0) AS score FROM words WHERE words MATCH ?
    )
    SELECT session, number, seq FROM (
        SELECT texts.session AS session, hits.number AS number, texts.seq AS seq, MIN(hits.score) AS score
        FROM hits JOIN texts ON texts.number = hits.number GROUP BY texts.session
    ) ORDER BY score, session
"""
_SNIPPET = "SELECT snippet(words, ?, ?, ?, '…', ?) FROM words WHERE words MATCH ? AND rowid = ?"
_IN_ORDER = """
    WITH hits AS MATERIALIZED (SELECT rowid AS number FROM words WHERE words MATCH ?)
    SELECT sessions.fields FROM hits
    JOIN texts AS found ON found.number = hits.number
    JOIN sessions ON sessions.number = found.session AND NOT sessions.deleted
    JOIN texts AS message ON message.session = sessions.number AND message.seq = MAX(found.seq, 0)
    WHERE substr(sessions.id, 1, length(?)) = ?
    GROUP BY sessions.number
    ORDER BY MIN(message.at), sessions.number
    LIMIT ?
"""


class Known(NamedTuple):
    """What the file has of a session."""

    incarnation: str
    version: int
    read: int
    """How many records were read."""
    last_commit: str | None
    """The commit of the last of them: as long as that stands there, nothing before it has changed."""


class Reading(NamedTuple):
    """A session as it was read from the archive."""

    entry: Entry
    basis: Known | None
    """What the file had when it was read: what is kept of it must still be there."""
    start: int
    """The number of the first record that was read; what the file has before it is kept."""
    read: int
    """How many records the session has, as far as it was read."""
    last_commit: str | None
    texts: Sequence[Text]


class Match(NamedTuple):
    """A session that was found, and the row of it that fits best."""

    entry: Entry
    row: int
    seq: int | None


class Database:
    """The texts of one archive, in a file at `path`, or in memory. Every method may raise as `DerivedFile.do`."""

    def __init__(self, path: Path | None) -> None:
        self._file = DerivedFile(path, _SCHEMA, _VERSION)
        self.close = self._file.close
        self.remove = self._file.remove

    def pages(self) -> frozenset[str]:
        """Return the names of the pages of the index that the file has taken in."""
        return self._file.do(lambda db: frozenset(name for (name,) in db.execute("SELECT name FROM pages")))

    def stale(self, entries: Iterable[Entry]) -> list[tuple[Entry, Known | None]]:
        """Return the entries that are newer than what the file has, with what it has."""

        def look(db: sqlite3.Connection) -> list[tuple[Entry, Known | None]]:
            known = ((entry, _known(db, entry.id)) for entry in entries)
            return [(entry, has) for entry, has in known if has is None or _order(has) < _order(entry)]

        return self._file.do(look)

    def store(self, readings: Sequence[Reading]) -> list[Entry]:
        """Take in what was read; return the entries of those that others changed meanwhile, and that were left."""

        def write(db: sqlite3.Connection) -> list[Entry]:
            return [reading.entry for reading in readings if not _store(db, reading)]

        return self._file.do(write, writes=True)

    def finish(self, pages: Iterable[str]) -> None:
        """Note which pages of the index were taken in: these, and no others any more."""
        names = [(name,) for name in pages]

        def note(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM pages")
            db.executemany("INSERT INTO pages VALUES (?)", names)

        self._file.do(note, writes=True)

    def forget_all_but(self, ids: Iterable[str]) -> None:
        """Drop the sessions that the index no longer knows, not even as deleted."""

        def drop(db: sqlite3.Connection) -> None:
            db.execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")
            db.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((session_id,) for session_id in ids))
            gone = db.execute("SELECT number FROM sessions WHERE id NOT IN (SELECT id FROM seen)").fetchall()
            for (number,) in gone:
                _remove_texts(db, number, _OWN_ROW)
                db.execute("DELETE FROM sessions WHERE number = ?", (number,))
            db.execute("DROP TABLE seen")

        self._file.do(drop, writes=True)

    def ranked(self, terms: Sequence[str], takes: Callable[[Entry], bool], limit: int) -> list[tuple[Match, str]]:
        """Return the sessions that have every term, the one that fits best first, each with a marked snippet."""
        query = " OR ".join(terms)

        def find(db: sqlite3.Connection) -> list[tuple[Match, str]]:
            having = _having_all(db, terms)
            found: list[Match] = []
            for number, row, seq in db.execute(_RANKED, (query,)) if having else ():
                entry = _entry(db, number) if number in having else None
                if entry is not None and takes(entry):
                    found.append(Match(entry, row, None if seq == _OWN_ROW else seq))
                if len(found) == limit:
                    break
            return [(match, _snippet(db, query, match)) for match in found]

        return self._file.do(find) if limit else []

    def in_order(self, expression: str, prefix: str, limit: int) -> list[Entry]:
        """Return sessions by an expression over keys and messages, the one with the oldest matching message first.

        Only those whose id starts with `prefix`, and that have a message: of one whose key matches its first counts.
        """
        query = f"{{key content}} : ({expression})"

        def find(db: sqlite3.Connection) -> list[Entry]:
            rows = db.execute(_IN_ORDER, (query, prefix, prefix, limit))
            return [_read_entry(fields) for (fields,) in rows.fetchall()]

        return self._file.do(find)


def _known(db: sqlite3.Connection, session_id: str) -> Known | None:
    row = db.execute(_KNOWN, (session_id,)).fetchone()
    return None if row is None else Known(*row)


def _order(of: Known | Entry) -> tuple[str, int]:
    return of.incarnation, of.version


def _store(db: sqlite3.Connection, reading: Reading) -> bool:
    """Take one session in; False if the file no longer has what the reading goes on from."""
    entry = reading.entry
    has = _known(db, entry.id)
    if has is not None and _order(has) >= _order(entry):
        return True
    if has != reading.basis:
        return False
    if has is not None:
        (number,) = db.execute("SELECT number FROM sessions WHERE id = ?", (entry.id,)).fetchone()
        _remove_texts(db, number, reading.start)
    number = _put_session(db, reading)
    _add_text(db, number, Text(_OWN_ROW, None, None))
    for text in reading.texts:
        _add_text(db, number, text)
    return True


def _put_session(db: sqlite3.Connection, reading: Reading) -> int:
    entry = reading.entry
    row = (
        entry.id,
        key_of(entry.id),
        fit(entry.fields.get("name") or ""),
        entry.incarnation,
        entry.version,
        entry.deleted,
        reading.read,
        reading.last_commit,
        orjson.dumps(entry.fields),
    )
    (number,) = db.execute(_PUT_SESSION, row).fetchone()
    return int(number)


def _add_text(db: sqlite3.Connection, session: int, text: Text) -> None:
    added = db.execute(
        "INSERT INTO texts (session, seq, at, content) VALUES (?, ?, ?, ?)", (session, text.seq, text.at, text.content)
    )
    db.execute(_ADD_WORDS, (added.lastrowid,))


def _remove_texts(db: sqlite3.Connection, session: int, start: int) -> None:
    """Remove the session's own row, and those of its records from a number on."""
    rows = db.execute(
        "SELECT number FROM texts WHERE session = ? AND (seq = ? OR seq >= ?)", (session, _OWN_ROW, start)
    ).fetchall()
    for row in rows:
        # FTS5 wants to be told what it forgets, so before it is gone.
        db.execute(_FORGET_WORDS, row)
        db.execute("DELETE FROM texts WHERE number = ?", row)


def _having_all(db: sqlite3.Connection, terms: Sequence[str]) -> set[int]:
    """Return the sessions that have each term somewhere."""
    found: set[int] | None = None
    for term in terms:
        rows = db.execute(_HAVING, (term,))
        having = {session for (session,) in rows}
        found = having if found is None else found & having
        if not found:
            break
    return found or set()


def _entry(db: sqlite3.Connection, number: int) -> Entry | None:
    row = db.execute("SELECT fields FROM sessions WHERE number = ? AND NOT deleted", (number,)).fetchone()
    return None if row is None else _read_entry(row[0])


def _read_entry(fields: object) -> Entry:
    try:
        return read_fields(orjson.loads(fields))  # type: ignore[arg-type]
    except (ValueError, TypeError, LookupError, AttributeError):
        raise sqlite3.DatabaseError("a row that holds no entry") from None


def _snippet(db: sqlite3.Connection, query: str, match: Match) -> str:
    column = _ANY_COLUMN if match.seq is None else _CONTENT_COLUMN
    (snippet,) = db.execute(_SNIPPET, (column, *MARKS, _SNIPPET_WORDS, query, match.row)).fetchone()
    return snippet or ""
