"""The broker of Brainwires, on an archive, without a server: sessions that send each other messages and start others.

::

    broker = Broker(SessionStore("s3://my-bucket/agents"))
    broker.send("support/42", "Where is my order?")  # waits in the session's inbox, durable
    child = broker.spawn("support/42", SpawnRequest("Look it up", wait_for_first_reply=True))

    for message in broker.watch():  # in as many processes as you like: whoever runs the sessions
        answer(message.session_id, message.message)
"""

from .asynchronous import AsyncBroker
from .blocking import Broker
from .protocol import SessionBroker
from .tool import AsyncSessionsTool, SessionsTool

__all__ = ["AsyncBroker", "AsyncSessionsTool", "Broker", "SessionBroker", "SessionsTool"]
