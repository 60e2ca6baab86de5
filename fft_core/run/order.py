"""The order of ready steps: first the one on the longest path to the end of the run."""

from __future__ import annotations

from collections.abc import Mapping, Set
from graphlib import TopologicalSorter
from statistics import median


def remaining_seconds(dependencies: Mapping[str, Set[str]], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds of the longest path from each step; a step of unknown duration counts as the median.

    >>> remaining_seconds({"a": set(), "b": {"a"}, "c": {"a"}}, {"a": 1, "b": 5, "c": 2})
    {'c': 2, 'b': 5, 'a': 6}
    """
    usual = median(seconds.values()) if seconds else 1.0
    order = list(TopologicalSorter(dependencies).static_order())
    after = dict.fromkeys(order, 0.0)
    remaining = {}
    for step_key in reversed(order):
        remaining[step_key] = seconds.get(step_key, usual) + after[step_key]
        for upstream in dependencies.get(step_key, ()):
            after[upstream] = max(after[upstream], remaining[step_key])
    return remaining


def inverted(dependencies: Mapping[str, Set[str]]) -> dict[str, list[str]]:
    """Return for each step the steps that depend on it."""
    dependents: dict[str, list[str]] = {}
    for step_key, needed in dependencies.items():
        for upstream in needed:
            dependents.setdefault(upstream, []).append(step_key)
    return dependents
