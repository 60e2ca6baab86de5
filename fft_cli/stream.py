"""`fft stream`: follow streams, show their positions, and read them again. Nothing here imports Dagster."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from fft_cli.cells import aligned
from fft_cli.completion import complete_names
from fft_cli.groups import SuggestingGroup
from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions
from fft_cli.source import in_words
from fft_cli.terminal import echo, echo_json, style

if TYPE_CHECKING:
    from fft_core.build.publish import BuildResult
    from fft_core.build.stream_upkeep import Replay, StreamStatus
    from fft_core.run.streams import Followed

_names_model = click.argument("model", metavar="MODEL", shell_complete=complete_names)


@click.group("stream", cls=SuggestingGroup)
def command() -> None:
    """Follow the streams of a project, and inspect them."""


@command.command("run")
@_names_model
@with_options(ProjectOptions)
@click.option("--until-caught-up", is_flag=True, help="Stop when nothing is left to read.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.01),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="The pause before the next look, if nothing has arrived.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each batch.")
def run(options: ProjectOptions, model: str, until_caught_up: bool, interval: float, as_json: bool) -> None:
    """Read a stream batch by batch until it is stopped; print one line for each batch.

    Ctrl-C or SIGTERM ends it after the current batch is published; a second one ends it at once. PROJECT is the folder
    with project.yml.
    """
    from fft_core import Run
    from fft_core.build.stream_upkeep import stream_named
    from fft_core.run.streams import follow

    project = options.load()
    stream = stream_named(project, model)
    tell = _tell_json if as_json else _tell
    with _stopped_by_signals() as should_stop, Run(project, nodes={stream.name}, defer="") as opened:
        if not as_json:
            echo(f"{stream.name} on {project.engine}, profile {project.env}: reading; Ctrl-C stops")
        done = follow(
            opened,
            stream,
            tell,
            should_stop,
            interval=interval,
            until_caught_up=until_caught_up,
            tell_wait=lambda error: echo(error.problem.message, err=True),
        )
    if not as_json:
        echo(_total(done))


@command.command("status")
@with_options(ProjectOptions)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with positions.")
def status(options: ProjectOptions, as_json: bool) -> None:
    """List the positions of streams, and the events that are left to read. Changes nothing.

    PROJECT is the folder with project.yml.
    """
    from fft_cli.ctrl_c import opened_warehouse
    from fft_core.build.stream_upkeep import stream_status, streams_of

    project = options.load()
    streams = streams_of(project)
    found: list[StreamStatus] = []
    if streams:
        with opened_warehouse(project, read_only=True) as warehouse:
            found = [stream_status(warehouse, stream) for stream in streams]
    if as_json:
        echo_json({"streams": [one.to_json() for one in found]})
    else:
        echo("\n".join(_status_lines(found)))
    sys.exit(1 if any(one.problem for one in found) else 0)


@command.command("reset")
@_names_model
@with_options(ProjectOptions)
@click.option(
    "--to",
    required=True,
    metavar="POSITION",
    help="The new position: earliest, latest, or one that `fft stream status --json` prints.",
)
def reset(options: ProjectOptions, model: str, to: str) -> None:
    """Set a stream to another position: later events are removed, and read again.

    The sessions stay as they are until all events have been read again. PROJECT is the folder with project.yml.
    """
    from fft_cli.ctrl_c import opened_warehouse
    from fft_core.build.stream_upkeep import reset_stream, stream_named

    project = options.load()
    stream = stream_named(project, model)
    with opened_warehouse(project) as warehouse:
        reset_stream(warehouse, stream, to)
    place = to if to in ("earliest", "latest") else "that position"
    echo(f"{stream.name} is at {place}; fft stream run continues from there")


@command.command("replay")
@_names_model
@with_options(ProjectOptions)
@click.option("--dry-run", is_flag=True, help="Only show the changes.")
def replay(options: ProjectOptions, model: str, dry_run: bool) -> None:
    """Rebuild the sessions of a stream from all events that are kept.

    With --dry-run, it only prints what would change; the exit code is 1 if a session would. PROJECT is the folder with
    project.yml.
    """
    from fft_cli.ctrl_c import opened_warehouse
    from fft_core import Request, Run
    from fft_core.build.stream_upkeep import replay_stream, stream_named

    project = options.load()
    stream = stream_named(project, model)
    with opened_warehouse(project, read_only=True) as warehouse:
        found = replay_stream(warehouse, stream)
    echo("\n".join(_replay_lines(stream.name, found)))
    if dry_run:
        sys.exit(0 if found.is_equal else 1)
    with Run(project, Request(full_refresh=(stream.name,)), nodes={stream.name}, defer="") as opened:
        result = opened.build(opened.project.node(stream.name))
    echo(f"{stream.name} was rebuilt: {result.row_count} sessions")


# --- what is printed --------------------------------------------------------------------------------------------------


def _tell(result: BuildResult) -> None:
    counts = {name: result.changes.get(name, 0) for name in ("events", "late", "dead", "duplicates", "sessions")}
    rate = counts["events"] / result.seconds if result.seconds else 0
    said = [f"{counts['events']:,} events", *(f"{n:,} {name}" for name, n in counts.items() if n and name != "events")]
    echo(f"{result.built_at:%H:%M:%S}  {', '.join(said)}  {result.seconds:.2f} s, {rate:,.0f} events/s")


def _tell_json(result: BuildResult) -> None:
    told = {"at": result.built_at.isoformat(), "seconds": round(result.seconds, 6), "rows": result.row_count}
    echo_json({**told, **result.changes, "data_version": result.data_version}, indent=None)


def _total(done: Followed) -> str:
    rate = done.events / done.seconds if done.seconds else 0
    return f"\nstopped: {done.events:,} events in {done.batches:,} batches, {rate:,.0f} events/s"


def _status_lines(found: Sequence[StreamStatus]) -> list[str]:
    if not found:
        return ["No streams"]
    head = ["stream", "events", "late", "bad", "watermark", "backlog", "written by"]
    return aligned([[style(name, bold=True) for name in head], *map(_status_cells, found)])


def _status_cells(one: StreamStatus) -> list[str]:
    state = one.state
    count = {name: f"{state.counts.get(name, 0):,}" if state else "" for name in ("events", "late", "dead")}
    watermark = f"{state.watermark:%Y-%m-%d %H:%M:%S}" if state and state.watermark else ""
    problem = f"{one.problem} [{one.code}]" if one.problem else ""
    backlog = problem or (f"{one.backlog.size:,} {one.backlog.unit}" if one.backlog else "")
    if one.backlog_age is not None:
        backlog += f", for {in_words(one.backlog_age)}"
    by = str(state.holding or "") if state else ""
    phase = " (reading again)" if state and state.phase == "backfill" else ""
    return [one.model.name + phase, count["events"], count["late"], count["dead"], watermark, backlog, by]


def _replay_lines(name: str, found: Replay) -> list[str]:
    if found.is_equal:
        return [f"{name}: the same {found.sessions:,} sessions"]
    said = [(found.added, "would be added"), (found.gone, "would be removed"), (found.changed, "would change")]
    shown = ", ".join(f"{number:,} {what}" for number, what in said if number)
    return [f"{name}: of {found.sessions:,} sessions: {shown}", *(f"  {what:8} {i}" for i, what in found.examples)]


@contextmanager
def _stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether SIGINT or SIGTERM came; the second signal has its usual effect."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)] or signal.SIG_DFL)
        echo("stopping after this batch", err=True)

    for number in before:
        signal.signal(number, note)
    try:
        yield stop.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
