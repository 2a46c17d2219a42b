"""How a key becomes a path below the root of a `DirectoryStore`, and a name on disk a part of a key again.

The mapping is fixed: it depends on the key alone, takes every key that S3 takes, and can be undone. A key is
cut at its slashes; what stands between two slashes is a component, and becomes one name (or several nested
ones, if it is long). The keys of the archive itself hold mostly safe characters, so that they look the same
on disk: `sessions/ab/sess-1/transcript.jsonl.zst` is just that file.

===================================  ==================  ==================================================
in the key                           on disk             why
===================================  ==================  ==================================================
``a``-``z`` ``0``-``9`` ``-_.~%``    the same
``A``-``Z``                          ``=a``-``=z``       some file systems fold case
any other byte of UTF-8              ``+20``             some file systems change unicode; some bytes are
                                                         not allowed in names
``.`` at the start of a name         ``+2e``             no name is ``.`` or ``..``, and names that start
                                                         with a dot are left for the store's own files
nothing (``a//b``, ``/a``, ``a/``)   ``+n``              a name cannot be empty
an object whose name has no ending   ``name+o``          ``a`` and ``a/b`` may both be objects, so files
of `OBJECT_ENDINGS`                                      and folders never share a name
a folder whose name has one          ``name+p``          the same
over 200 characters, once encoded    ``first+m/rest``    a name on disk has at most 255 bytes
===================================  ==================  ==================================================

Each row's form can be told from all others: behind a `+` stand two hex digits or one of the letters n, o, p
and m. Hex digits are small, so that no name holds a capital letter.
"""

from __future__ import annotations

import enum
import re

OBJECT_ENDINGS = (".json", ".zst", ".parquet")
"""A name that ends so is an object's unless it is marked; any other is a folder's unless it is marked."""

_LONGEST = 200
_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_.~%")
_UPPER = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_EMPTY = "+n"


class Kind(enum.Enum):
    """What a name on disk stands for; the value is the mark at its end, where it needs one."""

    OBJECT = "+o"
    """The last component of a key; a file."""
    FOLDER = "+p"
    """A component with a slash behind it; a directory."""
    PART = "+m"
    """The start of a long component that goes on inside; a directory."""


def object_path(key: str) -> str:
    """Return the path of an object's file, relative to the root and with `/` between the names."""
    *folders, last = key.encode().split(b"/")
    names = [name for folder in folders for name in _names(folder, Kind.FOLDER)]
    return "/".join([*names, *_names(last, Kind.OBJECT)])


def folder_path(prefix: bytes) -> str:
    """Return the path of the directory that holds every key under a prefix that ends in a slash."""
    return "/".join(name for folder in prefix[:-1].split(b"/") for name in _names(folder, Kind.FOLDER))


def read_name(name: str) -> tuple[bytes, Kind] | None:
    """Return what a name on disk adds to a key, and what it stands for; None for a name never made here.

    The answer is a guess where the name alone cannot tell: only if `object_path` makes the same path from the
    whole key has that path been made here.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    encoded, mark = match[1], match[2]
    kind = Kind(mark) if mark else _usual_kind(encoded)
    component = b"" if encoded == _EMPTY else _ESCAPE.sub(_unescape, encoded.encode())
    return (component + b"/" if kind is Kind.FOLDER else component), kind


def _names(component: bytes, kind: Kind) -> list[str]:
    encoded = component.decode("latin-1").translate(_ESCAPES) or _EMPTY
    names = []
    while len(encoded) > _LONGEST:
        cut = _before_an_escape(encoded)
        names.append(_no_leading_dot(encoded[:cut]) + Kind.PART.value)
        encoded = encoded[cut:]
    last = _no_leading_dot(encoded)
    names.append(last if _usual_kind(last) is kind else last + kind.value)
    return names


def _usual_kind(encoded: str) -> Kind:
    return Kind.OBJECT if encoded.endswith(OBJECT_ENDINGS) else Kind.FOLDER


def _before_an_escape(encoded: str) -> int:
    if encoded[_LONGEST - 1] in "+=":
        return _LONGEST - 1
    if encoded[_LONGEST - 2] == "+":
        return _LONGEST - 2
    return _LONGEST


def _no_leading_dot(encoded: str) -> str:
    return "+2e" + encoded[1:] if encoded.startswith(".") else encoded


def _escaped(byte: int) -> str:
    if byte in _SAFE:
        return chr(byte)
    return "=" + chr(byte).lower() if byte in _UPPER else f"+{byte:02x}"


def _unescape(match: re.Match[bytes]) -> bytes:
    escape = match[0]
    return escape[1:].upper() if escape.startswith(b"=") else bytes.fromhex(escape[1:].decode())


_ESCAPES = {byte: _escaped(byte) for byte in range(256)}
_ESCAPE = re.compile(rb"=[a-z]|\+[0-9a-f]{2}")
_NAME = re.compile(r"(?!\.)((?:[a-z0-9_.~%-]|=[a-z]|\+[0-9a-f]{2})+|\+n)(\+[omp])?")
