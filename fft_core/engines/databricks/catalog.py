"""Relations in Spark's catalog: SHOW TABLE EXTENDED, one statement for each database, for any number of relations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fft_core.engines.databricks.faults import NO_SCHEMA
from fft_core.engines.databricks.spelling import DatabricksSpelling
from fft_core.engines.protocol import ColumnType, RelationKind, Row, TableInfo, Want
from fft_core.engines.stamp import marked, stamp_in
from fft_core.errors import StatementError
from fft_core.names import Relation

Fetch: TypeAlias = Callable[[str], list[Row]]
Columns: TypeAlias = Callable[[str], tuple[ColumnType, ...]]
_PLAIN = re.compile(r"\w+")
_MANY = 50  # names in a pattern; for more, all of a database are listed
_AT_ONCE = 50  # tables that are counted by one statement
_MARK = re.compile(r"\bfft\.mark=(\[fft [0-9a-f]+ [0-9a-f]+\])")
_NEXT = re.compile(r"\bfft\.next=(\[fft [0-9a-f]+ [0-9a-f]+\])")
_PLACE = re.compile(r"\bfft\.place=([^\],]+)")
_SNAPSHOT = re.compile(r"\bcurrent-snapshot-id=(\d+)")
_NULLABLE = re.compile(r" \((?:nullable|containsNull|valueContainsNull) = \w+\)")
_QUERY = re.compile(r"^View Text: (.*)^View Original Text: ", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r" \|-- (.+): (\S+)")
_SIMPLE = {"integer": "int", "long": "bigint", "short": "smallint", "byte": "tinyint"}
_NESTED = ("array", "map", "struct")


@dataclass(frozen=True)
class Listed:
    """The facts of SHOW TABLE EXTENDED about a relation.

    Attributes:
        kind: Its kind.
        fields: Its columns as a text, a line for each.
        location: The folder of its files; empty if it has none.
        mark: The mark of the build that made its rows; empty if there is none.
        snapshot: The snapshot of a table of Iceberg.
        form: The format of its files; empty if unknown.
        partitions: The columns of its partitions.
        is_tracked: Whether the catalog lists its partitions, each with a folder of its own.
    """

    kind: RelationKind
    fields: str
    location: str
    mark: str
    snapshot: str | None
    form: str = ""
    partitions: tuple[str, ...] = ()
    is_tracked: bool = False

    @property
    def signature(self) -> str:
        """The digest of the names and types of its columns."""
        return signature_of_fields(self.fields)

    def columns(self) -> tuple[ColumnType, ...] | None:
        """Return the columns; None if the type of one is nested: its text is incomplete."""
        found = [_FIELD.fullmatch(line) for line in self.fields.splitlines()]
        if any(one is None or one[2] in _NESTED for one in found):
            return None
        return tuple(ColumnType(one[1], _SIMPLE.get(one[2], one[2])) for one in found if one is not None)


def signature_of_fields(fields: str) -> str:
    """Return a digest of the columns of a relation."""
    import hashlib

    return hashlib.sha256(fields.lower().encode()).hexdigest()[:16]


def listed(fetch: Fetch, spelling: DatabricksSpelling, relations: Sequence[Relation]) -> Mapping[Relation, Listed]:
    """Return the facts about the relations that exist, by one statement for each database."""
    found: dict[Relation, Listed] = {}
    for place in dict.fromkeys(relation.named("") for relation in relations):
        wanted = {relation.name.lower(): relation for relation in relations if relation.named("") == place}
        is_plain = len(wanted) <= _MANY and all(_PLAIN.fullmatch(name) for name in wanted)
        for name, information in information_in(fetch, spelling, place, "|".join(wanted) if is_plain else "*"):
            if name.lower() in wanted:
                found[wanted[name.lower()]] = _read(information)
    return found


def information_in(
    fetch: Fetch, spelling: DatabricksSpelling, place: Relation, pattern: str
) -> Sequence[tuple[str, str]]:
    """List the relations of a database whose names match a pattern; none if there is no such database."""
    where = f" in {spelling.schema(place)}" if place.schema else ""
    rows = _listing(fetch, f"show table extended{where} like {spelling.text(pattern)}")
    return [(name, information) for _, name, is_temporary, information in rows if not is_temporary]


def query_in(information: str) -> str:
    """Return the query of a view, without comments at its end; empty for a table."""
    found = _QUERY.search(information)
    return found[1].strip() if found else ""


def names_in(fetch: Fetch, spelling: DatabricksSpelling, place: Relation, prefix: str) -> Sequence[str]:
    """List the names of relations in the database of a relation that begin with a prefix."""
    rows = _listing(fetch, spelling.names_like(place, prefix))
    return [name for _, name, is_temporary in rows if not is_temporary]


def _listing(fetch: Fetch, statement: str) -> Sequence[Row]:
    """Run a statement that lists a database; it returns no rows if there is no such database."""
    try:
        return fetch(statement)
    except StatementError as error:
        if NO_SCHEMA in str(error.__cause__) or "not found" in error.problem.message.lower():
            return ()
        raise


def inspect(
    fetch: Fetch, columns: Columns, spelling: DatabricksSpelling, relations: Sequence[Relation], want: Want
) -> Mapping[Relation, TableInfo]:
    """Return the relations that exist, see `Session.inspect`."""
    there = listed(fetch, spelling, relations)
    stamps = {one: stamp_in(found.mark, found.signature) for one, found in there.items()}
    counted = [one for one, found in there.items() if stamps[one] is not None and found.kind == "table"]
    rows = _counts(fetch, spelling, counted) if Want.ROWS in want else {}
    infos = {}
    for relation, found in there.items():
        comment, of_columns = _comments(fetch, spelling, relation) if Want.COMMENTS in want else ("", {})
        known = found.columns() or columns(spelling.select_all(relation)) if Want.COLUMNS in want else ()
        infos[relation] = TableInfo(
            found.kind,
            stamps[relation] if want & (Want.STAMP | Want.ROWS) else None,
            rows.get(relation),
            known,
            _with_mark(comment, found.mark) if Want.COMMENTS in want else "",
            of_columns,
        )
    return infos


def _read(information: str) -> Listed:
    """Read the text of Spark about a relation: a line for each fact, and the columns at its end."""
    head, found, fields = information.rpartition("\nSchema: root\n")
    head, fields = (head, fields) if found else (fields, "")
    kind = _fact(head, "Type")
    location, properties = _fact(head, "Location"), _fact(head, "Table Properties")
    made = "\n".join(_NULLABLE.sub("", line) for line in fields.splitlines() if line.strip())
    snapshot = _SNAPSHOT.search(properties)
    is_view = kind.upper() in ("VIEW", "METRIC_VIEW")
    return Listed(
        "view" if is_view else "table",
        made,
        location,
        _mark(properties, location),
        snapshot[1] if snapshot else None,
        "iceberg" if "current-snapshot-id=" in properties else _fact(head, "Provider").lower(),
        tuple(re.findall(r"`((?:[^`]|``)+)`", _fact(head, "Partition Columns"))),
        _fact(head, "Partition Provider") == "Catalog",
    )


def _mark(properties: str, location: str) -> str:
    """Return the mark of the rows: the next one as soon as the rows are read from the folder that it was made for."""
    later, place = _NEXT.search(properties), _PLACE.search(properties)
    if later and place and location.rstrip("/").rpartition("/")[2] == place[1]:
        return later[1]
    mark = _MARK.search(properties)
    return mark[1] if mark else ""


def _fact(head: str, name: str) -> str:
    found = [line for line in head.splitlines() if line.startswith(f"{name}: ")]
    return found[-1].partition(": ")[2] if found else ""


def _with_mark(comment: str, mark: str) -> str:
    found = re.match(r"\[fft ([0-9a-f]+) ([0-9a-f]+)\]", mark)
    return marked(comment, found[1], found[2]) if found else comment


def _counts(fetch: Fetch, spelling: DatabricksSpelling, tables: Sequence[Relation]) -> Mapping[Relation, int]:
    found: dict[Relation, int] = {}
    for begin in range(0, len(tables), _AT_ONCE):
        part = tables[begin : begin + _AT_ONCE]
        counts = [f"select {number}, count(*) from {spelling.relation(one)}" for number, one in enumerate(part)]
        found |= {part[number]: rows for number, rows in fetch(" union all ".join(counts))}
    return found


def _comments(fetch: Fetch, spelling: DatabricksSpelling, relation: Relation) -> tuple[str, Mapping[str, str]]:
    """Read the comments of a relation and of its columns."""
    rows = fetch(f"describe table extended {spelling.relation(relation)}")
    names = [name for name, _, _ in rows]
    begin = names.index("# Detailed Table Information") if "# Detailed Table Information" in names else len(rows)
    ends = [place for place, name in enumerate(names) if not name or name.startswith("# ")]
    of_columns = {name: comment for name, _, comment in rows[: min(ends, default=len(rows))] if comment}
    comment = next((value for name, value, _ in rows[begin:] if name == "Comment"), "")
    return comment or "", of_columns
