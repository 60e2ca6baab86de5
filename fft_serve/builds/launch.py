"""Begins builds, and ends them: the process of the API builds nothing itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from fft_serve.builds.store import ENDED, Build, BuildStore
from fft_serve.plans import make_plan, plan_json
from fft_serve.problems import ProblemError, busy

if TYPE_CHECKING:
    from fft_serve.auth.subject import Subject
    from fft_serve.state import State

_KEYS = {"select": str, "rebuild": bool}
_LONGEST_KEY = 255


@dataclass(frozen=True)
class BuildRequest:
    """A request for a build."""

    select: str | None
    rebuild: bool

    @property
    def digest(self) -> str:
        """The digest that tells requests apart."""
        return sha256(json.dumps([self.select, self.rebuild]).encode()).hexdigest()


def read_build_request(content_type: str, body: bytes) -> BuildRequest:
    """Read the body of a request. Raises ProblemError."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise ProblemError("bad_body", "send the build as JSON, with Content-Type: application/json")
    try:
        said: Any = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ProblemError("bad_body", "the body is not JSON") from error
    if not isinstance(said, dict):
        raise ProblemError("bad_body", "the body must be an object")
    for name, value in said.items():
        if name not in _KEYS:
            raise ProblemError("bad_body", f"unknown key {name!r}; the keys are {', '.join(_KEYS)}")
        if type(value) is not _KEYS[name] or (isinstance(value, str) and ("\0" in value or len(value) > 1000)):
            raise ProblemError("bad_body", f"{name} must be {'true or false' if name == 'rebuild' else 'a text'}")
    return BuildRequest(said.get("select") or None, said.get("rebuild", False))


class Launcher:
    """Begins builds of a project.

    Args:
        state: The project.
        store: The builds.
    """

    def __init__(self, state: State, store: BuildStore) -> None:
        self._state, self._store, self._lock = state, store, threading.Lock()

    def begin(self, asked: BuildRequest, subject: Subject, key: str | None) -> tuple[Build, bool]:
        """Begin a build, and return it with whether it is new: a known key begins nothing. Raises ProblemError."""
        if key is not None and not 0 < len(key) <= _LONGEST_KEY:
            raise ProblemError("bad_parameter", f"Idempotency-Key must have 1 to {_LONGEST_KEY} characters")
        identity = self._store.new_id()
        owner = self._store.claim(key, subject.name, asked.digest, identity) if key is not None else identity
        if owner != identity:
            return self._known(owner, key, subject.name), False
        try:
            return self._begin(identity, asked, subject), True
        except BaseException:
            if key is not None:
                self._store.release(key, subject.name)
            raise

    def _known(self, identity: str, key: str | None, owner: str) -> Build:
        try:
            return self._store.find(identity)
        except ProblemError:
            if key is not None and self._store.is_left(key, owner):
                self._store.release(key, owner)
            headers = {"Retry-After": "1"}
            raise ProblemError("conflict", "a request with this key is being planned", headers=headers) from None

    def _begin(self, identity: str, asked: BuildRequest, subject: Subject) -> Build:
        settings, loaded = self._state.settings, self._state.whole()
        with self._lock:
            running = [build.id for build in self._store.all() if build.status() not in ENDED]
            if len(running) >= settings.builds:
                raise busy(f"{running[0]} is running: at most {settings.builds} at once", seconds=5)
            patience, allowed = settings.patience_seconds, settings.build_select
            plan = make_plan(loaded, asked.select, patience, allowed, rebuild=asked.rebuild)
            said = {
                "select": asked.select,
                "rebuild": asked.rebuild,
                "by": subject.name,
                "plan": plan_json(plan, loaded.masker),
            }
            build = self._store.add(identity, said)
            self._start(build)
        return build

    def resume(self) -> None:
        """Follow the runs of workers again whose followers were lost, as by a restart of this machine."""
        if self._state.settings.dagster_url is None:
            return
        for build in self._store.all():
            if build.status() == "lost":
                self._start(build, resumes=True)

    def _start(self, build: Build, *, resumes: bool = False) -> None:
        state = self._state
        order = {
            "folder": str(build.folder),
            "root": str(state.root),
            "env": state.env,
            "engine": state.engine,
            "allowed": state.settings.build_select,
            "jobs": state.settings.build_jobs,
            "dagster_url": state.settings.dagster_url,
            "resumes": resumes,
            "variables": dict(state.variables),
        }
        with (build.folder / "log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "fft_serve.builds.child"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=state.root,
                env=_without_own(state.variables),
                start_new_session=True,  # Ctrl-C ends the API, and not its builds
            )
        assert child.stdin is not None  # it is a pipe
        with child.stdin as pipe, suppress(BrokenPipeError):  # it has ended: its status says so
            pipe.write(json.dumps(order).encode())
        threading.Thread(target=child.wait, daemon=True).start()  # or it would stay as a zombie


def cancel(build: Build) -> None:
    """Cancel the process of a build, as Ctrl-C does. Raises ProblemError if it has ended."""
    status = build.status()
    if status in ENDED:
        raise ProblemError("conflict", f"the build has ended: {status}")
    process = build.process()
    if process is None:
        raise ProblemError("conflict", "the build has not begun yet", headers={"Retry-After": "1"})
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGINT)


def _without_own(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the process: those of this one, without the keys of the API."""
    own = ("SECRET_KEY", "SENTRY_DSN", "DATABASE_URL", "REDIS_URL")
    found = {name: value for name, value in {**os.environ, **variables}.items() if name not in own}
    return {**found, "PYTHONUNBUFFERED": "1"}
