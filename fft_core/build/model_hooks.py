"""The rendered hooks of a model: SQL statements that run in the transaction that builds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fft_core.errors import FftError, StatementError
from fft_core.project.model import Model, ModelHook
from fft_core.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class RenderedHooks:
    """The statements that run before the rows of a model are written, and after they have the published name."""

    model: Model | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @contextmanager
    def explained(self, key: str) -> Iterator[None]:
        """Raise the error of a hook's statement again, with the hook's key (`pre_hook`, `post_hook`) and place."""
        try:
            yield
        except StatementError as error:
            if self.model is None or error.sql not in (*self.before, *self.after):
                raise
            hooks = self.model.pre_hooks if key == "pre_hook" else self.model.post_hooks
            message = f"{key} of {self.model.name!r}: {error.problem.message}"
            raise StatementError(message, sql=error.sql, where=hooks[0].location, code="FFT-440") from error


NO_HOOKS = RenderedHooks()


def rendered_hooks(warehouse: Warehouse, model: Model) -> RenderedHooks:
    """Render the hooks of a model. Raises RenderError."""
    if not model.pre_hooks and not model.post_hooks:
        return NO_HOOKS
    before, after = (
        tuple(warehouse.compiler.model_hook_statements(model, hooks, warehouse.naming))
        for hooks in (model.pre_hooks, model.post_hooks)
    )
    for hooks, statements in ((model.pre_hooks, before), (model.post_hooks, after)):
        for statement in statements:
            _refuse_what_ends_it(model, hooks[0], statement)
            _refuse_other_rows(warehouse, model, hooks[0], statement)
    return RenderedHooks(model, before, after)


def _refuse_what_ends_it(model: Model, hook: ModelHook, statement: str) -> None:
    """Raise FftError for a statement that begins or ends a transaction: the hook runs inside that of its model."""
    word = re.match(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(\w+)", statement, re.DOTALL)
    if word and word[1].lower() in ("begin", "start", "commit", "rollback", "end", "abort"):
        hint = "Remove it: the hook is a part of the transaction that builds the model."
        raise FftError(
            f"{hook.key} of {model.name!r} contains {word[1]!r}", where=hook.location, hint=hint, code="FFT-440"
        )


def _refuse_other_rows(warehouse: Warehouse, model: Model, hook: ModelHook, statement: str) -> None:
    """Raise FftError for a statement that changes the model's own table: its checks would not see the change."""
    from sqlglot import exp, parse_one  # few models have hooks
    from sqlglot.errors import SqlglotError

    try:
        tree = parse_one(statement, dialect=warehouse.engine.dialect)
    except SqlglotError:
        return  # the database reports the error
    is_change = isinstance(tree, exp.Insert | exp.Update | exp.Delete | exp.Merge | exp.TruncateTable)
    is_change = is_change or (isinstance(tree, exp.Alter) and any(map(_is_of_columns, tree.args.get("actions") or ())))
    if not is_change:
        return
    target = tree.this if not isinstance(tree, exp.TruncateTable) else tree.expressions[0]
    table = target.find(exp.Table) if target else None
    own = warehouse.place(model.name)
    if table is not None and table.name == own.name and table.db in ("", own.schema):
        hint = "Change the model's query instead. A hook may write to other tables."
        message = f"{hook.key} of {model.name!r} changes the model's own rows or columns, which its checks judge"
        raise FftError(message, where=hook.location, hint=hint, code="FFT-440")


def _is_of_columns(action: object) -> bool:
    from sqlglot import exp

    return isinstance(action, exp.ColumnDef | exp.Drop | exp.RenameColumn | exp.AlterRename)
