"""The limit of single queries: a query that is expected to read more bytes than allowed is not run."""

from __future__ import annotations

from fft_core.engines.spec.registry import spec_of
from fft_core.errors import FftError, Location, ProfileError
from fft_core.project.model import Model, Project
from fft_core.warehouse.warehouse import Warehouse


class QueryTooLargeError(FftError):
    """The error for a query that is expected to read more bytes than allowed, and was not run."""

    default_code = "FFT-451"


def expected_bytes(warehouse: Warehouse, model: Model, query: str) -> int | None:
    """Return the number of bytes that a model's query is expected to read.

    Returns None if the project has neither a limit nor a budget of bytes, or if the engine cannot estimate.

    Raises:
        QueryTooLargeError: the number exceeds the limit of a single query.
        ProfileError: the value of the variable with the limit is not a number.
        StatementError: the query is wrong.
    """
    limit, variable = query_limit(warehouse.project)
    if limit is None and not _has_byte_budget(warehouse.project):
        return None
    expected = warehouse.engine.estimates.bytes_of(query)
    if limit is not None and expected is not None and expected > limit:
        raise QueryTooLargeError(
            f"model {model.name!r} would read {expected:,} bytes, more than the limit of a query, {limit:,}",
            where=Location(model.path),
            hint=f"Read less, or raise the limit: {variable}.",
        )
    return expected


def query_limit(project: Project) -> tuple[int | None, str]:
    """Return the limit of a single query in bytes, and its origin: the variable takes precedence over budgets.yml."""
    variable = f"{spec_of(project.engine).variables}MAX_BYTES"
    said = project.environment.get(variable)
    if not said:
        return project.budgets.query_max_bytes, "query_limits in budgets.yml"
    try:
        return int(said.replace("_", "")), variable
    except ValueError:
        raise ProfileError(f"{variable} must be a number of bytes, not {said!r}", code="FFT-205") from None


def _has_byte_budget(project: Project) -> bool:
    budgets = project.budgets
    limited = (budgets.total, *budgets.models.values(), *budgets.tags.values())
    return any(budget.bytes_scanned is not None for budget in limited)
