"""The names of the steps of a project: made from the keys of their assets, and always unique."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator

import dagster as dg

from fft_core import Model, Seed, Source
from fft_dagster.projects import BoundProject


class StepNames:
    """The names of a project's steps; `taken` are names of other assets' steps, which are avoided."""

    def __init__(self, bound: BoundProject, taken: Collection[str] = ()) -> None:
        self._bound = bound
        steps = list(self._steps())
        uses = Counter(plain for _, plain in steps) + Counter(set(taken))
        self._names = {step: plain if uses[plain] == 1 else f"{plain}_{_digest(step)}" for step, plain in steps}

    def of(self, node: Model | Seed) -> str:
        """Return the name of the step that builds a model or seed."""
        return self._names[self._key(node), ""]

    def of_checks(self, source: Source) -> str:
        """Return the name of the step that runs the checks of a source."""
        return self._names[self._key(source), "checks"]

    def of_freshness(self, source: Source) -> str:
        """Return the name of the step that checks the age of a source."""
        return self._names[self._key(source), "freshness"]

    def of_unit_tests(self, model: Model) -> str:
        """Return the name of the step that runs the unit tests of a model."""
        return self._names[self._key(model), "unit tests"]

    def _key(self, node: Model | Seed | Source) -> dg.AssetKey:
        return self._bound.translator.get_asset_key(node)

    def _steps(self) -> Iterator[tuple[tuple[dg.AssetKey, str], str]]:
        """Yield each step, by key and kind, with its preferred name."""
        project = self._bound.project
        for node in project.stored():
            key = self._key(node)
            yield (key, ""), _plain(key)
        for name in dict.fromkeys(test.model for test in project.unit_tests):
            key = self._key(project.models[name])
            yield (key, "unit tests"), f"{_plain(key)}_unit_tests"
        for source in project.sources.values():
            key = self._key(source)
            yield (key, "checks"), f"{_plain(key)}_checks"
            if source.freshness:
                spec = self._bound.translator.get_freshness_spec(source, project)
                yield (key, "freshness"), f"{_plain(key)}_{spec.name}"


def _plain(key: dg.AssetKey) -> str:
    return re.sub(r"\W", "_", "__".join(key.path), flags=re.ASCII)


def _digest(step: tuple[dg.AssetKey, str]) -> str:
    key, kind = step
    return hashlib.sha256(f"{key.to_string()} {kind}".encode()).hexdigest()[:8]
