"""Opens connections, with a password, key pair, token or browser; and the parameters of each session."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import snowflake.connector
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import DatabaseError, Error, OperationalError

from fft_core.engines.spec.masking import Masker
from fft_core.errors import ConnectError, UnreachableError
from fft_core.version import VERSION

_APPLICATION = "FFT"
# All parameters that change rows, or the way in which FFT reads them. They override those of account, user and role.
_SESSION: Mapping[str, Any] = {  # Any: a value that the connector accepts
    "TIMEZONE": "UTC",
    "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
    "TIMESTAMP_INPUT_FORMAT": "AUTO",
    "TIMESTAMP_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF9 TZHTZM",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF9",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF9 TZHTZM",
    "TIMESTAMP_TZ_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF9 TZHTZM",
    "DATE_INPUT_FORMAT": "AUTO",
    "DATE_OUTPUT_FORMAT": "YYYY-MM-DD",
    "TIME_INPUT_FORMAT": "AUTO",
    "TIME_OUTPUT_FORMAT": "HH24:MI:SS.FF9",
    "BINARY_INPUT_FORMAT": "HEX",
    "BINARY_OUTPUT_FORMAT": "HEX",
    "QUOTED_IDENTIFIERS_IGNORE_CASE": False,
    "WEEK_START": 0,
    "WEEK_OF_YEAR_POLICY": 0,
    "AUTOCOMMIT": True,
    "ABORT_DETACHED_QUERY": True,  # what nobody waits for any more ends after five minutes
    "ERROR_ON_NONDETERMINISTIC_MERGE": True,
    "ERROR_ON_NONDETERMINISTIC_UPDATE": True,
    "QUERY_TAG": json.dumps({"fft": {"version": VERSION}}),
    "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
}
_WAYS = "password, private_key_path, token, or authenticator: externalbrowser"
_NOBODY_ANSWERS = (250001, 250003, 251001, 290429, 290500, 290502, 290503, 290504)


def opened(settings: Mapping[str, Any]) -> SnowflakeConnection:
    """Connect with the settings of a profile. Raises ConnectError, whose message contains no secret."""
    masker = Masker.of(
        str(settings[name]) for name in ("password", "token", "private_key_passphrase") if settings[name]
    )
    try:
        return snowflake.connector.connect(**_arguments(settings))
    except Error as error:
        said = masker(str(error.msg or error).strip().partition("\n")[0])
        is_refused = isinstance(error, DatabaseError) and not isinstance(error, OperationalError)
        kind = UnreachableError if error.errno in _NOBODY_ANSWERS and not is_refused else ConnectError
        raise kind(
            f"cannot connect to Snowflake as {settings['user']} of {settings['account']}: {said}",
            hint="Check account, user, role and credentials.",
        ) from None


def _arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    named = ("account", "user", "warehouse", "database", "role", "host", "port", "protocol", "authenticator")
    known = {name: settings[name] for name in named if settings[name] is not None}
    return {
        **known,
        **_signed_in(settings),
        "schema": settings["schema"],
        "application": _APPLICATION,
        "session_parameters": dict(_SESSION),
        "client_session_keep_alive": True,  # a Python model may work for hours between two statements
        "paramstyle": "qmark",
    }


def _signed_in(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the connector's arguments for authentication. Raises ConnectError if the profile has none."""
    if settings["private_key_path"]:
        path = Path(settings["private_key_path"]).expanduser()
        if not path.is_file():
            raise ConnectError(f"the private key {path} does not exist", hint="Check private_key_path in the profile.")
        phrase = settings["private_key_passphrase"]
        return {"private_key_file": str(path), **({"private_key_file_pwd": phrase} if phrase else {})}
    if settings["token"]:
        way = {} if settings["authenticator"] else {"authenticator": "oauth"}
        return {"token": settings["token"], **way}
    if settings["password"]:
        return {"password": settings["password"]}
    if settings["authenticator"]:
        return {}
    raise ConnectError("the profile has no credentials for Snowflake", hint=f"Set {_WAYS}.")
