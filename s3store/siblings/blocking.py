"""The blocking face of what stands beside a transcript: `Events`, `Traces` and `Artifacts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runtime import iterate, iterate_parts, run
from .model import Artifact, ArtifactInfo, NewArtifact

if TYPE_CHECKING:
    import builtins
    import os
    from collections.abc import Iterable, Iterator, Mapping

    from ..jsontext import JsonValue
    from ..model import Record
    from .artifacts import ArtifactsCore
    from .events import EventsCore
    from .model import Progress, Source


class Events:
    """A list of events beside a transcript: `SessionStore.runs`, `SessionStore.verification`.

    An event is any JSON value, kept as it is. Events may be there without a session; `SessionStore.delete` removes
    them. Every method raises what the methods of `SessionStore` may raise; `resolve` settles an `OutcomeUnknown`.
    """

    def __init__(self, core: EventsCore) -> None:
        self._core = core

    def append(self, event: object, *, key: str | None = None) -> int:
        """Add one event at the end, and return how many there are then.

        `key` is an idempotency key: a repeat is stored once. Raises `InvalidRecord` or `TooLarge` for an event that
        cannot be stored.
        """
        return run(self._core.append(event, key))

    def extend(self, events: Iterable[object], *, keys: Iterable[str | None] | None = None) -> int:
        """Add events at the end, all in one commit. As `append`; `keys` has one for each, or None."""
        return run(self._core.extend(events, keys))

    def replace(self, events: Iterable[object]) -> int:
        """Make `events` the whole list, and return how many there are. Nothing is sent where it is that already.

        An empty list is saved too: `load` then returns `[]`, and no longer None.
        """
        return run(self._core.replace(events))

    def load(self) -> list[JsonValue] | None:
        """Return all events, in order; None if nothing was ever saved."""
        return run(self._core.load())

    def last(self, number: int) -> list[Record]:
        """Read the last `number` (0 or more) events as records, oldest first, and not much else."""
        return run(self._core.last(number))

    def records(self, *, start: int = 0) -> Iterator[Record]:
        """Iterate over the events as records, from the one numbered `start` on, without holding them.

        Raises `Conflict` if the list is replaced under the reader.
        """
        return iterate_parts(self._core.parts(start))

    def exists(self) -> bool:
        """Tell whether anything was ever saved, be it an empty list."""
        return run(self._core.exists())

    def resolve(self, commit_id: str) -> bool:
        """Settle an `OutcomeUnknown` of this list: tell whether that commit has landed. If not, it never will."""
        return run(self._core.resolve(commit_id))


class Traces(Events):
    """The traces beside a transcript: `SessionStore.traces`.

    Events as those of `Events`, and OpenTelemetry spans.
    """

    def add_otlp(self, request: JsonValue | str | bytes, *, once: bool = False) -> int:
        """Add the spans of an ExportTraceServiceRequest in OTLP/JSON (parsed, or as text), each as one event.

        With `once` a span whose trace and span ids are there already is left out: an exporter may then repeat a
        request. Returns how many events there are then. Raises `InvalidRecord` for what is no such request.
        """
        return run(self._core.add_otlp(request, once=once))

    def otlp(self) -> JsonValue | None:
        """Return all spans that were added, as one ExportTraceServiceRequest; None if nothing was ever saved.

        It equals what was added but for the grouping: spans of equal resources and scopes stand together, each group
        where its first span stood. Events of other kinds are left out.
        """
        return run(self._core.otlp())


class Artifacts:
    """The artifacts of a session, by name, in the order in which they were put: `SessionStore.artifacts`.

    They may be there without a session; `SessionStore.delete` removes them. Every method raises what the methods
    of `SessionStore` may raise; those that take a name also `ArtifactNotFound`. `resolve` settles an `OutcomeUnknown`.
    """

    def __init__(self, core: ArtifactsCore) -> None:
        self._core = core

    def put(
        self,
        name: str,
        data: Source,
        *,
        media_type: str | None = None,
        tool: str | None = None,
        attributes: Mapping[str, JsonValue] | None = None,
        inline: bool = True,
        progress: Progress | None = None,
    ) -> ArtifactInfo:
        """Keep an artifact under a name (any text, such as a file name or a URI), in place of the one of that name.

        It stands last then, and the oldest go where the limits ask for it. `data` is text, bytes, the path of a file,
        an open binary file or an iterator of bytes. What is larger than 8 MiB goes up in parts and is never held; a
        file whose upload was interrupted goes on where it ended. A content that the session has already is not
        sent again. `progress` is told the bytes moved and their total. With `inline` false a small content gets an
        object of its own, and so can have a `url`. `media_type` is guessed if it is not given.

        Raises `InvalidOption` or `TooLarge` for what cannot be kept, `OSError` for a file that cannot be read, and
        `Conflict` where an iterator would have to be read again.
        """
        new = NewArtifact(name, data, media_type, tool, attributes or {}, inline)
        return run(self._core.put(new, progress))

    def get(self, name: str) -> Artifact:
        """Return an artifact with its whole content. Raises `CorruptObject` if that is not what was put."""
        return run(self._core.get(name))

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return the bytes from `start` up to, not including, `stop`, cut at the end. They are not checked."""
        return run(self._core.read_range(name, start, stop))

    def stream(self, name: str) -> Iterator[bytes]:
        """Iterate over the content in pieces; some 32 MiB are held at a time.

        Raises `CorruptObject` behind the last piece where the whole was not what was put.
        """
        return iterate(self._core.stream(name))

    def get_to(self, name: str, path: str | os.PathLike[str], *, progress: Progress | None = None) -> ArtifactInfo:
        """Write the content to a file, which appears, or is replaced, when it is whole and checked.

        An interrupted call leaves a `.part` file beside it, and the next call goes on with that. Raises `OSError` for
        a path that cannot be written.
        """
        return run(self._core.get_to(name, path, progress))

    def list(self) -> builtins.list[ArtifactInfo]:
        """Return what there is, oldest first, without contents; nothing if nothing was ever saved."""
        return run(self._core.infos())

    def remove(self, name: str) -> bool:
        """Remove an artifact; return whether there was one."""
        return run(self._core.remove(name))

    def save(self, artifacts: Iterable[NewArtifact | Artifact]) -> builtins.list[ArtifactInfo]:
        """Make these the whole set, the oldest first; the limits hold. What has not changed is not sent again.

        Of several of one name the last counts. An empty set is saved too. Raises as `put`.
        """
        return run(self._core.save(artifacts))

    def load(self) -> builtins.list[Artifact] | None:
        """Return all artifacts with their contents, oldest first; None if nothing was ever saved.

        No limits are applied. All contents are held: for large ones take `list` and `get_to`.
        """
        return run(self._core.load())

    def url(self, name: str, *, seconds: int = 3600, filename: str | None = None) -> str:
        """Return a URL that reads the content without credentials for so many seconds (1 to 604,800, a week).

        It ends sooner if the credentials that sign it do, and once the artifact is removed. `filename` makes a browser
        save it under that name. Whoever has the URL can read it. Raises `InvalidOption` for a content that stands in
        its record (put it with `inline=False`), and `StoreNotCapable` where the archive is not on S3.
        """
        return run(self._core.url(name, seconds, filename))

    def exists(self) -> bool:
        """Tell whether anything was ever saved, be it an empty set."""
        return run(self._core.exists())

    def resolve(self, commit_id: str) -> bool:
        """Settle an `OutcomeUnknown` of this set: tell whether that commit has landed. If not, it never will."""
        return run(self._core.resolve(commit_id))
