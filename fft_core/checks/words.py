"""Rules in words, for people who read a check without its SQL."""

from __future__ import annotations

from fft_core.project.model import (
    AcceptedValues,
    Between,
    Check,
    ColumnTypes,
    Drift,
    Expression,
    Freshness,
    GreaterEqual,
    JudgedRows,
    MatchesRegex,
    NonNegativeSum,
    NotConstant,
    NotNull,
    PythonCheck,
    Recency,
    ReconcileCoverage,
    ReconcileDifference,
    ReconcileRatio,
    Relationships,
    RowCountBetween,
    RowCountEquals,
    Rule,
    SqlCheck,
    SumBetween,
    Unique,
)


def in_words(check: Check) -> str:
    """Return what is true if a check passes, in words.

    >>> from fft_core.errors import Location
    >>> from pathlib import Path
    >>> in_words(Check("c", "users", "not_null", NotNull("email"), Location(Path("project.yml")), where="id > 1"))
    'email is not NULL, where id > 1'
    """
    return _words(check.rule) + (f", where {check.where}" if check.where else "")


def _words(rule: Rule) -> str:
    match rule:
        case NotNull(column):
            return f"{column} is not NULL"
        case Unique(columns):
            return f"{', '.join(columns)} is unique; NULL counts as a value"
        case AcceptedValues(column, values):
            return f"{column} is one of {', '.join(map(str, values))}, or NULL"
        case RowCountBetween(minimum, None):
            return f"there are at least {minimum:,} rows"
        case RowCountBetween(minimum, maximum):
            return f"there are {minimum:,} to {maximum:,} rows"
        case GreaterEqual(column, threshold):
            limit = threshold if isinstance(threshold, int) else f"{threshold:g}"
            return f"{column} is at least {limit}, or NULL"
        case NonNegativeSum(column):
            return f"the sum of {column} is not below zero"
        case Freshness(column, minutes):
            return f"the latest {column} is at most {minutes:g} minutes old"
        case Between(column, minimum=minimum, maximum=maximum):
            return f"{column} is {_bounds(minimum, maximum)}, or NULL"
        case MatchesRegex(column, pattern):
            return f"{column} matches {pattern}, or is NULL"
        case Expression(condition):
            return f"{condition} is true or NULL"
        case NotConstant(column):
            return f"{column} has more than one value; NULL does not count"
        case SumBetween(column, minimum=minimum, maximum=maximum):
            return f"the sum of {column} is {_bounds(minimum, maximum)}"
        case Recency(column, group_by, minutes):
            return f"the latest {column} for each {', '.join(group_by)} is at most {minutes:g} minutes old"
        case ColumnTypes(types, exact):
            promised = ", ".join(f"{name} {kind}" for name, kind in types)
            return f"the columns {'are' if exact else 'include'} {promised}"
        case Drift():
            return _drift(rule)
        case RowCountEquals(left, right):
            of_left = f"{left.table}{f' where {left.where}' if left.where else ''}"
            return f"{of_left} has as many rows as {right.table}"
        case Relationships(column, to, field, about):
            return f"{column}{f' of {about}' if about else ''} is found in {to}.{field}; NULL is not"
        case SqlCheck(path=path) | PythonCheck(path=path):
            return f"{path.as_posix()} finds nothing wrong{_with(rule)}"
        case JudgedRows(path=path):
            return f"a check of Dagster's in {path.as_posix()} passes the rows"
        case ReconcileCoverage(left, right):
            return f"each {left} is one of {right}; NULL is not"
        case ReconcileDifference(left, right, at_most=0):
            return f"{left} equals {right}"
        case ReconcileDifference(left, right, at_most=limit):
            return f"{left} differs from {right} by at most {limit:g}"
        case ReconcileRatio(left, right, minimum=minimum, maximum=maximum):
            bounds = [f"at least {minimum:g}"] if minimum is not None else []
            bounds += [f"at most {maximum:g}"] if maximum is not None else []
            return f"{left} divided by {right} is {' and '.join(bounds)}"


def _bounds(minimum: object, maximum: object) -> str:
    bounds = [f"at least {_plain(minimum)}"] if minimum is not None else []
    bounds += [f"at most {_plain(maximum)}"] if maximum is not None else []
    return " and ".join(bounds)


def _plain(bound: object) -> str:
    """Return a number, or a time without trailing zeros, as text."""
    return f"{bound:g}" if isinstance(bound, float) else str(bound).removesuffix(" 00:00:00")


def _drift(rule: Drift) -> str:
    share = f"{rule.max_change * 100:g}"
    match rule.measure:
        case "row_count":
            return f"the number of rows changes by at most {share}% from build to build"
        case "null_share":
            return f"the share of NULLs in {rule.column} changes by at most {share} percentage points"
        case "mean":
            return f"the mean of {rule.column} changes by at most {share}% from build to build"
    return f"the number of distinct {rule.column} changes by at most {share}% from build to build"


def _with(rule: SqlCheck | PythonCheck) -> str:
    given = {"column": rule.column, **rule.params}
    said = ", ".join(f"{name} {value}" for name, value in given.items() if value is not None and name != "where")
    return f" with {said}" if said else ""
