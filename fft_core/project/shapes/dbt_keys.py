"""Keys of models that only dbt has, for the hints of errors; from dbt's reference of model configurations."""

from __future__ import annotations

from collections.abc import Collection

_NONE = "Remove it: FFT has nothing like it."
_MERGES = "Remove it: a merge updates all columns of the query."
_BATCHES = "There is no microbatch. `strategy='insert_overwrite'` replaces partitions, and `lookback` takes late rows."
_SNAPSHOTS = "It is a key of `snapshot`."

HINTS = {
    "access": _NONE,
    "batch_size": _BATCHES,
    "begin": _BATCHES,
    "check_cols": _SNAPSHOTS,
    "concurrent_batches": _BATCHES,
    "contract": "A check of type `column_types` with `exact: true` refuses rows with other columns or types.",
    "copy_grants": "Remove it: grants stay if a table is replaced, on each engine that can keep them.",
    "docs": _NONE,
    "event_time": _BATCHES,
    "file_format": "It is called `table_format` here.",
    "full_refresh": "`fft build --full-refresh NAME` builds a model from nothing; there is no setting for it.",
    "group": _NONE,
    "hard_deletes": _SNAPSHOTS,
    "incremental_predicates": _MERGES,
    "incremental_strategy": "It is called `strategy` here: merge, append, delete_insert or insert_overwrite.",
    "merge_exclude_columns": _MERGES,
    "merge_update_columns": _MERGES,
    "meta": "Models have `tags`, `owners` and a `description`; columns and checks have `meta`, too.",
    "persist_docs": "`fft sync-db-comments` writes the descriptions into the database.",
    "query_tag": "Remove it: FFT tags its statements with the project, the model and the run.",
    "sql_header": "Use `pre_hook`.",
    "target_database": "It is called `database` here.",
    "target_schema": "It is called `schema` here.",
    "tblproperties": "It is called `table_options` here.",
}


def hint_for_dbt(key: str, known: Collection[str]) -> str | None:
    """Return what takes the place of a key of dbt, if the known keys are those of a model.

    >>> hint_for_dbt("file_format", ["materialized", "table_format"])
    'It is called `table_format` here.'
    """
    return HINTS.get(key) if "materialized" in known else None
