"""A hook becomes statements, or a call of its function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fft_core.compile.call import Compiler
from fft_core.compile.render import Naming
from fft_core.compile.single_query import statements_of
from fft_core.project.model import Hook


def hook_statements(compiler: Compiler, hook: Hook, naming: Naming, context: Mapping[str, Any]) -> tuple[str, ...]:
    """Render the statements of a SQL hook. Raises RenderError.

    Args:
        compiler: That of the project.
        hook: A hook that has SQL.
        naming: Spells the relations that it mentions.
        context: What it is told: `run`, and `model`, which is also called `node`.
    """
    given = {name: context[name] for name in ("run", "model", "params")}
    text = compiler.hook_sql(hook, naming, {**given, "node": context["model"]})
    return statements_of(text, naming.dialect, hook.place)
