"""Terraform, where it and the AWS provider are found on this machine: nothing is downloaded."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from .policies import TERRAFORM

_PROVIDER = "*/hashicorp/aws"
_USUAL = (Path("/usr/local/share/terraform/plugins"), Path.home() / ".terraform.d/plugins")


class Terraform(NamedTuple):
    """The command, in a working directory of its own."""

    command: str
    folder: Path

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run it, and return what it said."""
        environ = os.environ | {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        done = subprocess.run(
            [self.command, *arguments],
            cwd=self.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == code, done.stdout
        return done.stdout


def command() -> str:
    """Return the path of terraform; skip the test where there is none."""
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("terraform is not installed here: the module was not checked by it")
    return found


def plugins() -> Path:
    """Return the directory that holds the AWS provider: TF_PLUGINS, or a usual place; skip where there is none."""
    named = os.environ.get("TF_PLUGINS")
    for place in (Path(named),) if named else _USUAL:
        if any(place.glob(_PROVIDER)):
            return place
    pytest.skip("the AWS provider is not found here (TF_PLUGINS names its directory): the module was not planned")


def prepared(folder: Path, inside: str = ".") -> Terraform:
    """Copy the module, and initialise it in the folder `inside` of it."""
    shutil.copytree(TERRAFORM, folder / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    terraform = Terraform(command(), folder / "terraform" / inside)
    terraform("init", "-backend=false", "-input=false", f"-plugin-dir={plugins()}")
    return terraform
