"""The Terraform module itself, as terraform sees it, and what its README says of it."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.servers import MinistackServer

from .module import Terraform, command, prepared
from .policies import TERRAFORM

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = re.compile(r'^(?:variable|output) "(?P<name>\w+)" \{\n(?P<body>.*?)^\}', re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (\w+) += (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?:(?P<default>`.*`|required) \| )?(?P<text>[^|]+) \|$", re.MULTILINE)
EXAMPLES = ["minimal", "production", "serverless-agent"]
_FOR_MINISTACK = """
provider "aws" {{
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  endpoints {{
    s3  = "{url}"
    iam = "{url}"
    sts = "{url}"
    kms = "{url}"
  }}
}}
"""


def declared(file: str) -> dict[str, dict[str, str]]:
    blocks = _BLOCK.finditer((TERRAFORM / file).read_text())
    return {block["name"]: dict(_FIELD.findall(block["body"])) for block in blocks}


def rows(heading: str) -> dict[str, tuple[str | None, str]]:
    _, _, section = (TERRAFORM / "README.md").read_text().partition(f"## {heading}\n")
    return {row["name"]: (row["default"], row["text"]) for row in _ROW.finditer(section.partition("\n## ")[0])}


def test_the_readme_has_every_input_with_its_default() -> None:
    said = {
        name: (f"`{fields['default']}`" if "default" in fields else "required", fields["description"].strip('"'))
        for name, fields in declared("variables.tf").items()
    }
    assert len(said) > 10
    assert rows("Inputs") == said


def test_the_readme_has_every_output() -> None:
    said = {name: (None, fields["description"].strip('"')) for name, fields in declared("outputs.tf").items()}
    assert len(said) > 5
    assert rows("Outputs") == said


def test_the_module_is_used_in_ten_lines() -> None:
    lines = [line for line in (TERRAFORM / "examples/minimal/main.tf").read_text().splitlines() if line.strip()]
    assert lines.index("}", lines.index('module "archive" {')) < 10


def test_it_is_laid_out_as_terraform_does() -> None:
    Terraform(command(), TERRAFORM)("fmt", "-check", "-recursive")


@pytest.mark.long
def test_its_own_tests_pass(tmp_path: Path) -> None:
    said = prepared(tmp_path)("test", "-no-color")
    assert "0 failed" in said
    assert "8 passed" in said


@pytest.mark.long
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_valid(tmp_path: Path, example: str) -> None:
    assert "Success" in prepared(tmp_path, f"examples/{example}")("validate", "-no-color")


@pytest.mark.long
def test_it_is_applied_changes_nothing_the_second_time_and_is_destroyed(tmp_path: Path) -> None:
    """Against ministack: the bucket with all that belongs to it, and the roles; it has no functions here."""
    if MinistackServer.command() is None:
        pytest.skip("ministack is not installed here: the module was not applied")
    with MinistackServer(services="s3,iam,sts,kms") as server:
        terraform = prepared(tmp_path)
        (terraform.folder / "provider.tf").write_text(_FOR_MINISTACK.format(url=server.url))
        choices = ["bucket=sessions", "prefix=agents", "versioning=true", "pack_class=GLACIER_IR", "kms=true"]
        choices.append('trusted={reader=["arn:aws:iam::000000000000:role/a"]}')
        given = [f"-var={choice}" for choice in choices]
        terraform("apply", "-auto-approve", "-input=false", *given)
        assert "s3://sessions/agents" in terraform("output", "-raw", "url")
        terraform("plan", "-detailed-exitcode", "-input=false", *given)
        terraform("destroy", "-auto-approve", "-input=false", *given)


@pytest.mark.long
def test_the_zip_is_the_same_each_time_and_runs_with_nothing_but_what_is_in_it(tmp_path: Path) -> None:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    made = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for path in made:
        own = TERRAFORM.parent / "examples" / "serverless_agent.py"
        command = [sys.executable, str(TERRAFORM / "build_zip.py"), str(path), str(own), "--python", python]
        subprocess.run(command, check=True, capture_output=True)
    assert made[0].read_bytes() == made[1].read_bytes()
    with zipfile.ZipFile(made[0]) as zipped:
        names = zipped.namelist()
        zipped.extractall(tmp_path / "task")
    assert {"serverless_agent.py", "s3store_maintenance.py", "s3store/serverless/agent.py"} <= set(names)
    assert not [name for name in names if name.startswith(("s3store/cli/", "s3store/testing/", "boto3/", "rich/"))]
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import s3store_maintenance, serverless_agent as a\n"
        "print(a.handler({'session_id': 's', 'message': 'x'}, None), s3store_maintenance.handler({}, None)['steps'])"
    )
    environ = {"S3STORE_URL": f"file://{tmp_path}/archive", "PATH": "", "HOME": str(tmp_path)}
    command = [sys.executable, "-I", "-S", "-c", code, str(tmp_path / "task")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environ)
    assert done.stdout.splitlines()[-1].startswith("{'batchItemFailures': []}")
