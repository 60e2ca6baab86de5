"""Differences between two environments, as JSON and as Markdown for a pull request."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from fft_core.names.markdown import inline, table
from fft_core.operations.compare_rows import RowsCompared
from fft_core.operations.diff import Definition, Difference, NodeRows


def diff_json(found: Difference) -> dict[str, Any]:
    """Return the plain values that `fft diff --format json` prints."""
    said: dict[str, Any] = {"env": found.env, "against": found.against, "rows_differ": found.rows_differ}
    if found.definitions is not None:
        said["definitions"] = [_definition(one) for one in found.definitions]
        said["gone"] = list(found.gone)
    if found.nodes is not None:
        said["nodes"] = [_node(node) for node in found.nodes]
    return said


def _definition(found: Definition) -> dict[str, Any]:
    reasons = [{"kind": reason.kind, "detail": reason.detail} for reason in found.reasons]
    return {"name": found.name, "reasons": reasons}


def _node(node: NodeRows) -> dict[str, Any]:
    said = {"name": node.name, "presence": node.presence, "here": str(node.here), "there": str(node.there)}
    return {**said, "rows": node.rows and _rows(node.rows), "differ": node.differ}


def _rows(rows: RowsCompared) -> dict[str, Any]:
    return {
        "here": rows.here,
        "there": rows.there,
        "only_here": rows.only_here,
        "only_there": rows.only_there,
        "changed": rows.changed,
        "changed_by_column": dict(rows.changed_by_column),
        "key": list(rows.key),
        "note": rows.note or None,
        "columns_only_here": [column.name for column in rows.columns_here],
        "columns_only_there": [column.name for column in rows.columns_there],
        "types": [{"column": name, "there": there, "here": here} for name, there, here in rows.types],
        "samples": {
            "only_here": [_named(rows.columns, row) for row in rows.rows_here],
            "only_there": [_named(rows.columns, row) for row in rows.rows_there],
            "changed": [
                {
                    "key": _named(rows.key, row.key),
                    "values": {
                        name: {"there": _plain(there), "here": _plain(here)} for name, there, here in row.values
                    },
                }
                for row in rows.rows_changed
            ],
        },
    }


def _named(names: Sequence[str], row: Sequence[object]) -> dict[str, object]:
    return {name: _plain(value) for name, value in zip(names, row, strict=True)}


def _plain(value: object) -> object:
    """Return a value as JSON has it; types that JSON lacks become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def diff_markdown(found: Difference, level: int = 2) -> str:
    """Return the differences as Markdown, with headings from a level on."""
    return "\n\n".join(_blocks(found, "#" * level)) + "\n"


def _blocks(found: Difference, heading: str) -> Iterator[str]:
    if found.definitions is not None:
        yield f"{heading} Models that differ from {inline(found.against)}"
        rows = [(d.name, "; ".join(map(str, d.reasons))) for d in found.definitions]
        rows += [(name, f"only in {found.against}") for name in found.gone]
        yield table(("model", "why"), rows) if rows else "None."
    if found.nodes is not None:
        yield f"{heading} Rows, compared with {inline(found.against)}"
        yield from _data(found, found.nodes, heading)


def _data(found: Difference, nodes: Sequence[NodeRows], heading: str) -> Iterator[str]:
    compared = [node for node in nodes if node.presence == "both"]
    told = [node for node in compared if node.rows is not None and (node.differ or has_other_columns(node.rows))]
    if told:
        head = ("model", "rows there", "rows here", "only there", "only here", "changed", "columns")
        yield table(head, [_summary(node) for node in told])
    yield f"{len(compared) - len(told)} of {len(compared)} are equal."
    for word, presence in (("Not here", "only there"), (f"Not in {inline(found.against)}", "only here")):
        names = [inline(node.name) for node in nodes if node.presence == presence]
        if names:
            yield f"{word}: {', '.join(names)}."
    for node in told:
        if node.rows is not None:
            yield from _samples(node, node.rows, heading)


def has_other_columns(rows: RowsCompared) -> bool:
    """Return whether the columns of two relations differ."""
    return bool(rows.columns_here or rows.columns_there or rows.types)


def _summary(node: NodeRows) -> tuple[str, ...]:
    rows = node.rows
    assert rows is not None  # the caller has checked it
    changed = f"{rows.changed}" if rows.key else "?"
    numbers = (rows.there, rows.here, rows.only_there, rows.only_here)
    return (node.name, *map(str, numbers), changed, "; ".join(column_notes(rows)))


def column_notes(rows: RowsCompared) -> Iterator[str]:
    """Yield the differences between the columns, and the number of differing values of each."""
    if rows.changed_by_column:
        yield ", ".join(f"{name}: {count} changed" for name, count in rows.changed_by_column)
    for columns, where in ((rows.columns_here, "here"), (rows.columns_there, "there")):
        if columns:
            yield f"only {where}: {', '.join(column.name for column in columns)}"
    yield from (f"{name} is {here} here, {there} there" for name, there, here in rows.types)


def _samples(node: NodeRows, rows: RowsCompared, heading: str) -> Iterator[str]:
    if not (rows.rows_changed or rows.rows_here or rows.rows_there or rows.note):
        return
    yield f"{heading}# {inline(node.name)}"
    if rows.note:
        yield inline(rows.note[0].upper() + rows.note[1:]) + "."
    if rows.rows_changed:
        yield "Changed (there → here):"
        yield table((*rows.key, "values"), [(*map(cell, row.key), changes(row.values)) for row in rows.rows_changed])
    for word, sample in (("Only there:", rows.rows_there), ("Only here:", rows.rows_here)):
        if sample:
            yield word
            yield table(rows.columns, [tuple(map(cell, row)) for row in sample])


def changes(values: Sequence[tuple[str, object, object]]) -> str:
    """Return the differing values of a row in words."""
    return "; ".join(f"{name}: {cell(there) or 'NULL'} → {cell(here) or 'NULL'}" for name, there, here in values)


def cell(value: object) -> str | None:
    """Return a value as text; None for NULL."""
    return None if value is None else str(value)
