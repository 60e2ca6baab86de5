"""The shapes of YAML below models/, and the settings of steps that YAML and config() share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from fft_core.project import model as m
from fft_core.project.shapes.shape import Filled, Name, Names, Owner, Shape, Words


class ColumnShape(Shape):
    """A column of a model, seed or source; its tests are read by the loader."""

    name: str
    """The name of the column."""
    description: str | None = None
    """The description of the column."""
    data_type: str | None = None
    """The type of the column, for documentation and unit tests; it does not change the column."""
    tests: list[Any] = []
    """Checks of the column."""
    data_tests: list[Any] = []
    """The same as `tests`."""
    tags: Names = []
    """Tags of the column. Values of a column with the tag `pii` are masked."""
    meta: dict[str, Any] = {}
    """Your own notes; `pii: true` masks the values in `fft diff`."""


class RetriesShape(Shape):
    """The block `retries`; a plain number is `max`."""

    max: int = Field(ge=1)
    """The number of attempts after the first one."""
    delay: float | None = Field(default=None, ge=0)
    """Seconds before the next attempt."""
    backoff: Literal["linear", "exponential"] | None = None
    """The growth of the delay from attempt to attempt."""
    jitter: Literal["full", "plus_minus"] | None = None
    """The random change of the delay."""

    @model_validator(mode="after")
    def _what_varies_is_there(self) -> RetriesShape:
        if self.delay is None and (self.backoff or self.jitter):
            raise ValueError(f"{'backoff' if self.backoff else 'jitter'} changes the delay: set delay, in seconds")
        return self


class StepKeys(Shape):
    """The settings of a step of a model or seed."""

    pool: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/]+$")] | None = None
    """The Dagster pool whose slots limit the number of such steps that run at a time."""
    priority: int | None = None
    """Among steps that are ready, the one with the highest priority starts first."""
    concurrency_key: Filled | None = None
    """Another name of `pool`."""
    op_tags: dict[str, Any] = {}
    """Tags of the step in Dagster."""
    retries: (
        Annotated[
            RetriesShape,
            BeforeValidator(lambda value: {"max": value} if type(value) is int else value),
            Words("whole number, or mapping"),
        ]
        | None
    ) = None
    """Retries after errors that may be temporary; a number alone is `max`."""
    timeout: float | None = Field(default=None, gt=0)
    """Seconds after which the step is interrupted."""

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
    """The name of the model or seed."""
    config: Annotated[Any, Words("mapping")] = None
    """Settings of the model or seed, as in `config()`."""
    description: str | None = None
    """The description of the model or seed."""
    tags: Names = []
    """Tags; those of all places are joined."""
    owners: list[Owner] = []
    """E-mail addresses, or `team:name`; those of all places are joined."""
    columns: list[ColumnShape] = []
    """The described columns."""
    tests: list[Any] = []
    """Checks of the table."""
    data_tests: list[Any] = []
    """The same as `tests`."""


class SchemaShape(Shape):
    version: Literal[2]
    """The version of the format."""
    models: list[ModelSchemaShape] = []
    """The models."""
    seeds: list[ModelSchemaShape] = []
    """The seeds."""
