"""Generation of a unit test from rows of the warehouse: the inputs of a model, and the rows that it makes of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fft_core.compile.frozen_sql import clocks_of
from fft_core.errors import FftError, Problem, ProjectError, RequestError, nearest
from fft_core.json_files import write_text_file
from fft_core.names import model_name
from fft_core.project.model import Model, Project
from fft_core.project.python.frozen import FROZEN, frozen_tree
from fft_core.project.read.files import UNIT_TESTS
from fft_core.project.read.unit_test_file import link_unit_tests, read_unit_tests
from fft_core.project.read.unit_test_inputs import Fixtures
from fft_core.project.read.yaml_file import YamlFile, parse_yaml
from fft_core.unit_tests.run import FoundRows, UnitTestResult, run_unit_tests
from fft_core.unit_tests.sample import SampledRows, sample
from fft_core.unit_tests.yaml_values import yaml_cell, yaml_row
from fft_core.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Generated:
    """A generated case.

    Attributes:
        path: Its file, below the project's folder.
        case: The name of the case.
        inputs: The rows of its inputs.
        rows: The number of expected rows.
    """

    path: Path
    case: str
    inputs: tuple[SampledRows, ...]
    rows: int

    @property
    def faked(self) -> tuple[str, ...]:
        """The columns with stand-ins."""
        return tuple(f"{given.node}.{name}" for given in self.inputs for name in given.faked)


def generate_case(
    warehouse: Warehouse, model: str, count: int, case: str = "generated", *, overwrite: bool = False
) -> Generated:
    """Write a case of a model into a file of its own in tests/unit.

    Values of personal columns are stand-ins, see `sample`; all others are copied from the warehouse.

    Args:
        warehouse: The warehouse with the rows, which is not changed.
        model: The model.
        count: The limit of rows for each input.
        case: The name of the case.
        overwrite: Whether an earlier generated case of this name is replaced.

    Raises:
        RequestError: the model does not exist, or the case exists already.
        FftError: only the model has personal columns, and no input; the model fails, returns other rows each time, or
            has values without a form in YAML.
        MissingRelationError: an input is not in the database.
    """
    project = warehouse.project
    found = project.models.get(model_name(model))
    if found is None:
        raise RequestError(f"{model!r} is not a model", hint=nearest(model_name(model), project.models), code="FFT-301")
    path = UNIT_TESTS / f"{found.name}_{re.sub(r'[^a-z0-9]+', '_', case.lower()).strip('_') or 'case'}.yml"
    _refuse_existing(project, found, path, case, overwrite=overwrite)
    frozen_at = datetime.now(UTC).replace(microsecond=0) if _reads_clock(warehouse, found) else None
    inputs = sample(warehouse, found, count)
    _refuse_personal(found, inputs)
    written = _Case(project, found, case, frozen_at, inputs)
    rows = written.rows_found()
    if sorted(map(repr, rows.rows)) != sorted(map(repr, written.rows_found().rows)):
        raise FftError(
            f"model {found.name!r} returns other rows each time it runs: no case is written",
            where=found.location,
            hint="Make the model deterministic, or write a case by hand.",
            code="FFT-512",
        )
    text = written.text(rows)
    written.refuse_failing(text)
    write_text_file(project.root / path, text)
    return Generated(path, case, written.inputs, len(rows.rows))


def _refuse_existing(project: Project, model: Model, path: Path, case: str, *, overwrite: bool) -> None:
    known = [test for test in project.unit_tests if test.model == model.name and test.name == case]
    others = [test for test in project.unit_tests if test.location.path == path and test not in known]
    is_there = (project.root / path).exists()
    if known and (known[0].location.path != path or others):
        hint = "Give the new one another name, with --case."
        raise RequestError(f"case {case!r} of {model.name!r} is in {known[0].location}", hint=hint, code="FFT-311")
    if is_there and (not overwrite or others):
        hint = "Give the new one another name, with --case" + (", or use --overwrite." if not others else ".")
        raise RequestError(f"{path.as_posix()} already exists", hint=hint, code="FFT-311")


def _refuse_personal(model: Model, inputs: Sequence[SampledRows]) -> None:
    """Raise FftError if the model has personal columns, and no input has one: their values would be copied."""
    personal = [column.name for column in model.columns if column.is_pii]
    if personal and inputs and not any(given.faked for given in inputs):
        raise FftError(
            f"{', '.join(personal)} of {model.name!r} is tagged pii, and no column of its inputs: no case is written",
            where=model.location,
            hint="Also tag the input columns that it comes from with pii: then the case has made-up values.",
            code="FFT-512",
        )


def _reads_clock(warehouse: Warehouse, model: Model) -> bool:
    """Return whether a model reads clocks that can be frozen."""
    if model.kind != "sql":
        source = warehouse.project.file(model.path).read_bytes()
        return f"'{FROZEN}'" in ast.dump(frozen_tree(source, str(model.path)))
    clocks = clocks_of(warehouse.compiler.sql(model, warehouse.naming), warehouse.engine.spelling)
    return bool(clocks) and all(clock.kind is not None for clock in clocks)


@dataclass(frozen=True)
class _Case:
    """The case to write; it is loaded and run as it will be in the file."""

    project: Project
    model: Model
    name: str
    frozen_at: datetime | None
    inputs: tuple[SampledRows, ...]

    def text(self, rows: FoundRows | None) -> str:
        """Render the file."""
        return "\n".join(self._lines(rows)) + "\n"

    def _lines(self, rows: FoundRows | None) -> Iterator[str]:
        faked = [f"{given.node}.{name}" for given in self.inputs for name in given.faked]
        yield f"# Made by `fft utest --generate` from rows of the environment {self.project.env}."
        if faked:
            yield f"# Made-up values, not from the tables: {', '.join(faked)}."
        yield f"model: {self.model.name}"
        yield "cases:"
        yield f"  - name: {yaml_cell(self.name)}"
        if self.frozen_at is not None:
            yield f"    freeze: {self.frozen_at:%Y-%m-%dT%H:%M:%SZ}"
        if self.inputs:
            yield "    inputs:"
        for given in self.inputs:
            yield f"      {given.node}:"
            yield f"        columns: {yaml_row({column.name: column.type for column in given.columns})}"
            yield from _rows("        ", given.rows)
        yield "    expect:"
        found = [dict(zip(rows.columns, row, strict=True)) for row in rows.rows] if rows is not None else []
        yield from _rows("      ", found)

    def rows_found(self) -> FoundRows:
        """Run the model on the inputs, and return its rows. Raises FftError if it fails."""
        return self._run(self.text(None)).found[self.model.name]

    def refuse_failing(self, text: str) -> None:
        """Raise FftError for a case that would not pass."""
        result = self._run(text)
        for mismatch in result.mismatches.values():
            raise FftError(
                f"the rows of {self.model.name!r} cannot be written as YAML: {mismatch}",
                where=self.model.location,
                hint="Write the case by hand.",
                code="FFT-512",
            )

    def _run(self, text: str) -> UnitTestResult:
        parsed = parse_yaml(text, Path(f"the case of {self.model.name}"), keep_digits=True)
        problems: list[Problem] = [parsed] if isinstance(parsed, Problem) else []
        files = [parsed] if isinstance(parsed, YamlFile) else []
        fixtures = Fixtures((), lambda _: None, problems)
        project = link_unit_tests(self.project, read_unit_tests(files, problems), fixtures, problems)
        if problems:
            raise ProjectError(problems)
        (result,) = run_unit_tests(project, project.unit_tests)
        if result.error is not None:
            raise result.error
        return result


def _rows(indent: str, rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    yield f"{indent}rows:{'' if rows else ' []'}"
    yield from (f"{indent}  - {yaml_row(row)}" for row in rows)
