r"""The artifacts of a session, as the records of their stream tell: what was put, what was removed, in order.

::

    {"put": {"name": "report.md", "media_type": "text/markdown", "size": 9, "sha256": "…", "text": "# Report\n"}}
    {"put": {"name": "data.bin", …, "base64": "…"}}
    {"put": {"name": "film.mp4", …, "body": "<sha256>-<ulid>"}}
    {"remove": ["report.md"]}

A name that is put again moves to the end.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import orjson

from ..errors import CorruptObject, InvalidOption, InvalidRecord, TooLarge
from ..jsontext import check_json
from ..keys import is_body_name
from ..streams.segments import text_of, whole_number
from .model import MAX_DESCRIPTION_BYTES, MAX_NAME_BYTES, ArtifactInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..jsontext import JsonValue

_TEXT, _BASE64, _BODY = "text", "base64", "body"
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """An artifact in a set: what is said of it, and its content where the record itself holds that."""

    info: ArtifactInfo
    inline: bytes | None

    def named(self, name: str) -> Entry:
        """Return the entry under another name. Raises `InvalidOption` for one that is none."""
        check_name(name)
        return replace(self, info=replace(self.info, name=name))

    def same_as(self, other: Entry) -> bool:
        """Tell whether the two are the same but for the name of the body."""
        return _without_body(self) == _without_body(other)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the entry as a record says it."""
        info = self.info
        found: dict[str, JsonValue] = {"name": info.name, "media_type": info.media_type}
        if info.tool is not None:
            found["tool"] = info.tool
        if info.attributes:
            found["attributes"] = dict(info.attributes)
        return {**found, "size": info.size, "sha256": info.sha256, **_content_json(self)}

    @classmethod
    def from_json(cls, found: JsonValue) -> Entry:
        """Read what `to_json` wrote. Raises `ValueError`, `TypeError`, `LookupError` or `AttributeError` else."""
        inline = None
        body, size, sha256 = found.get(_BODY), whole_number(found["size"]), text_of(found["sha256"])
        if body is None:
            inline = found[_TEXT].encode() if _TEXT in found else b64decode(found[_BASE64], validate=True)
            if len(inline) != size or hashlib.sha256(inline).hexdigest() != sha256:
                raise ValueError("another content than size and hash say")
        elif not is_body_name(body) or not _SHA256.fullmatch(sha256):
            # The hash names the file that a download goes into, so it is as little a path as the name is.
            raise ValueError("no name of a body, or no hash")
        tool = found.get("tool")
        info = ArtifactInfo(
            text_of(found["name"]),
            text_of(found["media_type"]),
            None if tool is None else text_of(tool),
            MappingProxyType(dict(found.get("attributes", {}))),
            size,
            sha256,
            body,
        )
        return cls(info, inline)


class ArtifactSet:
    """Artifacts by name, in the order in which they were put."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = {entry.info.name: entry for entry in entries}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArtifactSet) and list(self.entries.items()) == list(other.entries.items())

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of(cls, key: str, messages: Iterable[JsonValue]) -> ArtifactSet:
        """Return the set that the messages of a stream tell of. Raises `CorruptObject`, naming `key`."""
        made = cls()
        try:
            for message in messages:
                if "put" in message:
                    made.put(Entry.from_json(message["put"]))
                else:
                    made.remove(message["remove"])
        except (ValueError, TypeError, LookupError, AttributeError, binascii.Error):
            raise CorruptObject(f"{key}: holds a record that tells of no artifact") from None
        return made

    @property
    def size(self) -> int:
        """The bytes of all contents."""
        return sum(entry.info.size for entry in self.entries.values())

    @property
    def bodies(self) -> frozenset[str]:
        """The names of all objects that hold a content."""
        return frozenset(entry.info.body for entry in self.entries.values() if entry.info.body is not None)

    def body_of(self, sha256: str) -> str | None:
        """Return the name of an object with this content, if there is one."""
        found = (entry.info for entry in self.entries.values() if entry.info.sha256 == sha256)
        return next((info.body for info in found if info.body is not None), None)

    def copy(self) -> ArtifactSet:
        """Return a set of its own with the same artifacts."""
        return ArtifactSet(self.entries.values())

    def put(self, entry: Entry) -> None:
        """Put an artifact at the end, in place of the one of its name."""
        self.entries.pop(entry.info.name, None)
        self.entries[entry.info.name] = entry

    def remove(self, names: Iterable[str]) -> None:
        """Take artifacts away; names that are not there are passed over."""
        for name in names:
            self.entries.pop(name, None)


def put_message(entry: Entry) -> dict[str, JsonValue]:
    """Return the record that puts an artifact."""
    return {"put": entry.to_json()}


def steps_between(before: ArtifactSet, after: ArtifactSet) -> list[dict[str, JsonValue]]:
    """Return the records that lead from one set to another, and put no artifact again that keeps its place."""
    gone = [name for name in before.entries if name not in after.entries]
    kept = _kept(before, after)
    steps: list[dict[str, JsonValue]] = [{"remove": gone}] if gone else []
    return steps + [put_message(entry) for name, entry in after.entries.items() if name not in kept]


def _kept(before: ArtifactSet, after: ArtifactSet) -> set[str]:
    """Return the names at the start of `after` that stand in `before` unchanged and in that order."""
    earlier = iter(before.entries.values())
    kept: set[str] = set()
    for name, entry in after.entries.items():
        found = next((each for each in earlier if each.info.name == name), None)
        if found is None or not entry.same_as(found):
            break
        kept.add(name)
    return kept


def check_name(name: object) -> str:
    """Return the name of an artifact. Raises `InvalidOption` unless it is text, `TooLarge` if it is too long."""
    if not isinstance(name, str):
        raise InvalidOption(f"the name of an artifact is text, not {type(name).__name__}")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidOption("the name of an artifact must not hold a lone surrogate") from None
    if size > MAX_NAME_BYTES:
        raise TooLarge(f"the name of an artifact has at most {MAX_NAME_BYTES:,} bytes, not {size:,}")
    return name


def check_description(media_type: object, tool: object, attributes: Mapping[str, JsonValue]) -> None:
    """Raise `InvalidOption`, `InvalidRecord` or `TooLarge` unless this can be said of an artifact."""
    for what, text in (("media_type", media_type), ("tool", tool)):
        if text is not None and not isinstance(text, str):
            raise InvalidOption(f"the {what} of an artifact is text, not {type(text).__name__}")
    if not hasattr(attributes, "items"):
        raise InvalidOption(f"the attributes of an artifact are a mapping, not {type(attributes).__name__}")
    said = {"media_type": media_type, "tool": tool, "attributes": dict(attributes)}
    try:
        check_json(said)
        size = len(orjson.dumps(said))
    except InvalidRecord as error:
        raise InvalidOption(f"the attributes of an artifact: {error}") from None
    except TypeError:
        raise InvalidOption("what is said of an artifact holds an integer over 64 bits or a lone surrogate") from None
    if size > MAX_DESCRIPTION_BYTES:
        raise TooLarge(f"what is said of an artifact has at most {MAX_DESCRIPTION_BYTES:,} bytes of JSON, not {size:,}")


def _content_json(entry: Entry) -> dict[str, JsonValue]:
    if entry.inline is None:
        return {_BODY: entry.info.body}
    try:
        return {_TEXT: entry.inline.decode()}
    except UnicodeDecodeError:
        return {_BASE64: b64encode(entry.inline).decode("ascii")}


def _without_body(entry: Entry) -> tuple[object, ...]:
    info = entry.info
    return info.name, info.media_type, info.tool, dict(info.attributes), info.size, info.sha256, info.body is None
