"""Groups of commands that say which command was meant."""

from __future__ import annotations

import click


class SuggestingGroup(click.Group):
    """A group that answers a command that it does not have with the nearest one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not name.startswith("-") and not ctx.resilient_parsing:
            from fft_core.errors import nearest

            hint = nearest(name, known) or f"The commands are {', '.join(known)}."
            raise click.UsageError(f"there is no command {name!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)
