"""Results, check results and failures of fft_core as events of Dagster."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any

import dagster as dg

from fft_core import CheckFailedError, FftError, ReuseResult
from fft_core.build.publish import BuildResult
from fft_core.build.streams import StreamBounds
from fft_core.checks.results import CheckResult, JudgedView
from fft_core.engines.spec.masking import Masker
from fft_core.errors import StatementError
from fft_core.json_files.artifacts import plain_json
from fft_core.names.markdown import fenced, inline, table
from fft_core.names.text import visible
from fft_core.operations.freshness import FreshnessResult
from fft_core.project.model import JudgedRows

if TYPE_CHECKING:
    from fft_core.unit_tests.compare import Mismatch
    from fft_core.unit_tests.run import UnitTestResult

PUBLISHED, STAGED = "the published rows", "staged rows, which were not published"
BUILT = "the rows of this build, before they were published"
_MOST_ROWS = 20
UNCHANGED = "not run again: the rows, the check and the tables that it reads did not change since it passed"


def materialization(
    context: dg.AssetExecutionContext | None,
    key: dg.AssetKey,
    result: BuildResult | ReuseResult,
    wanted: Set[str],
    masker: Masker,
) -> dg.MaterializeResult[Any]:
    """Report a published or unchanged relation, the reasons, and the results of the selected checks.

    A reused model is reported as well, with its unchanged data version: without the event, Dagster would skip
    downstream assets and show this one as out of date. The context is None outside of a run, as in a unit test.
    """
    metadata, judged = _metadata(result, masker), BUILT if isinstance(result, BuildResult) else PUBLISHED
    if context is not None:
        # Metadata of the result itself would be stored twice: in the event of the output, too.
        context.add_asset_metadata(metadata, asset_key=key)
    return dg.MaterializeResult(
        asset_key=key,
        metadata=metadata if context is None else None,
        data_version=dg.DataVersion(result.data_version),
        check_results=[
            *(
                check_result(key, check, _judged(check, judged), masker)
                for check in result.checks
                if check.check.name in wanted
            ),
            *(check for check in _still_passed(key, result) if check.check_name in wanted),
        ],
    )


def _judged(result: CheckResult, judged: str) -> str:
    return judged if result.judged_with is None else f"the rows of {result.judged_with}, before they were published"


def _metadata(result: BuildResult | ReuseResult, masker: Masker) -> dict[str, Any]:
    decision = result.decision
    metadata: dict[str, Any] = {
        "action": decision.action,
        "reasons": dg.MetadataValue.md(
            "\n".join(f"- {inline(masker(in_run_config(str(reason))))}" for reason in decision.reasons)
        ),
        "fingerprint": result.fingerprint,
        "built_at": dg.MetadataValue.timestamp(result.built_at),
        "dagster/table_name": str(result.relation),
        "seconds": round(result.seconds, 3),
        "query_seconds": round(result.query_seconds, 3),
    }
    if isinstance(result, BuildResult) and decision.is_increment:
        metadata |= {"increment": True, **result.changes}
    if isinstance(result, BuildResult) and result.bounds:
        metadata |= {**result.changes, **stream_metadata(result.bounds)}
    if isinstance(result, BuildResult) and result.views:
        metadata["judged_by_views"] = ", ".join(view.name for view in result.views)
    if isinstance(result, BuildResult) and result.unjudged:
        metadata["not_judged"] = dg.MetadataValue.md(
            "\n".join(f"- {inline(masker(str(view)))}" for view in result.unjudged)
        )
    if isinstance(result, BuildResult) and result.bytes_scanned is not None:
        metadata["bytes_scanned"] = result.bytes_scanned
    if result.http:
        metadata |= {f"http_{name}": value for name, value in result.http.items()}
    if result.row_count is not None:
        metadata["dagster/row_count"] = result.row_count
    columns = [dg.TableColumn(column.name, column.type) for column in result.columns]
    metadata["dagster/column_schema"] = dg.TableSchema(columns=columns)
    return metadata


def stream_metadata(bounds: StreamBounds) -> dict[str, Any]:
    """Return the positions that a stream was read from and to, and its backlog; Dagster plots numbers over time."""
    told: dict[str, Any] = {
        "position_from": dg.MetadataValue.json(plain_json(dict(bounds.begun))),
        "position_to": dg.MetadataValue.json(plain_json(dict(bounds.position))),
    }
    if bounds.watermark is not None and bounds.lag is not None:
        told["watermark"] = dg.MetadataValue.timestamp(bounds.watermark.replace(tzinfo=UTC))
        told["lag_seconds"] = round(bounds.lag.total_seconds(), 3)
    return told


def in_run_config(text: str) -> str:
    """Return a message with an option of the command line replaced by its name in the run config.

    >>> in_run_config("build it again: --full-refresh orders")
    'build it again: full_refresh: orders in the run config of fft_warehouse'
    """

    def said(option: re.Match[str]) -> str:
        return f"{option[1].replace('-', '_')}: {option[2]} in the run config of fft_warehouse"

    return re.sub(r"--(rebuild|full-refresh) '?([\w*?\[\].-]*\w[\w*?\[\]]*|\*)'?", said, text)


def _still_passed(key: dg.AssetKey, result: BuildResult | ReuseResult) -> list[dg.AssetCheckResult]:
    """Return passed results for blocking checks that were not due: Dagster warns of checks without a result."""
    unchanged = () if isinstance(result, BuildResult) else result.unchanged_checks
    return [
        dg.AssetCheckResult(passed=True, check_name=check.name, asset_key=key, metadata={"judged": UNCHANGED})
        for check in unchanged
    ]


def check_result(key: dg.AssetKey, result: CheckResult, judged: str, masker: Masker) -> dg.AssetCheckResult:
    """Return the result of a check for Dagster; `judged` names the rows that it read."""
    metadata: dict[str, Any] = {
        "failing_rows": result.failing_rows,
        "row_count": result.row_count,
        "judged": judged,
        "seconds": round(result.seconds, 3),
        "query": dg.MetadataValue.md(fenced(masker(result.sql))),
    }
    if isinstance(result.check.rule, JudgedRows):  # the rule has its own metadata
        metadata = {"row_count": result.row_count, "judged": judged, "seconds": metadata["seconds"], **result.told}
    if result.total is not None and result.share is not None:
        metadata |= {"total": result.total, "share": round(result.share, 6)}
    if result.shared_by > 1:
        metadata["query_shared_by"] = result.shared_by
    if result.where_kept:
        metadata["failures"] = result.failures or masker(result.where_kept)
    if result.check.meta:
        metadata["meta"] = dg.MetadataValue.json(plain_json(result.check.meta))
    if result.sample:
        cells = [[None if value is None else masker(str(value)) for value in row] for row in result.sample]
        metadata["sample"] = dg.MetadataValue.md(table(result.sample_columns, cells))
    return dg.AssetCheckResult(
        passed=result.passed,
        check_name=result.check.name,
        asset_key=key,
        severity=_severity(result),
        description=_description(result, masker),
        metadata=metadata,
    )


def _description(result: CheckResult, masker: Masker) -> str | None:
    said = result.message or result.summary
    return None if said == "passed" else visible(masker(said))


def _severity(result: CheckResult) -> dg.AssetCheckSeverity:
    is_error = result.check.severity == "error" if result.passed else result.blocks
    return dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN


def view_evaluations(
    key: dg.AssetKey, view: JudgedView, node: str, masker: Masker, *, published: bool
) -> list[dg.AssetCheckEvaluation]:
    """Return results of a view's checks that ran in the step of its input, as evaluations of another asset's checks.

    A failing check does not fail the step by itself: the step fails with an error that names the view.
    """
    judged = f"the rows of {node}, before they were published" if published else STAGED
    found = [check_result(key, result, f"{judged} (in the step of {node})", masker) for result in view.results]
    return [
        dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=result.check_name or "",
            passed=result.passed,
            metadata=result.metadata,
            severity=result.severity,
            description=result.description,
            blocking=False,
        )
        for result in found
    ]


def freshness_result(spec: dg.AssetCheckSpec, result: FreshnessResult) -> dg.AssetCheckResult:
    """Return the age of a source as a check result: a warning above the first limit, an error above the second."""
    metadata: dict[str, Any] = {"status": result.status}
    if result.age is not None and result.loaded_at is not None:
        metadata["age_minutes"] = round(result.age.total_seconds() / 60, 1)
        metadata["loaded_at"] = dg.MetadataValue.timestamp(result.loaded_at)
    return dg.AssetCheckResult(
        passed=result.status == "pass",
        check_name=spec.name,
        asset_key=spec.asset_key,
        severity=dg.AssetCheckSeverity.ERROR if result.status == "error" else dg.AssetCheckSeverity.WARN,
        description=visible(result.said) if result.said else None,
        metadata=metadata,
    )


def unit_test_result(key: dg.AssetKey, name: str, result: UnitTestResult, masker: Masker) -> dg.AssetCheckResult:
    """Return the result of a unit test case, with a table of wrong rows for each model."""
    said = [str(result.error)] if result.error else []
    metadata: dict[str, Any] = {"case": visible(result.test.name), "seconds": round(result.seconds, 3)}
    for model, mismatch in result.mismatches.items():
        said.append(f"{model}: {mismatch}" if result.test.before else str(mismatch))
        said += [mismatch.hint] if mismatch.hint else []
        cells = [[None if cell is None else masker(str(cell)) for cell in row] for row in _wrong_rows(mismatch)]
        if cells:
            metadata[f"rows of {model}"] = dg.MetadataValue.md(table(("", *mismatch.columns), cells))
    return dg.AssetCheckResult(
        passed=result.status == "pass",
        check_name=name,
        asset_key=key,
        severity=dg.AssetCheckSeverity.ERROR,
        description=visible(masker("\n".join(said))) or None,
        metadata=metadata,
    )


def _wrong_rows(mismatch: Mismatch) -> Iterator[tuple[object, ...]]:
    """Return the first wrong rows, each with a sign in front, as `fft utest` shows them."""
    rows: list[tuple[object, ...]] = []
    for one in mismatch.differing:
        cells = zip(mismatch.columns, one.expected, one.found, strict=True)
        rows.append(("~", *(f"{a} -> {b}" if column in one.columns else b for column, a, b in cells)))
    rows += [("-", *row) for row in mismatch.missing]
    rows += [("+", *row) for row in mismatch.unexpected]
    yield from rows[:_MOST_ROWS]


@contextmanager
def step_failures(masker: Masker, tell: Callable[[FftError], None] | None = None) -> Iterator[None]:
    """Turn an error of FFT into a failed step with the same message, retried only if a retry can help.

    Secrets are masked in this error and in all other exceptions.
    """
    try:
        yield
    except FftError as error:
        masker.error(error)
        if tell is not None:
            tell(error)
        if isinstance(error.__cause__, dg.RetryRequested | dg.Failure):  # models may raise Dagster's own errors
            raise error.__cause__ from None
        metadata: dict[str, Any] = {
            "error": type(error).__name__,
            "code": error.code,
            "exit_code": error.exit_code,
        }
        if isinstance(error, StatementError):
            metadata["sql"] = dg.MetadataValue.md(fenced(error.sql))
        raise dg.Failure(
            description=in_run_config(visible(str(error))),
            metadata=metadata,
            allow_retries=error.can_retry,
        ) from error.__cause__
    except Exception as error:
        masked = masker.error(error)
        if masked is error:
            raise
        raise masked from masked.__cause__  # and without the context, which is the error itself


def failed_checks(
    key: dg.AssetKey, error: CheckFailedError, wanted: Set[str], masker: Masker
) -> list[dg.AssetCheckResult]:
    """Yield the results of the selected checks of a node with bad rows."""
    judged = PUBLISHED if error.published else STAGED
    return [check_result(key, result, judged, masker) for result in error.results if result.check.name in wanted]
