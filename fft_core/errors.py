"""All errors for users: what is wrong, where (file:line), what to do.

FftError
├── RequestError            a request names something that does not exist: a model, a tag, a commit
├── ProjectError            the project does not load; has all problems that were found
├── ProfileError            profiles.yml, .env or FF_* variables do not give a usable connection
├── RenderError             a template fails while it is rendered
├── ModelError              a Python model fails, or returns a value that cannot be published
│   ├── RequiredColumnsError
│   └── ModelRaisedError    its function raised; a retry can succeed
├── IncrementError          rows cannot be applied to a table: their keys or columns do not fit
├── SeedError               the file of a seed cannot be read as a table
├── StreamError             a source of events cannot be read, or its events cannot be kept
│   └── NothingArrivedError no event has arrived yet, and the columns of the table are not known
├── EngineError
│   ├── MissingDriverError  the engine's Python packages are not installed
│   ├── ConnectError        the database cannot be opened
│   │   └── UnreachableError   the server does not answer; a retry can succeed
│   ├── BusyError           another process holds the database; a retry can succeed
│   │   └── SupersededError an earlier attempt of the same step has published meanwhile
│   ├── MissingRelationError   an input does not exist in the database
│   ├── LayoutError         a table cannot have the configured partitions or clusters
│   └── StatementError      the database rejects a statement
├── StepTimeoutError        a step took longer than its model allows
├── StateError              the records of earlier builds cannot be read
└── ArtifactError           a file of .fastflowtransform/target/ cannot be read or written
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True)
class Location:
    """A place in a user's file; `line` counts from 1."""

    path: Path
    line: int | None = None

    def __str__(self) -> str:
        path = str(self.path).replace("\n", "\\n")  # else the rest would look like another message
        return f"{path}:{self.line}" if self.line else path


@dataclass(frozen=True)
class Problem:
    """One problem of a project; `str(problem)` ends its first line with the code, one of `fft_core.error_codes`.

    >>> print(Problem("unknown key 'tag'", Location(Path("project.yml"), 3), "Did you mean 'tags'?", code="FFT-101"))
    project.yml:3: unknown key 'tag' [FFT-101]
        hint: Did you mean 'tags'?
    """

    message: str
    where: Location | None = None
    hint: str | None = None
    code: str | None = "FFT-100"

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        first, newline, rest = self.message.partition("\n")
        code = f" [{self.code}]" if self.code else ""
        return f"{where}{first}{code}{newline}{rest}{hint}"

    def masked(self, mask: Callable[[str], str]) -> Problem:
        """Return the same problem with its texts masked."""
        return replace(self, message=mask(self.message), hint=mask(self.hint) if self.hint else self.hint)


class FftError(Exception):
    """The base class of all errors of FFT; `str(error)` is the message for the user.

    >>> from fft_core import FftError, load_project
    >>> try:
    ...     load_project("nowhere")
    ... except FftError as error:
    ...     print(error)
    /.../nowhere: this is not an FFT project: project.yml is missing [FFT-102]
        hint: Name the folder that holds project.yml, as in: fft build path/to/project
    """

    exit_code = 1
    can_retry = False
    default_code: ClassVar[str] = "FFT-400"

    def __init__(
        self, message: str, *, where: Location | None = None, hint: str | None = None, code: str | None = None
    ) -> None:
        self.problem = Problem(message, where, hint, code or self.default_code)
        super().__init__(str(self.problem))

    @property
    def code(self) -> str:
        """The code of the kind of error, as `FFT-110`; `fft explain` and docs/reference/errors.md explain it."""
        return self.problem.code or self.default_code

    def mask(self, mask: Callable[[str], str]) -> None:
        """Mask its texts in place, before others have seen them, so that the error stays the same object."""
        self.problem = self.problem.masked(mask)
        self.args = tuple(mask(part) if isinstance(part, str) else part for part in self.args)

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling, which would call the constructor with the text alone: errors are sent between processes."""
        return _restored, (type(self), self.args, self.__dict__)


class RequestError(FftError):
    """A request of the caller is invalid: it names something that does not exist, or is not a valid selection."""

    default_code = "FFT-300"
    exit_code = 2


class ProjectError(FftError):
    """The project cannot be loaded; `problems` lists all problems, not only the first, each with its code.

    >>> from fft_core import ProjectError, load_project
    >>> with open("shop/models/emails.ff.sql", "w") as file:
    ...     written = file.write("select email from {{ ref('user') }}")
    >>> try:
    ...     load_project("shop")
    ... except ProjectError as error:
    ...     for problem in error.problems:
    ...         print(problem)
    models/emails.ff.sql:1: ref('user') is not a model or seed [FFT-110]
        hint: Did you mean 'users' or 'raw_users'?
    """

    default_code = "FFT-100"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
        self.problem = replace(self.problem, code=None)  # each problem shows its own
        self.args = (str(self.problem),)

    @property
    def code(self) -> str:
        """The code of all problems, if they have the same one."""
        codes = {problem.code for problem in self.problems}
        return codes.pop() or self.default_code if len(codes) == 1 else self.default_code

    def mask(self, mask: Callable[[str], str]) -> None:
        super().mask(mask)
        self.problems = tuple(problem.masked(mask) for problem in self.problems)


class ProfileError(FftError):
    """The connection profile is missing or invalid.

    >>> from fft_core import ProfileError, load_project, open_warehouse
    >>> try:
    ...     open_warehouse(load_project("shop"), pat=":memory:")
    ... except ProfileError as error:
    ...     print(error)
    profiles.yml:1: unknown key 'pat' in dev.duckdb [FFT-101]
        hint: Did you mean 'path'?
    """

    default_code = "FFT-200"


class RenderError(FftError):
    """A template cannot be rendered."""

    default_code = "FFT-401"


class ModelError(FftError):
    """A Python model raises, or returns something that is not a frame.

    >>> from fft_core import ModelError, to_arrow
    >>> try:
    ...     to_arrow([1, 2])
    ... except ModelError as error:
    ...     print(error.problem.message)
    a model must return a frame, not list
    """

    default_code = "FFT-410"


class RequiredColumnsError(ModelError):
    r"""An input frame lacks columns that the model requires.

    >>> from fft_core import RequiredColumnsError, Run, load_project
    >>> ages = "@model(deps=['raw_users'], requires=['age'])\ndef ages(users):\n    return users\n"
    >>> with open("shop/models/ages.ff.py", "w") as file:
    ...     written = file.write("from fft_core import model\n" + ages)
    >>> with Run(load_project("shop"), nodes={"raw_users", "ages"}, path=":memory:") as run:
    ...     try:
    ...         results = [run.build(node) for node in run.order()]
    ...     except RequiredColumnsError as error:
    ...         print(error.problem.message.partition(",")[0])
    model 'ages' requires 'age' of 'raw_users'
    """

    default_code = "FFT-412"


class ModelRaisedError(ModelError):
    """The function of a Python model raised; a retry can succeed if a service that it calls was down."""

    default_code = "FFT-411"
    can_retry = True


class IncrementError(FftError):
    """Rows cannot be applied to the table of an incremental model or snapshot; it stays as it was."""

    default_code = "FFT-430"


class SeedError(FftError):
    """The file of a seed cannot be read as a table.

    `line` is the line in the file, and `setting` the setting that would make the file readable, as YAML text.
    """

    default_code = "FFT-421"

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        setting: str | None = None,
        where: Location | None = None,
        hint: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint, code=code)
        self.line = line
        self.setting = setting


class StreamError(FftError):
    """A source of events cannot be read, or a batch of it cannot be kept; the position stays as it was.

    `keys` are the keys of the setting that is wrong, in the file of the stream, such as `("measures", "revenue")`.
    """

    default_code = "FFT-800"

    def __init__(
        self,
        message: str,
        *,
        keys: tuple[str, ...] = (),
        where: Location | None = None,
        hint: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint, code=code)
        self.keys = keys


class NothingArrivedError(StreamError):
    """No event has arrived in a stream yet, and its table cannot be created without one."""

    default_code = "FFT-807"


class EngineError(FftError):
    """The database or its driver reports an error."""

    default_code = "FFT-600"


class MissingDriverError(EngineError):
    """The Python packages of an engine are not installed."""

    default_code = "FFT-210"


class ConnectError(EngineError):
    """The database cannot be opened."""

    default_code = "FFT-220"


class UnreachableError(ConnectError):
    """The server of the database does not answer, or accepts no more connections."""

    default_code = "FFT-221"
    can_retry = True


class BusyError(EngineError):
    """Another process holds the database or the model."""

    default_code = "FFT-605"
    can_retry = True


class SupersededError(BusyError):
    """An earlier attempt of the same step has published meanwhile, so the node has to be decided again."""

    default_code = "FFT-605"


class MissingRelationError(EngineError):
    """A relation that a build reads does not exist."""

    default_code = "FFT-420"


class StatementError(EngineError):
    """The database rejects a statement; `sql` is the statement as sent, and `position` the position in it, from 0."""

    default_code = "FFT-601"

    def __init__(
        self,
        message: str,
        *,
        sql: str,
        where: Location | None = None,
        hint: str | None = None,
        missing: str | None = None,
        position: int | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint, code=code)
        self.sql = sql
        self.missing = missing
        self.position = position

    def mask(self, mask: Callable[[str], str]) -> None:
        super().mask(mask)
        self.sql = mask(self.sql)


class StepTimeoutError(FftError):
    """A step took longer than its model allows; nothing of it is published."""

    default_code = "FFT-450"
    can_retry = True


class StateError(FftError):
    """The build records cannot be read, so no decision can be made.

    >>> from fft_core import StateError, load_project, make_plan, open_warehouse
    >>> with open_warehouse(load_project("shop"), path=":memory:") as warehouse:
    ...     warehouse.ensure_records()
    ...     changed = warehouse.engine.execute("insert into _ff_migrations values (99, now())")
    ...     try:
    ...         make_plan(warehouse)
    ...     except StateError as error:
    ...         print(error.problem.message)
    the build records were written by a newer version of FFT (format 99, this one knows ...)
    """

    default_code = "FFT-700"


class ArtifactError(FftError):
    """A file for other programs cannot be read or written."""

    default_code = "FFT-710"


def _restored(kind: type[FftError], args: tuple[object, ...], state: dict[str, object]) -> FftError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


def message_of(error: BaseException) -> str:
    """Return the message of an exception; those of users may fail to return one."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - somebody's __str__
        return f"<{type(error).__name__} that cannot be shown>"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return a hint with the nearest known names, or None if none is near."""
    import difflib  # for an error only

    close = difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(c) for c in close)}?" if close else None
