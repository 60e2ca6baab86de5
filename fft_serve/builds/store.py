"""The builds that were asked for, as files: they outlive the process of the API, and both processes read them."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from fft_core.json_files import replace_file, write_json_file
from fft_core.json_files.artifacts import spelled
from fft_core.names.text import json_escaped
from fft_serve.problems import ProblemError

_ID = re.compile(r"[0-9]{14}-[0-9a-f]{8}")
_PLANNED_SECONDS = 600  # no plan takes so long
ENDED = ("succeeded", "failed", "blocked", "cancelled", "lost")


@dataclass(frozen=True)
class Build:
    """The files of one build.

    Attributes:
        folder: Its folder: `build.json` is the request, `events.jsonl` what happened, `lock` is held by its process.
    """

    folder: Path

    @property
    def id(self) -> str:
        """Its id."""
        return self.folder.name

    def asked(self) -> dict[str, Any]:
        """Return the request, with the plan that it was answered with."""
        found: dict[str, Any] = json.loads((self.folder / "build.json").read_text(encoding="utf-8"))
        return found

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the events behind a number; a line that is not whole yet is left out."""
        try:
            text = (self.folder / "events.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        lines = text.split("\n")[:-1]
        return [{"seq": number, **json.loads(line)} for number, line in enumerate(lines, 1) if number > after]

    def status(self) -> str:
        """Return its status: queued, running, or one of ENDED."""
        is_alive = self.is_alive()  # before the events: a process that ends writes its last event first
        events = self.events()
        if events and events[-1]["event"] == "ended":
            return str(events[-1]["status"])
        if is_alive:
            said = {event["event"] for event in events}
            return "queued" if "run_queued" in said and "run_started" not in said else "running"
        age = datetime.now(UTC) - datetime.fromisoformat(self.asked()["created_at"])
        return "queued" if age.total_seconds() < 10 and not events else "lost"

    def has_ended(self) -> bool:
        """Return whether its last event was written."""
        events = self.events()
        return bool(events) and events[-1]["event"] == "ended"

    def told(self) -> frozenset[tuple[str, str]]:
        """Return the events so far, each as its kind and the name of its run or node."""
        found = set[tuple[str, str]]()
        for event in self.events():
            name = event.get("run_id") or event.get("name") or event.get("result", {}).get("name")
            found |= {(event["event"], name)} if name else set()
        return frozenset(found)

    def is_alive(self) -> bool:
        """Return whether its process works."""
        try:
            with (self.folder / "lock").open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def process(self) -> int | None:
        """Return the id of its process while that works."""
        if not self.is_alive():
            return None
        with suppress(OSError, ValueError):
            return int((self.folder / "lock").read_text())
        return None

    def as_json(self, *, with_plan: bool = True) -> dict[str, Any]:
        """Describe it."""
        asked, events = self.asked(), self.events()
        last = events[-1] if events else {}
        runs = [event["run_id"] for event in events if event["event"] in ("run_queued", "run_started")]
        nodes = {e["result"]["name"]: e["result"]["status"] for e in events if e["event"] == "step_ended"}
        said = {
            "id": self.id,
            "status": self.status(),
            "select": asked["select"],
            "rebuild": asked["rebuild"],
            "by": asked["by"],
            "created_at": asked["created_at"],
            "ended_at": last["at"] if last.get("event") == "ended" else None,
            "run_id": runs[-1] if runs else None,
            "message": last.get("message") if last.get("event") == "ended" else None,
            "nodes": nodes,
        }
        return {**said, "plan": asked["plan"]} if with_plan else said


class Events:
    """Writes the events of a build; one line each, and one writer."""

    def __init__(self, build: Build) -> None:
        self._path = build.folder / "events.jsonl"

    def add(self, event: str, **more: Any) -> None:
        """Add an event."""
        said = {"event": event, "at": spelled(datetime.now(UTC)), **more}
        line = json_escaped(json.dumps(said, ensure_ascii=False, default=str))
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


class BuildStore:
    """The builds of a project.

    Args:
        folder: The folder for the state of the API.
        most: The number of builds that are kept, the newest ones.
    """

    def __init__(self, folder: Path, most: int = 1000) -> None:
        self._builds, self._keys, self._most = folder / "builds", folder / "keys", most

    def all(self) -> Iterator[Build]:
        """Yield all builds, the newest first."""
        if self._builds.is_dir():
            names = sorted((path.name for path in self._builds.iterdir() if _ID.fullmatch(path.name)), reverse=True)
            for name in names:
                if (self._builds / name / "build.json").exists():
                    yield Build(self._builds / name)

    def find(self, identity: str) -> Build:
        """Find a build. Raises ProblemError."""
        build = Build(self._builds / identity)
        if not _ID.fullmatch(identity) or not (build.folder / "build.json").exists():
            raise ProblemError("not_found", f"there is no build {identity!r}")
        return build

    def new_id(self) -> str:
        """Return an id; later ones are greater."""
        return f"{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(4)}"

    def add(self, identity: str, asked: Mapping[str, Any]) -> Build:
        """Add a build. Raises ArtifactError."""
        build = Build(self._builds / identity)
        created = spelled(datetime.now(UTC))
        write_json_file(build.folder / "build.json", {**asked, "created_at": created})
        self._forget()
        return build

    def _forget(self) -> None:
        """Remove all but the newest builds, and the keys that are as old; a build that has not ended is kept."""
        builds = list(self.all())
        if len(builds) <= self._most:
            return
        for build in builds[self._most :]:
            if build.status() in ENDED:
                shutil.rmtree(build.folder, ignore_errors=True)
        oldest = (builds[self._most - 1].folder / "build.json").stat().st_mtime
        for path in self._keys.iterdir() if self._keys.is_dir() else ():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest - _PLANNED_SECONDS:
                    path.unlink()

    def claim(self, key: str, owner: str, digest: str, identity: str) -> str:
        """Take an idempotency key for a build, and return the id of the build that has it.

        Raises:
            ProblemError: the key was used for another request.
        """
        self._keys.mkdir(parents=True, exist_ok=True)
        path = self._key(key, owner)
        part = path.with_name(f".{identity}")
        replace_file(part, json.dumps({"build": identity, "digest": digest}).encode())
        try:
            os.link(part, path)  # fails if another request was first, and never shows half a file
            return identity
        except FileExistsError:
            said = json.loads(path.read_text())
        finally:
            part.unlink(missing_ok=True)
        if said["digest"] != digest:
            raise ProblemError("key_reused", "the Idempotency-Key was used for a build of something else")
        return str(said["build"])

    def is_left(self, key: str, owner: str) -> bool:
        """Return whether a key was taken so long ago that the process that planned its build has died."""
        try:
            return time.time() - self._key(key, owner).stat().st_mtime > _PLANNED_SECONDS
        except FileNotFoundError:
            return False

    def release(self, key: str, owner: str) -> None:
        """Forget a key whose build was not begun."""
        self._key(key, owner).unlink(missing_ok=True)

    def _key(self, key: str, owner: str) -> Path:
        return self._keys / f"{sha256(json.dumps([owner, key]).encode()).hexdigest()}.json"
