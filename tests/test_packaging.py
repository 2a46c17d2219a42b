"""What the wheel is told to hold is what the source tree has."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_package_of_the_source_tree_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    found = {".".join(init.parent.relative_to(ROOT).parts) for init in (ROOT / "s3store").rglob("__init__.py")}

    assert sorted(project["packages"]) == sorted(found | set(project["package-dir"]))
