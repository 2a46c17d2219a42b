"""The archive of a function: opened once, and kept from one invocation to the next with its connections and cache."""

from __future__ import annotations

import os
from functools import cached_property

from ..blocking import SessionStore
from ..errors import InvalidOption
from ..index.policy import IndexPolicy
from ..streams.commit import CommitPolicy

LOCATION = "S3STORE_URL"
"""The variable that names the archive where the handler is not told one."""

_POLICY = CommitPolicy(seconds=8.0)
"""Gives up while the function can still say so."""
_INDEX = IndexPolicy(compact_after=None)
"""A merge in the background would be frozen with the function: that is for the one that runs on a schedule."""


class KeptStore:
    """A store of the caller's own, or one that is opened when it is first asked for and never closed."""

    def __init__(self, store: SessionStore | str | None) -> None:
        self._given = store

    @cached_property
    def store(self) -> SessionStore:
        """The store. Raises `InvalidOption` where nothing names an archive."""
        given = self._given if self._given is not None else os.environ.get(LOCATION)
        if isinstance(given, SessionStore):
            return given
        if not given:
            raise InvalidOption(f"no archive is named; set {LOCATION}=s3://bucket/prefix, or give the handler a store")
        return SessionStore(given, policy=_POLICY, index=_INDEX)
