"""Connections to one database: one for each thread, all of which can be closed, or brought to rest for a fork.

A connection that is closed while another thread uses it takes the process down with it, and one that is open in a
child after a fork has the child believe in locks that only its parent holds. So a connection is marked while it is in
use, and whoever closes or forks waits for that.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


class Closed(Exception):
    """There is no connection for this call: they were closed, or a signal came while this thread was using its own."""


class Connection:
    """The connection of one thread; it is closed when that thread is gone."""

    __slots__ = ("__weakref__", "busy", "con", "lock")

    def __init__(self, con: sqlite3.Connection) -> None:
        """Take a connection over."""
        self.con = con
        self.busy = False
        # Reentrant, so that a signal handler that comes here again finds `busy` and does not wait for itself.
        self.lock = threading.RLock()

    def done(self) -> None:
        """Give it back after `use`."""
        self.busy = False
        self.lock.release()

    def __del__(self) -> None:
        """Close it without the warning that some versions of Python give."""
        self.con.close()


class Connections:
    """What connects, for all threads of one process."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Keep what makes a connection that any thread may close."""
        self._connect = connect
        self._local = threading.local()
        self._guard = threading.RLock()
        self._all: WeakSet[Connection] = WeakSet()
        self._held: list[Connection] = []
        self._closed = False

    def of_thread(self) -> Connection:
        """Return the calling thread's connection."""
        found: Connection | None = getattr(self._local, "connection", None)
        if found is None:
            with self._guard:
                if self._closed:
                    raise Closed
                found = self._local.connection = Connection(self._connect())
                self._all.add(found)
        return found

    def use(self) -> Connection:
        """Return the calling thread's connection, in use until `done` is called on it.

        Raises:
            Closed: All are closed, or this thread uses its own already.
        """
        connection = self.of_thread()
        connection.lock.acquire()
        if self._closed or connection.busy:
            connection.lock.release()
            raise Closed
        connection.busy = True
        return connection

    def hold(self) -> None:
        """Wait until none is in use, and keep it so until `let_go`."""
        self._guard.acquire()
        self._held = list(self._all)
        for connection in self._held:
            connection.lock.acquire()

    def let_go(self) -> None:
        """End what `hold` began."""
        held, self._held = self._held, []
        for connection in held:
            connection.lock.release()
        self._guard.release()

    def close(self) -> None:
        """Close all for good, once none is in use."""
        self.hold()
        try:
            self.close_held()
        finally:
            self.let_go()

    def close_held(self) -> None:
        """Close all for good, between `hold` and `let_go`."""
        self._closed = True
        for connection in self._held:
            if not connection.busy:  # Else it is this thread's own, below the signal handler that closes.
                connection.con.close()
