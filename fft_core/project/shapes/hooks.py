"""The shape of `hooks` in project.yml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from fft_core.project.shapes.shape import Filled, Names, Shape


class HookShape(Shape):
    """One hook; `callable` is read but ignored, as documented for FFT: a Python hook is found by its name."""

    name: Filled
    """The name of the hook: of the file `hooks/NAME.sql`, or of a Python function with `@fft_hook`. A hook with its own
    `sql` may have any name.
    """
    kind: Literal["sql", "python"] = "sql"
    """The language of the hook."""
    sql: str | None = None
    """The statements of the hook, with Jinja. [default: the file `hooks/NAME.sql`]"""
    select: Names = []
    """For `before_model` and `after_model`: selections of the models that the hook is for. [default: all models]"""
    engines: Names = []
    """The engines on which the hook runs. [default: all]"""
    envs: Names = []
    """The environments in which the hook runs. [default: all]"""
    params: dict[str, Any] = {}
    """Values that the hook can read as `params`."""
    callable: Any = None
    """Read and ignored: a Python hook is found by its name."""


HookList = Annotated[list[HookShape], BeforeValidator(lambda value: [] if value is None else value)]


class HooksShape(Shape):
    """The hooks of each phase, in order."""

    on_run_start: HookList = Field(default_factory=list)
    """Hooks that run before the plan is made."""
    on_run_end: HookList = Field(default_factory=list)
    """Hooks that run at the end of a run, also of one that failed or had nothing to do."""
    before_model: HookList = Field(default_factory=list)
    """Hooks that run before each model that is built."""
    after_model: HookList = Field(default_factory=list)
    """Hooks that run after each model that is built."""
