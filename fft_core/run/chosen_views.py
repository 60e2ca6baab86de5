"""The choice of the checked views that the build of a node judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fft_core.build.judged_views import PublishedView, StagedView, Unjudged, ViewsToJudge
from fft_core.project.model import Check, SourceName
from fft_core.run.live_views import LiveView
from fft_core.run.run_views import RunViews
from fft_core.warehouse.warehouse import Warehouse


def views_to_judge(
    warehouse: Warehouse, known: RunViews, name: str, unreadable: Sequence[Unjudged] = ()
) -> ViewsToJudge:
    """Choose the checked views that the build of a node judges; without checked views, no query is sent.

    Args:
        warehouse: The session of this thread.
        known: The checked views of the run.
        name: The node.
        unreadable: Views without readers that cannot be read with the node's new rows.
    """
    views, readers = known.live.over(name), known.published_over(warehouse, name)
    if not (views or readers) or (_is_query(warehouse, name) and known.is_as_written(warehouse, name)):
        return ViewsToJudge()
    return _Choice(warehouse, known, name).made(views, readers, unreadable)


class _Choice:
    """The choice for one build."""

    def __init__(self, warehouse: Warehouse, known: RunViews, name: str) -> None:
        self._warehouse = warehouse
        self._known = known
        self._name = name

    def made(
        self, views: Sequence[LiveView], readers: Mapping[str, tuple[str, ...]], unreadable: Sequence[Unjudged]
    ) -> ViewsToJudge:
        warehouse, known, name = self._warehouse, self._known, self._name
        staged, published, unjudged = list[LiveView](), list[StagedView](), list(unreadable)
        ready = list[StagedView]()
        left_out = {view.view for view in unreadable}
        for view in (view for view in views if view.name not in left_out):
            texts = {read: known.text_of(warehouse, read) for read in view.rendered}
            if texts[view.name] == "none" or self._is_judged_later(view):
                continue  # it has no readers; or the last table below it is still to be built
            lacks = self._lacks(view, texts)
            if lacks:
                unjudged.append(Unjudged(view.name, f"{', '.join(lacks)} does not exist"))
            elif _is_query(warehouse, name) and known.judged(warehouse, view.name):
                continue  # judged before, with the new text of this node
            elif set(texts.values()) == {"project"}:
                staged.append(view)
                ready.append(self._staged(view, texts))
            else:
                published.append(self._staged(view, texts))
        live = {view.name: view for view in views}
        outdated = tuple(
            self._published(view, texts)
            for view, texts in readers.items()
            if view not in live or self._may_stay(live[view], texts, is_new=live[view] in staged)
        )
        return ViewsToJudge(tuple(ready), tuple(published), tuple(unjudged), outdated)

    def _staged(self, view: LiveView, texts: Mapping[str, str]) -> StagedView:
        made = tuple(read for read in view.rendered if texts[read] == "project" and read != self._name)
        new = tuple(read for read in made if not self._known.is_as_written(self._warehouse, read))
        checks = self._known.live.checks_of(view.name)
        return StagedView(view.name, made, new, tuple(c for c in checks if self._is_judged_now(view, c)))

    def _is_judged_now(self, view: LiveView, check: Check) -> bool:
        """Return whether the tables that a check looks into have the rows that they will have after the run."""
        if not check.rule.reads:
            return True
        return not any(self._known.is_to_come(self._warehouse, target) for target in view.targets)

    def _published(self, view: str, texts: tuple[str, ...]) -> PublishedView:
        checks = self._known.live.checks_of(view)
        waiting = frozenset(check.name for check in checks if self._waits(check))
        return PublishedView(view, texts, checks, waiting)

    def _waits(self, check: Check) -> bool:
        """Return whether a table that a check looks into is still to be built."""
        warehouse = self._warehouse
        rows = (name for read in check.rule.reads for name in _rows_of(warehouse, read))
        return any(self._known.is_to_come(warehouse, name) for name in rows)

    def _is_judged_later(self, view: LiveView) -> bool:
        return view.last not in (None, self._name) and self._known.is_to_come(self._warehouse, view.last or "")

    def _may_stay(self, view: LiveView, texts: Sequence[str], *, is_new: bool) -> bool:
        """Return whether readers may find the published text after this build; `is_new` if the new one is judged now.

        It is False as well if a later build judges the published text: that build waits for this one, and has the
        rows of both.
        """
        warehouse, known = self._warehouse, self._known
        if known.text_of(warehouse, view.name) == "published":
            return False  # judged anyway, as a view that is read as published
        read = known.published_over(warehouse, view.last) if view.last is not None else {}
        if view.name in read and self._is_judged_later(view):
            return False
        return not (is_new and known.is_bound_to_replace(warehouse, texts, view, self._name))

    def _lacks(self, view: LiveView, texts: Mapping[str, str]) -> list[str]:
        """Return the names of the relations that the queries or checks of a view read, and that do not exist."""
        warehouse = self._warehouse
        needed = {
            read: warehouse.relation(read)
            for read in dict.fromkeys(_read(warehouse, view, texts))
            if read != self._name and texts.get(str(read)) != "project"
        }
        there = warehouse.engine.inspect(list(needed.values())) if needed else {}
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
        for to in check.rule.reads if check.severity == "error" else ():
            yield (project.seed_behind(to) or to) if isinstance(to, SourceName) else to


def _rows_of(warehouse: Warehouse, target: str | SourceName) -> frozenset[str]:
    behind = warehouse.project.seed_behind(target) if isinstance(target, SourceName) else target
    return frozenset() if behind is None else frozenset({behind, *warehouse.project.upstream(behind)})


def _is_query(warehouse: Warehouse, name: str) -> bool:
    model = warehouse.project.models.get(name)
    return model is not None and model.is_query
