"""Times of Postgres that Python cannot hold, infinity and distant years, are read as their text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader


class _AnyDate(DateLoader):
    def load(self, data: Buffer) -> object:  # type: ignore[override]
        return _read(super().load, data)


class _AnyTimestamp(TimestampLoader):
    def load(self, data: Buffer) -> object:  # type: ignore[override]
        return _read(super().load, data)


class _AnyTimestamptz(TimestamptzLoader):
    def load(self, data: Buffer) -> object:  # type: ignore[override]
        return _read(super().load, data)


def read_any_time(connection: psycopg.Connection[Any]) -> None:  # Any: rows of any type
    """Let a connection read times that would be errors otherwise, as in the failed rows that a check shows."""
    connection.adapters.register_loader("date", _AnyDate)
    connection.adapters.register_loader("timestamp", _AnyTimestamp)
    connection.adapters.register_loader("timestamptz", _AnyTimestamptz)


def _read(load: Callable[[Buffer], object], data: Buffer) -> object:
    try:
        return load(data)
    except psycopg.DataError:
        return bytes(data).decode()
