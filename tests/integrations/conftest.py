"""A framework's tests are collected where the framework is installed, and nowhere else."""

from importlib.util import find_spec

# The folder of the tests, and the module that shows that the framework is there.
_SHOWN_BY = {
    "claude_agent_sdk": "claude_agent_sdk",
    "openai_agents": "agents",
    "langgraph": "langgraph",
    "pydantic_ai": "pydantic_ai",
    "strands": "strands",
    "google_adk": "google",
    "agent_framework": "agent_framework",
    "duckdb": "duckdb",
    "dask": "distributed",
}

collect_ignore = [folder for folder, module in _SHOWN_BY.items() if find_spec(module) is None]
