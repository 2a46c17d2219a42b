"""What the process ends with, and what a user is told when something went wrong."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from .. import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = 0
SOME_FAILED = 1
USAGE = 2
NOT_FOUND = 3
CONFLICT = 4
UNAVAILABLE = 5
DENIED = 6
CORRUPT = 7
UNKNOWN = 8
DIFFERS = 9
INTERNAL = 70
INTERRUPTED = 130
BROKEN_PIPE = 141

MEANINGS = (
    (OK, "done"),
    (SOME_FAILED, "some of many failed, or a local file could not be read or written"),
    (USAGE, "the call is wrong: an option, a message, an id, a setting"),
    (NOT_FOUND, "there is no such session, or no such artifact of it"),
    (CONFLICT, "the session exists, is held, was changed or was deleted meanwhile; or the index was changed"),
    (UNAVAILABLE, "the store cannot be reached now; nothing was written, try again"),
    (DENIED, "rights or bucket are missing, or the store is not fit for an archive"),
    (CORRUPT, "what is stored is damaged, or of a format that this version does not know"),
    (UNKNOWN, "a write was sent and its outcome is unknown; the message says how to go on"),
    (DIFFERS, "the index does not say what the sessions say; `s3store index verify --fix` mends it"),
    (INTERNAL, "an error in s3store itself"),
    (INTERRUPTED, "interrupted"),
)
"""Every exit code that is a promise, for the help text."""

_CODES: tuple[tuple[type[errors.S3StoreError], int], ...] = (
    (errors.SessionNotFound, NOT_FOUND),
    (errors.ArtifactNotFound, NOT_FOUND),
    (errors.OutcomeUnknown, UNKNOWN),
    (errors.Decide, CONFLICT),
    (errors.RetryLater, UNAVAILABLE),
    (errors.CorruptObject, CORRUPT),
    (errors.UnsupportedFormat, CORRUPT),
    (errors.CallAPerson, DENIED),
    (errors.FixTheCall, USAGE),
)


def code_of(error: errors.S3StoreError) -> int:
    """Return the exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL)


def message_of(error: errors.S3StoreError) -> str:
    """Return what a user is told of an error."""
    if isinstance(error, errors.OutcomeUnknown):
        return f"{error}; look with `s3store show`, or settle it with SessionStore.resolve()"
    return str(error)


@contextmanager
def as_exits() -> Iterator[None]:
    """Turn what a command raises into an exit code and one line. `S3STORE_DEBUG=1` shows the traceback as well."""
    try:
        yield
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except errors.S3StoreError as error:
        _debug()
        raise _told(message_of(error), code_of(error)) from error
    except KeyboardInterrupt:
        raise _told("interrupted", INTERRUPTED) from None
    except BrokenPipeError:
        _drop_output()
        raise click.exceptions.Exit(BROKEN_PIPE) from None
    except OSError as error:
        _debug()
        raise _told(_of_os(error), SOME_FAILED) from error
    except Exception as error:
        # Its text may hold a session's content, so only its kind is shown unless somebody asks for more.
        _debug()
        raise _told(f"internal error ({type(error).__name__}); S3STORE_DEBUG=1 shows where", INTERNAL) from error


def _told(message: str, code: int) -> click.exceptions.Exit:
    """Write one line on standard error, harmless for a terminal, and return what ends the process with a code."""
    from .output import one_line

    click.echo(f"s3store: {one_line(message)}", err=True)
    return click.exceptions.Exit(code)


def _of_os(error: OSError) -> str:
    name = error.filename
    where = f"{os.fsdecode(name)}: " if isinstance(name, str | bytes) else ""
    return f"{where}{error.strerror or type(error).__name__}"


def _debug() -> None:
    if os.environ.get("S3STORE_DEBUG", "") not in {"", "0"}:
        traceback.print_exc()


def _drop_output() -> None:
    """Send what is still to be flushed nowhere, or Python complains of the broken pipe once more at its end."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
