"""The shapes of packages.yml and packages.lock.yml, and of the project.yml of a package."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fft_core.project.shapes.shape import Filled, Shape


class PackageShape(Shape):
    """One package: a folder, or a git repository at some revision."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """The name of the package, as in its own project.yml. In the form of a mapping, the key is the name."""
    path: Filled | None = None
    """The folder of the package, relative to the project's. `path` or `git` is required."""
    git: Filled | None = None
    """The repository of the package, in any form that git accepts."""
    subdir: Filled | None = None
    """The folder of the package in the repository. [default: the repository's root]"""
    branch: Filled | None = None
    """The requested branch. Only one of `branch`, `tag`, `rev` and `ref` may be set. [default: the repository's default
    branch]
    """
    tag: Filled | None = None
    """The requested tag."""
    rev: Filled | None = None
    """The requested commit."""
    ref: Filled | None = None
    """The requested branch, tag or commit."""
    models_dir: Filled | None = None
    """The folder of the models in the package. [default: that of its project.yml, or `models`]"""
    version: Filled | None = None
    """The accepted versions, such as `>=0.1.0,<0.2.0`. [default: any]"""

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
    """The name of the other package, which must be in the project's packages.yml."""
    version: str | None = None
    """The accepted versions. [default: any]"""
    optional: bool = False
    """`true`: the other package may be missing."""


class ManifestShape(BaseModel):
    """The project.yml of a package; keys other than these are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    name: str = Field(min_length=1)
    """The name of the package."""
    version: str | None = None
    """The version of the package; required if a range of versions is requested anywhere."""
    models_dir: str | None = None
    """The folder of the models. [default: `models`]"""
    fft_version: str | None = None
    """A range of versions that must include 0.6, the version of FFT with the supported project format."""
    dependencies: list[DependencyShape] = []
    """The packages that this one depends on; also a list of names, or a mapping of names to ranges of versions."""

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
    """The repository, without user and password."""
    revision: str
    """The requested revision, as in `branch main`; empty for the default branch."""
    commit: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    """The commit that is installed."""


class LockShape(Shape):
    """The content of packages.lock.yml."""

    lock_version: Literal[1]
    """The version of the format."""
    packages: dict[str, LockedShape] = {}
    """The installed git packages, by name."""
