"""The settings of a session; they override the environment, the dsn, the role, the database and the server."""

from __future__ import annotations

from collections.abc import Mapping

from fft_core.engines.postgres.spelling import SPELLING

# All settings that change rows, or how FFT reads them. All others belong to the user: see docs/reference/engines.md.
_SETTINGS: Mapping[str, str] = {
    # the text of values, and how texts are read
    "TimeZone": "UTC",
    "timezone_abbreviations": "Default",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmlbinary": "base64",
    "xmloption": "content",
    "lc_numeric": "C",
    "lc_time": "C",
    "client_encoding": "UTF8",
    # how SQL is read
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    # which rows a query finds
    "gin_fuzzy_search_limit": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # the session goes on after an error, for a rollback to a savepoint
    "exit_on_error": "off",
}


def search_path(schema: str | None) -> str:
    """Render the search path of a session whose relations lie in a schema."""
    return f"{SPELLING.quoted(schema or '')}, public"


def set_search_path(schema: str | None) -> str:
    """Render the call that sets the search path."""
    return f"set_config('search_path', {SPELLING.literal(search_path(schema))}, false)"


def set_settings(search_path: str, *, read_only: bool) -> str:
    """Render the one statement that sets all settings of a session."""
    settings = {
        **_SETTINGS,
        "search_path": search_path,
        "default_transaction_read_only": "on" if read_only else "off",
    }
    calls = (
        f"set_config({SPELLING.literal(name)}, {SPELLING.literal(value)}, false)" for name, value in settings.items()
    )
    return f"select {', '.join(calls)}"
