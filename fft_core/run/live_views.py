"""Which checked views are live over a model or seed: what it publishes, their readers see at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from fft_core.project.model import Check, Project
from fft_core.project.model.project import waiting_levels


@dataclass(frozen=True)
class LiveView:
    """A view with checks of severity error, and what its rows follow by themselves.

    Attributes:
        name: The view.
        follows: The views that it reads, also through others and ephemeral models, and the tables and seeds below them.
        tables: Those of them that have rows of their own, in build order.
        rendered: All views whose queries make its rows, or the rows that its relationships checks look into: each after
            those that it reads, and the view itself among them.
        targets: The tables below what its relationships checks look into, in build order; those of `tables` left out.
        last: The last of its tables that the run may build: that build judges the view. None if the run builds none.
    """

    name: str
    follows: frozenset[str]
    tables: tuple[str, ...]
    rendered: tuple[str, ...]
    targets: tuple[str, ...]
    last: str | None


class LiveViews:
    """The checked views of a project, by what they are live over; found when first asked for.

    Args:
        project: Whose views.
        built: The nodes that the run may build; all where None.
    """

    def __init__(self, project: Project, built: Set[str] | None = None) -> None:
        self._project = project
        self._built = built

    def over(self, name: str) -> Sequence[LiveView]:
        """Give the views that change with a model or seed; of a view, those that read it."""
        return self._by_node.get(name, ())

    def of(self, name: str) -> LiveView | None:
        """Give a view, if it has checks that hold back what it reads."""
        return self._views.get(name)

    def goes_after(self, name: str) -> tuple[str, ...]:
        """Name what a table waits for, so that the views over it are judged with the last rows of a run."""
        found: dict[str, None] = {}
        for view in self.over(name):
            if view.last == name:
                earlier = (n for n in (*view.tables, *view.targets) if self._rank[n] < self._rank[name])
                found.update(dict.fromkeys(n for n in earlier if self._is_built(n)))
        return tuple(found)

    def ordered(self, names: Iterable[str]) -> tuple[str, ...]:
        """Put models and seeds in an order in which all waiting goes: that of reading, and that of `goes_after`."""
        return tuple(sorted(names, key=lambda name: self._rank[name]))

    def checks_of(self, view: str) -> tuple[Check, ...]:
        """The checks of a view that hold back what it reads."""
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
        """The place of each node in one order, in which all waiting goes; what others look into is early."""
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
        """The stored nodes that the relationships checks of a view look into."""
        if name not in self._project.models or not self._project.models[name].is_query:
            return []
        targets = [read for check in self.checks_of(name) for read in check.rule.reads]
        behind = [to if isinstance(to, str) else self._project.seed_behind(to) for to in targets]
        return [target for target in dict.fromkeys(behind) if target is not None and target != name]

    def _is_query(self, name: str) -> bool:
        return name in self._project.models and self._project.models[name].is_query

    def _followed(self, name: str) -> set[str]:
        """What is stored and makes the rows of a view: through views and ephemeral models, down to what has rows."""
        seen, frontier = {name}, [name] if self._is_text(name) else []
        while frontier:
            reads = self._project.reads(frontier.pop())
            fresh = [read for read in reads if read not in seen]
            seen.update(fresh)
            frontier += [read for read in fresh if self._is_text(read)]
        return {read for read in seen - {name} if self._is_query(read) or not self._is_text(read)}

    def _is_text(self, name: str) -> bool:
        """Whether a node has no rows of its own."""
        model = self._project.models.get(name)
        return model is not None and (model.is_query or model.is_ephemeral)
