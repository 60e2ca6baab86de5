"""Review of a change: a build in a scratch schema, with checks, and a comparison with an environment."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from fft_core.build.publish import NodeResult
from fft_core.checks.results import CheckFailedError, CheckResult
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import FftError, RequestError
from fft_core.names import Relation
from fft_core.operations.compare_rows import Comparison
from fft_core.operations.diff import Asked, Difference, diff
from fft_core.project.model import Model, Project, Seed
from fft_core.project.model.project import without_hooks
from fft_core.run.run import Run
from fft_core.run.select.changed import affected_nodes, changed_nodes
from fft_core.unit_tests.run import UnitTestResult, run_unit_tests, select_unit_tests
from fft_core.warehouse.warehouse import Warehouse, open_warehouse

PREFIX = "_ff_review_"
Status: TypeAlias = Literal["built", "blocked", "failed", "skipped"]
Guard: TypeAlias = Callable[[Callable[[], None]], AbstractContextManager[None]]


@dataclass(frozen=True)
class Reviewed:
    """The outcome for one node: `error` gives the reason if it failed or was skipped."""

    name: str
    status: Status
    rows: int | None = None
    seconds: float = 0.0
    checks: tuple[CheckResult, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Review:
    """The result of a review.

    Attributes:
        project: The project's name.
        since: The git reference.
        against: The environment that other inputs were read from, and that the rows are compared with.
        changed: The nodes that changed themselves; the other nodes depend on them.
        nodes: The outcomes of the built nodes.
        left_out: Snapshots, which are not built: their history does not follow from the code.
        unit_tests: The results of unit tests.
        difference: The differences of models and rows from the environment; None if nothing was built.
    """

    project: str
    since: str
    against: str
    changed: tuple[str, ...] = ()
    nodes: tuple[Reviewed, ...] = ()
    left_out: tuple[str, ...] = ()
    unit_tests: tuple[UnitTestResult, ...] = ()
    difference: Difference | None = None

    @property
    def has_failed(self) -> bool:
        """Whether a build, a blocking check or a unit test failed."""
        return any(n.status != "built" for n in self.nodes) or any(t.status != "pass" for t in self.unit_tests)


def review(
    project: Project, since: str, against: str, how: Comparison | None = None, guard: Guard | None = None
) -> Review:
    """Build the nodes that changed since a commit, and their downstream nodes, in a scratch schema; compare the rows.

    Other inputs are read from the environment that the rows are compared with. The schema is dropped at the end, even
    if the review fails.

    Args:
        project: The project in its current state.
        since: The commit, as git understands it.
        against: The environment.
        how: The settings of the comparison.
        guard: A context around the work of the database; it gets a function that interrupts a statement.

    Raises:
        RequestError: the commit or environment does not exist, or a model would be built outside of the schema.
        FftError: git or the database cannot be used.
    """
    changed = changed_nodes(project, since)
    names = affected_nodes(project, since)
    nodes = [node for node in project.stored() if node.name in names]
    snapshots = tuple(node.name for node in nodes if _keeps_history(node))
    built = frozenset(node.name for node in nodes) - set(snapshots)
    told = Review(project.name, since, against, tuple(sorted(changed)), left_out=snapshots)
    tests = select_unit_tests(project, models=names)
    if not built and not tests:
        return told
    with redirect_stdout(sys.stderr):  # output of models must not get into the report
        told = replace(told, unit_tests=tuple(run_unit_tests(project, tests)))
        if not built:
            return told
        return _built(told, project, built, how or Comparison(), guard or _unguarded)


def _keeps_history(node: Model | Seed) -> bool:
    return isinstance(node, Model) and node.materialization.keeps == "history"


def _unguarded(_: Callable[[], None]) -> AbstractContextManager[None]:
    return nullcontext()


def _built(told: Review, project: Project, names: frozenset[str], how: Comparison, guard: Guard) -> Review:
    with _scratch(project) as placed, Run(placed, nodes=names, defer=told.against) as run:
        warehouse = run.sessions.of_thread()
        _refuse_other_places(warehouse, run)
        with guard(warehouse.engine.interrupt):
            nodes = tuple(_build_all(run))
            difference = diff(warehouse, told.against, Asked(names, how=how))
    return replace(told, nodes=nodes, difference=difference)


@contextmanager
def _scratch(project: Project) -> Iterator[Project]:
    """Yield the project with its relations in a scratch schema, which is dropped at the end, also after an error."""
    spec = spec_of(project.engine)
    if not spec.schema_setting:
        raise RequestError(f"{spec.title or spec.name} has no schemas, but a review needs its own schema")
    placed = replace(without_hooks(project), profiles_read=project.profiles.placed(f"{PREFIX}{uuid.uuid4().hex[:12]}"))
    try:
        yield placed
    finally:
        with open_warehouse(placed) as warehouse:
            for schema in _scratch_schemas(warehouse):
                warehouse.engine.execute(warehouse.engine.spelling.drop_schema(schema))


def _scratch_schemas(warehouse: Warehouse) -> Set[Relation]:
    """Return the schemas of the review: the profile's, and one for each schema that nodes set themselves."""
    own = warehouse.engine.relation("")
    places = (warehouse.place(node.name).named("") for node in warehouse.project.stored())
    return {own, *(place for place in places if _is_beside(place, own))}


def _is_beside(place: Relation, own: Relation) -> bool:
    return place.catalog == own.catalog and (place.schema or "").startswith(own.schema or PREFIX)


def _refuse_other_places(warehouse: Warehouse, run: Run) -> None:
    """Raise RequestError if a node would be built outside of the scratch schemas."""
    own = warehouse.engine.relation("")
    places = {node.name: warehouse.place(node.name) for node in run.order()}
    outside = [f"{name} ({place})" for name, place in places.items() if not _is_beside(place, own)]
    if outside:
        raise RequestError(
            f"a review builds in its own schema, but these are in another catalog: {', '.join(outside)}",
            hint="Leave them out of the change, or remove their catalog.",
        )


def _build_all(run: Run) -> Iterator[Reviewed]:
    """Build all nodes that can be built; skip nodes with a failed input."""
    failed: set[str] = set()
    for node in run.order():
        missing = sorted(failed & set(run.project.waits_for(node.name)))
        if missing:
            found = Reviewed(node.name, "skipped", error=f"{', '.join(missing)} was not built")
        else:
            found = _build(run, node)
        if found.status != "built":
            failed.add(node.name)
        yield found


def _build(run: Run, node: Model | Seed) -> Reviewed:
    try:
        result: NodeResult = run.build(node)
    except CheckFailedError as error:
        return Reviewed(node.name, "blocked", checks=error.results, error=str(error))
    except FftError as error:
        run.masker.error(error)
        return Reviewed(node.name, "failed", error=str(error))
    return Reviewed(node.name, "built", result.row_count, result.seconds, result.checks)


def failing(checks: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """Return the checks that did not pass."""
    return tuple(check for check in checks if not check.passed)
