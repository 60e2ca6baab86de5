"""The hooks of a model, rendered: SQL that is run in the transaction that builds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fft_core.errors import StatementError
from fft_core.project.model import Model
from fft_core.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class RenderedHooks:
    """What is run before the rows of a model are made, and once they have their place."""

    model: Model | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @contextmanager
    def explained(self, key: str) -> Iterator[None]:
        """Say which hook a statement is of that fails."""
        try:
            yield
        except StatementError as error:
            if self.model is None or error.sql not in (*self.before, *self.after):
                raise
            hooks = self.model.pre_hooks if key == "pre_hook" else self.model.post_hooks
            message = f"{key} of {self.model.name!r}: {error.problem.message}"
            raise StatementError(message, sql=error.sql, where=hooks[0].location) from error


NO_HOOKS = RenderedHooks()


def rendered_hooks(warehouse: Warehouse, model: Model) -> RenderedHooks:
    """Render the hooks of a model. Raises RenderError."""
    if not model.pre_hooks and not model.post_hooks:
        return NO_HOOKS
    before, after = (
        tuple(warehouse.compiler.model_hook_statements(model, hooks, warehouse.naming))
        for hooks in (model.pre_hooks, model.post_hooks)
    )
    return RenderedHooks(model, before, after)
