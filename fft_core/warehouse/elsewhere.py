"""Another environment of a project, read through the sessions of this one."""

from __future__ import annotations

from dataclasses import dataclass

from fft_core.compile.call import Compiler
from fft_core.engines.spec.masking import Masker
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import EngineError, RequestError, nearest
from fft_core.project.model import Project
from fft_core.project.profile.profiles import Environment, Profile
from fft_core.project.profile.secrets import project_masker
from fft_core.project.read.load import load_project
from fft_core.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Elsewhere:
    """An environment whose relations can be read beside those of this one.

    Attributes:
        env: The name of the environment.
        project: The project in that environment, which has other places of models, seeds and sources.
        profile: The profile of that environment, with the settings of its database.
        compiler: The compiler of that project.
        masker: The masker of the secrets of both environments.
    """

    env: str
    project: Project
    profile: Profile
    compiler: Compiler
    masker: Masker

    def warehouse(self, here: Warehouse) -> Warehouse:
        """Return the warehouse of that environment over a session of this one, for reading; both are closed together.

        Raises:
            RequestError: the environment cannot be read beside this one, or has the same places.
            ConnectError, BusyError: its database cannot be opened.
        """
        try:
            engine = here.engine.places.of(self.profile.settings)
        except EngineError as error:
            if type(error) is not EngineError:  # its subclasses are errors of the database
                raise
            said = f"the environment {self.env!r} cannot be read here: {error.problem.message}"
            raise RequestError(said, hint=error.problem.hint, code="FFT-223") from error
        there = Warehouse.over(self.project, engine, self.compiler, self.masker)
        fold = spec_of(self.profile.engine).folded
        others = {node.name for node in self.project.stored()}
        nodes = [node.name for node in here.project.stored() if node.name in others]
        if all(fold(there.place(name)) == fold(here.place(name)) for name in nodes):
            place = engine.relation("").parts
            raise RequestError(
                f"the environment {self.env!r} is in the same place as {here.project.env!r}: {'.'.join(place)}",
                hint=_variables_hint(self.profile, here.project) or "Use another schema or file for one of them.",
                code="FFT-223",
            )
        return there


def find_elsewhere(project: Project, env: str) -> Elsewhere:
    """Find another environment of a project by the name of its profile. Opens no database.

    Raises:
        RequestError: the profile does not exist, is the project's own, or is one of another engine.
        ProfileError, ProjectError: the profile, or the project with this profile, cannot be loaded.
    """
    names = project.profiles.names()
    if env == project.env and not project.profiles.is_placed:
        raise RequestError(
            f"{env!r} is the current environment", hint=f"Name another one: {_list(names, env)}.", code="FFT-303"
        )
    if env not in names:
        hint = nearest(env, names) or f"Name one of profiles.yml: {_list(names, project.env)}."
        raise RequestError(
            f"the environment {env!r} does not exist: profiles.yml has no such profile", hint=hint, code="FFT-303"
        )
    environment = project.environment
    given = None if isinstance(environment, Environment) else environment
    variables = dict(project.variables)
    profiles = project.profiles.of(env)
    profile = profiles.active()
    if profile.engine != project.engine:
        raise RequestError(
            f"the environment {env!r} is on {profile.engine}, and {project.env!r} on {project.engine}",
            hint="Only an environment on the same engine can be read together with this one.",
            code="FFT-303",
        )
    other = load_project(project.root, env, engine=project.engine, variables=variables, environment=given)
    masker = Masker(project_masker(project).values | project_masker(other).values)
    return Elsewhere(env, other, profile, Compiler(other), masker)


def _list(names: tuple[str, ...], own: str) -> str:
    return ", ".join(repr(name) for name in names if name != own) or "there is no other"


def _variables_hint(profile: Profile, project: Project) -> str | None:
    """Return a hint with the environment variables that override the places of all profiles; None if none is set."""
    settings = spec_of(profile.engine).settings.values()
    given = [setting.variable for setting in settings if project.environment.get(setting.variable)]
    return f"{', '.join(given)} is set, and overrides every profile." if given else None
