"""What is to be done when the process is told to end, by SIGTERM.

The handler is installed when the first work is registered, in the main thread, and where nobody ignores the signal. It
lets the work run in a thread, so that it waits for no lock that the interrupted code may hold, and then passes the
signal on to whoever handled it before.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

PATIENCE = 30.0
"""How long work on an event loop may take, in seconds."""

_log = logging.getLogger("s3store")
_work: dict[object, Callable[[], object]] = {}
_installed = False


def before_the_end(work: Callable[[], object]) -> Callable[[], None]:
    """Run `work` once when a SIGTERM comes; return what takes that back. Only the main thread can install a handler."""
    token = object()
    _work[token] = work
    _install()
    return lambda: _forget(token)


def _install() -> None:
    global _installed
    if _installed or threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)
    if before is None or before == signal.SIG_IGN:
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        global _installed
        _installed = False
        signal.signal(signal.SIGTERM, before)
        threading.Thread(target=_end, name="s3store-sigterm").start()

    signal.signal(signal.SIGTERM, handle)
    _installed = True


def _forget(token: object) -> None:
    _work.pop(token, None)


def _end() -> None:
    for work in list(_work.values()):
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the process ends, whatever this was
            _log.warning("not everything could be published before the end: %s", type(error).__name__)
    os.kill(os.getpid(), signal.SIGTERM)
