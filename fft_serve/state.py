"""The project as the API sees it: it is loaded again when a file changes, so that it is never stale."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fft_core.compile.call import Compiler
from fft_core.engines.spec.masking import Masker
from fft_core.errors import FftError
from fft_core.project.model import Model, Project
from fft_core.project.profile.secrets import project_masker
from fft_core.project.read.files import find_files, seeds_folder
from fft_core.project.read.load import load_project
from fft_serve.auth.predicates import Predicate, read_predicate
from fft_serve.problems import ProblemError, nearest_text
from fft_serve.settings import ServeSettings, with_database_url
from fft_serve.sources import Sources, open_sources

_log = logging.getLogger(__name__)
_OTHER_FILES = ("profiles.yml", ".env", ".env.local")


@dataclass(frozen=True)
class Loaded:
    """A loaded project, with values that are computed once."""

    project: Project
    sources: Sources
    digest: str
    predicates: Mapping[str, Predicate] = field(default_factory=dict)

    @cached_property
    def masker(self) -> Masker:
        """Masks the project's secrets."""
        return project_masker(self.project)

    @cached_property
    def compiler(self) -> Compiler:
        """Renders the models."""
        return Compiler(self.project)

    @property
    def served(self) -> dict[str, Model]:
        """The models whose rows are served."""
        return {name: model for name, model in self.project.models.items() if model.serve is not None}

    def model(self, name: str) -> Model:
        """Find a model. Raises ProblemError."""
        if name not in self.project.models:
            known = self.project.models
            raise ProblemError("not_found", f"there is no model {name!r}.{nearest_text(name, known)}")
        return self.project.models[name]


class State:
    """Holds the project, and loads it again when one of its files has changed.

    Args:
        root: The folder of the project.
        env: The environment.
        settings: The settings of the API.
        variables: The environment variables; those of the process and of the .env files if None.
    """

    def __init__(self, root: Path, env: str, settings: ServeSettings, variables: Mapping[str, str]) -> None:
        self.root, self.env, self.settings = root, env, settings
        self.variables, self.engine = with_database_url(variables, settings)
        self._lock = threading.Lock()
        self._looked = 0.0
        self._broken_digest = ""
        self.problem: FftError | None = None
        self._loaded = self._load(self._digest(), None)

    def current(self) -> Loaded:
        """Return the project of now. While its files have errors, that is the last one without."""
        if time.monotonic() - self._looked >= self.settings.reload_seconds:
            with self._lock:
                if time.monotonic() - self._looked >= self.settings.reload_seconds:
                    self._look()
                    self._looked = time.monotonic()
        return self._loaded

    def whole(self) -> Loaded:
        """Return the project of now. Raises ProblemError while its files have errors."""
        found = self.current()
        if self.problem is not None:
            said = found.masker(str(self.problem))
            raise ProblemError("project_broken", said, headers={"Retry-After": "5"})
        return found

    def close(self) -> None:
        """Close what is open."""
        self._loaded.sources.close()

    def _look(self) -> None:
        digest = self._digest()
        if digest == (self._loaded.digest if self.problem is None else self._broken_digest):
            return
        try:
            new = self._load(digest, self._loaded.sources)
        except FftError as error:
            _log.warning("the project has errors, and what was loaded before is served: %s", error)
            self.problem, self._broken_digest = error, digest
            return
        old, self._loaded = self._loaded, new
        self.problem, self._broken_digest = None, ""
        if old.sources.reader is not new.sources.reader:
            _close_later(old.sources)

    def _load(self, digest: str, before: Sources | None) -> Loaded:
        project = load_project(self.root, self.env, engine=self.engine, environment=self.variables)
        predicates = {
            name: read_predicate(model.serve.where, project.engine, name)
            for name, model in project.models.items()
            if model.serve is not None and model.serve.where is not None
        }
        return Loaded(project, open_sources(project, self.settings.seconds, before), digest, predicates)

    def _digest(self) -> str:
        """Return a digest of all files that the project is made of."""
        try:
            digest = find_files(self.root, seeds_folder(self.root, self.variables)).digest()
        except FftError as error:
            digest = f"unreadable: {error}"
        for name in (*_OTHER_FILES, f".env.{self.env}", f".env.{self.env}.local"):
            try:
                found = (self.root / name).stat()
                digest += f" {found.st_mtime_ns} {found.st_size}"
            except OSError:
                digest += " -"
        return digest


def _close_later(sources: Sources, seconds: float = 600) -> None:
    """Close sources when the requests that use them have ended."""
    timer = threading.Timer(seconds, sources.close)
    timer.daemon = True
    timer.start()
