"""The commands of `fft`, and the handling of their errors."""

from __future__ import annotations

import atexit
import gc
import os
import re
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module
from io import StringIO
from typing import cast

import click

from fft_cli.groups import SuggestingGroup
from fft_cli.options import Invocation
from fft_cli.terminal import echo, style
from fft_core.engines.spec.entry_points import declared
from fft_core.errors import FftError
from fft_core.project.profile.secret_values import environment_masker
from fft_core.run.output_guard import OutputGuard

# Each command has a module of its own, with a function `command`; the module is imported on first use.
COMMANDS = {
    "build": "fft_cli.build",
    "cache": "fft_cli.cache",
    "ci-check": "fft_cli.ci_check",
    "clean": "fft_cli.clean",
    "clone": "fft_cli.clone",
    "dag": "fft_cli.dag",
    "deps": "fft_cli.deps",
    "dev": "fft_cli.dev",
    "diff": "fft_cli.diff",
    "docgen": "fft_cli.docgen",
    "doctor": "fft_cli.doctor",
    "engine": "fft_cli.engine",
    "explain": "fft_cli.explain",
    "init": "fft_cli.init",
    "ls": "fft_cli.ls",
    "plan": "fft_cli.plan",
    "review": "fft_cli.review",
    "run": "fft_cli.run",
    "seed": "fft_cli.seed",
    "snapshot": "fft_cli.snapshot",
    "test": "fft_cli.test",
    "show": "fft_cli.show",
    "source": "fft_cli.source",
    "stream": "fft_cli.stream",
    "sync-db-comments": "fft_cli.sync_db_comments",
    "utest": "fft_cli.utest",
    "version": "fft_cli.version",
}
# Packages add commands by entry points of this group, each of which is a command of click.
ENTRY_POINTS = "fft.commands"
# The groups of `fft --help`; a command without a group is shown under the last heading.
GROUPS = {
    "Begin": ("init", "deps", "doctor", "explain"),
    "Build and check": ("build", "run", "seed", "test", "utest", "snapshot", "source", "stream", "clone"),
    "Look": ("plan", "diff", "review", "ls", "show", "dag", "dev", "docgen", "serve"),
    "Maintain": ("ci-check", "engine", "sync-db-comments", "cache", "clean"),
    "Other": ("version",),
}


COMMAND_LINE = "FFT-310"


class Commands(SuggestingGroup):
    """A group whose commands are imported on first use, so that `fft plan` imports no other command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*COMMANDS, *declared(ENTRY_POINTS)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            command: click.Command = import_module(COMMANDS[cmd_name]).command
            return command
        entries = declared(ENTRY_POINTS).get(cmd_name, ())
        return cast("click.Command", entries[0].load("the command")) if entries else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, names in grouped_commands().items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            shown = [(name, c.get_short_help_str(200)) for name, c in commands if c and not c.hidden]
            with formatter.section(heading):
                formatter.write_dl(shown, col_max=16)


def grouped_commands() -> dict[str, list[str]]:
    """Return the commands by heading."""
    commands = {*COMMANDS, *declared(ENTRY_POINTS)}
    grouped = {heading: [name for name in names if name in commands] for heading, names in GROUPS.items()}
    known = {name for names in GROUPS.values() for name in names}
    grouped["Other"] += [name for name in sorted(commands) if name not in known]
    return {heading: names for heading, names in grouped.items() if names}


def _show_versions(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from fft_cli.version import print_versions

        print_versions()
        context.exit()


@click.command(
    cls=Commands,
    name="fft",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    help="Build SQL and Python models as Dagster assets.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_versions,
    help="Show the versions of FFT and of the packages that it depends on.",
)
def app() -> None:
    """Run the command that is named."""


def main() -> None:
    """Run the command line; errors are printed to stderr, and the exit code tells their kind."""
    gc.set_threshold(50_000, 20, 100)  # a command ends soon: the search for cycles took a tenth of a build's time
    with OutputGuard(environment_masker(os.environ)) as guard:
        _run(Invocation(guard=guard))


def _run(invocation: Invocation) -> None:
    color = False if os.environ.get("NO_COLOR") else None
    try:
        app(standalone_mode=False, obj=invocation, color=color)
    except click.ClickException as error:
        shown = StringIO()
        error.show(file=shown)
        echo(_with_code(shown.getvalue().rstrip("\n")), err=True)
        sys.exit(error.exit_code)
    except FftError as error:
        print_error(error, color)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has ended; Python would complain once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # a full disk, a missing folder, missing permissions: not an error of FFT
        named = f"{error.filename}: " if error.filename else ""
        print_error(FftError(f"{named}{error.strerror or error}", code="FFT-711"), color)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last boundary
        from fft_cli.crash import print_unexpected

        print_unexpected(f"{type(error).__name__}: {error}", traceback.format_exc(), invocation.root)
        sys.exit(99)


def _with_code(shown: str) -> str:
    """Add the code of wrong command lines to a message of click."""
    return re.sub(r"^(Error: .*)$", rf"\1 [{COMMAND_LINE}]", shown, count=1, flags=re.MULTILINE)


def entry() -> None:
    """Run the command line as a process of its own, which ends with it."""
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    _leave(code if isinstance(code, int) else 0 if code is None else 1)


def _leave(code: int) -> None:
    """End the process at once: the interpreter takes a second to free a run of 500 models, object by object.

    Our own work at exit is done by then: databases are closed when the command returns.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # ends pools of threads, and joins all other threads but daemons
    atexit._run_exitfuncs()
    with suppress(OSError):  # the reader has ended
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def print_error(error: FftError, color: bool | None = None) -> None:
    """Print an error, and each problem of a project separately. FFT_TRACE=1 shows the traceback."""
    echo(f"{style('error', fg='red', bold=True)}: {error}", err=True, color=color)
    if os.environ.get("FFT_TRACE") or os.environ.get("FLOWFORGE_TRACE"):
        echo("".join(traceback.format_exception(error)), err=True)
