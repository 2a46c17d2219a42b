"""The formats that can be read, by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from ..errors import InvalidOption
from . import claude_code, codex, messages, swe_agent, tau_bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from .base import SourceSession

Reader: TypeAlias = "Callable[[Path], Iterator[SourceSession]]"
"""Yields the sessions of a file."""

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        claude_code.FORMAT: claude_code.read,
        codex.FORMAT: codex.read,
        messages.FORMAT: messages.read,
        swe_agent.FORMAT: swe_agent.read,
        tau_bench.FORMAT: tau_bench.read,
    }
)
"""The reader of each format."""


def read(path: Path, format: str) -> Iterator[SourceSession]:  # noqa: A002 - the word that callers use
    """Yield the sessions of a file of a format that `READERS` names.

    Raises `InvalidOption` for another format and for a file that cannot be read, `InvalidRecord` for one that
    could not be kept exactly, `TooLarge` over the limits that its message names.
    """
    if format not in READERS:
        raise InvalidOption(f"no format is called {format}; there are {', '.join(READERS)}")
    try:
        yield from READERS[format](path)
    except OSError as error:
        raise InvalidOption(f"cannot read {path}: {error.strerror}") from None
