"""Google's Agent Development Kit on an archive: its sessions with their state, and its artifacts.

::

    store = SessionStore("s3://my-bucket/agents")
    runner = Runner(
        app_name="support",
        agent=agent,
        session_service=ArchiveSessionService(store),
        artifact_service=ArchiveArtifactService(store),
    )

A session is `google-adk/<app>/<user>/<session>` in the archive, and a message of it one event. What a user of an app
has in all sessions is `google-adk-users/<app>/<user>`, what the app has `google-adk-apps/<app>`: their state, each
change of it a message, and the user's artifacts. A slash within a name is written `%2F`. Of the archive's metadata all
three use `attributes`, for the state as it is; a session also `agent`, `channel` (the app), `sender` (the user), `name`
(what the user said first) and `active_at` (the time of the last event).
"""

from .artifacts import ArchiveArtifactService
from .sessions import ArchiveSessionService

__all__ = ["ArchiveArtifactService", "ArchiveSessionService"]
