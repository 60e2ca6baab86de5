"""Selections of the command line: the grammar, with facts from the warehouse, the last run and git."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import get_args

from fft_core.plan.decision import Request
from fft_core.project.model import Check, Project
from fft_core.project.model.selection import choose, identity_of, meaning_of_checks, refuse_unknown, select
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.results import NodeRunResult, SelectorStatus, read_run_results
from fft_core.run.run import Run


def select_nodes(
    project: Project,
    expressions: Sequence[str] = (),
    exclude: Sequence[str] = (),
    *,
    changed_since: str | None = None,
    run: Run | None = None,
) -> frozenset[str]:
    """Select stored models and seeds by name, in the grammar of `select`.

    The database is opened, read-only, if an expression contains `state:`; the results of the last run are read if one
    contains `result:`.

    Args:
        project: The project to select from.
        expressions: The selection; empty: everything.
        exclude: Nodes to leave out, in the same grammar.
        changed_since: Keep only the nodes that changed since this commit, and those that depend on them.
        run: The run for which nodes are selected: both then share the identities of the nodes.

    Raises:
        FftError: an expression is not valid, or its facts cannot be read.
    """
    asked = _Asked(project, run or Run(project))
    chosen = select(project, expressions, exclude, {"state": asked.state, "result": asked.result})
    if changed_since is None:
        return chosen
    from fft_core.run.select.changed import affected_nodes  # for git, which most commands do not need

    return chosen & affected_nodes(project, changed_since)


class _Asked:
    """The facts that expressions need, each found once."""

    def __init__(self, project: Project, run: Run) -> None:
        self._project = project
        self._run = run

    def state(self, value: str) -> frozenset[str]:
        refuse_unknown("state", value, ["modified"])
        return self._modified

    def result(self, value: str) -> frozenset[str]:
        refuse_unknown("result", value, get_args(SelectorStatus))
        return frozenset(result.name for result in self._results if result.selector_status == value)

    @cached_property
    def _modified(self) -> frozenset[str]:
        rebuilder = Rebuilder(self._project, self._run.identities, Request(), defer=self._run.defer)
        with self._run.open(read_only=True, late=True) as warehouse:
            return rebuilder.modified(warehouse)

    @cached_property
    def _results(self) -> Sequence[NodeRunResult]:
        return read_run_results(self._project.root).results


def select_checks(
    project: Project, expressions: Sequence[str] = (), exclude: Sequence[str] = (), *, changed_since: str | None = None
) -> tuple[Check, ...]:
    """Select checks: those of the nodes that an expression selects, and those that it names themselves.

    A check is named by its name, or by its tag (`tag:fk`, or only `fk` if no model or seed has that name), and a check
    of a source by `source:`. Without expressions, all checks are selected.

    Raises:
        FftError: an expression is not valid, or its facts cannot be read.
    """
    meaning = meaning_of_checks(project, lambda term: select_nodes(project, [term]))
    chosen = choose(map(identity_of, project.checks), expressions, exclude, meaning)
    if changed_since is not None:
        affected = select_nodes(project, changed_since=changed_since)
        chosen = frozenset(check for check in chosen if check[0] in affected)
    return tuple(check for check in project.checks if identity_of(check) in chosen)
