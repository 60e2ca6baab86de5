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


class FingerprintShape(Shape):
    environment: Literal["all", "used"] = "all"
    digest_max_rows: int = Field(default=1_000_000, ge=0)

    def settings(self) -> m.FingerprintSettings:
        return m.FingerprintSettings(self.environment, self.digest_max_rows)


class NamingShape(Shape):
    """Templates for the schemas and names of models and seeds."""

    schema_: Filled | None = Field(default=None, alias="schema")
    alias: Filled | None = None

    def templates(self, where: Location) -> m.Naming:
        return m.Naming(self.schema_, self.alias, where)


class RuleShape(Shape):
    """Settings for the nodes of a selection: models and seeds by `select`, checks by `checks`."""

    select: Filled | None = None
    checks: Filled | None = None
    set: dict[str, Any] = Field(min_length=1)

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
    version: str
    vars: dict[str, Any] = {}
    models_dir: str = "models"
    docs: DocsShape = DocsShape()
    tests: list[Any] = []
    models: dict[str, Any] = {}
    seeds: dict[str, Any] = {}
    snapshots: dict[str, Any] = {}
    sources: dict[str, Any] = {}
    checks: dict[str, Any] = {}
    rules: list[RuleShape] = []
    naming: NamingShape = NamingShape()
    hooks: HooksShape = HooksShape()
    fingerprint: FingerprintShape = FingerprintShape()
    secrets: list[Annotated[str, AfterValidator(_secret)]] = []
    lint: dict[str, Annotated[m.LintSetting, BeforeValidator(lambda value: "off" if value is False else value)]] = {}

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
