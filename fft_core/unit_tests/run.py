"""The run of unit tests: a model on given rows, in temporary tables that no other session sees, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeAlias

from fft_core.build.increment import Increment, write_increment
from fft_core.build.rows import model_rows
from fft_core.compile.call import Compiler
from fft_core.engines.protocol import Row, Session, open_session
from fft_core.engines.publishing import TemporaryStage
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import FftError, RequestError, StatementError, nearest
from fft_core.names import model_name
from fft_core.project.model import GivenRows, Incremental, Model, Project, Snapshot, SourceName, Table, UnitTest
from fft_core.unit_tests.compare import Mismatch, compare
from fft_core.unit_tests.given_rows import given_query
from fft_core.unit_tests.hidden_clocks import refuse_hidden_clocks
from fft_core.warehouse.warehouse import Warehouse

UnitTestStatus: TypeAlias = Literal["pass", "fail", "error"]


@dataclass(frozen=True)
class FoundRows:
    """The rows of a model, as the database returns them."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class UnitTestResult:
    """The outcome of one case: equal rows, mismatches, or an error of a model or its inputs.

    Attributes:
        test: The case.
        found: The rows of models with expectations, by model; none after an error.
        seconds: The time that it took.
        mismatches: The differences from the expected rows, by model.
        error: The error of a model or its inputs.
    """

    test: UnitTest
    found: Mapping[str, FoundRows]
    seconds: float
    mismatches: Mapping[str, Mismatch] = field(default_factory=dict)
    error: FftError | None = None

    @property
    def status(self) -> UnitTestStatus:
        """The outcome in one word."""
        return "error" if self.error else "fail" if self.mismatches else "pass"


def select_unit_tests(
    project: Project,
    *,
    models: frozenset[str] | None = None,
    model: str | None = None,
    case: str | None = None,
) -> tuple[UnitTest, ...]:
    """Choose unit tests: of some models, of one, or the cases of one name. A chain belongs to each of its models.

    Raises:
        RequestError: `model` is not a model, or no case has that name.
    """
    if model is not None and model_name(model) not in project.models:
        raise RequestError(f"{model!r} is not a model", hint=nearest(model_name(model), project.models), code="FFT-301")
    wanted = None if model is None else model_name(model)
    tests = [
        test
        for test in project.unit_tests
        if (models is None or not models.isdisjoint(test.models)) and (wanted is None or wanted in test.models)
    ]
    found = tuple(test for test in tests if case in (None, test.name))
    if case is not None and not found:
        names = [test.name for test in tests]
        hint = nearest(case, names) or (f"There are {', '.join(names)}." if names else "The project has no unit tests.")
        raise RequestError(f"no unit test has the case {case!r}", hint=hint, code="FFT-301")
    return found


def run_unit_tests(project: Project, tests: Sequence[UnitTest]) -> Iterator[UnitTestResult]:
    """Run unit tests, each in a session of its own; yield the results as they come.

    They run on the profile `<env>_utest` if there is one; else on a DuckDB in memory, or in a session on the profile's
    Postgres. All relations that they create are temporary, and end with their session.

    Raises:
        ProfileError, ConnectError, MissingDriverError: no database is available for them.

    >>> from fft_core import load_project, run_unit_tests
    >>> project = load_project("shop")
    >>> [(result.test.name, result.status) for result in run_unit_tests(project, project.unit_tests)]
    [('lower case', 'pass')]
    """
    with UnitTestRunner(project) as runner:
        for test in tests:
            yield runner.run(test)


class UnitTestRunner:
    """Runner of single unit tests, in the database of `run_unit_tests`, opened on first use. A context manager.

    Args:
        project: A loaded project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._warehouses: _Warehouses | None = None

    def run(self, test: UnitTest) -> UnitTestResult:
        """Run one case. Raises the errors of `run_unit_tests`."""
        if self._warehouses is None:
            self._warehouses = _Warehouses(*_opened(self._project))
        return _result(self._warehouses, test)

    def close(self) -> None:
        """Close the database."""
        if self._warehouses is not None:
            self._warehouses.close()
            self._warehouses = None

    def __enter__(self) -> UnitTestRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(project: Project) -> tuple[Project, Session]:
    """Open the database for the tests, and return it with the project, adapted to its engine."""
    profile = project.profiles.unit_test()
    if profile is not None:
        return replace(project, engine=profile.engine), open_session(profile.engine, profile.settings)
    profile = project.profiles.active(engine=project.engine)
    return project, spec_of(profile.engine).connect(profile.settings, scratch=True)


class _Warehouses:
    """Warehouses for tests: one for each frozen time, and for each set of ephemeral models that become tables."""

    def __init__(self, project: Project, engine: Session) -> None:
        self._project, self._engine = project, engine
        self._warehouses: dict[tuple[frozenset[str], datetime | None], Warehouse] = {}

    def close(self) -> None:
        """Close the databases."""
        self._engine.close()

    @contextmanager
    def session(self, test: UnitTest) -> Iterator[Warehouse]:
        """Open a session in which the models and all their inputs are temporary tables."""
        nodes = [*(node for given in test.inputs for node in given.nodes), *test.before]
        stored = frozenset(n for n in nodes if isinstance(n, str) and n in self._project.models)
        stored = frozenset(name for name in stored if self._project.models[name].is_ephemeral)
        key = stored, test.frozen_at
        if key not in self._warehouses:
            models = {name: replace(self._project.models[name], materialization=Table()) for name in stored}
            project = replace(self._project, models={**self._project.models, **models})
            compiler = Compiler(project, test.frozen_at)
            self._warehouses[key] = Warehouse(project, self._engine, compiler=compiler)
        with self._warehouses[key].with_temporary(_table_names(self._project, test)) as session:
            yield session


def _table_names(project: Project, test: UnitTest) -> Mapping[str | SourceName, str]:
    """Return the tables of a test: their usual names, unless two sources in different schemas have the same name."""
    names: dict[str | SourceName, str] = {name: name for name in test.models}
    for given in test.inputs:
        first = given.nodes[0]
        name = project.sources[first].identifier if isinstance(first, SourceName) else first
        if name in names.values() and isinstance(first, SourceName):
            name = f"{first.group}__{first.table}"
        names.update(dict.fromkeys(given.nodes, name))
    return names


def _result(warehouses: _Warehouses, test: UnitTest) -> UnitTestResult:
    started = time.perf_counter()
    try:
        with (
            warehouses.session(test) as warehouse,
            warehouse.engine.turn(),  # temporary tables are lost if another process gets the file in between
            warehouse.engine.trace.about(test.model),
        ):
            found = _run(warehouse, test)
            mismatches = {
                name: mismatch
                for name, expected in test.expected.items()
                if (mismatch := compare(expected, found[name].columns, found[name].rows)) is not None
            }
    except FftError as error:
        return UnitTestResult(test, {}, time.perf_counter() - started, error=error)
    return UnitTestResult(test, found, time.perf_counter() - started, mismatches)


def _run(warehouse: Warehouse, test: UnitTest) -> Mapping[str, FoundRows]:
    """Create the inputs, and run the models in order; return the rows of the models with expectations."""
    own = {name: given for given in test.inputs for name in test.models if name in given.nodes}
    for given in test.inputs:
        if given not in own.values():
            _create(warehouse, warehouse.project.models[test.model], given)
    found: dict[str, FoundRows] = {}
    for name in test.models:
        model = warehouse.project.models[name]
        with warehouse.engine.trace.about(name):
            if name in own:  # its types need the tables of the others
                _create(warehouse, model, own[name])
            rows = _rows_of(warehouse, test, model, is_read=name in test.expected)
            found |= {name: rows} if rows is not None else {}
    return found


def _rows_of(warehouse: Warehouse, test: UnitTest, model: Model, *, is_read: bool) -> FoundRows | None:
    """Return the rows of a model, if they are expected, and put them into its table, if another model reads it."""
    engine, relation = warehouse.engine, warehouse.relation(model.name)
    is_increment = test.is_given(model.name)
    with model_rows(warehouse, model, is_increment=is_increment) as rows:
        query = rows.sql
        if test.frozen_at is not None and model.has_query:
            nodes = [*(node for given in test.inputs for node in given.nodes), *test.models]
            refuse_hidden_clocks(engine, query, map(warehouse.relation, nodes), model.location)
        if isinstance(model.materialization, Incremental | Snapshot):
            query = _applied(warehouse, model, query, is_first=not is_increment)
        elif model.name != test.model:
            engine.create_temporary(relation.name, query)
            query = engine.spelling.select_all(relation)
        if not is_read:
            return None
        return FoundRows(tuple(column.name for column in engine.columns(query)), tuple(engine.fetch(query)))


def _create(warehouse: Warehouse, model: Model, given: GivenRows) -> None:
    relation = warehouse.relation(given.nodes[0])
    types = _own_types(warehouse, model) if model.name in given.nodes else {}
    query = given_query(given, warehouse.engine, warehouse.project.root, types)
    try:
        warehouse.engine.create_temporary(relation.name, query)
    except StatementError as error:
        message = f"the rows of {given.nodes[0]} cannot be stored: {error.problem.message}"
        hint = _type_hint(given)
        raise FftError(message, where=given.location, hint=hint, code="FFT-510") from error


def _type_hint(given: GivenRows) -> str:
    if not given.types:
        return "Types are taken from the values, or are declared: add `columns` to this input."
    declared = ", ".join(f"{name} {kind}" for name, kind in given.types.items())
    return f"Values must fit the declared types: {declared}. A list is an array; a mapping is a struct, map or JSON."


def _own_types(warehouse: Warehouse, model: Model) -> Mapping[str, str]:
    """Return the types of the table that a first build of a query makes; those of a Python model are unknown."""
    if not model.has_query:
        return {}
    with model_rows(warehouse, model) as rows:
        columns = warehouse.engine.columns(rows.sql)
        return {column.name: warehouse.engine.types.usable_type(column.type) for column in columns}


def _applied(warehouse: Warehouse, model: Model, query: str, *, is_first: bool) -> str:
    """Apply the rows to the model's table as a build does; return a SELECT of the table after it."""
    relation = warehouse.relation(model.name)
    stage = TemporaryStage(warehouse.engine, relation)
    write_increment(warehouse, Increment(model, relation, stage, is_first), query)
    return warehouse.engine.spelling.select_all(relation)
