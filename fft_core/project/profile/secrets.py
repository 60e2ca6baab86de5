"""Secret values of a project: in its profile, its environment and its variables."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from fft_core.engines.spec.dsn import secret_parts
from fft_core.engines.spec.masking import SHORTEST, Masker
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import FftError
from fft_core.project.model import Project
from fft_core.project.profile.environment import is_secret
from fft_core.project.profile.secret_values import secret_values, texts_in

_log = logging.getLogger(__name__)


def project_masker(project: Project) -> Masker:
    """Return a masker for the secrets of a project: those of its profile, and variables declared secret or named so.

    >>> project_masker(project)("user hunter2")  # doctest: +SKIP
    'user ***'
    """
    return Masker.of([*_of_variables(project), *_of_profile(project)])


def warn_of_short_secrets(project: Project) -> None:
    """Log a warning for each declared secret that is too short to be masked."""
    for name, value in {**project.environment, **project.variables}.items():
        if value not in (None, "") and is_secret(name, project.secrets) and len(str(value).strip()) < SHORTEST:
            _log.warning("the secret %s has fewer than %d characters: its value is not masked", name, SHORTEST)


def _of_variables(project: Project) -> Iterator[str]:
    yield from secret_values({**project.variables, **project.environment}, project.secrets)
    yield from secret_values(project.variables, project.secrets)  # a variable may have the name of another one


def _of_profile(project: Project) -> Iterator[str]:
    for read in (_profile, _unit_test_profile):
        try:
            settings = read(project)
        except (FftError, OSError):
            continue  # commands that need the profile report its errors
        for engine, values in settings.items():
            known = spec_of(engine).settings
            for key, value in values.items():
                if known[key].is_secret:
                    yield from texts_in(value)
                elif isinstance(value, str):
                    yield from secret_parts(value)
                elif known[key].kind == "mapping" and isinstance(value, Mapping):  # named as spark.hadoop...secret.key
                    yield from secret_values({name.replace(".", "_"): text for name, text in value.items()})


def _profile(project: Project) -> dict[str, Mapping[str, object]]:
    profile = project.profiles.active(engine=project.engine)
    return {profile.engine: profile.settings}


def _unit_test_profile(project: Project) -> dict[str, Mapping[str, object]]:
    profile = project.profiles.unit_test()
    return {profile.engine: profile.settings} if profile else {}
