"""The runs of a project: those of the scheduler's history, the last one of a command, and the builds over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fft_core.errors import ArtifactError, FftError
from fft_core.json_files.artifacts import spelled
from fft_core.run.results import RunResults, read_run_results
from fft_serve.builds.face import face
from fft_serve.builds.results import result_json
from fft_serve.builds.store import Build, BuildStore
from fft_serve.problems import ProblemError

if TYPE_CHECKING:
    from fft_core.engines.spec.masking import Masker
    from fft_core.run.past_runs import PastRun
    from fft_serve.state import Loaded

DEFAULT_RUNS, MOST_RUNS, _MOST_BUILDS = 50, 200, 100


class History:
    """The runs of a project.

    Args:
        store: The builds that were asked for over HTTP.
        root: The folder of the project.
    """

    def __init__(self, store: BuildStore, root: Path) -> None:
        self._store, self._root = store, root

    def page(self, loaded: Loaded, limit: int, cursor: str | None) -> dict[str, Any]:
        """Return the newest runs, or those after the last one of a page before, in the order of the list.

        Runs that the scheduler does not know come first. Raises ProblemError.
        """
        builds = {said["run_id"]: said for said in self._builds() if said["run_id"] is not None}
        last, before = self._last_run(), None
        others = self._unknown_to_scheduler(loaded, last)
        identities = list(map(_cursor, others))
        if cursor in identities:
            others = others[identities.index(cursor) + 1 :]
        elif cursor is not None:
            others, before = [], next((run_id for run_id, said in builds.items() if said["id"] == cursor), cursor)
            if not _is_past(loaded, before):
                raise ProblemError("bad_cursor", "the cursor is not a run of this project: begin again without it")
        past = _past_runs(loaded, limit, before)
        found = [*others, *(_past_summary(run, builds.get(run.run_id), last) for run in past)]
        return {"runs": found[:limit], "next": _cursor(found[limit - 1]) if len(found) >= limit else None}

    def run(self, loaded: Loaded, identity: str) -> dict[str, Any] | None:
        """Describe a run with the result of each node; None if there is none. Raises ProblemError."""
        last = self._last_run()
        if last is not None and identity in (last.run_id, "last"):
            return {**_last_summary(last), "results": [result_json(result, loaded.masker) for result in last.results]}
        for build in self._store.all():
            said = build.as_json()
            if identity in (said["run_id"], build.id):
                return {**_build_summary(said), "results": _results_of(build)}
        past = _past_run(loaded, identity)
        if past is None:
            return None
        return {**_past_summary(past, None, None), "results": list(_past_results(past, loaded.masker))}

    def _builds(self) -> Iterable[dict[str, Any]]:
        for number, build in enumerate(self._store.all()):
            if number == _MOST_BUILDS:
                return
            yield build.as_json(with_plan=False)

    def _unknown_to_scheduler(self, loaded: Loaded, last: RunResults | None) -> list[dict[str, Any]]:
        """Return builds that have no run yet or needed none, and the last run if the scheduler does not have it."""
        found, seen = list[dict[str, Any]](), set[str | None]()
        if last is not None and not _is_past(loaded, last.run_id):
            found.append(_last_summary(last))
            seen |= {last.run_id} - {None}
        for said in self._builds():
            run_id = said["run_id"]
            if run_id not in seen and not _is_past(loaded, run_id):
                found.append(_build_summary(said))
        return found

    def _last_run(self) -> RunResults | None:
        try:
            return read_run_results(self._root)
        except ArtifactError:
            return None


def _cursor(run: Mapping[str, Any]) -> str:
    identity: str = run["run_id"] or run.get("build") or "last"  # a build before its run has the id of the build only
    return identity


def _past_runs(loaded: Loaded, limit: int, cursor: str | None) -> Sequence[PastRun]:
    read = getattr(face(), "past_runs", None)  # not all schedulers have a history
    if read is None:
        return []
    try:
        found: Sequence[PastRun] = read(loaded.project, limit, cursor)
    except FftError as error:
        raise ProblemError("unavailable", loaded.masker(error.problem.message)) from error
    return found


def _past_run(loaded: Loaded, run_id: str) -> PastRun | None:
    read = getattr(face(), "past_run", None)
    if read is None:
        return None
    try:
        found: PastRun | None = read(loaded.project, run_id)
    except FftError as error:
        raise ProblemError("unavailable", loaded.masker(error.problem.message)) from error
    return found


def _is_past(loaded: Loaded, run_id: str | None) -> bool:
    read = getattr(face(), "has_run", None)
    if read is None or run_id is None:
        return False
    try:
        return bool(read(loaded.project, run_id))
    except FftError as error:
        raise ProblemError("unavailable", loaded.masker(error.problem.message)) from error


def _past_summary(run: PastRun, build: Mapping[str, Any] | None, last: RunResults | None) -> dict[str, Any]:
    nodes = dict(run.nodes)
    if last is not None and last.run_id == run.run_id:
        nodes = {result.name: result.status for result in last.results}
    elapsed = None
    if run.started_at is not None and run.ended_at is not None:
        elapsed = round((run.ended_at - run.started_at).total_seconds() * 1000)
    said: dict[str, Any] = {
        "run_id": run.run_id,
        "command": run.command,
        "status": run.status,
        "started_at": spelled(run.started_at),
        "ended_at": spelled(run.ended_at),
        "elapsed_ms": elapsed,
        "nodes": nodes or None,
    }
    if build is None:
        return said
    return {**said, "command": "serve", "status": build["status"], "nodes": build["nodes"], "build": build["id"]}


def _past_results(run: PastRun, mask: Masker) -> Iterable[dict[str, Any]]:
    for name, status in run.nodes.items():
        message = run.errors.get(name)
        yield {"name": name, "status": status, "error": None if message is None else {"message": mask(message)}}


def _last_summary(run: RunResults) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "command": run.command,
        "status": "succeeded" if run.exit_code == 0 else "failed",
        "started_at": None,
        "ended_at": spelled(run.generated_at),
        "elapsed_ms": run.elapsed_ms,
        "nodes": {result.name: result.status for result in run.results},
    }


def _build_summary(build: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run_id": build["run_id"],
        "build": build["id"],
        "command": "serve",
        "status": build["status"],
        "started_at": build["created_at"],
        "ended_at": build["ended_at"],
        "elapsed_ms": None,
        "nodes": build["nodes"],
    }


def _results_of(build: Build) -> list[dict[str, Any]]:
    return [event["result"] for event in build.events() if event["event"] == "step_ended"]
