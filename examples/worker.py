"""A worker of a host for agents: run it in as many processes as you like.

Each message that is sent to a session goes into its transcript, with what the agent answers. The agent here is an echo.
"""

import sys
from contextlib import suppress

from s3store import SessionNotFound, SessionStore
from s3store.contracts.broker import Broker

with SessionStore(sys.argv[1]) as store:
    for mail in Broker(store).watch(wait=float(sys.argv[2]) if len(sys.argv) > 2 else None):
        answer = {"role": "assistant", "content": f"echo: {mail.message['content']}"}
        # The keys make it harmless to be handed a message again, after a worker died in the middle of it.
        keys = [mail.id, f"{mail.id}-answer"]
        with suppress(SessionNotFound):  # deleted meanwhile
            store.extend(mail.session_id, [mail.message, answer], keys=keys, must_exist=True)
