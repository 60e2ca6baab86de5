"""Conditions on rows by claims: SQL of the project, in which `:name` is a claim of the reader, as a bound value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fft_core.errors import FftError
from fft_serve.problems import ProblemError


@dataclass(frozen=True)
class Predicate:
    """A condition, as SQL text between the names of claims: `parts[0] claims[0] parts[1] ...`."""

    parts: tuple[str, ...]
    claims: tuple[str, ...]

    def given(self, claims: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return the condition with `{0}` for each value, and the values as SQL types and texts.

        Raises:
            ProblemError: a claim is missing, or is not a plain value.
        """
        text, values = _braced(self.parts[0]), list[tuple[str, str]]()
        for name, part in zip(self.claims, self.parts[1:], strict=True):
            if name not in claims:
                raise ProblemError("forbidden", f"the token has no claim {name!r}, which the rows depend on")
            value = claims[name]
            items = value if isinstance(value, list) else [value]
            found = [_value(name, item) for item in items]
            marks = [f"{{{len(values) + index}}}" for index in range(len(found))]
            values += found
            spelled = ", ".join(marks) if marks else "null"
            text += (f"({spelled})" if isinstance(value, list) else spelled) + _braced(part)
        return text, tuple(values)


def read_predicate(sql: str, dialect: str, model: str) -> Predicate:
    """Read a condition. Raises FftError if it is not one condition over the columns of the model."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        (tree,) = sqlglot.parse(sql, read=dialect) or [None]
    except (SqlglotError, ValueError) as error:
        raise FftError(
            f"{model}: serve.where cannot be read: {str(error).partition(chr(10))[0]}", code="FFT-911"
        ) from error
    if not isinstance(tree, exp.Expression) or tree.find(exp.Query, exp.Table, exp.DDL, exp.DML, exp.Command):
        raise FftError(f"{model}: serve.where must be one condition over the columns of the model", code="FFT-911")
    names = []
    for place in list(tree.find_all(exp.Placeholder)):
        if not place.name or not place.name.isidentifier():
            raise FftError(f"{model}: serve.where has a placeholder without a name", code="FFT-911")
        names.append(place.name)
    mark = "_ff_claim_"
    for index, place in enumerate(list(tree.find_all(exp.Placeholder))):
        marked = exp.column(f"{mark}{index}_")
        if place is tree:
            tree = marked
        place.replace(marked)
    return _split(tree.sql(dialect), mark, names)


def _split(text: str, mark: str, names: list[str]) -> Predicate:
    """Split the text at the marks, which stand in the order of the text or not."""
    import re

    pieces = re.split(rf"{mark}(\d+)_", text)
    return Predicate(tuple(pieces[::2]), tuple(names[int(index)] for index in pieces[1::2]))


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _value(name: str, value: object) -> tuple[str, str]:
    match value:
        case bool():
            return "boolean", str(value).lower()
        case int() if -(2**63) <= value < 2**63:
            return "bigint", str(value)
        case float():
            return "double precision", repr(value)
        case str() if "\0" not in value:
            return "varchar", value
    raise ProblemError("forbidden", f"the claim {name!r} is not a plain value")
