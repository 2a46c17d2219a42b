"""The scripts under examples/, as modules."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> Any:
    """Return the example of this name, loaded as a module."""
    spec = spec_from_file_location(name, _EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
