"""A Dagster check as a gate: its function judges the rows that a step has staged, as a frame."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from fft_core import FftError
from fft_core.engines.spec.frames import LIBRARY_FRAMES, frame_type_of
from fft_core.errors import Location
from fft_core.project.model import Verdict

PLAIN = "A gate takes its rows, and optionally a context. Remove the rest, or let Dagster run the check without a gate."


@dataclass(frozen=True)
class Gate:
    """A user's function, with the parameters that it is called with.

    Attributes:
        spec: The spec of the check in Dagster; a gate always blocks.
        function: The user's function.
        rows: The parameter for the rows.
        frame: The kind of frame of the rows.
        context: The parameter for the context of the step, if any.
    """

    spec: dg.AssetCheckSpec
    function: Callable[..., Any]
    rows: str
    frame: str
    context: str | None

    def judge(self, rows: Any) -> Verdict:
        """Call the function with all rows. Raises FftError for a result of the wrong type."""
        given = {self.rows: rows} | ({self.context: _context()} if self.context else {})
        result = self.function(**given)
        if not isinstance(result, dg.AssetCheckResult):
            raise FftError(
                f"it returned {result!r:.200}", hint="Return dg.AssetCheckResult(passed=...).", code="FFT-905"
            )
        if result.check_name not in (None, self.spec.name):
            raise FftError(f"it returned the result of another check, {result.check_name}", code="FFT-905")
        warns = result.severity is dg.AssetCheckSeverity.WARN
        outcome: typing.Literal["pass", "warn", "fail"] = "pass" if result.passed else "warn" if warns else "fail"
        return Verdict(outcome, result.description or "", result.metadata)


def _context() -> dg.AssetCheckExecutionContext:
    try:
        return dg.AssetCheckExecutionContext(dg.OpExecutionContext.get())
    except dg.DagsterInvariantViolationError:
        raise FftError("it takes a context, but no step of Dagster runs it", code="FFT-905") from None


def function_of(definition: dg.AssetsDefinition) -> Callable[..., Any] | None:
    """Return the function decorated by `@dg.asset_check`; None for a check that was made otherwise."""
    compute = definition.op.compute_fn if isinstance(definition.node_def, dg.OpDefinition) else None
    function: Callable[..., Any] | None = getattr(compute, "decorated_fn", None)
    return function


def place_of(definition: dg.AssetsDefinition, root: Path) -> Location:
    """Return the location of the function of a check: relative to the project, if it is inside."""
    code = getattr(inspect.unwrap(function_of(definition) or place_of), "__code__", None)
    if code is None:
        return Location(root)
    path = Path(code.co_filename)
    shown = path.resolve().relative_to(root) if path.resolve().is_relative_to(root) else path
    return Location(shown, code.co_firstlineno)


def gate_of(definition: dg.AssetsDefinition, spec: dg.AssetCheckSpec) -> Gate:
    """Return the gate of a check. Raises FftError, with advice, if rows alone are not enough to call its function."""
    function = function_of(definition)
    if function is None or len([*definition.check_specs]) != 1:
        raise FftError("it is not a separate function", hint="Make it one with @dg.asset_check.", code="FFT-905")
    for lack in _needs(definition, spec, function):
        raise FftError(lack, hint=PLAIN, code="FFT-905")
    taken = [name for name, key in definition.keys_by_input_name.items() if key == spec.asset_key]
    rows = next((name for name in taken if name in inspect.signature(function).parameters), None)
    if rows is None:
        asset = spec.asset_key.path[-1]
        raise FftError(
            "it takes no rows",
            hint=f"Give it a parameter for them: def {spec.name}({asset}: pd.DataFrame)",
            code="FFT-905",
        )
    context = definition.op.compute_fn.get_context_arg().name if definition.op.compute_fn.has_context_arg() else None  # type: ignore[union-attr]
    is_own = {"blocking": True, "additional_deps": []}  # its asset waits for the check's dependencies
    return Gate(spec._replace(**is_own), function, rows, _frame(function, rows), context)


def _needs(definition: dg.AssetsDefinition, spec: dg.AssetCheckSpec, function: Callable[..., Any]) -> Iterator[str]:
    """Return the parameters of a check's function that no gate can provide."""
    for key in sorted(definition.op.required_resource_keys):
        yield f"it takes the resource {key}"
    if _has_config(definition):
        yield "it takes a config"
    for name, asset in definition.keys_by_input_name.items():
        if asset != spec.asset_key and name in inspect.signature(function).parameters:
            yield f"it takes the rows of another asset as well, {asset.to_user_string()}"
    if spec.partitions_def is not None:
        yield "it has partitions, but a model has none"
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        yield "it is a generator, or asynchronous"


def _has_config(definition: dg.AssetsDefinition) -> bool:
    fields: Mapping[str, object] = getattr(definition.op.config_schema.config_type, "fields", None) or {}
    return bool(fields)


def _frame(function: Callable[..., Any], rows: str) -> str:
    """Return the kind of frame for the annotation of the rows. Raises FftError for an unsupported one."""
    try:
        annotation = typing.get_type_hints(function).get(rows)
    except NameError as error:
        hint = "Import it where the module is run, not for type checkers only."
        raise FftError(f"its annotations cannot be read: {error}", hint=hint, code="FFT-905") from error
    kind = frame_type_of(annotation)
    if any(known.name == kind and known.is_lazy for known in LIBRARY_FRAMES):
        raise FftError(
            f"it takes {kind} tables, which have no rows",
            hint="Take pandas, polars, pyarrow or narwhals.",
            code="FFT-905",
        )
    return kind
