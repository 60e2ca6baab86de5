"""A cache of rendered and analysed SQL between commands; the key covers everything that the result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from fft_core.engines.spec.entry_points import installed_version
from fft_core.engines.spec.known import known_bytes
from fft_core.plan.fingerprint import VERSION, digest_of
from fft_core.project.model import Model, Project, SqlBody
from fft_core.project.profile.environment import is_secret
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.version import VERSION as FFT_VERSION

READING = 5  # increase it if the same SQL or Python gives another canonical form, or other uses
FILE = "code.json"


@dataclass(frozen=True)
class Code:
    """The digest of a model's canonical SQL, what it uses (see `SqlReading`), and whether it sorts its rows."""

    digest: str
    volatile: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    is_sorted: bool = False


@dataclass
class CodeCache:
    """Results by key, as last saved; `save` drops those that were not requested again."""

    project: Project
    saved: Mapping[str, list[object]]
    used: dict[str, list[object]] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Project) -> CodeCache:
        """Open the cache of a project. A cache that cannot be read counts as empty: it only saves time."""
        try:
            saved = json.loads(ProjectCache(project.root).read(FILE) or b"{}")
        except ValueError:
            saved = {}
        return cls(project, saved if isinstance(saved, dict) else {})

    def get(self, key: str) -> Code | None:
        """Return the result of a key, or None."""
        match self.saved.get(key):
            case [str(digest), list(volatile), list(unknown), list(names), bool(is_sorted)]:
                read = [tuple(map(str, found)) for found in (volatile, unknown, names)]
                return Code(digest, read[0], read[1], read[2], is_sorted)
        return None

    def put(self, key: str, code: Code) -> None:
        """Keep a result."""
        found = [list(code.volatile), list(code.unknown), list(code.names)]
        self.used[key] = [code.digest, *found, code.is_sorted]

    def save(self) -> None:
        """Write the used results, if they differ from the file; a folder that is not writable is ignored."""
        if self.used != self.saved:
            ProjectCache(self.project.root).write(FILE, json.dumps(self.used).encode())
            self.saved = dict(self.used)

    def key_of(self, model: Model, dialect: str) -> str:
        """Return a digest of everything that the rendered text and its analysis depend on."""
        return digest_of([self._common, dialect, self._parts(model)])

    def key_of_text(self, text: str, dialect: str) -> str:
        """Return a digest of a piece of SQL that is not rendered."""
        return digest_of([self._versions, dialect, text])

    def _parts(self, model: Model) -> list[object]:
        assert isinstance(model.body, SqlBody)  # only SQL is rendered
        environment = self.project.environment
        names = sorted(environment if "*" in model.body.environment else model.body.environment)
        read = {name: environment.get(name) for name in names if not is_secret(name, self.project.secrets)}
        inlined = [
            self._parts(self.project.models[name])
            for name in model.refs
            if name in self.project.models and self.project.models[name].is_ephemeral
        ]
        return [
            model.name,
            model.body.template,
            repr(model.materialization),
            list(map(str, model.inputs)),
            read,
            inlined,
        ]

    @cached_property
    def _common(self) -> str:
        project = self.project
        macros = [[path.as_posix(), text] for path, text in project.macros.items()]  # the later one of a name counts
        counted = {name for name in project.variables if not is_secret(name, project.secrets)}
        variables = {name: repr(project.variables[name]) for name in counted}
        secrets = list(project.secrets)  # the text contains their names
        return digest_of([macros, variables, secrets, project.engine, project.env, self._versions])

    @cached_property
    def _versions(self) -> list[object]:
        known = hashlib.sha256(known_bytes(self.project.engine)).hexdigest()
        return [VERSION, FFT_VERSION, READING, known, installed_version("jinja2"), installed_version("sqlglot")]
