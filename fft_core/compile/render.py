"""The renderer: a model and a context become SQL text, one SELECT with the full name of every relation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fft_core.compile.project_code import ProjectCode
from fft_core.compile.single_query import select_of, statements_of
from fft_core.engines.spec.registry import spec_of
from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import FftError, Location, RenderError, nearest
from fft_core.names import Relation, model_name
from fft_core.names.secret_names import looks_secret
from fft_core.project.model import (
    Hook,
    Incremental,
    Mentioned,
    Model,
    ModelHook,
    Project,
    SourceName,
    SqlBody,
    SqlCheck,
)
from fft_core.project.profile.environment import is_secret
from fft_core.project.read.conditions import seen_by_code

if TYPE_CHECKING:
    import jinja2


@dataclass(frozen=True)
class Naming:
    """The names of relations in the text: physical ones for a build, symbols for a fingerprint.

    `hides` says which values appear as their names: declared secrets, or all values that look like a credential.
    """

    relation: Callable[[str | SourceName], Relation]
    spelling: Spelling
    hides: Literal["nothing", "secrets", "credentials"] = "nothing"
    is_incremental: bool = False

    @property
    def dialect(self) -> str:
        """The dialect of the SQL, as sqlglot names it."""
        return self.spelling.dialect

    def for_increment(self) -> Naming:
        """Return the same names, for the rows that an incremental model adds to its table."""
        return replace(self, is_incremental=True)


@dataclass(frozen=True)
class This:
    """`this` in a template: its text is the relation; its parts are attributes."""

    relation_sql: str
    name: str
    schema: str | None
    database: str | None
    materialized: str

    @property
    def relation(self) -> str:
        return self.name

    def __str__(self) -> str:
        return self.relation_sql


class Renderer:
    """Renderer of the models of one project. Macros are parsed once; each render gets globals of its own."""

    def __init__(self, project: Project, code: ProjectCode | None = None) -> None:
        self._project = project
        self._code = code or ProjectCode(project)
        self._templates: dict[tuple[Path, str], jinja2.Template] = {}

    @cached_property
    def _jinja(self) -> jinja2.Environment:
        from fft_core.compile.stdlib import filters_of
        from fft_core.project.read.sql_file import new_environment  # most models need no Jinja: it is slow to import

        jinja = new_environment()
        names = self._project.python_macros.keys() - jinja.filters.keys()  # Jinja's own come first
        jinja.filters.update({name: self._late(name) for name in names})
        jinja.filters.update(filters_of(spec_of(self._project.engine)))
        if self._code.frozen_at is not None:
            jinja.getattr = _frozen_getattr(jinja.getattr, self._code.frozen_at)  # type: ignore[method-assign, assignment]
        return jinja

    def _late(self, name: str) -> Callable[..., Any]:
        """Return a filter that imports its function on first use: a file may use only some of its macros."""
        return lambda *values, **named: self._python_macro(name)(*values, **named)

    def _python_macro(self, name: str) -> Any:
        """Return the value of a name in a module of macros_py, which need not be a function."""
        return self._code.function(self._project.python_macros[name], name)

    def _python_macros(self, names: Iterable[str]) -> dict[str, Any]:
        found = {name: self._python_macro(name) for name in sorted(names)}
        functions = {name: value for name, value in found.items() if callable(value)}
        self._jinja.filters.update(functions)
        return functions

    @cached_property
    def _environment(self) -> Mapping[str, str]:
        return seen_by_code(self._project.environment, self._project.engine, self._project.env)

    @cached_property
    def _helpers(self) -> dict[str, Callable[..., Any]]:
        from fft_core.compile.stdlib import helpers_of

        return helpers_of(spec_of(self._project.engine))

    @cached_property
    def _macro_files(self) -> dict[str, Path]:
        from fft_core.project.read.sql_file import parse_macros

        files = {}
        for path, text in self._project.macros.items():
            for macro in parse_macros(text, path, self._jinja, self._project.engine)[0]:
                files[macro.name] = path
        return files

    def sql(self, model: Model, naming: Naming) -> str:
        """Render the SELECT of a SQL model, without a trailing semicolon.

        For an increment, it is the model's `delta_sql` if it has one, and `is_incremental()` is true.

        Raises:
            RenderError: the template fails, the text is not one statement, or the statement is not a query.
        """
        assert isinstance(model.body, SqlBody)  # callers ask by model.kind
        pieces = model.body.pieces
        if pieces is None:
            text = self._text(model, model.body, naming)
        else:
            text = "".join(piece if isinstance(piece, str) else self._spelled(model, piece, naming) for piece in pieces)
        query = select_of(text, naming.dialect, Location(model.path))
        return self.frozen(query, naming.spelling, Location(model.path))

    def frozen(self, query: str, spelling: Spelling, where: Location) -> str:
        """Return a query with its clocks frozen if time is frozen. Raises RenderError."""
        if self._code.frozen_at is None:
            return query
        from fft_core.compile.frozen_sql import frozen_sql  # only tests freeze time

        return frozen_sql(query, spelling, self._code.frozen_at, where)

    def check(self, rule: SqlCheck, naming: Naming, table: Relation, where: str | None) -> str:
        """Render a custom check over a table. Raises RenderError.

        Args:
            rule: The template, and the parameters of the test.
            naming: The names of the other relations that it mentions.
            table: The relation with the rows to judge.
            where: The condition of the test.
        """
        body = SqlBody(rule.template, rule.macros, python_macros=rule.python_macros)
        model = Model(table.name, rule.path, body, rule.inputs)
        spelled = table.sql(naming.spelling)
        this = This(spelled, table.name, table.schema, table.catalog, model.materialization.name)
        given = {"this": this, "table": spelled, "column": rule.column, "params": _own(dict(rule.params))}
        text = self._text(model, body, naming, {**given, "where": where or rule.params.get("where")})
        return select_of(text, naming.dialect, Location(rule.path))

    def hook(self, hook: Hook, naming: Naming, given: Mapping[str, object]) -> list[str]:
        """Render the statements of a hook in SQL. Raises RenderError.

        Args:
            hook: The hook.
            naming: The names of the relations that it mentions.
            given: The names that it has beside those of all templates: `run`, `model` and `node`.
        """
        where = Location(hook.path) if hook.path else hook.location
        body = SqlBody(hook.sql or "", hook.macros, python_macros=hook.python_macros)
        model = Model(hook.name, where.path, body, hook.inputs)
        return statements_of(self._text(model, body, naming, given), naming.dialect, where)

    def model_hook(self, model: Model, hook: ModelHook, naming: Naming) -> list[str]:
        """Render the statements of a hook of a model. Raises RenderError."""
        body = SqlBody(hook.template, hook.macros, python_macros=hook.python_macros)
        given = {"this": self._this(model, naming)}
        try:
            text = self._text(replace(model, body=body), body, replace(naming, is_incremental=False), given)
        except RenderError as error:
            message = f"{hook.key}: {error.problem.message}"
            raise RenderError(message, where=hook.location, hint=error.problem.hint, code=error.code) from error
        return statements_of(text, naming.dialect, hook.location)

    def _spelled(self, model: Model, mentioned: Mentioned, naming: Naming) -> str:
        if isinstance(mentioned.target, str):
            return self._ref(model, mentioned.target, naming)
        return naming.relation(mentioned.target or model.name).sql(naming.spelling)

    def _text(self, model: Model, body: SqlBody, naming: Naming, given: Mapping[str, object] | None = None) -> str:
        import jinja2

        this = {"this": self._this(model, naming)} if given is None else given
        root, scope = self._project.root, {**self._scope(model, naming), **this}
        try:
            scope.update(self._python_macros(body.python_macros))
            for macro_file in self._files_of(body.macros):
                scope.update(self._macros(macro_file, scope))
            text = _delta_of(model) if naming.is_incremental else None
            return self._compiled(root / model.path, body.template if text is None else text).render(scope)
        except FftError as error:
            if error.problem.where:
                raise
            where = _user_location(error, root) or Location(model.path)
            raise RenderError(error.problem.message, where=where, hint=error.problem.hint, code=error.code) from error
        except jinja2.TemplateSyntaxError as error:
            file = Path(error.filename or "")
            where = Location(file.relative_to(root) if file.is_relative_to(root) else model.path, error.lineno)
            raise RenderError(f"template error: {error.message}", where=where, code="FFT-130") from error
        except Exception as error:
            where = _user_location(error, root) or Location(model.path)
            raise RenderError(
                f"template error: {_said(error)}", where=where, hint=_meant(error, scope), code=_code_of(error)
            ) from error

    def _files_of(self, macros: frozenset[str]) -> list[Path]:
        wanted = {self._macro_files[name] for name in macros}
        return [path for path in self._project.macros if path in wanted]

    def _compiled(self, path: Path, text: str, *, macros_of: Path | None = None) -> jinja2.Template:
        key = path, text
        if key not in self._templates:
            import jinja2

            tree = self._jinja.parse(text, None, str(path))
            if macros_of is not None:
                self._leave_out_overridden(tree, macros_of)
            code = self._jinja.compile(tree, None, str(path))  # Jinja quotes a name badly if it has an apostrophe
            self._templates[key] = jinja2.Template.from_code(self._jinja, code, {}, None)
        return self._templates[key]

    def _macros(self, path: Path, scope: dict[str, Any]) -> dict[str, Any]:
        template = self._compiled(self._project.root / path, self._project.macros[path], macros_of=path)
        try:
            module = template.make_module(scope, shared=True)
        except Exception:  # noqa: BLE001 - it is raised again, with the lines of the file in its traceback
            self._jinja.handle_exception()
        return {name: value for name, value in vars(module).items() if not name.startswith("_")}

    def _leave_out_overridden(self, tree: jinja2.nodes.Template, path: Path) -> None:
        """Remove macros that a later file defines again: that one also counts for macros of the earlier file."""
        import jinja2

        tree.body = [
            node
            for node in tree.body
            if not isinstance(node, jinja2.nodes.Macro) or self._macro_files.get(node.name) == path
        ]

    def _scope(self, model: Model, naming: Naming) -> dict[str, Any]:
        """Return the names that a template sees. All are new for each render: nothing is shared between models."""
        project = self._project
        return {
            **self._jinja.globals,
            **self._helpers,
            "ref": lambda name: self._ref(model, name, naming),
            "source": lambda group, table: self._source(model, SourceName(group, table), naming),
            "config": lambda **_: "",
            "var": lambda name, default=None: self._var(name, default, naming),
            "env": lambda name, default=None: self._env(name, default, naming),
            "engine": lambda default=None: project.engine or default,
            "is_incremental": lambda: naming.is_incremental,
        }

    def _this(self, model: Model, naming: Naming) -> This:
        this = naming.relation(model.name)
        return This(this.sql(naming.spelling), this.name, this.schema, this.catalog, model.materialization.name)

    def _env(self, name: str, default: object, naming: Naming) -> object:
        return f"@env:{name}" if self._is_hidden(name, naming) else self._environment.get(name, default)

    def _var(self, name: str, default: object, naming: Naming) -> object:
        return f"@var:{name}" if self._is_hidden(name, naming) else _own(self._project.variables.get(name, default))

    def _is_hidden(self, name: str, naming: Naming) -> bool:
        if naming.hides == "nothing":
            return False
        return is_secret(name, self._project.secrets) or (naming.hides == "credentials" and looks_secret(name))

    def _ref(self, model: Model, name: str, naming: Naming) -> str:
        target = model_name(name)
        if target not in model.inputs:
            raise _not_declared(model, f"ref({name!r})", [str(i) for i in model.inputs], target)
        upstream = self._project.models.get(target)
        if upstream is not None and upstream.is_ephemeral:
            return f"(\n{self.sql(upstream, replace(naming, is_incremental=False))}\n)"
        return naming.relation(target).sql(naming.spelling)

    def _source(self, model: Model, name: SourceName, naming: Naming) -> str:
        if name not in model.inputs:
            raise _not_declared(model, f"source({name.group!r}, {name.table!r})", map(str, model.inputs), str(name))
        return naming.relation(name).sql(naming.spelling)


def _frozen_getattr(read: Callable[[Any, str], Any], at: datetime) -> Callable[[Any, str], Any]:
    """Return a getattr that freezes the clocks of dates, which variables from YAML may be: `var("day").today()`."""
    from fft_core.project.python.frozen import FrozenClocks

    clocks = FrozenClocks(at)
    return lambda value, name: clocks.frozen(read(value, name))


def _delta_of(model: Model) -> str | None:
    return model.materialization.delta_sql if isinstance(model.materialization, Incremental) else None


def _own(value: object) -> object:
    """Copy a variable's value, so that a template which changes a list affects no other. A set gets an order."""
    match value:
        case dict():
            return {key: _own(inner) for key, inner in value.items()}
        case list():
            return [_own(inner) for inner in value]
        case set():
            return sorted(value, key=repr)
    return value


def _not_declared(model: Model, call: str, known: Any, name: str) -> RenderError:
    hint = (
        nearest(name, list(known))
        or "FFT cannot find the names that a macro passes to ref(): pass the result of ref() to the macro instead."
    )
    return RenderError(f"{call} does not appear literally in {model.path.name}", hint=hint, code="FFT-131")


def _said(error: Exception) -> str:
    import jinja2

    text = str(error) or type(error).__name__
    return text if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {text}"


def _code_of(error: Exception) -> str:
    import jinja2

    return "FFT-402" if isinstance(error, jinja2.UndefinedError) else "FFT-401"


def _meant(error: Exception, known: Iterable[str]) -> str | None:
    """Return the name that an undefined word may have been meant for, or None."""
    word = re.match(r"'(\w+)' is undefined$", str(error))
    return nearest(word[1], known) if word else None


def _user_location(error: Exception, root: Path) -> Location | None:
    """Find the innermost line of the user's own templates in a traceback."""
    found, frame = None, error.__traceback__
    while frame is not None:
        path = Path(frame.tb_frame.f_code.co_filename)
        if path.is_relative_to(root):
            found = Location(path.relative_to(root), frame.tb_lineno)
        frame = frame.tb_next
    return found
