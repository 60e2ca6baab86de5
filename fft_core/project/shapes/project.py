"""The shape of project.yml."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from fft_core.project import model as m
from fft_core.project.shapes.hooks import HooksShape
from fft_core.project.shapes.shape import Name, Shape


class DocsShape(Shape):
    dag_dir: str = Field(default="site/dag", min_length=1)


class FingerprintShape(Shape):
    environment: Literal["all", "used"] = "all"
    digest_max_rows: int = Field(default=1_000_000, ge=0)

    def settings(self) -> m.FingerprintSettings:
        return m.FingerprintSettings(self.environment, self.digest_max_rows)


def _secret(text: str) -> str:
    """Take the name of a variable, or a glob that says more than "all of them"."""
    if not re.sub(r"\[[^\]]*\]|[*?]", "", text).strip() or text.strip() != text:
        raise ValueError(f"{text!r} names no variable; write a name, or a glob such as CRM_*")
    return text


class ProjectShape(Shape):
    """project.yml; `tests` are validated one by one so that one bad test does not hide another."""

    name: Name = Field(min_length=1)
    version: str
    vars: dict[str, Any] = {}
    models_dir: str = "models"
    docs: DocsShape = DocsShape()
    tests: list[Any] = []
    models: dict[str, Any] = {}
    seeds: dict[str, Any] = {}
    hooks: HooksShape = HooksShape()
    fingerprint: FingerprintShape = FingerprintShape()
    secrets: list[Annotated[str, AfterValidator(_secret)]] = []
    lint: dict[str, Annotated[m.LintSetting, BeforeValidator(lambda value: "off" if value is False else value)]] = {}

    @field_validator("version", mode="before")
    @classmethod
    def _version_as_text(cls, version: object) -> object:
        return str(version) if isinstance(version, int | float) else version

    @field_validator("models", "seeds")
    @classmethod
    def _nothing_is_ignored(cls, content: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        known = ("incremental", "storage") if info.field_name == "models" else ("storage",)
        others = [key for key in content if key not in known]
        if others:
            raise ValueError(f"{', '.join(others)}: not supported yet; say it in the model's config()")
        return content

    @field_validator("vars", "tests", "models", "seeds", "hooks", "lint", "secrets", mode="before")
    @classmethod
    def _empty_key(cls, content: object, info: Any) -> object:
        return ([] if info.field_name in ("tests", "secrets") else {}) if content is None else content
