"""`ArchiveSessionService`: the sessions of ADK, each one stream of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from google.adk.errors._stale_session_error import StaleSessionError
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.platform import time as platform_time
from google.adk.platform import uuid as platform_uuid
from google.adk.sessions.base_session_service import BaseSessionService, GetSessionConfig, ListSessionsResponse
from google.adk.sessions.session import Session

from ...changes import Append, Derive, Update
from ...contracts.namespace import Namespace, settled
from ...errors import Conflict, CorruptObject, InvalidOption, SessionDeleted, SessionExists, SessionNotFound
from ...model import Metadata
from ...session import SessionCore
from ...streams.guesses import Turns
from ...streams.terms import Terms
from ..faces import Faced
from .events import NewEvent, events_of, moment_of
from .places import APPS, SESSIONS, USERS, Place, app_key, user_key
from .state import Deltas, SharedState, checked, state_of, whole, with_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.adk.events.event import Event

    from ...archive import Archive
    from ...blocking import SessionStore
    from ...changes import Change
    from ...jsontext import JsonValue
    from ...model import Committed, SessionInfo
    from ...store import AsyncSessionStore


class ArchiveSessionService(BaseSessionService):
    """A `BaseSessionService` on an archive.

    A `SessionStore` is used in threads, an `AsyncSessionStore` on the event loop. Close the archive when done; nothing
    waits in memory. App, user and session ids are any text at all.

    An event is one commit, which is refused where another process has changed the session since it was read: two
    processes lose no turn. Every method raises what the archive's own methods raise; an outage is never a session that
    is not there. What is under way is finished when its caller is cancelled.
    """

    def __init__(self, store: SessionStore | AsyncSessionStore) -> None:
        self._faced = Faced(store)
        self._core = _Core(self._faced.archive)

    async def create_session(
        self, *, app_name: str, user_id: str, state: dict[str, Any] | None = None, session_id: str | None = None
    ) -> Session:
        """Create a session; one without an id, or with a blank one, gets an id.

        Of `state` what is prefixed `app:` and `user:` goes to the app and the user, and `temp:` to nobody. Raises
        `AlreadyExistsError` if there is a session of that id, and `InvalidOption` or `TooLarge` for a state that cannot
        be kept, before anything is written.
        """
        named = session_id if session_id and session_id.strip() else platform_uuid.new_uuid()
        place = Place(app_name, user_id, named)
        return await self._faced.write(self._core.create(place, Deltas(checked(state)), platform_time.get_time()))

    async def get_session(
        self, *, app_name: str, user_id: str, session_id: str, config: GetSessionConfig | None = None
    ) -> Session | None:
        """Return a session with its events, in the order they were stored; None if there is none.

        `config.num_recent_events` gives the last ones alone, and no more is read than they take; of these
        `config.after_timestamp` leaves those of that time or later.
        """
        return await self._faced.call(self._core.get(Place(app_name, user_id, session_id), config))

    async def list_sessions(self, *, app_name: str, user_id: str | None = None) -> ListSessionsResponse:
        """Return the sessions of a user, or of all users of the app, without events; the last updated stands last."""
        return ListSessionsResponse(sessions=await self._faced.call(self._core.sessions_of(app_name, user_id)))

    async def delete_session(self, *, app_name: str, user_id: str, session_id: str) -> None:
        """Delete a session with its artifacts. An unknown one is no error."""
        await self._faced.write(self._core.delete(Place(app_name, user_id, session_id)))

    async def get_user_state(self, *, app_name: str, user_id: str) -> dict[str, Any]:
        """Return the state that all sessions of a user share, by keys without the prefix."""
        return await self._faced.call(self._core.users.read(user_key(app_name, user_id)))

    async def append_event(self, session: Session, event: Event) -> Event:
        """Store an event and add it to `session`. A partial event is returned and no more is done with it.

        An event that is stored already is not stored again. Raises `StaleSessionError` where somebody else has changed
        the session since it was read (get it again), `SessionNotFoundError` where it was deleted, and `InvalidOption`,
        `InvalidRecord` or `TooLarge` for what cannot be kept; nothing was written then.

        What the event sets in the state of the user and of the app follows the event, in commits of their own: where
        one of these fails, that error is raised, and the event is stored.
        """
        if event.partial:
            return event
        self._apply_temp_state(session, event)
        event = self._trim_temp_delta_state(event)

        def stored() -> None:
            session.last_update_time = event.timestamp
            self._commit_event_to_session(session, event)

        await self._faced.write(self._core.append(session, NewEvent(event), stored))
        return event


class _Revision(NamedTuple):
    """Which state of which session of the archive a session object stands for."""

    incarnation: str
    version: int

    @classmethod
    def of(cls, session: Session) -> _Revision | None:
        """Return what a session object bears; None if it was made by others, or from JSON."""
        marker = session._storage_update_marker  # noqa: SLF001 - ADK's own services keep it there
        if marker is None:
            return None
        incarnation, _, version = marker.partition("/")
        if not version.isdecimal():
            raise InvalidOption(f"session {session.id!r} was read by another session service; get it from this one")
        return cls(incarnation, int(version))

    def mark(self, session: Session) -> None:
        """Have a session object bear it."""
        session._storage_update_marker = f"{self.incarnation}/{self.version}"  # noqa: SLF001 - as above


class _Core:
    """The sessions in an archive. It awaits nothing but the archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._sessions = Namespace(archive, SESSIONS)
        self._apps = SharedState(Namespace(archive, APPS))
        self.users = SharedState(Namespace(archive, USERS))
        self._turns = Turns(archive.runtime.lock)

    async def create(self, place: Place, deltas: Deltas, now: float) -> Session:
        core = self._sessions.session(place.key)
        said = Update(
            agent=SESSIONS,
            channel=place.app,
            sender=place.user,
            active_at=moment_of(now),
            attributes=with_state(Metadata(), deltas.session),
        )
        try:
            await settled(lambda: core.commit([said], must_be_new=True), core.resolve)
        except SessionExists:
            raise AlreadyExistsError(f"Session with id {place.session} already exists.") from None
        await self._share(place, deltas)
        found = await self.get(place, GetSessionConfig(num_recent_events=0))
        if found is None:
            raise SessionNotFoundError(f"Session {place.session} was deleted while it was created.")
        return found

    async def get(self, place: Place, config: GetSessionConfig | None) -> Session | None:
        recent = None if config is None else config.num_recent_events
        reads: list[Any] = [
            self._read(place, recent),
            self.users.read(user_key(place.app, place.user)),
            self._apps.read(app_key(place.app)),
        ]
        found, user, app = await self._archive.runtime.branches(reads)
        if found is None:
            return None
        info, messages = found
        if config is not None and config.after_timestamp is not None:
            messages = [message for message in messages if message.get("timestamp", 0) >= config.after_timestamp]
        session = _session(place, info, user, app)
        session.events = events_of(info.id, messages)
        return session

    async def sessions_of(self, app: str, user: str | None) -> list[Session]:
        prefix = app_key(app) if user is None else user_key(app, user)
        theirs = Namespace(self._archive, f"{SESSIONS}/{prefix}")
        places = [Place.of(self._sessions.key_of(summary.id)) async for summary in theirs.summaries()]
        gather = self._archive.runtime.gather
        infos = await gather([self._info(place) for place in places])
        users = sorted({place.user for place in places})
        states = dict(zip(users, await gather([self.users.read(user_key(app, name)) for name in users]), strict=True))
        shared = await self._apps.read(app_key(app)) if places else {}
        found = [
            _session(place, info, states[place.user], shared)
            for place, info in zip(places, infos, strict=True)
            if info is not None
        ]
        return sorted(found, key=lambda session: (session.last_update_time, session.user_id, session.id))

    async def delete(self, place: Place) -> None:
        await self._sessions.delete(place.key)

    async def append(self, session: Session, new: NewEvent, stored: Callable[[], None]) -> None:
        """Store an event; call `stored`, and mark the session, once that is done and before anything else is."""
        place = Place(session.app_name, session.user_id, session.id)
        try:
            # One at a time: branches of an agent that run side by side share the session object.
            async with self._turns.of(place.key):
                revision = _Revision.of(session) or await self._matching(place, session)
                if await self._append(place, revision, new):
                    _Revision(revision.incarnation, revision.version + 1).mark(session)
                    stored()
        except Conflict:
            raise StaleSessionError(
                f"Session {session.id} was changed by somebody else since it was read; get it again."
            ) from None
        except (SessionDeleted, SessionNotFound):
            raise SessionNotFoundError(f"Session {session.id} not found.") from None
        await self._share(place, new.deltas)

    async def _append(self, place: Place, revision: _Revision, new: NewEvent) -> bool:
        """Store an event on a revision; tell whether it was not stored already."""
        core = SessionCore(self._archive, self._sessions.id_of(place.key), bound=True)
        core.incarnation = revision.incarnation
        changes: list[Change] = [Append(new.message, key=new.key), Derive(new.changes_of)]
        done: Committed | None = None

        async def write() -> None:
            nonlocal done
            done = await core.commit(changes, expected_version=revision.version)

        await settled(write, core.resolve)
        if done is None or done.appended:
            return True
        await self._must_be_stored(core, new)
        return False

    async def _must_be_stored(self, core: SessionCore, new: NewEvent) -> None:
        """Raise `InvalidOption` if the event that is stored under the id of this one is another one."""
        lines = (await core.load()).lines
        if any(line.get("key") == new.key and line["message"] != new.message for line in lines):
            raise InvalidOption(f"event {new.key!r}: another event of that id is stored; give each event its own id")

    async def _matching(self, place: Place, session: Session) -> _Revision:
        """Return the revision that a session object without a mark stands for: its last event is the last one stored.

        Raises `Conflict` if it is not.
        """
        found = await self._read(place, 1)
        if found is None:
            raise SessionNotFound(place.key)
        info, last = found
        if [message.get("id") for message in last] != [event.id for event in session.events[-1:]]:
            raise Conflict(place.key)
        return _Revision(info.incarnation, info.version)

    async def _share(self, place: Place, deltas: Deltas) -> None:
        await self.users.merge(user_key(place.app, place.user), deltas.user)
        await self._apps.merge(app_key(place.app), deltas.app)

    async def _read(self, place: Place, recent: int | None) -> tuple[SessionInfo, list[JsonValue]] | None:
        session_id = self._sessions.id_of(place.key)
        try:
            head, lines = await self._archive.streams.read(
                session_id, Terms(), lambda head: 0 if recent is None else max(0, head.count - recent)
            )
        except SessionNotFound:
            return None
        messages = [line["message"] for line in lines]
        if not all(isinstance(message, dict) for message in messages):
            raise CorruptObject(f"session {session_id!r}: holds what is no event of ADK")
        return head.info(session_id), messages

    async def _info(self, place: Place) -> SessionInfo | None:
        try:
            return await self._sessions.session(place.key).info()
        except SessionNotFound:
            return None


def _session(place: Place, info: SessionInfo, user: dict[str, Any], app: dict[str, Any]) -> Session:
    """Return the session that is stored, without events."""
    at = info.metadata.active_at or info.updated_at
    session = Session(
        app_name=place.app,
        user_id=place.user,
        id=place.session,
        state=whole(state_of(info.metadata), user, app),
        last_update_time=at.timestamp(),
    )
    _Revision(info.incarnation, info.version).mark(session)
    return session
