"""Diagnosis of a project: parts that work here, are missing, or differ from the original FFT. Opens no database."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata, util
from pathlib import Path
from typing import Literal, TypeAlias

from fft_core.engines.spec.registry import frame_kinds_of, spec_of
from fft_core.errors import FftError, Problem, ProjectError
from fft_core.project.model import Incremental, Model, Project, PythonBody, Snapshot
from fft_core.project.read.load import load_project

State: TypeAlias = Literal["works", "missing", "differs"]
_USES_HTTP = re.compile(r"\bget_(?:df|json)\b")


@dataclass(frozen=True)
class Finding:
    """The result for one part of the project.

    Attributes:
        state: Whether it works, is missing, or works in another way than in the original FFT.
        what: The part, in words.
        hint: The remedy, or the reason for the difference.
        code: The code of an error.
    """

    state: State
    what: str
    hint: str = ""
    code: str | None = None


def examine(root: Path, env: str | None = None) -> tuple[Finding, ...]:
    """Examine a folder with a project, and return what works first, then what is missing, then what differs.

    Args:
        root: The folder.
        env: The profile; FFT_ACTIVE_ENV or dev if None.
    """
    try:
        project = load_project(root, env)
    except ProjectError as error:
        return tuple(map(_problem, error.problems))
    found = [
        *_parts(project),
        *_connection(project),
        *_packages(project),
        *_unit_tests(project),
        *_differences(project),
    ]
    return tuple(sorted(found, key=lambda finding: ("works", "missing", "differs").index(finding.state)))


def _problem(problem: Problem) -> Finding:
    what = str(replace(problem, code=None)).partition("\n")[0]
    return Finding("missing", what, problem.hint or "", problem.code)


def _parts(project: Project) -> Iterator[Finding]:
    kinds = Counter(f"{model.kind} models" for model in project.models.values())
    counts = {
        **kinds,
        "seeds": len(project.seeds),
        "sources": len(project.sources),
        "checks": len(project.checks),
        "hooks": len(project.hooks),
        "unit tests": len(project.unit_tests),
    }
    said = ", ".join(
        f"{count} {what.removesuffix('s') if count == 1 else what}" for what, count in counts.items() if count
    )
    yield Finding(
        "works", f"the project {project.name!r} loads for {project.env} on {project.engine}: {said or 'empty'}"
    )


def _connection(project: Project) -> Iterator[Finding]:
    try:
        profile = project.profiles.active(engine=project.engine)
    except FftError as error:
        what = f"the profile {project.env}: {error.problem.message}"
        yield Finding("missing", what, error.problem.hint or "", error.code)
        return
    yield Finding("works", f"the profile {project.env} has all settings that {profile.engine} needs")
    spec = spec_of(profile.engine)
    for package in spec.drivers:
        if util.find_spec(package) is None:
            yield Finding("missing", f"the driver of {spec.title}: {package}", f'pip install "{spec.extra}"')


def _packages(project: Project) -> Iterator[Finding]:
    """Yield the packages that Python models need for their annotations and imports."""
    bodies = [model for model in project.models.values() if isinstance(model.body, PythonBody)]
    kinds = {kind.name: kind for kind in frame_kinds_of(project.engine)}
    for name in sorted({frame for model in bodies for frame in _frames(model)}):
        package = kinds[name].package if name in kinds else name
        if util.find_spec(package.partition(".")[0]) is None:
            yield Finding("missing", f"frames of {package}", f"pip install {package}")
    if any(_uses_http(project, model) for model in bodies):
        for package in _packages_of_extra("http"):
            if util.find_spec(package) is None:
                yield Finding("missing", f"get_df and get_json need {package}", 'pip install "fft-dagster[http]"')


def _packages_of_extra(extra: str) -> Iterator[str]:
    """Yield the packages of one of our extras, from its metadata; modules have the names of their packages."""
    from packaging.requirements import Requirement

    for wanted in map(Requirement, metadata.requires("fft-dagster") or ()):
        if wanted.marker and wanted.marker.evaluate({"extra": extra}) and not wanted.marker.evaluate({"extra": ""}):
            yield wanted.name.replace("-", "_")


def _frames(model: Model) -> tuple[str, ...]:
    return model.body.frames if isinstance(model.body, PythonBody) else ()


def _uses_http(project: Project, model: Model) -> bool:
    try:
        return _USES_HTTP.search(project.file(model.path).read_text(encoding="utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        return False


def _unit_tests(project: Project) -> Iterator[Finding]:
    if not project.unit_tests:
        return
    try:
        profile = project.profiles.unit_test()
    except FftError as error:
        what = f"the profile of unit tests: {error.problem.message}"
        yield Finding("missing", what, error.problem.hint or "", error.code)
        return
    if profile is None:
        hint = f"A profile {project.env}_utest would give them their own database."
        yield Finding("differs", "unit tests run in temporary tables of the profile's database", hint)


def _differences(project: Project) -> Iterator[Finding]:
    models = project.models.values()
    if project.checks:
        why = "Failing rows are never published. `fft test` checks published tables and builds nothing."
        yield Finding("differs", "checks run before a table is published", why)
    if project.seeds:
        why = "They are built, checked and reused like models; `fft run` also builds the seeds that its models read."
        yield Finding("differs", "seeds are nodes of the graph", why)
    if any(isinstance(model.materialization, Incremental) and not model.materialization.unique_key for model in models):
        why = "A build that is tried again would add its rows twice: set a unique_key, if rows have one."
        yield Finding("differs", "incremental models without a unique_key add rows", why)
    if any(isinstance(model.materialization, Snapshot) for model in models):
        why = "`fft snapshot run` builds them alone, as before."
        yield Finding("differs", "`fft build` and Dagster build snapshots with the other models", why)
    if project.hooks:
        why = "A hook after a model that fails makes the next run build the model once more."
        yield Finding("differs", "hooks at the end of a run also run after a failed run", why)
