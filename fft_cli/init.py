"""`fft init`: a new project that can be built at once."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from fft_cli.terminal import echo


class EngineName(click.ParamType[str]):
    """The name of an installed engine. Engines are searched for on use, not when all commands are listed."""

    name = "engine"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{'|'.join(_engines())}]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in _engines():
            self.fail(f"{value!r} is not one of {', '.join(map(repr, _engines()))}.", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in _engines() if name.startswith(incomplete)]


def _engines() -> tuple[str, ...]:
    from fft_core.engines.spec.registry import installed_specs

    return tuple(installed_specs())


def _default_engine() -> str:
    from fft_core.engines.spec.registry import default_engine

    return default_engine()


@click.command("init")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--engine",
    type=EngineName(),
    default=_default_engine,
    show_default="one without a server",
    help="The engine that builds the tables of the project.",
)
def command(folder: Path | None, engine: str) -> None:
    """Write a new project: seeds, models in SQL and Python, checks, a unit test, and definitions for Dagster.

    DIR is the folder, which is made if it is missing. Without DIR, it is the current folder, which must be empty except
    for hidden files. Existing files are never overwritten: if there are any, nothing is written.
    """
    from fft_core import FftError
    from fft_core.engines.spec.registry import spec_of
    from fft_core.project.scaffold.new import new_project

    if folder is None:
        folder = Path()
        there = sorted(path.name for path in folder.resolve().iterdir() if not path.name.startswith("."))
        if there:
            hint = "Name a folder: fft init shop. To write into the current folder anyway: fft init ."
            raise FftError(f"the current folder is not empty: it has {', '.join(there[:3])}", hint=hint, code="FFT-311")
    files = new_project(folder, engine)
    for path in files:
        echo(f"  {path.as_posix()}")
    echo(f"\n{len(files)} files written. Next:")
    if folder.resolve() != Path.cwd():
        echo(f"  cd {shlex.quote(f'./{folder}' if str(folder).startswith('-') else str(folder))}")
    for setting in spec_of(engine).settings.values():
        if setting.required:
            echo(f"  export {setting.variable}={setting.example}")
    for line in ("fft build", "fft plan", "fft dev"):
        echo(f"  {line}")
