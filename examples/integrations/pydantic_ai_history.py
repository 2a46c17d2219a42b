"""A history of pydantic-ai that goes on in another process; no account: `python pydantic_ai_history.py [URL]`."""

import sys

from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

from s3store import SessionStore
from s3store.integrations.pydantic_ai import ArchiveHistory

url = sys.argv[1] if len(sys.argv) > 1 else "memory://"
agent = Agent(TestModel(custom_output_text="Sunny, 21 degrees."))
with SessionStore(url) as store:
    history = ArchiveHistory(store)
    for text in ("What is the weather in Graz?", "And in Linz?"):
        result = agent.run_sync(text, message_history=history.load_sync("support/42"))
        history.append_sync("support/42", result.new_messages(), key=result.run_id)
        sys.stdout.write(f"{text} {result.output}\n")
    sys.stdout.write(f"{len(history.load_sync('support/42'))} messages are stored\n")
