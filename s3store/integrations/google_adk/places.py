"""Where the sessions, the users and the apps of ADK stand in an archive."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from ..names import part

SESSIONS = "google-adk"
"""What the ids of sessions start with in the archive, before a slash; also their `agent`."""
USERS = "google-adk-users"
"""What the ids of the sessions start with that hold what a user of an app has in all sessions."""
APPS = "google-adk-apps"
"""What the ids of the sessions start with that hold what an app has in all sessions."""


class Place(NamedTuple):
    """A session of ADK: the app, the user, and its id."""

    app: str
    user: str
    session: str

    @property
    def key(self) -> str:
        """The session's key among those of ADK."""
        return f"{user_key(self.app, self.user)}/{part(self.session)}"

    @classmethod
    def of(cls, key: str) -> Place:
        """Return the session that a key names."""
        app, user, session = map(unquote, key.split("/"))
        return cls(app, user, session)


def app_key(app: str) -> str:
    """Return the key of an app."""
    return part(app)


def user_key(app: str, user: str) -> str:
    """Return the key of a user of an app."""
    return f"{part(app)}/{part(user)}"
