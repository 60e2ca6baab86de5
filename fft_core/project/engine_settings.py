"""What a profile may say of each engine. Not pydantic, which takes as long to import as all else that a plan needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from fft_core.dsn import wrong_dsn

Kind: TypeAlias = Literal["text", "whole number", "dsn"]


@dataclass(frozen=True)
class Setting:
    """One key of an engine's part of a profile; the environment variable overrides it."""

    variable: str
    kind: Kind = "text"
    default: str | int | None = None
    at_least: int | None = None
    required: bool = False
    is_secret: bool = False

    def read(self, value: object) -> str | int | None:
        """Give the value as its kind; text from a variable or a template can be a number. Raises ValueError."""
        if value is None and self.required:
            raise ValueError("is missing")
        if value is None and self.default is None:
            return None
        return self._whole_number(value) if self.kind == "whole number" else self._text(value)

    def _text(self, value: object) -> str:
        if not isinstance(value, str) or not value:
            shown = "what is given" if self.is_secret else repr(value)
            raise ValueError("must not be empty" if value == "" else f"must be text, not {shown}")
        wrong = wrong_dsn(value) if self.kind == "dsn" else None
        if wrong:
            raise ValueError(wrong)
        return value

    def _whole_number(self, value: object) -> int:
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if not isinstance(number, int) or isinstance(number, bool):
            raise ValueError(f"must be a whole number, not {value!r}")
        if self.at_least is not None and number < self.at_least:
            raise ValueError(f"must be at least {self.at_least}, not {number}")
        return number


LOCK_TIMEOUT = "lock_timeout_seconds"  # how long to wait for others that build the same thing
# `path` is relative to the project's folder; `:memory:` keeps nothing.
ENGINES: Mapping[str, Mapping[str, Setting]] = {
    "duckdb": {
        "path": Setting("FF_DUCKDB_PATH", default=":memory:"),
        "schema": Setting("FF_DUCKDB_SCHEMA"),
        "catalog": Setting("FF_DUCKDB_CATALOG"),
        "threads": Setting("FF_DUCKDB_THREADS", "whole number", at_least=1),
        "memory_limit": Setting("FF_DUCKDB_MEMORY_LIMIT"),
        LOCK_TIMEOUT: Setting("FF_DUCKDB_LOCK_TIMEOUT_SECONDS", "whole number", default=600, at_least=0),
    },
    # `dsn` as libpq or SQLAlchemy spells it; it may hold a password, and is never shown.
    "postgres": {
        "dsn": Setting("FF_PG_DSN", "dsn", required=True, is_secret=True),
        "db_schema": Setting("FF_PG_SCHEMA"),
        LOCK_TIMEOUT: Setting("FF_PG_LOCK_TIMEOUT_SECONDS", "whole number", default=600, at_least=0),
        "replace_in_place_up_to_mb": Setting("FF_PG_REPLACE_IN_PLACE_UP_TO_MB", "whole number", default=16, at_least=0),
    },
}


def read_settings(engine: str, written: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, str]]:
    """Read an engine's settings; defaults fill what is not written.

    Args:
        engine: A key of ENGINES.
        written: Settings by name, of which none is unknown.

    Returns:
        The values by name, and what is wrong by name.
    """
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, setting in ENGINES[engine].items():
        try:
            values[name] = setting.read(written.get(name, setting.default))
        except ValueError as error:
            wrong[name] = str(error)
    return values, wrong
