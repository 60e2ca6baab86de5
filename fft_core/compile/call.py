"""Compilation of a model for an engine: the text of a query, or a frame that the user's function returns."""

from __future__ import annotations

import inspect
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from fft_core.compile.project_code import ProjectCode
from fft_core.compile.render import Naming, Renderer
from fft_core.engines.spec.frames import DEFAULT
from fft_core.errors import (
    FftError,
    Location,
    ModelError,
    ModelRaisedError,
    RequiredColumnsError,
    message_of,
    nearest,
)
from fft_core.frames import from_arrow, to_arrow
from fft_core.frames.ibis import IbisQuery, query_of, unbound_table
from fft_core.names import Relation
from fft_core.project.model import Home, Hook, Model, ModelHook, Project, PythonBody, SourceName, SqlCheck

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class NativeRows:
    """Rows as a lazy frame of the engine's own, and the names of their columns as a model writes them."""

    column_names: Sequence[str]
    frame: Any  # of the engine's library


class ModelInputs(Protocol):
    """The inputs of a Python model."""

    @property
    def is_increment(self) -> bool:
        """Whether its rows are added to its own table, which then is there and can be read by its name."""

    def read(self, name: str | SourceName, kind: str) -> pa.Table | NativeRows:
        """Read an input, or the model's own table, for a kind of frame."""

    def key_of(self, name: str | SourceName) -> str:
        """Return the physical name of an input, which is its key if the function takes a mapping."""

    def is_native(self, value: object) -> bool:
        """Whether a value is a native frame of the engine."""


class Compiler:
    """Renderer and caller of the models of one project; threads may share it.

    Args:
        project: The project.
        frozen_at: The time that clocks show in its models; None for the real time.
    """

    def __init__(self, project: Project, frozen_at: datetime | None = None) -> None:
        self._project, self.frozen_at = project, frozen_at
        self._code = ProjectCode(project, frozen_at)
        self._renderer = Renderer(project, self._code)

    def sql(self, model: Model, naming: Naming) -> str:
        """Render a SQL model to one query. Raises RenderError."""
        return self._renderer.sql(model, naming)

    def frozen_query(self, query: str, naming: Naming, where: Location) -> str:
        """Return a query that was not rendered, with its clocks frozen if time is frozen. Raises RenderError."""
        return self._renderer.frozen(query, naming.spelling, where)

    def check_sql(self, rule: SqlCheck, naming: Naming, table: Relation, where: str | None) -> str:
        """Render a custom check, as `Renderer.check` does. Raises RenderError."""
        return self._renderer.check(rule, naming, table, where)

    def hook_statements(self, hook: Hook, naming: Naming, given: Mapping[str, object]) -> list[str]:
        """Render the statements of a SQL hook, as `Renderer.hook` does. Raises RenderError."""
        return self._renderer.hook(hook, naming, given)

    def model_hook_statements(self, model: Model, hooks: Iterable[ModelHook], naming: Naming) -> list[str]:
        """Render the statements of hooks of a model. Raises RenderError."""
        return [statement for hook in hooks for statement in self._renderer.model_hook(model, hook, naming)]

    def call_hook(self, hook: Hook, context: Mapping[str, Any]) -> None:
        """Call the function of a Python hook with its context. Raises ModelError if it fails."""
        assert hook.path is not None  # a Python hook has a path
        assert hook.function is not None
        try:
            self._code.function(hook.path, hook.function)(dict(context))
        except FftError:
            raise
        except (Exception, SystemExit) as error:
            frames = _own_frames(error, self._project.home_of(hook.path))
            said = f"{type(error).__name__}: {message_of(error)}".rstrip(": ")
            where = frames[-1].location if frames else hook.place
            raise ModelError(f"{hook.function}() raised {said}", where=where, code="FFT-440") from error

    def call_model(self, model: Model, inputs: ModelInputs) -> Any:
        """Call a Python model with its inputs; return an Arrow table, or a native frame of the engine.

        Args:
            model: A Python model.
            inputs: What it is given.

        Raises:
            RequiredColumnsError: an input lacks a column that the model requires; the function is not called.
            ModelError: the function raises, or returns a value that is not a frame.
        """
        assert isinstance(model.body, PythonBody)  # callers ask by model.kind
        function, body = self._function(model), model.body
        found = {name: (inputs.read(name, kind), kind) for name, kind in _with_kinds(body, model.inputs)}
        for name, (rows, _) in found.items():
            _refuse_missing_columns(model, body, name, list(rows.column_names))
        with _unreadable(model):
            frames = {name: _frame(name, rows, kind) for name, (rows, kind) in found.items()}
            own = (
                (lambda: _frame("this", inputs.read(model.name, body.frame_of_this), body.frame_of_this))
                if (inputs.is_increment)
                else None
            )
            arguments, asked_for = _arguments(function, frames, inputs.key_of), _asked_for(body, own)
        result = self._called(model, function, arguments, asked_for)
        with _unreadable(model):
            return result if inputs.is_native(result) else to_arrow(result)

    def lazy_query(
        self,
        model: Model,
        columns: Callable[[str | SourceName], Mapping[str, str]],
        dialect: str,
        key_of: Callable[..., str],
        *,
        is_incremental: bool = False,
    ) -> IbisQuery:
        """Call a lazy Python model with tables without rows, and return the query that it makes. Nothing is executed.

        Args:
            model: A Python model that is lazy.
            columns: Returns the columns of an input, or of the model's own table, with their types.
            dialect: The dialect of the engine.
            key_of: The physical name of an input: its key, if the function takes a mapping.
            is_incremental: Whether the rows of the query are added to the model's own table.

        Raises:
            RequiredColumnsError: an input lacks a column that the model requires; the function is not called.
            ModelError: the function raises, or returns a value that is not a query over these tables.
        """
        assert isinstance(model.body, PythonBody)  # callers ask by model.is_lazy
        function = self._function(model)
        found = {name: columns(name) for name in model.inputs}
        for name, types in found.items():
            _refuse_missing_columns(model, model.body, name, list(types))
        with _unreadable(model):
            tables = {name: unbound_table(str(name), types, dialect) for name, types in found.items()}
            own = (lambda: unbound_table(model.name, columns(model.name), dialect)) if is_incremental else None
            arguments, asked_for = _arguments(function, tables, key_of), _asked_for(model.body, own)
        result = self._called(model, function, arguments, asked_for)
        with _unreadable(model):
            return query_of(result, dialect)

    def _called(
        self, model: Model, function: Callable[..., Any], arguments: list[Any], asked_for: Mapping[str, Any]
    ) -> Any:
        try:
            return function(*arguments, **asked_for)
        except BaseException as error:
            if not self._is_of_model(model, error):
                raise
            raise self._in_user_code(model, error, ModelRaisedError) from error

    def _function(self, model: Model) -> Callable[..., Any]:
        assert isinstance(model.body, PythonBody)  # callers have asked
        try:
            return self._code.function(model.path, model.body.function)
        except (Exception, SystemExit) as error:
            raise self._in_user_code(model, error) from error

    def _is_of_model(self, model: Model, error: BaseException) -> bool:
        """Return whether the model raised an error itself: not Ctrl-C, nor the exception by which Dagster ends runs."""
        if isinstance(error, Exception | SystemExit):
            return True
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            return False
        home = self._project.home_of(model.path)
        return trace is not None and _is_own(Path(trace.tb_frame.f_code.co_filename), home.root)

    def _in_user_code(self, model: Model, error: BaseException, kind: type[ModelError] = ModelError) -> ModelError:
        """Describe an exception by the user's own frames, without those of FFT and of libraries."""
        frames = _own_frames(error, self._project.home_of(model.path))
        lines = "".join(f"\n    {frame}" for frame in _few(frames))
        location = frames[-1].location if frames else model.location
        if isinstance(error, FftError):
            kind = ModelRaisedError if error.can_retry else ModelError
            problem = error.problem
            return kind(problem.message, where=problem.where or location, hint=problem.hint, code=error.code)
        said = f"{type(error).__name__}: {message_of(error)}".rstrip(": ")
        message, hint = f"model {model.name!r} raised {said}{lines}", _hint_of(error, said)
        return kind(message, where=location, hint=hint, code="FFT-411")


def _hint_of(error: BaseException, said: str) -> str | None:
    """Return a hint for an exception of user code, or None."""
    if isinstance(error, TypeError) and "decimal.Decimal" in said:
        return _DECIMALS
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"Install the package that has {error.name!r} for the Python that runs fft, or correct the import."
    return None


_FRAMES_SHOWN = 6  # at the beginning, and at the end
_DECIMALS = (
    "A column holds decimals that do not fit into a double, so pandas stores objects. Cast it in SQL, as in "
    "cast(x as double precision), or in pandas with .astype(float)."
)


@contextmanager
def _unreadable(model: Model) -> Iterator[None]:
    """Raise ModelError, with the name of the model, if its frame cannot be read or stored."""
    try:
        yield
    except ModelError as error:
        problem = error.problem
        message = f"{model.name}: {problem.message}"
        raise ModelError(
            message, where=problem.where or model.location, hint=problem.hint, code=problem.code
        ) from error


@dataclass(frozen=True)
class _UserFrame:
    """A line of the user's code in a traceback."""

    location: Location
    function: str
    text: str

    def __str__(self) -> str:
        return f"{self.location} in {self.function}: {self.text}"


def _few(frames: list[_UserFrame]) -> list[_UserFrame | str]:
    """Return the first and the last frames if there are many, as in a recursion."""
    if len(frames) <= 2 * _FRAMES_SHOWN:
        return [*frames]
    left_out = len(frames) - 2 * _FRAMES_SHOWN
    return [*frames[:_FRAMES_SHOWN], f"... {left_out} more ...", *frames[-_FRAMES_SHOWN:]]


def _own_frames(error: BaseException, home: Home) -> list[_UserFrame]:
    """Return the frames of an exception in the files of a project or package; cut its traceback to begin there."""
    frames = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if _is_own(path, home.root):
            location = Location(home.shown / path.relative_to(home.root), frame.lineno)
            frames.append(_UserFrame(location, frame.name, frame.line or ""))
    error.__traceback__ = _from_project(error.__traceback__, home.root)
    return frames


def _from_project(trace: TracebackType | None, root: Path) -> TracebackType | None:
    while trace is not None and not _is_own(Path(trace.tb_frame.f_code.co_filename), root):
        trace = trace.tb_next
    return trace


def _is_own(path: Path, root: Path) -> bool:
    """Return whether a file belongs to the user; packages that are installed below the project's folder do not."""
    return path.is_relative_to(root) and "site-packages" not in path.parts


def _refuse_missing_columns(model: Model, body: PythonBody, name: str | SourceName, columns: list[str]) -> None:
    required = body.requires.get(str(name), frozenset())
    missing = sorted(required - set(columns))
    if missing:
        raise RequiredColumnsError(
            f"model {model.name!r} requires {', '.join(map(repr, missing))} of {str(name)!r},"
            f" which has {', '.join(map(repr, columns))}",
            where=model.location,
            hint=nearest(missing[0], columns),
        )


class _Frames(dict[str, Any]):
    """Frames by physical relation; a logical name (`users.ff`, `crm.users`) finds them as well."""

    def __init__(self, frames: Mapping[str, Any], aliases: Mapping[str, str]) -> None:
        super().__init__(frames)
        self._aliases = aliases

    def __missing__(self, key: str) -> Any:
        if key in self._aliases:
            return self[self._aliases[key]]
        hint = nearest(key, self) or f"The inputs are {', '.join(map(repr, self))}."
        raise FftError(f"{key!r} is not an input of this model", hint=hint, code="FFT-410")


def _with_kinds(body: PythonBody, names: Iterable[str | SourceName]) -> Iterator[tuple[str | SourceName, str]]:
    """Each input with the kind of its frame; those beyond the last count as the last."""
    kinds = body.frames or (DEFAULT.name,)
    for index, name in enumerate(names):
        yield name, kinds[min(index, len(kinds) - 1)]


def _asked_for(body: PythonBody, this: Callable[[], Any] | None) -> dict[str, Any]:
    """Return the named arguments of the function: its own table, read only if requested, and whether there is one."""
    given: dict[str, Any] = {"is_incremental": this is not None} if "is_incremental" in body.asks_for else {}
    if "this" in body.asks_for:
        given["this"] = this() if this else None
    return given


def _arguments(
    function: Callable[..., Any], frames: Mapping[str | SourceName, Any], key_of: Callable[..., str]
) -> list[Any]:
    parameters = inspect.signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    if not frames:
        return [None] * len(required)
    by_position = len(frames) <= len(positional) or any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if by_position:
        return [*frames.values()]
    aliases = {alias: key_of(name) for name in frames for alias in (str(name), f"{name}.ff")}
    return [_Frames({key_of(name): frame for name, frame in frames.items()}, aliases)]


def _frame(name: str | SourceName, rows: pa.Table | NativeRows, kind: str) -> Any:
    if isinstance(rows, NativeRows):
        return rows.frame
    try:
        return from_arrow(rows, kind)
    except ModelError as error:
        raise ModelError(
            f"its input {str(name)!r}: {error.problem.message}", hint=error.problem.hint, code=error.code
        ) from error
