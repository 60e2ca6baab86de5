"""Values of databases as YAML, so that a generated unit test finds them equal."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import yaml

from fft_core.errors import FftError

_ENDLESS = 10**9  # characters in a line
_TIME = re.compile(r"!!timestamp '(\d{4}-\d\d-\d\d [\d:.+-]+)'")


def yaml_row(row: Mapping[str, object]) -> str:
    """Return a row as a mapping on one line.

    >>> from datetime import UTC
    >>> yaml_row({"id": 1, "at": datetime(2026, 1, 31, tzinfo=UTC), "on": "yes", "price": Decimal("2.50")})
    "{id: 1, at: 2026-01-31 00:00:00+00:00, 'on': 'yes', price: 2.50}"
    """
    return _flow({name: yaml_value(value) for name, value in row.items()})


def yaml_cell(value: object) -> str:
    """Return one value as text for a mapping on one line."""
    return _flow([yaml_value(value)])[1:-1]


def yaml_value(value: object) -> object:
    """Return a value of a database as a type of YAML; values without a form in YAML become text.

    Raises:
        FftError: the value is of type bytes.
    """
    match value:
        case None | bool() | int() | str() | datetime() | date():
            return value
        case float():
            return _Number(repr(value)) if math.isfinite(value) else value
        case Decimal():
            return (
                _Number(str(value))
                if value.is_finite() and value.as_tuple().exponent not in ("n", "N", "F")
                else str(value)
            )
        case list() | tuple():
            return [yaml_value(item) for item in value]
        case Mapping():
            return {yaml_value(key): yaml_value(item) for key, item in value.items()}
        case bytes() | bytearray() | memoryview():
            raise FftError(
                "a column holds bytes, which no unit test can be given",
                hint="Leave it out of the model.",
                code="FFT-512",
            )
    return str(value)


class _Number(str):
    """A number with all its digits."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """A YAML dumper that writes numbers with all their digits, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # Any: as in PyYAML
        return True


def _number(dumper: yaml.SafeDumper, number: _Number) -> yaml.ScalarNode:
    text = str(number)
    if "e" in text.lower():  # 1e+16 is a text in YAML, and 1.0e+16 a number
        whole, _, exponent = text.lower().partition("e")
        text = f"{whole if '.' in whole else f'{whole}.0'}e{exponent if exponent[0] in '+-' else f'+{exponent}'}"
    kind = "float" if "." in text else "int"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", text)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write a text on one line, even if it has line breaks."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, None if text.isprintable() else '"')


_Dumper.add_representer(_Number, _number)
_Dumper.add_representer(str, _text)


def _flow(value: object) -> str:
    dumped: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=_ENDLESS, allow_unicode=True
    )
    text = dumped.removesuffix("\n").removesuffix("\n...")
    plain = _TIME.sub(r"\1", text)  # in brackets, PyYAML reads times without quotes, but writes them with a tag
    return plain if plain == text or yaml.safe_load(plain) == yaml.safe_load(text) else text
