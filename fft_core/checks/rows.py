"""Rules about single rows, as SQL conditions."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from fft_core.checks.spelled import Spelled
from fft_core.engines.declared_types import word_of
from fft_core.project.model import AcceptedValues, Between, Expression, GreaterEqual, MatchesRegex, NotNull

RuleOfRows: TypeAlias = NotNull | AcceptedValues | GreaterEqual | Between | MatchesRegex | Expression


def offending(rule: RuleOfRows, spell: Spelled) -> str:
    """Return the condition of rows that break a rule. Raises FftError if a column does not exist."""
    match rule:
        case NotNull(column):
            return f"{spell.name(column)} is null"
        case AcceptedValues(column, values):
            listed = spell.spelling.literals(values)
            return f"{spell.name(column)} is not null and {spell.comparable(column)} not in ({listed})"
        case GreaterEqual(column, threshold):
            return _outside(column, threshold, None, spell)
        case Between(column, minimum=minimum, maximum=maximum):
            return _outside(column, minimum, maximum, spell)
        case MatchesRegex(column, pattern):
            text = spell.spelling.cast(spell.name(column), "text")
            return f"not ({spell.spelling.matches(text, pattern)})"
        case Expression(condition, column):
            if column is not None:
                spell.found(column)
            return f"not ({condition}\n)"  # the user's text may end in a comment


def _outside(
    column: str, minimum: int | float | datetime | None, maximum: int | float | datetime | None, spell: Spelled
) -> str:
    """Return the condition of values outside of bounds; NaN is outside, though it sorts above all numbers."""
    name, spelling = spell.name(column), spell.spelling
    bounds = [f"{name} < {spelling.literal(minimum)}"] if minimum is not None else []
    bounds += [f"{name} > {spelling.literal(maximum)}"] if maximum is not None else []
    is_time = isinstance(minimum, datetime) or isinstance(maximum, datetime)
    is_whole = word_of(spell.found(column).type) == "integer"  # the comparison would cost more than the others
    return " or ".join(bounds if is_time or is_whole else [*bounds, spelling.is_nan(name)])
