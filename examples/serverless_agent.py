"""An agent in a function: an event comes in, and a session has grown.

In AWS Lambda `serverless_agent.handler` is the handler, and S3STORE_URL names the archive. Here it is called by hand,
with the event of a queue, twice:

    python examples/serverless_agent.py memory://
    python examples/serverless_agent.py file:///tmp/archive
    AWS_ENDPOINT_URL_S3=http://127.0.0.1:5000 python examples/serverless_agent.py s3://my-bucket/agents
"""

import json
import sys

from s3store import SessionStore
from s3store.serverless import Turn, agent_handler


def run_turn(turn: Turn) -> list[object]:
    """Answer a message. This agent echoes; yours asks a model."""
    said = turn.message["content"] if isinstance(turn.message, dict) else turn.message
    return [{"role": "assistant", "content": f"echo {len(turn.history) // 2 + 1}: {said}"}]


handler = agent_handler(run_turn)


def main() -> None:
    """Wake the agent by two messages, each of which the queue delivers twice."""
    bodies = [
        {"session_id": "support/42", "message": {"role": "user", "content": text}}
        for text in ("Where is my order?", "It has come.")
    ]
    records = [
        {"eventSource": "aws:sqs", "messageId": f"m-{number}", "body": json.dumps(body)}
        for number, body in enumerate(bodies)
    ]
    with SessionStore(sys.argv[1]) as store:
        local = agent_handler(run_turn, store=store)
        for _ in range(2):
            print(local({"Records": records}, None))
        for message in store.load("support/42").messages:
            print(message)


if __name__ == "__main__":
    main()
