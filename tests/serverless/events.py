"""Events as AWS sends them, and the context that comes with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus


@dataclass
class FakeContext:
    """A function with so many seconds left; each look at the clock takes `step` of them."""

    seconds: float = 60.0
    step: float = 0.0
    function_name: str = "upkeep"

    def get_remaining_time_in_millis(self) -> int:
        self.seconds -= self.step
        return int(self.seconds * 1000)


def letter(session_id: str, message: object, **more: object) -> dict[str, Any]:
    return {"session_id": session_id, "message": message, **more}


def queued(*bodies: object, first: int = 0) -> dict[str, Any]:
    """An event of SQS with these bodies; text goes as it is."""
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {
        "Records": [
            {"eventSource": "aws:sqs", "messageId": f"m-{number}", "body": text}
            for number, text in enumerate(texts, first)
        ]
    }


def created(*keys: str) -> dict[str, Any]:
    """An event of S3: these objects were created."""
    return {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": quote_plus(key)}}} for key in keys]}


def bridged(key: str) -> dict[str, Any]:
    """An event of S3 as EventBridge passes it on."""
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": {"object": {"key": key}}}


def failed(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"m-{number}"} for number in numbers]}
