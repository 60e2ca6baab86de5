"""`run_results.json`: what became of each node of the last run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from fft_core.checks.results import CheckResult, Judged
from fft_core.errors import FftError
from fft_core.json_files import write_json_file
from fft_core.json_files.artifacts import Part, artifact_path, read_json_file, spelled
from fft_core.plan.decide import Reason, ReasonKind
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
    """What one check found.

    Attributes:
        name: Its name.
        type: The type of its rule; None in files of former versions.
        status: What that means, by its thresholds.
        message: What was found; empty if there is nothing to say.
        severity: As the check says.
        failing_rows: How many rows fail, or how many of what the rule counts; None if they were not counted.
        total: Of how many; None if the rule finds one fault or none.
        share: Which part of them fails.
        judged: Whether the rows were published then, or staged; None if nobody knows.
        seconds: How long its query took; one that several checks share is told in full.
        shared_by: How many checks shared it.
        sql: The query for the failing rows.
        sample_columns, sample: The first of them, as texts; personal values are masked.
        failures: The table in which the failing rows are kept.
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
        """Say what a check found."""
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
        """Change the texts in it that quote others: its query, and values."""
        sample = tuple(tuple(None if cell is None else mask(cell) for cell in row) for row in self.sample)
        sql = mask(self.sql) if self.sql else self.sql
        return replace(self, sql=sql, sample=sample, message=mask(self.message))

    @classmethod
    def from_json(cls, part: Part) -> CheckRunResult:
        """Read what was written. Raises ArtifactError."""
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
    """The HTTP requests that a model made: how many, those that the cache answered, bytes read, whether offline."""

    requests: int
    cache_hits: int
    bytes: int
    used_offline: bool

    @classmethod
    def from_json(cls, part: Part) -> HttpRunResult:
        """Read what was written. Raises ArtifactError."""
        return cls(
            requests=part.number("requests"),
            cache_hits=part.number("cache_hits"),
            bytes=part.number("bytes"),
            used_offline=part.flag("used_offline"),
        )


@dataclass(frozen=True, kw_only=True)
class RunError:
    """Why a node failed; `file` is relative to the project where it is a file of the project."""

    message: str
    file: str | None = None
    line: int | None = None
    hint: str | None = None

    @classmethod
    def of(cls, error: FftError) -> RunError:
        """Say what an error says."""
        problem = error.problem
        return cls(
            message=problem.message,
            file=problem.where.path.as_posix() if problem.where else None,
            line=problem.where.line if problem.where else None,
            hint=problem.hint,
        )

    def masked(self, mask: Callable[[str], str]) -> RunError:
        """Give the same with other texts."""
        return replace(self, message=mask(self.message), hint=mask(self.hint) if self.hint else None)

    @classmethod
    def from_json(cls, part: Part) -> RunError:
        """Read what was written. Raises ArtifactError."""
        return cls(
            message=part.text("message"),
            file=part.text_or_none("file"),
            line=part.number_or_none("line"),
            hint=part.text_or_none("hint"),
        )


@dataclass(frozen=True, kw_only=True)
class NodeRunResult:
    """What became of one model or seed; or of the checks of a source.

    Attributes:
        name: The node's name, `group.table` for a source.
        kind: The language of a model, or what else it is.
        status: What became of it.
        reasons: Why it was built or reused.
        started_at: When its turn came; None where it did not come.
        duration_ms: All of its step.
        query_duration_ms: The statements of it, where they were timed.
        rows: Of the published relation; None for views, and where nothing was published.
        bytes: The size of the table that was written, where the engine says it; else None.
        bytes_scanned: What its query was expected to read, if a budget asks for it and the engine tells; else None.
        relation: Where it is published.
        checks: Those that ran.
        http: The requests of a model that uses the HTTP helper.
        error: Why it failed or was blocked.
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
        """The status by which `result:` selects it; None where it had no turn, or did not come to an end."""
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
        """Change the texts in it that quote others: reasons, and what an error says."""
        reasons = tuple(replace(reason, detail=mask(reason.detail)) for reason in self.reasons)
        checks = tuple(check.masked(mask) for check in self.checks)
        return replace(self, reasons=reasons, checks=checks, error=self.error.masked(mask) if self.error else None)

    def to_json(self) -> dict[str, Any]:
        """Give plain values, as the schema describes them."""
        return {**asdict(self), "started_at": spelled(self.started_at)}

    @classmethod
    def from_json(cls, part: Part) -> NodeRunResult:
        """Read what was written. Raises ArtifactError."""
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
    """A run of a command, and what became of each node that it meant; `run_id` is the scheduler's, if it had one."""

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
        """Give plain values, as the schema describes them."""
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
        """Read what was written. Raises ArtifactError."""
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
    """Write the results into the project's target folder, in place of the last ones. Raises ArtifactError."""
    return write_json_file(artifact_path(root, FILE), results.to_json())


def read_run_results(root: Path) -> RunResults:
    """Read the results of the last run. Raises ArtifactError where there are none, or they cannot be read."""
    hint = "fft build and fft test write it."
    return RunResults.from_json(read_json_file(artifact_path(root, FILE), SCHEMA, hint=hint))
