"""Entries for tests, made without a head."""

from __future__ import annotations

from typing import Any

from s3store.index.entry import Entry, read_fields

INCARNATION = "01kah0000000000000000000aa"


def entry(session_id: str, at: int, version: int = 1, **fields: Any) -> Entry:
    """Return an entry of a session that changed at `at` and began then, unless `created_at` says otherwise."""
    return read_fields(
        {
            "id": session_id,
            "incarnation": INCARNATION,
            "version": version,
            "updated_at": at,
            "created_at": at,
            "count": version,
            "size": 100,
            **fields,
        }
    )
