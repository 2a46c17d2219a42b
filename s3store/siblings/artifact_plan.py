"""How a set of artifacts is changed in one commit.

What is safe here is so by the fence (`docs/protocol.md`):

- a body is uploaded after a head was read, and named only by a head that is made of one with the same fence; where the
  fence was raised meanwhile, the body may be gone, and goes up anew under a fresh key;
- a body that is in the set already is named again without an upload, and only as long as the very head that names it is
  the one that is built on;
- a body that a commit drops is deleted after that commit has surely landed. One of several parts may be about to be
  named by somebody else who went on with its upload, so the commit that drops it raises the fence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..changes import Extend, Replace
from ..errors import TooLarge
from ..objects.base import MIN_PART, remove_all
from ..streams.change import Planned
from ..streams.terms import living
from .artifact_set import ArtifactSet, Entry, put_message, steps_between
from .content import Held
from .model import ArtifactInfo, ArtifactLimits
from .upload import PART

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..changes import Change
    from ..jsontext import JsonValue
    from ..keys import StreamKeys
    from ..objects.base import ObjectStore
    from ..runtime import Runtime
    from ..streams.commit import Landed
    from ..streams.head import Head
    from ..streams.stream import Streams
    from .content import Content
    from .model import Progress
    from .upload import Body, Uploader

INLINE = 16 * 1024
"""A content of at most this many bytes stands in the record itself."""
_LEAST_RECORDS = 64
_MOST_RECORDS_FOR_EACH = 4

Edit: TypeAlias = "Callable[[ArtifactSet, Sequence[Entry]], ArtifactSet]"
"""Makes a new set of the one there is and the artifacts that are given."""


class Said(NamedTuple):
    """What is said of an artifact."""

    name: str
    media_type: str
    tool: str | None
    attributes: Mapping[str, JsonValue]


class Incoming:
    """An artifact on its way into a set, and where its content has been uploaded to."""

    def __init__(
        self, said: Said, content: Content, uploader: Uploader, progress: Progress | None, *, inline: bool = True
    ) -> None:
        self._said = said
        self._content = content
        self._uploader = uploader
        self._progress = progress
        self._inline = inline
        self._body: Body | None = None
        self._fence = 0
        self.uploaded: list[Body] = []
        """Every body that was uploaded for it, also those that are of no use any more."""

    @property
    def is_small(self) -> bool:
        """Whether it goes up in one request, if at all."""
        return self._content.size is not None and self._content.size <= PART

    async def entry(self, before: ArtifactSet, fence: int) -> Entry:
        """Return the artifact as a record names it, with its body uploaded where it needs one."""
        content = self._content
        sha256 = await content.sha256()
        if sha256 is not None and content.size is not None:
            there = before.body_of(sha256)
            if there is not None:
                return self._named(content.size, sha256, there)
            if self._inline and isinstance(content, Held) and content.size <= INLINE:
                return self._named(content.size, sha256, None, content.data)
        if self._body is None or self._fence != fence:
            self._body, self._fence = await self._uploader.upload(content, self._progress), fence
            self.uploaded.append(self._body)
        return self._named(self._body.size, self._body.sha256, self._body.name)

    def _named(self, size: int, sha256: str, body: str | None, inline: bytes | None = None) -> Entry:
        said = self._said
        return Entry(ArtifactInfo(said.name, said.media_type, said.tool, said.attributes, size, sha256, body), inline)


class Bodies(NamedTuple):
    """The bodies that two sets name."""

    before: frozenset[str]
    after: frozenset[str]


class ArtifactPlan:
    """A change of a set of artifacts: a `Plan` for its stream."""

    def __init__(
        self,
        streams: Streams,
        store: ObjectStore,
        runtime: Runtime,
        keys: StreamKeys,
        edit: Edit,
        incoming: Sequence[Incoming] = (),
    ) -> None:
        self.entries: list[Entry] = []
        """The artifacts that were given, as the last proposal names them."""
        self._streams = streams
        self._store = store
        self._runtime = runtime
        self._keys = keys
        self._edit = edit
        self._incoming = incoming
        self._proposed: dict[tuple[str, ...], Bodies] = {}

    async def changes(self, head: Head | None) -> Planned:
        """See `Plan.changes`."""
        live = living(head)
        lines = [] if live is None else await self._streams.records_of(self._keys, live)
        before = ArtifactSet.of(self._keys.head, (line["message"] for line in lines))
        self.entries = await self._entries(before, 0 if head is None else head.fence)
        after = self._edit(before, self.entries)
        self._proposed[_identity(head)] = Bodies(before.bodies, after.bodies)
        drops = {entry.info.body for entry in before.entries.values() if entry.info.size >= MIN_PART}
        return Planned(_changes(len(lines), before, after), raises_fence=bool(drops - {None} - after.bodies))

    async def clean_up(self, landed: Landed[Head] | None) -> None:
        """See `Plan.clean_up`."""
        # Those of several parts are left to the clean-up: somebody else may have gone on with their upload.
        unnamed = {body.name for each in self._incoming for body in each.uploaded if body.size < MIN_PART}
        if landed is not None:
            bodies = self._proposed[_identity(landed.base.state)]
            unnamed = (unnamed | bodies.before) - bodies.after
        await remove_all(self._store, self._runtime, [self._keys.body(name) for name in sorted(unnamed)])

    async def _entries(self, before: ArtifactSet, fence: int) -> list[Entry]:
        """Upload what has to be uploaded: the small ones side by side, each large one in parts side by side."""
        small = [each for each in self._incoming if each.is_small]
        done = await self._runtime.gather([each.entry(before, fence) for each in small])
        found = {id(each): entry for each, entry in zip(small, done, strict=True)}
        return [found.get(id(each)) or await each.entry(before, fence) for each in self._incoming]


def putting(limits: ArtifactLimits) -> Edit:
    """Return the edit that puts the artifacts at the end."""

    def edit(before: ArtifactSet, entries: Sequence[Entry]) -> ArtifactSet:
        after = before.copy()
        for entry in entries:
            after.put(entry)
        return within(limits, after, len(entries))

    return edit


def replacing(limits: ArtifactLimits) -> Edit:
    """Return the edit that makes the artifacts the whole set."""

    def edit(_before: ArtifactSet, entries: Sequence[Entry]) -> ArtifactSet:
        after = ArtifactSet()
        for entry in entries:
            after.put(entry)
        return within(limits, after, 1)

    return edit


def removing(names: Sequence[str]) -> Edit:
    """Return the edit that takes artifacts away."""

    def edit(before: ArtifactSet, _entries: Sequence[Entry]) -> ArtifactSet:
        after = before.copy()
        after.remove(names)
        return after

    return edit


def within(limits: ArtifactLimits, artifacts: ArtifactSet, newest: int) -> ArtifactSet:
    """Take the oldest artifacts away until the limits hold.

    Raises `TooLarge` if one of the `newest` would have to go too.
    """
    entries = list(artifacts.entries.values())
    count, size = len(entries), artifacts.size
    for place, entry in enumerate(entries):
        if (limits.count is None or count <= limits.count) and (limits.size is None or size <= limits.size):
            return ArtifactSet(entries[place:])
        if place >= len(entries) - newest:
            raise TooLarge(f"{newest} new artifacts are over the limit ({limits.count} artifacts, {limits.size} bytes)")
        count, size = count - 1, size - entry.info.size
    return ArtifactSet()


def _changes(records: int, before: ArtifactSet, after: ArtifactSet) -> list[Change]:
    steps = steps_between(before, after)
    if not steps:
        return []
    if records + len(steps) > max(_LEAST_RECORDS, _MOST_RECORDS_FOR_EACH * len(after.entries)):
        return [Replace(put_message(entry) for entry in after.entries.values())]
    return [Extend(steps)]


def _identity(head: Head | None) -> tuple[str, ...]:
    return () if head is None else head.commits
