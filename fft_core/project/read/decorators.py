"""The decorators of files that are written for FastFlowTransform. They register nothing: files are parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
RUN_PHASES = ("on_run_start", "on_run_end")
MODEL_PHASES = ("before_model", "after_model")


def engine_model(
    *, only: str | Sequence[str] | None = None, env_match: Mapping[str, str] | None = None, **settings: Any
) -> Callable[[Function], Function]:
    """Mark a function as a model of some engines. The function comes back unchanged.

    Args:
        only: The engine or engines that have the model; None: all.
        env_match: Environment variables that must have these values; FF_ENGINE is the engine of the profile.
        settings: The arguments of `@model`.
    """
    return lambda function: function


def dq_test(name: str, params_model: Any = None) -> Callable[[Function], Function]:
    """Mark a function as a custom check, `(con, table, column, params) -> (ok, message, example_sql)`.

    Args:
        name: The value of `type` in its tests.
        params_model: A pydantic model; the function takes its values as a dict, with defaults.
    """
    return lambda function: function


def fft_hook(name: str | None = None, when: str | None = None) -> Callable[[Function], Function]:
    """Mark a function as a hook, which is called with one mapping.

    Args:
        name: The `name` of hooks in project.yml; None: the function's name.
        when: The phase of the hook; None: all.
    """
    return lambda function: function
