"""What a project as read depends on beside its own files: as long as it is the same, it need not be read again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from fft_core.project.model import Conditions

NO_VALUE = ""
ENGINE_VARIABLE = "FF_ENGINE"


def seen_by_code(environment: Mapping[str, str], engine: str, env: str) -> dict[str, str]:
    """Return what a project's Python code finds in `os.environ`, beside the variables of the process."""
    return {**environment, ENGINE_VARIABLE: engine, "FFT_ACTIVE_ENV": env}


def value_digest(value: str | None) -> str:
    """Digest the value of a variable; "" if it is not set."""
    return NO_VALUE if value is None else hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()


def file_digest(path: Path) -> str:
    """Digest a file; "" if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return NO_VALUE


def joined(all_of: Iterable[Conditions]) -> Conditions:
    """Put several together."""
    variables: dict[str, str] = {}
    files: dict[Path, str] = {}
    is_complete = True
    for conditions in all_of:
        variables |= conditions.variables
        files |= conditions.files
        is_complete = is_complete and conditions.is_complete
    return Conditions(variables, files, is_complete)


def hold(conditions: Conditions, environment: Mapping[str, str]) -> bool:
    """Tell whether all is as it was."""
    return (
        conditions.is_complete
        and all(value_digest(environment.get(name)) == digest for name, digest in conditions.variables.items())
        and all(file_digest(path) == digest for path, digest in conditions.files.items())
    )
