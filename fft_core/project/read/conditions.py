"""Conditions of a loaded project beside its own files: as long as they hold, it need not be read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from fft_core.project.model import Conditions
from fft_core.project.profile.environment import is_secret

ENGINE_VARIABLE = "FF_ENGINE"


def seen_by_code(environment: Mapping[str, str], engine: str, env: str) -> dict[str, str]:
    """Return the variables that a project's Python code finds in `os.environ`, beside those of the process."""
    return {**environment, ENGINE_VARIABLE: engine, "FFT_ACTIVE_ENV": env}


def conditions_of(
    variables: Iterable[str],
    files: Iterable[Path],
    environment: Mapping[str, str],
    *,
    secrets: Collection[str] = (),
    is_complete: bool = True,
) -> Conditions:
    """Return conditions with one digest of all values. Secrets are never digested: they make conditions incomplete.

    Args:
        variables: The names of variables.
        files: The paths of files.
        environment: The values of the variables.
        secrets: The secrets that the project declares.
        is_complete: Whether nothing else was read.
    """
    names = tuple(sorted(set(variables)))
    paths = tuple(sorted(set(files)))
    has_secret = any(is_secret(name, secrets) for name in names)
    digest = "" if has_secret else _digest(names, paths, environment)
    return Conditions(names, paths, digest, is_complete and not has_secret)


def joined(all_of: Collection[Conditions], environment: Mapping[str, str], secrets: Collection[str] = ()) -> Conditions:
    """Return the union of conditions; it is incomplete if one of them no longer holds."""
    variables = [name for conditions in all_of for name in conditions.variables]
    files = [path for conditions in all_of for path in conditions.files]
    is_complete = all(hold(conditions, environment) for conditions in all_of)
    return conditions_of(variables, files, environment, secrets=secrets, is_complete=is_complete)


def hold(conditions: Conditions, environment: Mapping[str, str]) -> bool:
    """Return whether conditions still hold."""
    return conditions.is_complete and conditions.digest == _digest(conditions.variables, conditions.files, environment)


def file_digest(path: Path) -> str:
    """Return the digest of a file; "" if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _digest(names: Iterable[str], paths: Iterable[Path], environment: Mapping[str, str]) -> str:
    said = [[(name, environment.get(name)) for name in names], [(str(path), file_digest(path)) for path in paths]]
    return "" if said == [[], []] else hashlib.sha256(json.dumps(said).encode()).hexdigest()
