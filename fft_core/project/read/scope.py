"""The engines and environments that a model is for: `only`, `env_match` and `engines`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fft_core.errors import Location, Problem
from fft_core.project.read.conditions import ENGINE_VARIABLE


@dataclass
class Scope:
    """The engine and the environment that a project is read for.

    Attributes:
        engine: The engine's name, which is also the value of FF_ENGINE in conditions.
        environment: The variables for `env_match`.
        read: The variables that were compared: another value results in another project.
        elsewhere: The names of models that were left out; the reader adds to them.
    """

    engine: str
    environment: Mapping[str, str]
    read: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)

    def has(self, only: object, env_match: object, where: Location, problems: list[Problem]) -> bool:
        """Return whether a model is for this engine and environment. Invalid conditions are added to `problems`."""
        if only is not None and not self._is_engine(only, where, problems):
            return False
        return env_match is None or self._matches(env_match, where, problems)

    def _is_engine(self, only: object, where: Location, problems: list[Problem]) -> bool:
        names = [only] if isinstance(only, str) else only
        if not isinstance(names, list | tuple | set | frozenset) or not all(isinstance(name, str) for name in names):
            problems.append(
                Problem("only must be an engine or a list of engines", where, "As in only='...'.", code="FFT-106")
            )
            return True
        return self.engine.lower() in {name.lower() for name in names}

    def _matches(self, env_match: object, where: Location, problems: list[Problem]) -> bool:
        if not isinstance(env_match, Mapping) or not all(isinstance(v, str) for v in (*env_match, *env_match.values())):
            hint = "As in env_match={'FF_ENGINE_VARIANT': 'pandas'}."
            problems.append(Problem("env_match must map variables to texts", where, hint, code="FFT-106"))
            return True
        return all(self._value(name) == wanted for name, wanted in env_match.items())

    def _value(self, name: str) -> str | None:
        if name == ENGINE_VARIABLE:
            return self.engine
        self.read.add(name)
        return self.environment.get(name)
