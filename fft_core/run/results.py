"""`run_results.json`: the result of each node of the last run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from fft_core.checks.results import CheckResult, Judged
from fft_core.errors import FftError
from fft_core.json_files import write_json_file
from fft_core.json_files.artifacts import Part, artifact_path, plain, read_json_file, spelled
from fft_core.plan.decision import Reason, ReasonKind
from fft_core.project.model import Outcome, Severity

FILE = "run_results.json"
SCHEMA = "fft.run_results/1"
RunStatus: TypeAlias = Literal[
    "built", "reused", "checked", "blocked", "failed", "skipped", "interrupted", "not_started"
]
CheckStatus: TypeAlias = Outcome
NodeKind: TypeAlias = Literal["sql", "python", "stream", "seed", "source"]
SelectorStatus: TypeAlias = Literal["ok", "warn", "fail", "error"]


@dataclass(frozen=True, kw_only=True)
class CheckRunResult:
    """The result of one check, in `run_results.json`.

    Attributes:
        name: The name of the check.
        type: The type of its rule; None in files of older versions.
        status: The outcome, by its thresholds.
        message: The summary of the outcome; empty if the summary is "passed".
        severity: The severity of the check.
        failing_rows: The number of failing rows, or of other things that the rule counts; None if not counted.
        total: The number of all that was counted; None if the rule counts nothing.
        share: The failing share of all that was counted.
        judged: Whether the judged rows were published, or staged; None if unknown.
        seconds: The time of its query; a query that several checks share counts in full for each.
        shared_by: The number of checks that shared that query.
        sql: The query that shows all failing rows.
        sample_columns, sample: The first failing rows, as texts; personal values are masked.
        failures: The table that keeps the failing rows.
    """

    name: str
    status: CheckStatus
    severity: Severity
    type: str | None = None
    message: str = ""
    failing_rows: int | None = None
    total: int | None = None
    share: float | None = None
    judged: Judged | None = None
    seconds: float | None = None
    shared_by: int | None = None
    sql: str | None = None
    sample_columns: tuple[str, ...] = ()
    sample: tuple[tuple[str | None, ...], ...] = ()
    failures: str | None = None

    @classmethod
    def of(cls, result: CheckResult) -> CheckRunResult:
        """Return the result of a check in the form of the file."""
        return cls(
            name=result.check.name,
            status=result.outcome,
            severity=result.check.severity,
            type=result.check.type,
            message="" if result.summary == "passed" else result.summary,
            failing_rows=result.failing_rows,
            total=result.total,
            share=None if result.share is None else round(result.share, 6),
            judged=result.judged,
            seconds=round(result.seconds, 3),
            shared_by=result.shared_by,
            sql=result.sql,
            sample_columns=result.sample_columns,
            sample=tuple(tuple(None if cell is None else str(cell) for cell in row) for row in result.sample),
            failures=result.failures,
        )

    @property
    def first_row(self) -> str:
        """The first failing row as text; empty if none is known."""
        cells = zip(self.sample_columns, self.sample[0], strict=True) if self.sample else ()
        return ", ".join(f"{column} = {'NULL' if value is None else value}" for column, value in cells)

    def masked(self, mask: Callable[[str], str]) -> CheckRunResult:
        """Return this result with its query, message and sample masked."""
        sample = tuple(tuple(None if cell is None else mask(cell) for cell in row) for row in self.sample)
        sql = mask(self.sql) if self.sql else self.sql
        return replace(self, sql=sql, sample=sample, message=mask(self.message))

    @classmethod
    def from_json(cls, part: Part) -> CheckRunResult:
        """Read the JSON of a result. Raises ArtifactError."""
        return cls(
            name=part.text("name"),
            status=part.choice("status", get_args(CheckStatus)),
            severity=part.choice("severity", get_args(Severity)),
            failing_rows=part.number_or_none("failing_rows"),
            **part.optional(("type", "message", "total", "share", "judged", "seconds", "shared_by", "sql", "failures")),
            sample_columns=tuple(part.value.get("sample_columns", ())),
            sample=tuple(map(tuple, part.value.get("sample", ()))),
        )


@dataclass(frozen=True, kw_only=True)
class HttpRunResult:
    """The HTTP requests of a model: their number, answers from the cache, bytes read, and whether it was offline."""

    requests: int
    cache_hits: int
    bytes: int
    used_offline: bool

    @classmethod
    def from_json(cls, part: Part) -> HttpRunResult:
        """Read the JSON of a model's requests. Raises ArtifactError."""
        return cls(
            requests=part.number("requests"),
            cache_hits=part.number("cache_hits"),
            bytes=part.number("bytes"),
            used_offline=part.flag("used_offline"),
        )


@dataclass(frozen=True, kw_only=True)
class RunError:
    """The error of a node; `file` is relative to the project if it is one of its files, `code` is as `FFT-110`."""

    message: str
    file: str | None = None
    line: int | None = None
    hint: str | None = None
    code: str | None = None

    @classmethod
    def of(cls, error: FftError) -> RunError:
        """Return an error in the form of the file."""
        problem = error.problem
        return cls(
            message=problem.message,
            file=problem.where.path.as_posix() if problem.where else None,
            line=problem.where.line if problem.where else None,
            hint=problem.hint,
            code=problem.code,
        )

    def masked(self, mask: Callable[[str], str]) -> RunError:
        """Return this error with its message and hint masked."""
        return replace(self, message=mask(self.message), hint=mask(self.hint) if self.hint else None)

    @classmethod
    def from_json(cls, part: Part) -> RunError:
        """Read the JSON of an error. Raises ArtifactError."""
        return cls(
            message=part.text("message"),
            file=part.text_or_none("file"),
            line=part.number_or_none("line"),
            hint=part.text_or_none("hint"),
            **part.optional(("code",)),
        )


@dataclass(frozen=True, kw_only=True)
class NodeRunResult:
    """The result of one model or seed, or of the checks of a source.

    Attributes:
        name: The name of the node, `group.table` for a source.
        kind: The kind of the node; for a model, `sql`, `python` or `stream`.
        status: The outcome of its step.
        reasons: The reasons for which it was built or reused.
        started_at: The beginning of its turn; None if it had no turn.
        duration_ms: The duration of its step.
        query_duration_ms: The time of its statements, if they were timed.
        rows: The number of rows of the published relation; None for views, and if nothing was published.
        bytes: The size of the table that was written; None if the engine does not report it.
        bytes_scanned: The estimated bytes that its query reads; None if no budget limits them, or if the engine does
            not report them.
        relation: The published relation.
        checks: The results of the checks that ran.
        http: The requests of a model that uses the HTTP helper.
        error: The error by which it failed or was blocked.
    """

    name: str
    kind: NodeKind
    status: RunStatus
    reasons: tuple[Reason, ...] = ()
    started_at: datetime | None = None
    duration_ms: int | None = None
    query_duration_ms: int | None = None
    rows: int | None = None
    bytes: int | None = None
    bytes_scanned: int | None = None
    relation: str | None = None
    checks: tuple[CheckRunResult, ...] = ()
    http: HttpRunResult | None = None
    error: RunError | None = None

    @property
    def selector_status(self) -> SelectorStatus | None:
        """The status by which `result:` selects the node; None if it had no turn, or was interrupted."""
        found = {check.status for check in self.checks}
        match self.status:
            case "failed":
                return "error"
            case "blocked":
                return "fail"
            case "skipped" | "interrupted" | "not_started":
                return None
        return "fail" if "fail" in found else "warn" if "warn" in found else "ok"

    def masked(self, mask: Callable[[str], str]) -> NodeRunResult:
        """Return this result with its reasons, checks and error masked."""
        reasons = tuple(replace(reason, detail=mask(reason.detail)) for reason in self.reasons)
        checks = tuple(check.masked(mask) for check in self.checks)
        return replace(self, reasons=reasons, checks=checks, error=self.error.masked(mask) if self.error else None)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as the schema describes them."""
        return {**plain(self), "started_at": spelled(self.started_at)}

    @classmethod
    def from_json(cls, part: Part) -> NodeRunResult:
        """Read the JSON of a result. Raises ArtifactError."""
        http, error = part.part_or_none("http"), part.part_or_none("error")
        return cls(
            name=part.text("name"),
            kind=part.choice("kind", get_args(NodeKind)),
            status=part.choice("status", get_args(RunStatus)),
            reasons=tuple(
                Reason(reason.choice("kind", get_args(ReasonKind)), reason.text("detail"))
                for reason in part.parts("reasons")
            ),
            started_at=part.time_or_none("started_at"),
            duration_ms=part.number_or_none("duration_ms"),
            query_duration_ms=part.number_or_none("query_duration_ms"),
            rows=part.number_or_none("rows"),
            bytes=part.number_or_none("bytes"),
            bytes_scanned=part.number_or_none("bytes_scanned"),
            relation=part.text_or_none("relation"),
            checks=tuple(map(CheckRunResult.from_json, part.parts("checks"))),
            http=HttpRunResult.from_json(http) if http else None,
            error=RunError.from_json(error) if error else None,
        )


@dataclass(frozen=True, kw_only=True)
class RunResults:
    """The results of a command, for each node that it selected; `run_id` is the scheduler's, if there was a run."""

    fft_version: str
    generated_at: datetime
    command: str
    project: str
    profile: str
    engine: str
    exit_code: int
    elapsed_ms: int
    run_id: str | None = None
    results: tuple[NodeRunResult, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as the schema describes them."""
        metadata = {
            "schema": SCHEMA,
            "fft_version": self.fft_version,
            "generated_at": spelled(self.generated_at),
            "command": self.command,
            "run_id": self.run_id,
            "project": self.project,
            "profile": self.profile,
            "engine": self.engine,
            "exit_code": self.exit_code,
            "elapsed_ms": self.elapsed_ms,
        }
        return {"metadata": metadata, "results": [result.to_json() for result in self.results]}

    @classmethod
    def from_json(cls, part: Part) -> RunResults:
        """Read the JSON of the whole file. Raises ArtifactError."""
        metadata = part.part("metadata")
        return cls(
            fft_version=metadata.text("fft_version"),
            generated_at=metadata.time("generated_at"),
            command=metadata.text("command"),
            run_id=metadata.text_or_none("run_id"),
            project=metadata.text("project"),
            profile=metadata.text("profile"),
            engine=metadata.text("engine"),
            exit_code=metadata.number("exit_code"),
            elapsed_ms=metadata.number("elapsed_ms"),
            results=tuple(map(NodeRunResult.from_json, part.parts("results"))),
        )


def write_run_results(root: Path, results: RunResults) -> Path:
    """Write the results into the project's target folder, over those of the last run. Raises ArtifactError."""
    return write_json_file(artifact_path(root, FILE), results.to_json())


def read_run_results(root: Path) -> RunResults:
    """Read the results of the last run. Raises ArtifactError if there are none, or if they cannot be read."""
    hint = "fft build and fft test write it."
    return RunResults.from_json(read_json_file(artifact_path(root, FILE), SCHEMA, hint=hint))
