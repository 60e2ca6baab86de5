"""The shapes of YAML below models/, and the settings of steps that YAML and config() share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from fft_core.project import model as m
from fft_core.project.shapes.shape import Filled, Name, Names, Owner, Shape


class ColumnShape(Shape):
    """A column of a model, seed or source; its tests are read by the loader."""

    name: str
    description: str | None = None
    data_type: str | None = None
    tests: list[Any] = []
    data_tests: list[Any] = []
    tags: Names = []
    meta: dict[str, Any] = {}


class RetriesShape(Shape):
    """The block `retries`; a plain number is `max`."""

    max: int = Field(ge=1)
    delay: float | None = Field(default=None, ge=0)
    backoff: Literal["linear", "exponential"] | None = None
    jitter: Literal["full", "plus_minus"] | None = None

    @model_validator(mode="after")
    def _what_varies_is_there(self) -> RetriesShape:
        if self.delay is None and (self.backoff or self.jitter):
            raise ValueError(f"{'backoff' if self.backoff else 'jitter'} changes the delay: set delay, in seconds")
        return self


class StepKeys(Shape):
    """The settings of a step of a model or seed."""

    pool: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/]+$")] | None = None
    priority: int | None = None
    concurrency_key: Filled | None = None
    op_tags: dict[str, Any] = {}
    retries: (
        Annotated[RetriesShape, BeforeValidator(lambda value: {"max": value} if type(value) is int else value)] | None
    ) = None
    timeout: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_limit(self) -> StepKeys:
        if self.pool and self.concurrency_key and self.pool != self.concurrency_key:
            raise ValueError("pool and concurrency_key are two names for the same limit: set one of them")
        return self

    def step(self) -> m.StepSettings:
        retries = m.Retries(**dict(self.retries)) if self.retries else None
        return m.StepSettings(self.pool, self.priority, self.concurrency_key, dict(self.op_tags), retries, self.timeout)


class ModelSchemaShape(StepKeys):
    """The YAML entry of a model or seed; `config` is read by the loader."""

    name: Name
    config: Any = None
    description: str | None = None
    tags: Names = []
    owners: list[Owner] = []
    columns: list[ColumnShape] = []
    tests: list[Any] = []
    data_tests: list[Any] = []


class SchemaShape(Shape):
    version: Literal[2]
    models: list[ModelSchemaShape] = []
    seeds: list[ModelSchemaShape] = []
