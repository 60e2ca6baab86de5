"""Decorators with computed arguments: their file is imported alone, in a separate process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fft_core.errors import Location, ModelError
from fft_core.project.model import Conditions, Home, SourceName
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.project.read.conditions import conditions_of, file_digest, hold

FILE = "decorators.json"
SECONDS = 120  # seconds until an import is given up
_CHILD = "fft_core.project.python.child"


@dataclass(frozen=True)
class Evaluated:
    """The arguments of the decorators of a file, by function and first line of its decorators."""

    arguments: Mapping[tuple[str, int], Mapping[str, Any]]
    conditions: Conditions


class Evaluator:
    """An evaluator of files, each at most once; results are kept in the user's cache folder.

    Args:
        root: The project's folder, which selects the cache.
        environment: Variables that the files find in `os.environ`, including FF_ENGINE.
        secrets: The secrets that the project declares.
        keeps: Whether results are kept.
    """

    def __init__(
        self, root: Path, environment: Mapping[str, str], *, secrets: Collection[str] = (), keeps: bool = True
    ) -> None:
        self._secrets, self._keeps = secrets, keeps
        self._cache = ProjectCache(root)
        self._environment = environment
        self._known: dict[Path, Evaluated] = {}
        self._kept: dict[str, Any] | None = None

    def evaluate(self, home: Home, path: Path) -> Evaluated:
        """Return the arguments of the decorators in a file. Raises ModelError if it cannot be imported.

        Args:
            home: The project or package of the file.
            path: The file, as displayed.
        """
        if path not in self._known:
            self._known[path] = self._from_cache(home, path) or self._imported(home, path)
        return self._known[path]

    def _from_cache(self, home: Home, path: Path) -> Evaluated | None:
        kept = self._all_kept().get(self._key(home, path))
        if not isinstance(kept, dict):
            return None
        try:
            files = tuple(Path(path) for path in kept["files"])
            conditions = Conditions(tuple(kept["variables"]), files, str(kept["digest"]))
            found = _evaluated(kept["found"], conditions)
        except (LookupError, TypeError, ValueError, AttributeError):
            return None
        return found if hold(conditions, self._environment) else None

    def _all_kept(self) -> dict[str, Any]:
        if self._kept is None:
            try:
                kept = json.loads(self._cache.read(FILE) or b"{}")
            except ValueError:
                kept = {}
            self._kept = kept if isinstance(kept, dict) else {}
        return self._kept

    def _key(self, home: Home, path: Path) -> str:
        file = home.file(path)
        return " ".join([str(file), file_digest(file), self._environment.get("FF_ENGINE", ""), sys.version])

    def _imported(self, home: Home, path: Path) -> Evaluated:
        answer = self._asked(home, path)
        if "error" in answer:
            shown, line = answer["place"] or (None, None)
            where = Location(home.shown / shown if shown else path, line)
            hint = "The arguments of its decorators are computed, so the file is imported when the project is loaded."
            raise ModelError(
                f"{path.name} cannot be imported: {answer['error']}", where=where, hint=hint, code="FFT-143"
            )
        conditions = conditions_of(
            answer["variables"],
            map(Path, answer["files"]),
            self._environment,
            secrets=self._secrets,
            is_complete=answer["is_complete"],
        )
        if self._keeps and conditions.is_complete:
            self._keep(self._key(home, path), answer["found"], conditions)
        return _evaluated(answer["found"], conditions)

    def _keep(self, key: str, found: object, conditions: Conditions) -> None:
        file = key.split(" ", 1)[0]
        kept = {other: said for other, said in self._all_kept().items() if other.split(" ", 1)[0] != file}
        said = {"variables": conditions.variables, "files": [str(path) for path in conditions.files]}
        self._kept = {**kept, key: {"found": found, **said, "digest": conditions.digest}}
        self._cache.write(FILE, json.dumps(self._kept).encode())

    def _asked(self, home: Home, path: Path) -> Any:  # Any: the answer of `child`
        with tempfile.TemporaryDirectory(prefix="fft_") as folder:
            answer = Path(folder) / "answer.json"
            request = {
                "root": str(home.root),
                "models": str(home.models),
                "file": str(home.file(path)),
                "answer": str(answer),
                "environment": dict(self._environment),
            }
            said = self._run(json.dumps(request), home, path)
            if not answer.is_file():
                raise ModelError(f"{path.name} cannot be imported: {said}", where=Location(path), code="FFT-143")
            return json.loads(answer.read_bytes())

    def _run(self, request: str, home: Home, path: Path) -> str:
        environment = {**os.environ, **self._environment}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [_own_folder(), environment.get("PYTHONPATH")]))
        command = [sys.executable, "-P", "-m", _CHILD]  # no path in sys.path leads to the project
        try:
            finished = subprocess.run(
                command, input=request, capture_output=True, text=True, cwd=home.root, env=environment, timeout=SECONDS
            )
        except subprocess.TimeoutExpired as error:
            message = f"{path.name} is not imported within {SECONDS} seconds"
            raise ModelError(message, where=Location(path), code="FFT-143") from error
        last = finished.stderr.strip().splitlines()[-1:] or [f"its process ended with exit code {finished.returncode}"]
        return last[0]


def _own_folder() -> str:
    """Return the folder that this package is imported from, for `sys.path` of the child; "" if it is installed."""
    ours = str(Path(__file__).parents[3])
    return "" if ours in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")) else ours


def _evaluated(found: Any, conditions: Conditions) -> Evaluated:  # Any: as `child` wrote it
    arguments = {
        (str(said["function"]), int(said["line"])): {name: _value(value) for name, value in said["arguments"].items()}
        for said in found
    }
    return Evaluated(arguments, conditions)


def _value(spelled: Any) -> Any:  # Any: values in JSON, and arguments of a decorator
    match spelled:
        case list():
            return [_value(item) for item in spelled]
        case {"source": [group, table]}:
            return SourceName(group, table)
        case {"set": items}:
            return {_value(item) for item in items}
        case {"mapping": pairs}:
            return {_value(key): _value(item) for key, item in pairs}
    return spelled
