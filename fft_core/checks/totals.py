"""Rules about totals of a table: sums, numbers of rows, latest times, and their changes from build to build."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from fft_core.checks.query import CheckQuery
from fft_core.checks.spelled import Spelled
from fft_core.engines.declared_types import word_of
from fft_core.project.model import (
    Check,
    Drift,
    Freshness,
    NonNegativeSum,
    NotConstant,
    Recency,
    RowCountBetween,
    SumBetween,
)

RuleOfTotals: TypeAlias = NonNegativeSum | SumBetween | RowCountBetween | Freshness | Recency | NotConstant
Measures: TypeAlias = Mapping[str, float | None]


def total_query(rule: RuleOfTotals, spell: Spelled, now: datetime) -> CheckQuery:
    """Return a rule about a total as SQL; `now` is in UTC. Raises FftError if a column does not exist."""
    spelling = spell.spelling
    match rule:
        case NonNegativeSum(column):
            totals = {"total": ("sum({})", spell.name(column))}
            return spell.by_totals(totals, lambda total: f"{total} < 0 or {spelling.is_nan(total)}")
        case SumBetween(column, minimum=minimum, maximum=maximum):
            totals = {"total": ("coalesce(sum({}), 0)", spell.name(column))}
            bounds = _Bounds(minimum, maximum, spell)
            return spell.by_totals(totals, lambda total: f"{bounds.broken_by(total)} or {spelling.is_nan(total)}")
        case RowCountBetween(minimum, maximum):
            return spell.by_totals({"row_count": ("count({})", "1")}, _Bounds(minimum, maximum, spell).broken_by)
        case NotConstant(column):
            value = _ordered(spell, column)
            totals = {"smallest": ("min({})", value), "largest": ("max({})", value)}
            return spell.by_totals(totals, lambda smallest, largest: f"{smallest} = {largest}", shows=column)
        case Freshness(column, minutes):
            totals = {"latest": ("max({})", spelling.finite(spell.name(column)))}
            return spell.by_totals(totals, lambda latest: _is_old(latest, minutes, spell, now), shows=column)
        case Recency(column, group_by, minutes):
            latest = f"max({spelling.finite(spell.name(column))})"
            return spell.by_group(
                group_by, "latest", latest, lambda latest: _is_old(latest, minutes, spell, now), shows=column
            )


class _Bounds:
    def __init__(self, minimum: float | None, maximum: float | None, spell: Spelled) -> None:
        self._bounds = [(sign, bound) for sign, bound in (("<", minimum), (">", maximum)) if bound is not None]
        self._spelling = spell.spelling

    def broken_by(self, total: str) -> str:
        return " or ".join(f"{total} {sign} {self._spelling.literal(bound)}" for sign, bound in self._bounds)


def _is_old(latest: str, minutes: float, spell: Spelled, now: datetime) -> str:
    oldest = spell.spelling.literal(now.replace(tzinfo=None) - timedelta(minutes=minutes))
    return f"{latest} is null or {latest} < {oldest}"


def _ordered(spell: Spelled, column: str) -> str:
    """Return a value that min() and max() accept; some engines lack them for a type, but all have them for texts."""
    if word_of(spell.found(column).type) not in (None, "boolean"):
        return spell.name(column)
    return spell.spelling.cast(spell.comparable(column), "text")


def measure_key(check: Check) -> str:
    """Return the key of a drift check's measurement in the records: its aggregate and its rows."""
    assert isinstance(check.rule, Drift)  # the caller has checked it
    said = [check.rule.measure, check.rule.column or "", check.where or ""]
    return "|".join(part.strip() for part in said).rstrip("|")


def drift_query(rule: Drift, spell: Spelled, before: Measures) -> CheckQuery:
    """Return a drift check as SQL: it cannot fail before there is a build to compare with.

    Args:
        rule: The rule.
        before: The measurements of the build before, by key.

    Raises:
        FftError: the column does not exist.
    """
    totals, measure = _measured(rule, spell)
    key = measure_key(spell.check)
    if key not in before:
        return spell.by_totals(totals, lambda *_: "1 = 0", measure)
    names = list(totals)
    found = _Drift(rule, before[key], spell)
    return spell.by_totals(
        totals, lambda *values: found.is_beyond(measure.format(**dict(zip(names, values, strict=True)))), measure
    )


def _measured(rule: Drift, spell: Spelled) -> tuple[dict[str, tuple[str, str]], str]:
    """Return the totals that make a measurement, and the SQL that combines them."""
    rows = {"row_count": ("count({})", "1")}
    if rule.column is None:
        return rows, "{row_count}"
    match rule.measure:
        case "mean":
            number = spell.spelling.cast(spell.name(rule.column), "number")
            return {"mean": ("avg({})", number)}, "{mean}"
        case "null_share":
            # a type that count() takes on every engine
            is_there = f"case when {spell.name(rule.column)} is not null then 1 end"
            share = f"1 - {spell.spelling.cast('{filled}', 'number')} / nullif({{row_count}}, 0)"
            return {**rows, "filled": ("count({})", is_there)}, f"({share})"
    return {"distinct_count": ("count(distinct {})", spell.comparable(rule.column))}, "{distinct_count}"


class _Drift:
    """The comparison with a measurement of the build before."""

    def __init__(self, rule: Drift, before: float | None, spell: Spelled) -> None:
        self._rule, self._before, self._spelling = rule, before, spell.spelling

    def is_beyond(self, now: str) -> str:
        if self._before is None:
            return f"{now} is not null"
        before, literal = self._before, self._spelling.literal
        limit = self._rule.max_change * (1 if self._rule.measure == "null_share" else abs(before))
        apart = f"abs({self._spelling.cast(now, 'number')} - {literal(before)}) > {literal(float(limit))}"
        return f"{now} is null or {apart} or {self._spelling.is_nan(now)}"
