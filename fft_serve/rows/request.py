"""A request for rows: the query parameters become a question, or a problem that names what was meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fft_core.engines.reading import Place, ReadColumn, Reader, RowsQuery
from fft_serve.problems import ProblemError, nearest_text
from fft_serve.rows.cursor import Cursor, query_digest, read_cursor
from fft_serve.rows.values import COMPARISONS, kind_of, operator_of, value_sql

if TYPE_CHECKING:
    from fft_serve.settings import ServeSettings

RESERVED = ("select", "order", "limit", "cursor", "count")
_MOST_VALUES = 1000


@dataclass(frozen=True)
class Visible:
    """The part of a model that one reader may see.

    Attributes:
        columns: The columns that can be selected and compared.
        masked: The columns whose values are replaced by stars.
        predicate: A condition on the rows that hides the others, with `{0}`, `{1}` ... for its parameters.
        parameters: The values of the parameters, as SQL types and texts.
        key: The columns that order the rows if nothing else is asked for.
        is_strict: Whether the key tells all rows apart, and is never NULL.
        never_null: The columns that are never NULL.
    """

    columns: tuple[ReadColumn, ...]
    masked: tuple[str, ...] = ()
    predicate: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    key: tuple[str, ...] = ()
    is_strict: bool = False
    never_null: frozenset[str] = frozenset()

    def column(self, name: str) -> ReadColumn:
        """Find a column. Raises ProblemError."""
        for column in self.columns:
            if column.name == name:
                return column
        known = [column.name for column in self.columns]
        if name in self.masked:
            raise ProblemError("unknown_column", f"the column {name!r} is masked: it cannot be compared")
        raise ProblemError("unknown_column", f"the model has no column {name!r}.{nearest_text(name, known)}")


@dataclass(frozen=True)
class Asked:
    """A request, read.

    Attributes:
        select: The columns of the answer, in order; masked ones among them.
        order: Columns, with whether they are descending.
        filters: Column, operator and value, in the order written.
        limit: The number of rows; None for all.
        cursor: The text of the cursor.
        counts: Whether the number of all rows is asked for.
    """

    select: tuple[str, ...]
    order: tuple[tuple[str, bool], ...]
    filters: tuple[tuple[str, str, str], ...]
    limit: int | None
    cursor: str | None
    counts: bool


def read_asked(parameters: Sequence[tuple[str, str]], visible: Visible, settings: ServeSettings) -> Asked:
    """Read the query parameters of a request. Raises ProblemError for each that is unknown or cannot be used."""
    said = _single(parameters)
    filters = tuple(
        (visible_name, *_operator(visible.column(visible_name), value))
        for visible_name, value in _filters(parameters, visible)
    )
    return Asked(
        select=_select(said.get("select"), visible),
        order=_order(said.get("order"), visible),
        filters=filters,
        limit=_limit(said.get("limit"), settings),
        cursor=said.get("cursor"),
        counts=_counts(said.get("count")),
    )


def _single(parameters: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in parameters:
        if name in RESERVED:
            if name in found:
                raise ProblemError("bad_parameter", f"{name} is given twice")
            found[name] = value
    return found


def _filters(parameters: Iterable[tuple[str, str]], visible: Visible) -> Iterable[tuple[str, str]]:
    """Yield the filters: `column=eq.x`, and `where.column=eq.x` for columns that are called as a parameter."""
    known = {column.name for column in visible.columns} | set(visible.masked)
    for name, value in parameters:
        if name in RESERVED:
            continue
        column = name.removeprefix("where.") if name not in known else name
        if column not in known:
            hint = nearest_text(name, (*known, *RESERVED))
            raise ProblemError("unknown_parameter", f"{name!r} is neither a parameter nor a column.{hint}")
        yield column, value


def _operator(column: ReadColumn, text: str) -> tuple[str, str]:
    name, dot, value = text.partition(".")
    if not dot:
        said = f"{column.name}={text!r} has no operator: write {column.name}=eq.{text}"
        raise ProblemError("unknown_operator", said)
    return operator_of(column, name), value


def _select(text: str | None, visible: Visible) -> tuple[str, ...]:
    if text is None:
        return (*(column.name for column in visible.columns), *visible.masked)
    names = tuple(part.strip() for part in text.split(","))
    for name in names:
        if name not in visible.masked:
            visible.column(name)
    if len(set(names)) < len(names):
        raise ProblemError("bad_parameter", "select names a column twice")
    return names


def _order(text: str | None, visible: Visible) -> tuple[tuple[str, bool], ...]:
    if text is None:
        return ()
    found = list[tuple[str, bool]]()
    for part in text.split(","):
        name, direction = part.strip(), "asc"
        if not any(column.name == name for column in visible.columns):
            head, _, tail = name.rpartition(".")
            name, direction = (head, tail) if head and tail in ("asc", "desc") else (name, "asc")
        column = visible.column(name)
        if not kind_of(column).is_ordered:
            raise ProblemError("bad_parameter", f"rows cannot be ordered by {name!r}, which is {column.type}")
        if any(name == other for other, _ in found):
            raise ProblemError("bad_parameter", f"order names {name!r} twice")
        found.append((name, direction == "desc"))
    return tuple(found)


def _limit(text: str | None, settings: ServeSettings) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:12]) <= settings.max_rows or len(text) > 12:
        raise ProblemError("bad_parameter", f"limit must be a number from 1 to {settings.max_rows}")
    return int(text)


def _counts(text: str | None) -> bool:
    if text not in (None, "exact"):
        raise ProblemError("bad_parameter", "count can only be exact")
    return text is not None


@dataclass(frozen=True)
class Question:
    """A question for a reader, and what the cursor of its answer needs.

    Attributes:
        query: The question; of a page it asks for one row more than the limit.
        digest: The digest of the walk.
        cursor: The cursor that the page begins at.
        asked: The request.
    """

    query: RowsQuery
    digest: str
    cursor: Cursor | None
    asked: Asked

    @property
    def limit(self) -> int | None:
        """The number of rows of a page; None for all rows."""
        return None if self.query.limit is None else self.query.limit - 1


def question(
    asked: Asked, visible: Visible, place: Place, reader: Reader, limit: int | None, settings: ServeSettings
) -> Question:
    """Make the question of a request; with a limit, it is one page of a walk. Raises ProblemError."""
    order = asked.order + tuple((name, False) for name in visible.key if name not in dict(asked.order))
    tells_apart = visible.is_strict and bool(visible.key)
    # equal requests of readers who see other rows are other walks
    digest = query_digest([asked.select, order, asked.filters, visible.predicate, visible.parameters, place.node])
    cursor = read_cursor(asked.cursor, digest, len(order), settings.cursor_seconds) if asked.cursor else None
    sql = _Sql(visible, reader)
    parts = [sql.filter(*said) for said in asked.filters]
    if visible.predicate:
        parts.append(f"({sql.given(visible.predicate, visible.parameters)})")
    counted = " and ".join(parts)
    if cursor is not None:
        parts.append(f"({sql.after(order, cursor, by_row_number=not tells_apart)})")
    columns = tuple(name for name in asked.select if name not in visible.masked)
    query = RowsQuery(
        place=place,
        columns=columns or (visible.columns[0].name,),
        where=" and ".join(parts),
        parameters=tuple(sql.parameters),
        order=order if limit is not None or asked.order else (),
        has_keys=limit is not None,
        by_row_number=not tells_apart and limit is not None,
        limit=None if limit is None else limit + 1,
        never_null=visible.never_null,
        count_where=counted if asked.counts and counted and limit is not None else None,
    )
    return Question(query, digest, cursor, asked)


class _Sql:
    """Makes conditions, and collects their values."""

    def __init__(self, visible: Visible, reader: Reader) -> None:
        self._visible, self._reader = visible, reader
        self.parameters: list[str] = []

    def filter(self, name: str, operator: str, text: str) -> str:
        column, quoted = self._visible.column(name), self._reader.spelling.quoted(name)
        match operator:
            case "is":
                if text not in ("null", "not_null"):
                    raise ProblemError("bad_value", f"{name}=is.{text}: write is.null or is.not_null")
                return f"{quoted} is {'not ' if text == 'not_null' else ''}null"
            case "in":
                values = _listed(text)
                return f"{quoted} in ({', '.join(self.value(column, value) for value in values)})"
            case "like":
                if (len(text) - len(text.rstrip("\\"))) % 2:
                    raise ProblemError("bad_value", f"{text!r} ends with a backslash, which escapes nothing")
                escape = self._reader.spelling.literal("\\")
                return f"{quoted} like {self.value(column, text)} escape {escape}"
        return f"{quoted} {COMPARISONS[operator]} {self.value(column, text)}"

    def value(self, column: ReadColumn, text: str) -> str:
        sql, read = value_sql(column, text, len(self.parameters) + 1)
        self.parameters.append(read)
        return sql

    def cast(self, kind: str, text: str) -> str:
        self.parameters.append(text)
        return f"cast(${len(self.parameters)} as {kind})"

    def given(self, predicate: str, values: Sequence[tuple[str, str]]) -> str:
        return predicate.format(*(self.cast(kind, text) for kind, text in values))

    def after(self, order: Sequence[tuple[str, bool]], cursor: Cursor, *, by_row_number: bool) -> str:
        """Render the condition for the rows behind a cursor; NULL comes last in both directions."""
        either, before = [], list[str]()
        last = len(order) - 1
        for index, ((name, down), text) in enumerate(zip(order, cursor.keys, strict=True)):
            quoted = self._reader.spelling.quoted(name)
            if text is None:
                before.append(f"{quoted} is null")
                continue
            column = self._visible.column(name)
            behind = f"{quoted} {'<' if down else '>'} {self.value(column, text)}"
            if name not in self._visible.never_null:
                behind = f"({behind} or {quoted} is null)"
            either.append(" and ".join((*before, behind)))
            if index < last or by_row_number:
                before.append(f"{quoted} = {self.value(column, text)}")
        if by_row_number:
            expression, kind = self._reader.row_number
            either.append(" and ".join((*before, f"{expression} > {self.cast(kind, cursor.at)}")))
        return " or ".join(f"({part})" for part in either) or "false"


def _listed(text: str) -> list[str]:
    """Read `(a,b,"c,d")`. Raises ProblemError."""
    if not (text.startswith("(") and text.endswith(")")):
        raise ProblemError("bad_value", f"in.{text}: write in.(a,b), with quotes around a value that has a comma")
    values, rest = list[str](), text[1:-1] or None
    while rest is not None:  # an empty rest behind a comma is an empty value
        value, rest = _next_value(rest)
        values.append(value)
        if len(values) > _MOST_VALUES:
            raise ProblemError("bad_value", f"in has more than {_MOST_VALUES} values")
    if not values:
        raise ProblemError("bad_value", "in.() has no values")
    return values


def _next_value(text: str) -> tuple[str, str | None]:
    """Return the first value, and the text behind its comma; None if there is no comma. Raises ProblemError."""
    if not text.startswith('"'):
        value, comma, rest = text.partition(",")
        return value, rest if comma else None
    value, position = "", 1
    while position < len(text):
        if text[position] == '"':
            if text[position + 1 : position + 2] != '"':
                break
            position += 1
        value += text[position]
        position += 1
    else:
        raise ProblemError("bad_value", "a value of in has no closing quote")
    behind = text[position + 1 :]
    if behind and not behind.startswith(","):
        raise ProblemError("bad_value", "a quote inside a value of in is written twice")
    return value, behind[1:] if behind else None
