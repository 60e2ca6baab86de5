"""Groups of commands that suggest the nearest command for an unknown one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import click

_WITH_OR_WITHOUT_GLOB = ("--rebuild", "--rebuild-only")


class SuggestingGroup(click.Group):
    """A group that suggests the nearest command for an unknown one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not name.startswith("-") and not ctx.resilient_parsing:
            from fft_core.errors import nearest

            hint = nearest(name, known) or f"The commands are {', '.join(known)}."
            raise click.UsageError(f"no such command: {name!r}. {hint}", ctx)
        return super().resolve_command(ctx, without_folders_as_globs(args))


def without_folders_as_globs(args: Sequence[str]) -> list[str]:
    """Read a folder behind an option with an optional value as the project, not as a glob of models.

    >>> without_folders_as_globs(["run", "--rebuild", ".", "--env", "dev"])
    ['run', '--rebuild=*', '.', '--env', 'dev']
    >>> without_folders_as_globs(["run", "--rebuild", "mart_*", "."])
    ['run', '--rebuild', 'mart_*', '.']
    """
    following = pairwise([*args, ""])
    return [f"{word}=*" if word in _WITH_OR_WITHOUT_GLOB and _is_folder(next_) else word for word, next_ in following]


def _is_folder(word: str) -> bool:
    """Return whether a word is a project's folder. A word without a slash may also be the name of a model."""
    if "/" in word or word in (".", ".."):
        return Path(word).is_dir()
    is_project = (Path(word) / "project.yml").is_file()
    return is_project and not Path("project.yml").is_file()
