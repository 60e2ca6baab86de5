"""A selection as the command line takes it: the grammar, with what only the warehouse, the last run and git know."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import get_args

from fft_core.artifacts.run_results import NodeRunResult, Outcome, read_run_results
from fft_core.planner import modified_nodes
from fft_core.project.model import Project
from fft_core.project.select import refuse_unknown, select
from fft_core.warehouse import open_warehouse


def select_nodes(
    project: Project, expressions: Sequence[str] = (), exclude: Sequence[str] = (), *, changed_since: str | None = None
) -> frozenset[str]:
    """Choose stored models and seeds by name, in the grammar of `select`.

    The database is opened, read-only, where an expression says `state:`; the results of the last run are read where
    one says `result:`.

    Args:
        project: What is chosen from.
        expressions: All of it where there is none.
        exclude: What to leave out.
        changed_since: Keep only what changed since this commit, and what reads it.

    Raises:
        FftError: an expression is wrong, or what it asks for cannot be known.
    """
    asked = _Asked(project)
    chosen = select(project, expressions, exclude, {"state": asked.state, "result": asked.result})
    if changed_since is None:
        return chosen
    from fft_core.changed import affected_nodes  # with git, which most commands do not ask

    return chosen & affected_nodes(project, changed_since)


class _Asked:
    """What was asked for, once each."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def state(self, value: str) -> frozenset[str]:
        refuse_unknown("state", value, ["modified"])
        return self._modified

    def result(self, value: str) -> frozenset[str]:
        refuse_unknown("result", value, get_args(Outcome))
        return frozenset(result.name for result in self._results if result.outcome == value)

    @cached_property
    def _modified(self) -> frozenset[str]:
        with open_warehouse(self._project, read_only=True) as warehouse:
            return modified_nodes(warehouse)

    @cached_property
    def _results(self) -> Sequence[NodeRunResult]:
        return read_run_results(self._project.root).results
