"""The shape of project.yml."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from fft_core.errors import Location
from fft_core.project import model as m
from fft_core.project.shapes.hooks import HooksShape
from fft_core.project.shapes.shape import Filled, Name, Shape


class DocsShape(Shape):
    dag_dir: str = Field(default="site/dag", min_length=1)
    """The folder for the page of `fft dag --html`, relative to the project."""


class FingerprintShape(Shape):
    environment: Literal["all", "used"] = "all"
    """`used`: only the variables that a model reads count for it. `all`: other `FF_*` variables count as well."""
    digest_max_rows: int = Field(default=1_000_000, ge=0)
    """The largest number of rows of a table that is digested to find out whether its rows changed."""

    def settings(self) -> m.FingerprintSettings:
        return m.FingerprintSettings(self.environment, self.digest_max_rows)


class NamingShape(Shape):
    """Templates for the schemas and names of models and seeds."""

    schema_: Filled | None = Field(default=None, alias="schema")
    """A template for the schema of each model and seed."""
    alias: Filled | None = None
    """A template for the name of each table and view."""

    def templates(self, where: Location) -> m.Naming:
        return m.Naming(self.schema_, self.alias, where)


class RuleShape(Shape):
    """Settings for the nodes of a selection: models and seeds by `select`, checks by `checks`."""

    select: Filled | None = None
    """A selection of models and seeds. `select` or `checks` is required."""
    checks: Filled | None = None
    """A selection of checks."""
    set: dict[str, Any] = Field(min_length=1)
    """The settings of the selected models and seeds, or checks."""

    @model_validator(mode="after")
    def _one_selection(self) -> RuleShape:
        if (self.select is None) == (self.checks is None):
            raise ValueError("set one of select (models and seeds) and checks")
        return self


def _secret(text: str) -> str:
    """Return the name of a variable, or a glob that is narrower than "all of them". Raises ValueError."""
    if not re.sub(r"\[[^\]]*\]|[*?]", "", text).strip() or text.strip() != text:
        raise ValueError(f"{text!r} is not a name of variables; write a name, or a glob such as CRM_*")
    return text


class ProjectShape(Shape):
    """The content of project.yml; `tests` are validated one by one so that one bad test does not hide another."""

    name: Name = Field(min_length=1)
    """The name of the project. Different projects in one database must have different names."""
    version: str
    """The version of the project."""
    vars: dict[str, Any] = {}
    """The values of `var()`, by name."""
    models_dir: str = "models"
    """Read without effect; for a package, the folder of its models."""
    docs: DocsShape = DocsShape()
    """Settings of pages."""
    tests: list[Any] = []
    """Checks, each with its `table`."""
    models: dict[str, Any] = {}
    """Settings of models by folder and name. `models.incremental` has settings of incremental models, by name."""
    seeds: dict[str, Any] = {}
    """Settings of seeds by folder and name."""
    snapshots: dict[str, Any] = {}
    """Settings of models that are snapshots, by folder and name."""
    sources: dict[str, Any] = {}
    """Settings of sources by group and table."""
    checks: dict[str, Any] = {}
    """Settings of all checks of the models, seeds and sources of a folder."""
    rules: list[RuleShape] = []
    """Settings for all nodes or checks of a selection; the last rule wins."""
    naming: NamingShape = NamingShape()
    """Templates for schemas and names. Those of the profile win."""
    hooks: HooksShape = HooksShape()
    """Hooks of runs and models."""
    fingerprint: FingerprintShape = FingerprintShape()
    """Settings of fingerprints and data versions."""
    secrets: list[Annotated[str, AfterValidator(_secret)]] = []
    """Names, or globs, of environment variables and `vars` with secret values."""
    lint: dict[str, Annotated[m.LintSetting, BeforeValidator(lambda value: "off" if value is False else value)]] = {}
    """The levels of rules of `fft ci-check`, by rule."""

    @field_validator("version", mode="before")
    @classmethod
    def _version_as_text(cls, version: object) -> object:
        return str(version) if isinstance(version, int | float) else version

    @field_validator("*", mode="before")
    @classmethod
    def _empty_key(cls, content: object, info: ValidationInfo) -> object:
        if content is not None or info.field_name in ("name", "version"):
            return content
        return [] if info.field_name in ("tests", "secrets", "rules") else {}
