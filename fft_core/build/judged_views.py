"""Runs the checks of views on the staged rows of a build, before readers can see these rows through the views.

A view shows the new rows as soon as its table is published, even if the view's own checks fail later. So these checks
run before the table is published, on queries that read the stage instead of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fft_core.build.rows import text_of
from fft_core.checks.builtin import check_query
from fft_core.checks.results import CheckResult, JudgedView
from fft_core.checks.run import run_checks
from fft_core.compile.render import Naming
from fft_core.engines.protocol import ColumnType, Stage
from fft_core.errors import FftError, StatementError
from fft_core.names import Relation
from fft_core.project.model import Check, SourceName
from fft_core.warehouse.records import recorded_measures
from fft_core.warehouse.warehouse import Warehouse

_STAND_IN = "_ff_view_{}"  # the name of a view beside the stage


class UnreadableViewError(FftError):
    """The error for a view that cannot be read with the rows that a build would publish.

    Attributes:
        view: The view.
        why: The message of the error.
    """

    default_code = "FFT-461"

    def __init__(self, node: str, view: str, cause: FftError, hint: str | None = None) -> None:
        self.view, self.why = view, cause.problem.message
        problem = cause.problem
        super().__init__(
            f"{node} is not published: the view {view}, whose checks apply to its rows, could no longer be read: "
            f"{problem.message}",
            where=problem.where,
            hint=hint or problem.hint or f"Change {view} as well, and build both.",
        )


@dataclass(frozen=True)
class Unjudged:
    """A view with checks that was not judged, and the reason."""

    view: str
    reason: str

    def __str__(self) -> str:
        return f"the checks of the view {self.view} did not run: {self.reason}"


@dataclass(frozen=True)
class StagedView:
    """A checked view that is judged with the project's queries, which read the stage.

    Attributes:
        name: The view.
        rendered: The views whose queries are rendered for it, including itself; each comes after those that it reads.
            Other views are read as they are published.
        new_texts: The rendered views whose queries differ from the published ones.
        checks: The checks that judge it.
    """

    name: str
    rendered: tuple[str, ...]
    new_texts: tuple[str, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class PublishedView:
    """A checked view that is judged as it is published.

    Attributes:
        name: The view.
        old_texts: The views, itself or its inputs, whose published queries differ from the project's.
        checks: The checks that may judge it.
        waiting: The names of checks that read a node which the run has yet to build: they do not judge the view now.
    """

    name: str
    old_texts: tuple[str, ...]
    checks: tuple[Check, ...]
    waiting: frozenset[str]


@dataclass(frozen=True)
class ViewsToJudge:
    """The views that one build judges, grouped by the time when they are judged.

    Attributes:
        staged: Views whose queries, and those of the views that they read, are or become the project's. They are judged
            before the rows are published.
        published: Views with another published query, their own or that of a view which they read. They are judged
            inside the transaction, after the new rows have the published name and before others see them.
        unjudged: Views that cannot be judged.
        outdated: Views whose published query may stay although the project has another one. They are judged as they are
            published, after the new rows have the published name.
    """

    staged: tuple[StagedView, ...] = ()
    published: tuple[StagedView, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    outdated: tuple[PublishedView, ...] = ()


def judge_views(
    warehouse: Warehouse, stage: Stage, name: str, place: Relation, views: Sequence[StagedView]
) -> tuple[JudgedView, ...]:
    """Run the blocking checks of views, whose queries read a given relation instead of a node.

    Args:
        warehouse: The session of the node's build.
        stage: The stage of the build; the views are created beside it.
        name: The node.
        place: The relation with the node's rows: the stage, or the published relation.
        views: The views to judge, each after those that it reads.

    Raises:
        UnreadableViewError: the query of a view fails on these rows.
    """
    stand_ins = _StandIns(warehouse, stage, name, place)
    found = []
    for view in views:
        try:
            found.append(stand_ins.judge(view))
        except FftError as error:
            raise UnreadableViewError(name, view.name, error) from error
    return tuple(found)


def judge_published(
    warehouse: Warehouse, name: str, views: Sequence[PublishedView]
) -> tuple[tuple[JudgedView, ...], tuple[Unjudged, ...]]:
    """Run the blocking checks of views as they are published, after the new rows of a node have the published name.

    Args:
        warehouse: The session of the node's build, in its transaction.
        name: The node.
        views: The views to judge.

    Raises:
        UnreadableViewError: the query of a view fails on these rows.
    """
    judged, unjudged = [], list[Unjudged]()
    for view in views:
        try:
            results, lacks = _judge_as_published(warehouse, view)
        except FftError as error:
            hint = f"The published {', '.join(view.old_texts)} differs from the project: build it first."
            raise UnreadableViewError(name, view.name, error, hint) from error
        results = tuple(replace(result, judged="staged", judged_with=name) for result in results)
        judged.append(JudgedView(view.name, results, old_texts=view.old_texts))
        unjudged += [Unjudged(view.name, f"with its published query, {lack}") for lack in lacks]
    return tuple(judged), tuple(unjudged)


def _judge_as_published(warehouse: Warehouse, view: PublishedView) -> tuple[tuple[CheckResult, ...], tuple[str, ...]]:
    """Return the results of the checks, and the reasons why other checks cannot judge the published query."""
    engine, relation = warehouse.engine, warehouse.relation(view.name)
    columns = engine.columns(engine.spelling.select_all(relation))
    checks, lacks = [], []
    for check in view.checks:
        lack = _lacks_for(check, warehouse, relation, columns, is_waiting=check.name in view.waiting)
        if lack is None:
            checks.append(check)
        elif lack:
            lacks.append(lack)
    before = _measured_before(warehouse, view.name, checks)
    found = run_checks(engine, relation, columns, checks, warehouse.relation, before=before) if checks else None
    return found.results if found else (), tuple(lacks)


def _measured_before(warehouse: Warehouse, view: str, checks: Sequence[Check]) -> Mapping[str, float | None]:
    """Read the measurements of checks from the last time when the rows of a view were judged."""
    if not any(check.rule.measures for check in checks):
        return {}
    recorded = recorded_measures(warehouse.engine, view, warehouse.place_text(view))
    return {key: values[0] for key, values in recorded.items()}


def _lacks_for(
    check: Check, warehouse: Warehouse, relation: Relation, columns: Sequence[ColumnType], *, is_waiting: bool
) -> str | None:
    """Return the reason why a check cannot run; None if it can run.

    The text is empty if the check reads a node that the run has yet to build.
    """
    for read in check.rule.reads:
        to = warehouse.relation(read)
        if to not in warehouse.engine.inspect([to]):
            return f"{check.name} reads {read}, which does not exist"
        if is_waiting:
            return ""
    try:
        check_query(check, relation, columns, warehouse.engine, warehouse.relation, datetime.now(UTC))
    except StatementError:
        raise
    except FftError as error:  # a column that only the new query has
        return error.problem.message
    return None


class _StandIns:
    """Temporary views beside a stage: they have the queries of the project's views, and read the stage."""

    def __init__(self, warehouse: Warehouse, stage: Stage, name: str, place: Relation) -> None:
        self._warehouse = warehouse
        self._stage = stage
        self._name = name
        self._places: dict[str, Relation] = {name: place}
        self._naming = Naming(self._place, warehouse.engine.spelling)

    def judge(self, view: StagedView) -> JudgedView:
        for read in view.rendered:
            if read not in self._places:
                self._make(read)
        engine, relation = self._warehouse.engine, self._place(view.name)
        columns = engine.columns(engine.spelling.select_all(relation))
        published = self._warehouse.relation(view.name)
        before = _measured_before(self._warehouse, view.name, view.checks)
        judgement = run_checks(engine, relation, columns, view.checks, self._place, published=published, before=before)
        results = tuple(replace(r, sql=self._spelled(r.sql), judged_with=self._name) for r in judgement.results)
        return JudgedView(view.name, results, view.new_texts)

    def _make(self, view: str) -> None:
        model = self._warehouse.project.models[view]
        query = text_of(self._warehouse, model, self._naming).sql
        name = _STAND_IN.format(len(self._places))
        self._places[view], _ = self._stage.scratch(name, query, kind="view")

    def _place(self, node: str | SourceName) -> Relation:
        behind = self._warehouse.project.seed_behind(node) if isinstance(node, SourceName) else node
        return self._places.get(behind or "") or self._warehouse.relation(node)

    def _spelled(self, text: str) -> str:
        """Return a query with published relations instead of staged ones, so that it works after the build."""
        spelling = self._warehouse.engine.spelling
        for node, place in self._places.items():
            text = text.replace(place.sql(spelling), self._warehouse.relation(node).sql(spelling))
        return text
