"""The settings of a model, with columns named as in its rows; and errors about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from fft_core.build.strategies.snapshot import ADDED
from fft_core.engines.protocol import ColumnType, Types
from fft_core.errors import IncrementError, nearest
from fft_core.names.columns import AmbiguousColumnError, ColumnNames
from fft_core.project.model import Incremental, Model, Snapshot


def incremental_settings(model: Model, settings: Incremental, columns: Sequence[ColumnType]) -> Incremental:
    """Return the settings with columns named as in the rows. Raises IncrementError if the rows lack one."""
    return replace(
        settings,
        unique_key=found_columns(model, "unique_key", settings.unique_key, columns),
        partition_by=found_columns(model, "partition_by", settings.partition_by, columns),
        updated_at=found_columns(model, "updated_at_column", settings.updated_at, columns),
    )


def snapshot_settings(model: Model, settings: Snapshot, columns: Sequence[ColumnType], types: Types) -> Snapshot:
    """Return the settings with columns named as in the rows.

    Raises:
        IncrementError: the rows lack one of them, or have one that a snapshot adds; `updated_at` does not hold times.
    """
    reserved = [column.name for column in columns if column.name.lower() in ADDED]
    if reserved:
        message = f"it has a column {reserved[0]!r}, which is the name of a column that a snapshot adds"
        raise increment_error(model, message, "Rename it.")
    key = found_columns(model, "unique_key", settings.unique_key, columns)
    checked = found_columns(model, "check_cols", settings.check_columns, columns)
    named = [settings.updated_at] if settings.updated_at else []
    updated_at = found_columns(model, "updated_at", named, columns)
    if updated_at:
        _refuse_no_time(model, updated_at[0], columns, types)
    return replace(settings, unique_key=key, check_columns=checked, updated_at=updated_at[0] if updated_at else None)


def _refuse_no_time(model: Model, column: str, columns: Sequence[ColumnType], types: Types) -> None:
    kind = next(c.type for c in columns if c.name == column)
    if not types.holds_times(kind):
        message = f"its updated_at {column!r} is {kind}, not a date or timestamp"
        raise increment_error(model, message, f"Cast it: cast({column} as timestamp) as {column}.")


def found_columns(
    model: Model, setting: str, names: Sequence[str], columns: Sequence[ColumnType], of: str | None = None
) -> tuple[str, ...]:
    """Return the columns of these names as they are written in `columns`, which are those of the rows, or of `of`.

    Raises:
        IncrementError: a name matches no column, or several.
    """
    known = ColumnNames(column.name for column in columns)
    with explained_names(model, f"its {setting}: "):
        found = {name: known.find(name) for name in names}
    for name, column in found.items():
        if column is None:
            spelled = [c.name for c in columns]
            hint = nearest(name, spelled) or f"Its columns: {', '.join(spelled)}."
            owner = f"the columns of {of}" if of else "its columns"
            raise increment_error(model, f"its {setting} {name!r} is not one of {owner}", hint)
    return tuple(column for column in found.values() if column is not None)


@contextmanager
def explained_names(model: Model, setting: str = "") -> Iterator[None]:
    """Raise an ambiguous name of a column again as an error with the model and the setting."""
    try:
        yield
    except AmbiguousColumnError as error:
        raise increment_error(
            model, f"{setting}{error.problem.message}", error.problem.hint or "", error.code
        ) from error


def increment_error(model: Model, message: str, hint: str, code: str | None = None) -> IncrementError:
    """Return an error with the name of the model and the place of its config."""
    return IncrementError(f"model {model.name!r}: {message}", where=model.config_location, hint=hint, code=code)
