"""The shape of `hooks` in project.yml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from fft_core.project.shapes.shape import Filled, Names, Shape


class HookShape(Shape):
    """One hook; `callable` is read but ignored, as documented for FFT: a Python hook is found by its name."""

    name: Filled
    kind: Literal["sql", "python"] = "sql"
    sql: str | None = None
    select: Names = []
    engines: Names = []
    envs: Names = []
    params: dict[str, Any] = {}
    callable: Any = None


HookList = Annotated[list[HookShape], BeforeValidator(lambda value: [] if value is None else value)]


class HooksShape(Shape):
    """The hooks of each phase, in order."""

    on_run_start: HookList = Field(default_factory=list)
    on_run_end: HookList = Field(default_factory=list)
    before_model: HookList = Field(default_factory=list)
    after_model: HookList = Field(default_factory=list)
