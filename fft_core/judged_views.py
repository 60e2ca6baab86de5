"""Judges the checked views over what a build has staged, before their readers can see the rows through them.

A view is live: once its table is published, its readers see the new rows, whatever its own checks say later. So they
are asked first, inside the transaction of the table's build: on queries that read the stage instead of the table.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fft_core.checks.builtin import check_query
from fft_core.checks.run import CheckResult, JudgedView, run_checks
from fft_core.engines.engine import ColumnType
from fft_core.errors import FftError, StatementError
from fft_core.names import Relation
from fft_core.planner import Rebuilder
from fft_core.project.live_views import LiveView
from fft_core.project.model import Check, Relationships, SourceName
from fft_core.project.render import Naming
from fft_core.warehouse import Warehouse

_log = logging.getLogger(__name__)
_STAND_IN = "_ff_view_{}"  # temporary: only this session sees it


class UnreadableViewError(FftError):
    """A view cannot be read with the rows that a build would publish."""

    def __init__(self, node: str, view: str, cause: FftError, hint: str | None = None) -> None:
        self.view = view
        problem = cause.problem
        super().__init__(
            f"{node} is not published: the view {view}, whose checks judge its rows, could not be read any more: "
            f"{problem.message}",
            where=problem.where,
            hint=hint or problem.hint or f"Change {view} as well, and build both.",
        )


@dataclass(frozen=True)
class Unjudged:
    """A view that is not judged though it is checked, and why."""

    view: str
    reason: str

    def __str__(self) -> str:
        return f"the view {self.view} was not judged: {self.reason}"


@dataclass(frozen=True)
class ViewsToJudge:
    """The views that one build judges, by when.

    Attributes:
        staged: Those whose text is known: before the rows are published.
        published: Those where another text than the project's is published somewhere: after the new rows have their
            place, and before anybody sees them there.
        unjudged: The others.
        outdated: Views whose published text may stay though the project has another one, as `RunViews.published_over`
            gives them: judged as they are published, after the new rows have their place.
    """

    staged: tuple[LiveView, ...] = ()
    published: tuple[LiveView, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    outdated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def views_to_judge(
    warehouse: Warehouse, rebuilder: Rebuilder, name: str, unreadable: Sequence[Unjudged] = ()
) -> ViewsToJudge:
    """Choose the checked views that the build of a node judges; without any, nothing is asked of the database.

    Args:
        warehouse: The session of this thread.
        rebuilder: The one of the run.
        name: The node.
        unreadable: Views that nobody reads yet, and that do not work with the node's rows.
    """
    views = rebuilder.views.live.over(name)
    readers = rebuilder.views.published_over(warehouse, name)
    if not (views or readers) or (_is_query(warehouse, name) and rebuilder.views.is_as_written(warehouse, name)):
        return ViewsToJudge()
    staged, published, unjudged = [], [], list(unreadable)
    left_out = {view.view for view in unreadable}
    for view in (view for view in views if view.name not in left_out):
        texts = {read: rebuilder.views.text_of(warehouse, read) for read in view.rendered}
        if texts[view.name] == "none" or _is_judged_later(warehouse, rebuilder, name, view):
            continue  # nobody reads it; or the last table below it is still to be built
        lacks = _lacks(warehouse, name, view, texts)
        if lacks:
            unjudged.append(Unjudged(view.name, f"{', '.join(lacks)} is not there"))
        elif _is_query(warehouse, name) and rebuilder.views.judged(warehouse, view.name):
            continue  # with the new text of this one
        elif set(texts.values()) == {"project"}:
            staged.append(view)
        else:
            published.append(view)
    live = {view.name: view for view in views}
    outdated = {
        view: texts
        for view, texts in readers.items()
        if view not in live or _may_stay(warehouse, rebuilder, name, live[view], texts, is_new=live[view] in staged)
    }
    return ViewsToJudge(tuple(staged), tuple(published), tuple(unjudged), outdated)


def judge_views(
    warehouse: Warehouse, rebuilder: Rebuilder, name: str, place: Relation, views: Sequence[LiveView]
) -> tuple[JudgedView, ...]:
    """Run the blocking checks of views, with a relation in the place of a node.

    Args:
        warehouse: In the transaction of the node's build.
        rebuilder: The one of the run.
        name: The node.
        place: Where its rows are: the stage, or its published name.
        views: What is judged, each after those that it reads.

    Raises:
        UnreadableViewError: a view does not work with these rows.
    """
    stand_ins = _StandIns(warehouse, rebuilder, name, place)
    found = []
    for view in views:
        try:
            found.append(stand_ins.judge(view))
        except FftError as error:
            raise UnreadableViewError(name, view.name, error) from error
    stand_ins.drop()
    return tuple(found)


def judge_published(
    warehouse: Warehouse, rebuilder: Rebuilder, name: str, views: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[JudgedView, ...], tuple[Unjudged, ...]]:
    """Run the blocking checks of views as they are published, once the new rows of a node have their place.

    Args:
        warehouse: In the transaction of the node's build.
        rebuilder: The one of the run.
        name: The node.
        views: What is judged, and which published texts of it are not the project's.

    Raises:
        UnreadableViewError: a view does not work with these rows.
    """
    judged, unjudged = [], list[Unjudged]()
    for view, texts in views.items():
        try:
            results, lacks = _judge_as_published(warehouse, rebuilder, view)
        except FftError as error:
            hint = f"What is published of {', '.join(texts)} is not what the project says: build that first."
            raise UnreadableViewError(name, view, error, hint) from error
        judged.append(JudgedView(view, tuple(replace(r, judged_with=name) for r in results), old_texts=texts))
        unjudged += [Unjudged(view, f"as it is published, {lack}") for lack in lacks]
    return tuple(judged), tuple(unjudged)


def _judge_as_published(
    warehouse: Warehouse, rebuilder: Rebuilder, view: str
) -> tuple[tuple[CheckResult, ...], tuple[str, ...]]:
    """Give what the checks found, and why others cannot judge this text."""
    engine, relation = warehouse.engine, warehouse.relation(view)
    columns = engine.columns(engine.spelling.select_all(relation))
    checks, lacks = [], []
    for check in rebuilder.views.live.checks_of(view):
        lack = _lacks_for(check, warehouse, rebuilder, relation, columns)
        if lack is None:
            checks.append(check)
        elif lack:
            lacks.append(lack)
    return run_checks(engine, relation, columns, checks, warehouse.relation).results if checks else (), tuple(lacks)


def _lacks_for(
    check: Check, warehouse: Warehouse, rebuilder: Rebuilder, relation: Relation, columns: Sequence[ColumnType]
) -> str | None:
    """Say what a check names that is not there; None if all is, and nothing if what it looks into is to come."""
    if isinstance(check.rule, Relationships):
        to = warehouse.relation(check.rule.to)
        if to not in warehouse.engine.kinds([to]):
            return f"{check.name} looks into {check.rule.to}, which is not there"
        if any(rebuilder.views.is_to_come(warehouse, n) for n in _rows_of(warehouse, check.rule.to)):
            return ""
    try:
        check_query(check, relation, columns, warehouse.engine, warehouse.relation, datetime.now(UTC))
    except StatementError:
        raise
    except FftError as error:  # a column that only the new text has
        return error.problem.message
    return None


def _rows_of(warehouse: Warehouse, target: str | SourceName) -> frozenset[str]:
    behind = warehouse.project.seed_behind(target) if isinstance(target, SourceName) else target
    return frozenset() if behind is None else frozenset({behind, *warehouse.project.upstream(behind)})


class _StandIns:
    """Temporary views with the queries of views, which read a stage."""

    def __init__(self, warehouse: Warehouse, rebuilder: Rebuilder, name: str, place: Relation) -> None:
        self._warehouse = warehouse
        self._rebuilder = rebuilder
        self._name = name
        self._places: dict[str, Relation] = {name: place}
        self._made: list[Relation] = []
        self._naming = Naming(self._place, self._place, warehouse.engine.spelling)

    def judge(self, view: LiveView) -> JudgedView:
        for read in view.rendered:
            if read not in self._places and self._rebuilder.views.text_of(self._warehouse, read) == "project":
                self._make(read)
        engine, relation = self._warehouse.engine, self._place(view.name)
        columns = engine.columns(engine.spelling.select_all(relation))
        published = self._warehouse.relation(view.name)
        checks = [
            check for check in self._rebuilder.views.live.checks_of(view.name) if self._is_judged_now(view, check)
        ]
        judgement = run_checks(engine, relation, columns, checks, self._place, published=published)
        results = tuple(replace(r, sql=self._spelled(r.sql), judged_with=self._name) for r in judgement.results)
        return JudgedView(view.name, results, self._new_texts(view))

    def _new_texts(self, view: LiveView) -> tuple[str, ...]:
        texts = (read for read in view.rendered if read in self._places and read != self._name)
        return tuple(t for t in texts if not self._rebuilder.views.is_as_written(self._warehouse, t))

    def drop(self) -> None:
        for relation in reversed(self._made):
            self._warehouse.engine.execute(self._warehouse.engine.spelling.drop(relation, "view"))

    def _make(self, view: str) -> None:
        engine, model = self._warehouse.engine, self._warehouse.project.models[view]
        name = _STAND_IN.format(len(self._made))
        query = self._warehouse.compiler.sql(model, self._naming)
        engine.execute(engine.spelling.create_temporary(name, query, "view"))
        relation = engine.temporary(name)
        self._made.append(relation)
        self._places[view] = relation

    def _place(self, node: str | SourceName) -> Relation:
        behind = self._warehouse.project.seed_behind(node) if isinstance(node, SourceName) else node
        return self._places.get(behind or "") or self._warehouse.relation(node)

    def _is_judged_now(self, view: LiveView, check: Check) -> bool:
        """Whether what a check looks into has the rows that it will have when the run is over."""
        if not isinstance(check.rule, Relationships):
            return True
        return not any(self._rebuilder.views.is_to_come(self._warehouse, target) for target in view.targets)

    def _spelled(self, text: str) -> str:
        """A query that works when the build is over: it reads what is published."""
        spelling = self._warehouse.engine.spelling
        for node, place in self._places.items():
            text = text.replace(place.sql(spelling), self._warehouse.relation(node).sql(spelling))
        return text


def _is_query(warehouse: Warehouse, name: str) -> bool:
    model = warehouse.project.models.get(name)
    return model is not None and model.is_query


def _is_judged_later(warehouse: Warehouse, rebuilder: Rebuilder, name: str, view: LiveView) -> bool:
    return view.last not in (None, name) and rebuilder.views.is_to_come(warehouse, view.last or "")


def _may_stay(
    warehouse: Warehouse, rebuilder: Rebuilder, name: str, view: LiveView, texts: Sequence[str], *, is_new: bool
) -> bool:
    """Whether readers may still find the published text of a view after this build; `is_new` if the new one is judged.

    A later build judges it where that waits for this one: it has the rows of both.
    """
    if rebuilder.views.text_of(warehouse, view.name) == "published":
        return False  # judged with those that are read as they are published
    read = rebuilder.views.published_over(warehouse, view.last) if view.last is not None else {}
    if view.name in read and _is_judged_later(warehouse, rebuilder, name, view):
        return False
    return not (is_new and rebuilder.views.is_bound_to_replace(warehouse, texts, view, name))


def _lacks(warehouse: Warehouse, name: str, view: LiveView, texts: Mapping[str, str]) -> list[str]:
    """Name what the queries of a view read, or its checks look into, and what is not there."""
    needed = {
        read: warehouse.relation(read)
        for read in dict.fromkeys(_read(warehouse, view, texts))
        if read != name and texts.get(str(read)) != "project"
    }
    there = warehouse.engine.kinds(list(needed.values())) if needed else {}
    return [str(read) for read, relation in needed.items() if relation not in there]


def _read(warehouse: Warehouse, view: LiveView, texts: Mapping[str, str]) -> Iterator[str | SourceName]:
    project = warehouse.project
    for node in view.rendered:
        if texts[node] == "project":
            for read in project.stored_inputs(project.models[node]):
                yield (project.seed_behind(read) or read) if isinstance(read, SourceName) else read
        else:
            yield node
    for check in project.checks_of(view.name):
        if check.severity == "error" and isinstance(check.rule, Relationships):
            to = check.rule.to
            yield (project.seed_behind(to) or to) if isinstance(to, SourceName) else to
