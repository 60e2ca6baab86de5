"""The shapes of packages.yml and packages.lock.yml, and of the project.yml of a package."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fft_core.project.shapes.shape import Filled, Shape


class PackageShape(Shape):
    """One package: a folder, or a git repository at some revision."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    path: Filled | None = None
    git: Filled | None = None
    subdir: Filled | None = None
    branch: Filled | None = None
    tag: Filled | None = None
    rev: Filled | None = None
    ref: Filled | None = None
    models_dir: Filled | None = None
    version: Filled | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> PackageShape:
        if (self.path is None) == (self.git is None):
            raise ValueError("set exactly one of path and git")
        said = [key for key in ("branch", "tag", "rev", "ref") if getattr(self, key) is not None]
        if self.path is not None and (said or self.subdir is not None):
            raise ValueError(f"{(said or ['subdir'])[0]} is for git packages")
        if len(said) > 1:
            raise ValueError(f"set one of {', '.join(said)}")
        return self

    @property
    def revision(self) -> tuple[str, str] | None:
        """The requested revision of the repository, as kind and name; None for its default branch."""
        kinds = [(kind, getattr(self, kind)) for kind in ("branch", "tag", "rev", "ref")]
        return next(((kind, name) for kind, name in kinds if name is not None), None)


class DependencyShape(Shape):
    name: str
    version: str | None = None
    optional: bool = False


class ManifestShape(BaseModel):
    """The project.yml of a package; keys other than these are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    name: str = Field(min_length=1)
    version: str | None = None
    models_dir: str | None = None
    fft_version: str | None = None
    dependencies: list[DependencyShape] = []

    @field_validator("version", mode="before")
    @classmethod
    def _version_as_text(cls, version: object) -> object:
        return str(version) if isinstance(version, int | float) else version

    @field_validator("dependencies", mode="before")
    @classmethod
    def _short_forms(cls, content: object) -> object:
        """Return the mapping for a short form: a list of names, or a mapping of names to version ranges."""
        if isinstance(content, dict):
            return [
                {"name": name, **(said if isinstance(said, dict) else {"version": said})}
                for name, said in content.items()
            ]
        return (
            [{"name": item} if isinstance(item, str) else item for item in content]
            if isinstance(content, list)
            else content or []
        )


class LockedShape(Shape):
    git: str
    revision: str
    commit: str = Field(pattern=r"^[0-9a-f]{40,64}$")


class LockShape(Shape):
    """The content of packages.lock.yml."""

    lock_version: Literal[1]
    packages: dict[str, LockedShape] = {}
