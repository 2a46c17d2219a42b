"""Where the archive is and how to reach it: from options, from the environment, from a file, in this order.

Credentials are no settings of s3store: the SDK finds them as it always does.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..caching import CacheChoice
    from ..objects.s3_options import S3Options

Value: TypeAlias = str | bool

TEXTS = ("url", "endpoint_url", "region", "profile", "sse", "kms_key_id", "storage_class", "cache")
"""The settings that are texts."""
AMOUNTS = ("cache_size", "max_age")
"""The settings that are numbers, perhaps with a unit."""
SWITCHES = ("request_payer", "offline")
"""The settings that are on or off."""
CONFIG = "config"
"""The option, and with `S3STORE_` before it the variable, that names the file."""

_PREFIX = "S3STORE_"
_OF_CACHE = frozenset({"cache", "cache_size", "max_age", "offline"})
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d+)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"0", "false", "no", "off"})
_NO_URL = (
    "no archive is named; give --url s3://bucket/prefix (or file:///path), set S3STORE_URL, "
    'or write url = "…" into {path}'
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its value, and where that came from."""

    name: str
    value: Value | None
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, by name."""

    found: Mapping[str, Setting]
    config: Path
    """The file that was looked for, whether it is there or not."""

    def url(self) -> str:
        """Return the archive's URL. Raises `InvalidOption` if there is none, which says how to set it."""
        value = self.found["url"].value
        if not isinstance(value, str):
            raise InvalidOption(_NO_URL.format(path=self.config))
        if "@" in value.partition("://")[2].partition("/")[0]:
            # Not echoed: the text may hold a secret.
            raise InvalidOption("url: must not hold a user or password; the SDK finds credentials where it always does")
        return value

    def s3(self) -> S3Options | None:
        """Return the options for S3; None for an archive that is elsewhere. Raises `InvalidOption` for wrong ones."""
        from ..objects.s3_options import S3Options

        values: dict[str, Any] = self._given(self.found.keys() - _OF_CACHE - {"url"})
        return S3Options(**values) if values or self.url().startswith("s3:") else None

    def cache(self) -> CacheChoice:
        """Return what is to be kept on this machine; None for the default. Raises `InvalidOption` for wrong values."""
        from ..caching import CachePolicy

        given = self._given(_OF_CACHE)
        place = given.pop("cache", None)
        if place == "off":
            if given.get("offline") is True:
                raise InvalidOption("offline: there is nothing to read from, since the cache is off")
            return False
        if place is None and not given:
            return None
        return CachePolicy(
            None if place is None else str(place),
            _size(self.found["cache_size"]) if "cache_size" in given else None,
            _seconds(self.found["max_age"]) if "max_age" in given else 0.0,
            offline=given.get("offline") is True,
        )

    def _given(self, names: Iterable[str]) -> dict[str, Value]:
        """Return the values of those settings that are set for this archive."""
        given = {name: value for name in names if (value := self.found[name].value) is not None}
        if self.found["url"].value is None or self.url().startswith("s3:"):
            return given
        # What the environment or the file says of S3 is meant for other archives; an option is meant for this one.
        return {name: value for name, value in given.items() if self.found[name].origin.startswith("-")}


def resolve(given: Mapping[str, Value], environment: Mapping[str, str]) -> Settings:
    """Put the settings together. `given` are the options of the command line, by name.

    Raises `InvalidOption` for a file that cannot be read, for an unknown name in it, and for a wrong value.
    """
    path, must_be_there = _config_path(given, environment)
    in_file = _read(path, must_be_there=must_be_there)
    found = {}
    for name in (*TEXTS, *AMOUNTS, *SWITCHES):
        variable = _PREFIX + name.upper()
        if name in given:
            found[name] = Setting(name, given[name], f"--{name.replace('_', '-')}")
        elif environment.get(variable):
            found[name] = Setting(name, _of_variable(name, variable, environment[variable]), variable)
        elif name in in_file:
            found[name] = Setting(name, _text(in_file[name]), str(path))
        else:
            found[name] = Setting(name, None, "not set")
    return Settings(found, path)


def _config_path(given: Mapping[str, Value], environment: Mapping[str, str]) -> tuple[Path, bool]:
    named = given.get(CONFIG) or environment.get(_PREFIX + CONFIG.upper())
    if isinstance(named, str):
        return Path(named), True
    folder = environment.get("XDG_CONFIG_HOME", "")
    # The specification has a path that is not absolute ignored.
    base = Path(folder) if os.path.isabs(folder) else Path(os.path.expanduser("~/.config"))
    return base / "s3store" / "config.toml", False


def _read(path: Path, *, must_be_there: bool) -> dict[str, Value]:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if must_be_there:
            raise InvalidOption(f"{path}: there is no such file") from None
        return {}
    except OSError as error:
        raise InvalidOption(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise InvalidOption(f"{path}: is not TOML") from None
    for name, value in found.items():
        _check(path, name, value)
    return found


def _check(path: Path, name: str, value: object) -> None:
    if name in TEXTS:
        if not isinstance(value, str) or not value:
            raise InvalidOption(f"{path}: {name} is a text that is not empty")
    elif name in AMOUNTS:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InvalidOption(f"{path}: {name} is a number, or a text of a number and a unit")
    elif name in SWITCHES:
        if not isinstance(value, bool):
            raise InvalidOption(f"{path}: {name} is true or false")
    else:
        known = ", ".join((*TEXTS, *AMOUNTS, *SWITCHES))
        raise InvalidOption(f"{path}: there is no setting {name!r}; there are {known}")


def _of_variable(name: str, variable: str, value: str) -> Value:
    if name not in SWITCHES:
        return value
    if value.lower() in _ON | _OFF:
        return value.lower() in _ON
    raise InvalidOption(f"{variable}: is 1 or 0, not {value!r}")


def _text(value: Value | float) -> Value:
    return value if isinstance(value, str | bool) else str(value)


def _size(setting: Setting) -> int:
    match = _SIZE.fullmatch(str(setting.value))
    if match is None:
        raise InvalidOption(f"{setting.origin}: is a size, such as 500M or 2G, not {setting.value!r}")
    return int(match[1]) * _UNITS[match[2].lower()]


def _seconds(setting: Setting) -> float:
    match = _AGE.fullmatch(str(setting.value))
    if match is None:
        raise InvalidOption(f"{setting.origin}: is a time, such as 30 (seconds), 5m or 2h, not {setting.value!r}")
    return float(match[1]) * _SECONDS[match[2]]
