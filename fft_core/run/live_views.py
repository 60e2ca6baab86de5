"""The checked views over each model or seed: their readers see its new rows as soon as they are published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from fft_core.project.model import Check, Project
from fft_core.project.model.project import waiting_levels


@dataclass(frozen=True)
class LiveView:
    """A view with checks of severity error, and the nodes whose rows it shows.

    Attributes:
        name: The name of the view.
        follows: The views that it reads, also through others and ephemeral models, and the tables and seeds below them.
        tables: The nodes in `follows` that have rows of their own, in build order.
        rendered: The view itself, and all views whose queries make its rows, or the rows that its relationships checks
            look into; each after those that it reads.
        targets: The tables that its relationships checks look into, also through views, in build order, without those
            in `tables`.
        last: The last of `tables` that the run may build: that build judges the view. None if the run builds none.
    """

    name: str
    follows: frozenset[str]
    tables: tuple[str, ...]
    rendered: tuple[str, ...]
    targets: tuple[str, ...]
    last: str | None


class LiveViews:
    """The checked views of a project, by the nodes below them; found at first use.

    Args:
        project: The project of the views.
        built: The nodes that the run may build; None for all.
    """

    def __init__(self, project: Project, built: Set[str] | None = None) -> None:
        self._project = project
        self._built = built

    def over(self, name: str) -> Sequence[LiveView]:
        """Return the checked views whose rows change with a model or seed; for a view, those that read it."""
        return self._by_node.get(name, ())

    def of(self, name: str) -> LiveView | None:
        """Return a view, if it has checks of severity error."""
        return self._views.get(name)

    def goes_after(self, name: str) -> tuple[str, ...]:
        """Return the tables that a table waits for, so that views over it are judged with the last rows of a run."""
        found: dict[str, None] = {}
        for view in self.over(name):
            if view.last == name:
                earlier = (n for n in (*view.tables, *view.targets) if self._rank[n] < self._rank[name])
                found.update(dict.fromkeys(n for n in earlier if self._is_built(n)))
        return tuple(found)

    def ordered(self, names: Iterable[str]) -> tuple[str, ...]:
        """Sort models and seeds so that each is after the nodes that it waits for: its inputs, and `goes_after`."""
        return tuple(sorted(names, key=lambda name: self._rank[name]))

    def checks_of(self, view: str) -> tuple[Check, ...]:
        """Return the checks of a view that hold back the tables below it: those of severity error."""
        return tuple(check for check in self._project.checks_of(view) if check.severity == "error")

    def _is_built(self, name: str) -> bool:
        return self._built is None or name in self._built

    @cached_property
    def _by_node(self) -> Mapping[str, Sequence[LiveView]]:
        found: dict[str, list[LiveView]] = {}
        for view in self._views.values():
            for name in view.follows:
                found.setdefault(name, []).append(view)
        return found

    @cached_property
    def _views(self) -> Mapping[str, LiveView]:
        models = self._project.models.values()
        names = [model.name for model in models if model.is_query and self.checks_of(model.name)]
        return {name: self._view(name) for name in sorted(names, key=lambda name: self._rank[name])}

    def _view(self, name: str) -> LiveView:
        targets = self._looked_into(name)
        follows, beside = self._followed(name), {*targets, *(n for target in targets for n in self._followed(target))}
        tables = self.ordered(n for n in follows if not self._is_query(n))
        built = [table for table in tables if self._is_built(table)]
        return LiveView(
            name=name,
            follows=frozenset(follows),
            tables=tables,
            rendered=self.ordered(n for n in {name} | follows | beside if self._is_query(n)),
            targets=self.ordered(n for n in beside - follows if not self._is_query(n)),
            last=built[-1] if built else None,
        )

    @cached_property
    def _rank(self) -> Mapping[str, int]:
        """The position of each node, after the nodes that it waits for; nodes that checks look into are early."""
        looked_into = {
            name
            for check in self._project.checks
            if isinstance(check.node, str)
            for target in self._looked_into(check.node)
            for name in (target, *self._followed(target))
        }
        return {
            name: rank
            for rank, name in enumerate(
                name
                for level in waiting_levels(self._project)
                for name in sorted(level, key=lambda name: (name not in looked_into, name))
            )
        }

    def _looked_into(self, name: str) -> list[str]:
        """Return the stored nodes that the relationships checks of a view look into."""
        if name not in self._project.models or not self._project.models[name].is_query:
            return []
        targets = [read for check in self.checks_of(name) for read in check.rule.reads]
        behind = [to if isinstance(to, str) else self._project.seed_behind(to) for to in targets]
        return [target for target in dict.fromkeys(behind) if target is not None and target != name]

    def _is_query(self, name: str) -> bool:
        return name in self._project.models and self._project.models[name].is_query

    def _followed(self, name: str) -> set[str]:
        """Return the stored nodes that make the rows of a view: views, also through ephemeral models, and tables."""
        seen, frontier = {name}, [name] if self._is_text(name) else []
        while frontier:
            reads = self._project.reads(frontier.pop())
            fresh = [read for read in reads if read not in seen]
            seen.update(fresh)
            frontier += [read for read in fresh if self._is_text(read)]
        return {read for read in seen - {name} if self._is_query(read) or not self._is_text(read)}

    def _is_text(self, name: str) -> bool:
        """Return whether a node has no rows of its own."""
        model = self._project.models.get(name)
        return model is not None and (model.is_query or model.is_ephemeral)
