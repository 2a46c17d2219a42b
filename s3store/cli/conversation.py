"""A session as people read it: who says what, with tool calls told apart and long output shortened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ..reading import clean, read_message
from .output import on_terminal, one_line, plural, size_text, time_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..model import Record, SessionInfo, Turn
    from ..reading import Part

_INDENT = 2
_SHORT_LINES = 10
_SHORT_CHARACTERS = 1200
_CALL_LINES = 4
_CALL_CHARACTERS = 300
_META_CHARACTERS = 100
_ROLE_STYLES = {"user": "bold green", "assistant": "bold blue", "system": "bold magenta"}
_RULE = "─"
_RULE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One line (which a terminal may wrap), how far it is set in, and in which style."""

    text: str
    style: str = ""
    indent: int = 0

    def height(self, width: int) -> int:
        """Return how many lines of so many columns it takes."""
        from rich.cells import cell_len

        return max(1, -(-(cell_len(self.text) + self.indent) // width))


@dataclass(frozen=True, slots=True)
class View:
    """What is wanted to be seen."""

    full: bool = False
    tools: bool = True


def header(info: SessionInfo) -> Iterator[Line]:
    """Yield the lines that say what session this is."""
    said = info.metadata
    yield Line(one_line(info.id), "bold")
    if said.name:
        yield Line(one_line(said.name))
    times = f"created {time_text(info.created_at)}, updated {time_text(info.updated_at)} UTC"
    facts = (plural(info.count, "message"), size_text(info.size), times, f"version {info.version}")
    yield Line(" · ".join(facts), "dim")
    fields = {name: getattr(said, name) for name in ("agent", "channel", "room", "sender", "parent", "state")}
    fields["turn"] = said.turn and _turn(said.turn)
    fields["active"] = said.active_at and f"{time_text(said.active_at)} UTC"
    fields["labels"] = ", ".join(sorted(said.labels))
    yield from (Line(f"{name} {one_line(text)}", "dim") for name, text in fields.items() if text)
    yield Line(_RULE * _RULE_LENGTH, "dim")


def _turn(turn: Turn) -> str:
    since = "" if turn.started_at is None else f"since {time_text(turn.started_at)} UTC"
    return ", ".join(part for part in (turn.id, since) if part)


def conversation(records: Iterable[Record], view: View) -> Iterator[Line]:
    """Yield the lines of a conversation."""
    speaker: str | None = None
    after_tool = False
    for record in records:
        for part in read_message(record.message):
            is_tool = part.kind in {"tool_call", "tool_result"}
            if (is_tool and not view.tools) or (part.kind == "echo" and not view.full):
                continue
            # A tool's result stands below the call, and an event is nobody's talk: neither changes who speaks.
            if part.kind not in {"meta", "echo", "tool_result"} and part.role != speaker:
                speaker = part.role
                yield from _speaker(part)
            elif after_tool and not is_tool:
                yield Line("")
            after_tool = is_tool
            yield from _part(part, view)


def write(lines: Iterable[Line], *, pager: bool = False) -> None:
    """Write lines: with colours and wrapped on a terminal, as they are in a pipe or through `$PAGER`."""
    if pager:
        click.echo_via_pager(_plain(line) + "\n" for line in lines)
    elif on_terminal():
        _draw(lines)
    else:
        for line in lines:
            click.echo(_plain(line))


def _speaker(part: Part) -> Iterator[Line]:
    yield Line("")
    at = "" if part.timestamp is None else f"  {time_text(part.timestamp)}"
    yield Line(one_line(part.role) + at, _ROLE_STYLES.get(part.role, "bold"))


def _part(part: Part, view: View) -> Iterator[Line]:
    text = clean(part.text)
    if part.kind == "text":
        yield from _indented(text.splitlines(), "")
    elif part.kind == "thinking":
        yield from _indented(_shortened(text, _SHORT_LINES, _SHORT_CHARACTERS, view), "dim italic")
    elif part.kind == "tool_call":
        call = f"▸ {part.tool_name} {text}" if part.tool_name else f"▸ {text}"
        yield from _marked(_shortened(clean(call), _CALL_LINES, _CALL_CHARACTERS, view), "cyan")
    elif part.kind == "tool_result":
        named = f"{clean(part.tool_name)}: " if part.tool_name else ""
        marked = f"{'✗' if part.is_error else '◂'} {named}{text}"
        style = "red" if part.is_error else "dim"
        yield from _marked(_shortened(marked, _SHORT_LINES, _SHORT_CHARACTERS, view), style)
    elif part.kind == "image":
        yield Line(f"[image: {one_line(text)}]", "dim", _INDENT)
    else:
        yield from _meta(part.role, text, view)


def _meta(role: str, text: str, view: View) -> Iterator[Line]:
    if view.full:
        first, *more = text.splitlines() or [""]
        yield Line(f"· {one_line(role)}: {first}", "dim")
        yield from _indented(more, "dim")
        return
    line = f"· {one_line(role)}: {one_line(text)}"
    yield Line(line if len(line) <= _META_CHARACTERS else line[: _META_CHARACTERS - 1] + "…", "dim")


def _indented(lines: Iterable[str], style: str) -> Iterator[Line]:
    return (Line(line, style, _INDENT) for line in lines)


def _marked(lines: list[str], style: str) -> Iterator[Line]:
    yield from (Line(line, style, _INDENT if place == 0 else 2 * _INDENT) for place, line in enumerate(lines))


def _shortened(text: str, most_lines: int, most_characters: int, view: View) -> list[str]:
    lines = text.splitlines()
    if view.full or (len(lines) <= most_lines and len(text) <= most_characters):
        return lines
    kept = text[:most_characters].splitlines()[:most_lines]
    left = len(text) - sum(len(line) + 1 for line in kept)
    return [*kept, f"… {plural(max(left, 1), 'more character')} (--full shows them)"]


def _plain(line: Line) -> str:
    return f"{' ' * line.indent}{line.text}".rstrip()


def _draw(lines: Iterable[Line]) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console()
    for line in lines:
        # Text, not markup: what a message says must not become a style or a link.
        text = Text(line.text or " ", style=line.style, overflow="fold")
        console.print(Padding(text, (0, 0, 0, line.indent), expand=False))
