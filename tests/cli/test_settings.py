"""Where settings come from, and which wins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cli


def settings(cli: Cli, *args: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    result = cli(*args, "config", "--json", env=env)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)["settings"]
    return found


def write_config(cli: Cli, text: str) -> Path:
    from pathlib import Path

    path = Path(cli.env["XDG_CONFIG_HOME"], "s3store", "config.toml")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_an_option_wins_over_the_environment_and_that_over_the_file(cli: Cli) -> None:
    path = write_config(cli, 'url = "s3://in-file"\nregion = "in-file"\nprofile = "in-file"\nrequest_payer = true\n')
    found = settings(cli, "--url", "s3://option", env={"S3STORE_URL": "s3://variable", "S3STORE_REGION": "variable"})
    assert found["url"] == {"value": "s3://option", "origin": "--url"}
    assert found["region"] == {"value": "variable", "origin": "S3STORE_REGION"}
    assert found["profile"] == {"value": "in-file", "origin": str(path)}
    assert found["request_payer"] == {"value": True, "origin": str(path)}
    assert found["storage_class"] == {"value": None, "origin": "not set"}


def test_a_switch_can_be_switched_off_again(cli: Cli) -> None:
    on = {"S3STORE_REQUEST_PAYER": "yes", "S3STORE_URL": "s3://b"}
    assert settings(cli, env=on)["request_payer"]["value"] is True
    assert settings(cli, "--no-request-payer", env=on)["request_payer"]["value"] is False


def test_options_may_stand_behind_the_command_and_win_there(cli: Cli) -> None:
    result = cli("--url", "s3://before", "config", "--json", "--url", "s3://behind")
    assert json.loads(result.stdout)["settings"]["url"]["value"] == "s3://behind"


def test_a_file_that_is_named_must_be_there(cli: Cli, tmp_path: Path) -> None:
    named = tmp_path / "mine.toml"
    missing = cli("config", "--config", named)
    assert missing.exit_code == 2
    assert str(named) in missing.stderr
    named.write_text('region = "mine"\n')
    assert settings(cli, "--config", str(named))["region"]["value"] == "mine"
    assert settings(cli, env={"S3STORE_CONFIG": str(named)})["region"]["value"] == "mine"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('buckte = "x"', "'buckte'"),
        ("region = 3", "region"),
        ('region = ""', "region"),
        ('request_payer = "yes"', "request_payer"),
        ("region =", "is not TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(cli: Cli, text: str, told: str) -> None:
    path = write_config(cli, text)
    result = cli("ls")
    assert result.exit_code == 2
    assert told in result.stderr
    assert str(path) in result.stderr


def test_a_switch_that_is_neither_on_nor_off_is_refused(cli: Cli) -> None:
    result = cli("config", env={"S3STORE_REQUEST_PAYER": "perhaps"})
    assert result.exit_code == 2
    assert "S3STORE_REQUEST_PAYER" in result.stderr


def test_without_an_archive_the_message_says_how_to_name_one(cli: Cli) -> None:
    del cli.env["S3STORE_URL"]
    result = cli("ls")
    assert result.exit_code == 2
    assert all(word in result.stderr for word in ("--url", "S3STORE_URL", "config.toml"))


def test_what_the_environment_says_of_s3_does_not_disturb_a_directory(cli: Cli) -> None:
    assert cli("ls", env={"S3STORE_REGION": "eu-central-1"}).exit_code == 0
    assert cli("ls", "--region", "eu-central-1").exit_code == 2


@pytest.mark.parametrize(
    "args", [("--url", "s3://b", "--endpoint-url", "https://me:secret@host"), ("--url", "s3://me:secret@b")]
)
def test_a_password_in_an_address_is_refused_and_not_shown(cli: Cli, args: tuple[str, ...]) -> None:
    result = cli("config", *args)
    assert result.exit_code == 2
    assert "secret" not in result.output
