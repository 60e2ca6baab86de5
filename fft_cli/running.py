"""The run of a command: its work, its output, its files, and its exit code."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Container
from dataclasses import dataclass

from fft_cli.lines import Display, LinesFor, PlainLines, Start, display
from fft_cli.options import Among, Selection
from fft_cli.plan import print_plan
from fft_cli.run_options import Output, RunOptions
from fft_cli.terminal import echo
from fft_core import Model, Plan, Project, Run
from fft_core.json_files.artifacts import make_target
from fft_core.run.known_facts import keep_facts
from fft_core.run.report import FAILED, Report, remember
from fft_core.run.work import Todo


@dataclass(frozen=True)
class Call:
    """A call of a command on a project: its options, its start, and its lines for people."""

    command: str
    run: Run
    output: Output
    began: float
    jobs: int | None = None
    keep_going: bool = False
    lines_for: LinesFor = PlainLines
    scheduler: str | None = None

    @property
    def project(self) -> Project:
        """The project."""
        return self.run.project

    @property
    def seconds(self) -> float:
        """The time since its start."""
        return time.perf_counter() - self.began


def build_planned(
    command: str,
    options: RunOptions,
    todo: Callable[[Project, Plan], Todo],
    among: Among | None = None,
    afterwards: Callable[[Call, tuple[str, ...]], None] | None = None,
    kept: Callable[[Plan], Plan] = lambda plan: plan,
    *,
    hooked: bool = False,
) -> int:
    """Plan, and build the nodes that are out of date; return the exit code.

    Args:
        command: The command's name.
        options: Its options.
        todo: Makes the work from a plan.
        among: Chooses the nodes of the command from the selection; all of it if None.
        afterwards: Called with the call and all planned names after success, also if there was nothing to do.
        kept: Chooses the part of the plan for the command.
        hooked: Whether the hooks of the project run.
    """
    from fft_cli.face import refuse_unknown_scheduler

    began = time.perf_counter()
    refuse_unknown_scheduler(options.scheduler)
    looked, plan = options.plan.make_plan(among, begins=hooked and not options.dry_run)
    plan = kept(plan)
    call = Call(command, looked, options.output, began, options.jobs, options.keep_going, scheduler=options.scheduler)
    if options.dry_run:
        print_plan(plan, as_json=options.output.as_json, verbose=options.output.shows_reasons)
        code = 0
    else:
        code = _run_with_hooks(call, todo(looked.project, plan))
    if code == 0 and afterwards is not None:
        afterwards(call, tuple(decision.name for decision in plan.decisions))
    return code


def _run_with_hooks(call: Call, todo: Todo) -> int:
    """Run the work, and then the end hooks of the run, even if it fails; return the exit code."""
    code, error = FAILED, "the run ended early"
    try:
        code = run(call, todo)
        error = "" if code == 0 else f"exit code {code}"
    finally:
        if call.project.hooks:
            call.run.hooks.end(error or None)
            call.run.sessions.close()
    for excess in call.run.budgets.excesses() if call.project.budgets and call.command != "seed" else ():
        echo(f"[BUDGET] {'error' if excess.is_error else 'warning'}: {excess}", err=True)
        code = code or (FAILED if excess.is_error else 0)
    return code


def run(call: Call, todo: Todo, afterwards: Callable[[Report], None] = lambda report: None) -> int:
    """Run the work, show it, and write `run_results.json` and, if a node ran, `manifest.json`.

    Returns the exit code.

    Args:
        call: The call.
        todo: The work.
        afterwards: Writes further files on request.

    Raises:
        ArtifactError: the files cannot be written; nothing has run.
    """
    make_target(call.project.root)
    report = Report()
    for result in todo.reused:
        report.results[result.name] = result
    with display(call.output, call.lines_for, is_worth_watching=bool(todo.names)) as shown:
        shown.begin(Start(call.command, call.project, todo.names, todo.reused, todo.what))
        if todo.names:
            _run(call, todo, report, shown)
        shown.end(report, call.seconds)
    if report.unexpected:
        from fft_cli.crash import print_unexpected  # slow to import
    for unexpected in report.unexpected:
        print_unexpected(unexpected.message, unexpected.trace, call.project.root)
    if todo.names:
        from fft_core.reports.manifest import make_manifest, write_manifest

        write_manifest(make_manifest(call.project, call.run))
    remember(call.run, call.command, report, call.seconds)
    afterwards(report)
    if todo.names and not (report.interrupted or report.left_behind):
        keep_facts(call.run)
    if report.interrupted:
        echo("interrupted", err=True)
    if report.left_behind:
        _leave(report.exit_code)
    return report.exit_code


def _run(call: Call, todo: Todo, report: Report, shown: Display) -> None:
    from fft_cli.face import face

    work = todo.work(call.command, call.run, jobs=call.jobs, keep_going=call.keep_going)
    for event in face(call.scheduler).run(call.project, work, call.run):
        report.see(event)
        shown.see(event)


def _leave(exit_code: int) -> None:
    """End the process although threads work in it: the interpreter would wait for them."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


_COMMANDS = {"seed": "fft seed", "snapshot": "fft snapshot run", "model": "fft run"}


def only(project: Project, selection: Selection, chosen: frozenset[str], kinds: Container[str]) -> frozenset[str]:
    """Keep the selected nodes of these kinds: seed, snapshot, model. If none is left, print their kinds on stderr."""
    kept = frozenset(name for name in chosen if _what(project, name) in kinds)
    if chosen and not kept and selection.narrows:
        for name in sorted(chosen)[:5]:
            what = _what(project, name)
            echo(f"{name} is a {what}: `fft build` or `{_COMMANDS[what]}` builds it", err=True)
    return kept


def _what(project: Project, name: str) -> str:
    node = project.node(name)
    if not isinstance(node, Model):
        return "seed"
    return "snapshot" if node.materialization.name == "snapshot" else "model"
