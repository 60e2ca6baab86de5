"""Helpers for all templates: SQL expressions in the dialect of the project's engine, and questions about the engine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import jinja2

from fft_core.engines.spec import EngineSpec
from fft_core.engines.spec.spelling import Spelling, TimePart
from fft_core.errors import RenderError, nearest

_PARTS: Mapping[str, TimePart] = {
    part: part for part in ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
}
_MONTHS = 3  # of a quarter
# These words for types mean the same on all engines; any other is passed on as the engine's own type.
_NUMERIC = ("numeric", "number", "decimal")
_TEXT = ("string", "text")


def helpers_of(spec: EngineSpec) -> dict[str, Callable[..., Any]]:
    """Return the helpers by name, as templates call them. Each returns text, except those that tell the engine."""
    sql, engine = SqlHelpers(spec.spelling), EngineHelpers(spec)
    return {
        "ff_engine": engine.engine,
        "ff_engine_family": engine.family,
        "ff_is_engine": engine.is_engine,
        "engine_family": engine.family,
        "is_engine": engine.is_engine,
        "normalize_engine": normalized,
        "ff_safe_cast": sql.safe_cast,
        "ff_date_trunc": sql.date_trunc,
        "ff_date_add": sql.date_add,
        "ff_partition_filter": sql.partition_filter,
        "ff_partition_in": sql.partition_in,
    }


def filters_of(spec: EngineSpec) -> dict[str, Callable[..., Any]]:
    """Return the filters by name."""
    return {"sql_literal": SqlHelpers(spec.spelling).literal}


def normalized(name: object) -> str:
    """Return the name of an engine in the form in which names are compared.

    >>> normalized(" Some-Engine ")
    'some_engine'
    """
    return str(name or "").strip().lower().replace("-", "_")


class EngineHelpers:
    """Functions of templates that tell the engine."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec

    def engine(self, default: object = None) -> str:
        """Return the name of the engine; there always is one, so the default has no effect."""
        return self._spec.name

    def family(self, default: object = None) -> str:
        """Return the name that related engines have in common."""
        return self._spec.family or self._spec.name

    def is_engine(self, *names: object) -> bool:
        """Return whether one of these names is the engine's or its family's."""
        known = {normalized(name) for name in (self._spec.name, self.family(), *self._spec.aliases)}
        wanted = [inner for name in names for inner in (name if isinstance(name, list | tuple | set) else [name])]
        return any(normalized(name) in known for name in wanted)


class SqlHelpers:
    """Functions of templates that make SQL expressions. Their arguments are SQL of the user, which is not changed."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling

    def safe_cast(self, expression: object, type: object, default: object = None) -> str:
        """Cast a value; NULL, and a value that cannot be cast, become a default.

        Args:
            expression: The value, as SQL.
            type: The type: the engine's own name, or numeric, number, decimal, string, text.
            default: The default, as SQL; NULL if it is None.
        """
        cast = self._spelling.safe_cast(_text(expression, "an expression"), self._type(str(type)))
        return cast if _is_none(default) else f"coalesce({cast}, {default})"

    def date_trunc(self, expression: object, part: object = "day") -> str:
        """Truncate a time to the beginning of its year, month, week, day, hour, minute or second."""
        return self._spelling.date_trunc(self._time(expression), _part(part))

    def date_add(self, expression: object, part: object, amount: object) -> str:
        """Add a number (negative: subtract) of years, months, weeks, days, hours, minutes or seconds to a time."""
        try:
            number = int(str(amount).strip())
        except ValueError:
            raise RenderError(f"ff_date_add(): {amount!r} is not a whole number", hint="As in -7.") from None
        unit = _part(part)
        if unit == "quarter":
            unit, number = "month", number * _MONTHS
        return self._spelling.date_add(self._time(expression), unit, number)

    def partition_filter(self, column: object, start: object = None, end: object = None) -> str:
        """Compare a column with a first and a last value; either may be omitted."""
        name = _text(column, "a column")
        if _is_none(start) and _is_none(end):
            return "1=1"
        if _is_none(start) or _is_none(end):
            sign, bound = ("<=", end) if _is_none(start) else (">=", start)
            return f"{name} {sign} {self.literal(bound)}"
        return f"{name} between {self.literal(start)} and {self.literal(end)}"

    def partition_in(self, column: object, values: object) -> str:
        """Compare a column with a list of values; an empty list matches no rows."""
        listed = [] if _is_none(values) else [values] if isinstance(values, str | int | float) else list(values)  # type: ignore[call-overload]
        if not listed:
            return "1=0"
        return f"{_text(column, 'a column')} in ({', '.join(map(self.literal, listed))})"

    def literal(self, value: object) -> str:
        """Render a value: NULL, a boolean, a number or a text; a time as text, and all other values as JSON text."""
        match value:
            case jinja2.Undefined():
                return self._spelling.literal(None)
            case None | bool() | int() | float() | str():
                return self._spelling.literal(value)
            case datetime():
                return self._spelling.text(value.isoformat(sep=" "))
            case date():
                return self._spelling.text(value.isoformat())
        if isinstance(value, set | frozenset | tuple):
            value = sorted(value, key=repr) if isinstance(value, set | frozenset) else list(value)
        return self._spelling.text(json.dumps(value, default=str, sort_keys=True, ensure_ascii=False))

    def _time(self, expression: object) -> str:
        text = _text(expression, "an expression")
        return text if re.search(r"\bcast\s*\(|::", text, re.IGNORECASE) else self._spelling.cast(text, "timestamp")

    def _type(self, name: str) -> str:
        word = name.strip().lower()
        if word in _NUMERIC:
            return "numeric"
        return self._spelling.types["text"] if word in _TEXT else name.strip()


def _is_none(value: object) -> bool:
    return value is None or isinstance(value, jinja2.Undefined) or value == ""


def _text(expression: object, what: str) -> str:
    text = "" if _is_none(expression) else str(expression).strip()
    if not text:
        raise RenderError(f"{what} is missing: it is empty, or not defined", code="FFT-401")
    return text


def _part(said: object) -> TimePart:
    name = str(said).strip().lower().removesuffix("s")
    if name not in _PARTS:
        hint = nearest(name, _PARTS) or f"There are {', '.join(_PARTS)}."
        raise RenderError(f"{said!r} is not a part of a date or time", hint=hint)
    return _PARTS[name]
