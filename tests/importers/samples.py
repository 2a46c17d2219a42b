"""Where the sample sessions of the project are."""

from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "examples" / "sessions"
PROJECT = SAMPLES / "claude-code" / "projects" / "-home-mia-weather-cli"
CLAUDE_CODE = PROJECT / "5b0c2a7e-93d1-4e0f-8a46-1f7f0f6c2d11.jsonl"
CUT_SHORT = PROJECT / "c81e5d34-2b6f-47a9-b0d5-6a3f9e7718c2.jsonl"
SUBAGENT = PROJECT / "c81e5d34-2b6f-47a9-b0d5-6a3f9e7718c2" / "subagents" / "agent-a7f31c09.jsonl"
CODEX_ID = "019ceb1a-52f0-7d33-9c8e-4b7a90d2e6f1"
CODEX = SAMPLES / "codex" / "2026" / "03" / "14" / f"rollout-2026-03-14T09-26-53-{CODEX_ID}.jsonl"
CHAT = SAMPLES / "openai" / "support-chat.json"
CHAT_LINES = SAMPLES / "openai" / "support-chat.jsonl"
RUNS = SAMPLES / "tau-bench" / "runs.json"
TRAJECTORY = SAMPLES / "swe-agent" / "fix-off-by-one.traj"
