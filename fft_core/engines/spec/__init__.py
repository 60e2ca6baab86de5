"""What is known of an engine without its driver: a value that each engine gives, found by `registry`.

Importing this module, or the module of a spec, imports no driver: a project is loaded, drawn, linted and planned for
Dagster on a machine that cannot open its database.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from fft_core.engines.spec.frames import LIBRARY_FRAMES, FrameKind
from fft_core.engines.spec.lexis import Lexis
from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import MissingDriverError
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.protocol import Session

Kind: TypeAlias = Literal["text", "whole number", "truth", "path", "paths", "mapping"]
LOCK_TIMEOUT = "lock_timeout_seconds"  # how long to wait for others that build the same thing


@dataclass(frozen=True)
class Support:
    """Whether an engine can do something. It is true if the engine can, by itself or emulated."""

    word: ClassVar[str] = ""

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class Full(Support):
    """The engine does it by itself."""

    word: ClassVar[str] = "yes"

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True)
class Emulated(Support):
    """We do it in another way, with what that costs as the reason."""

    reason: str
    word: ClassVar[str] = "emulated"

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


@dataclass(frozen=True)
class No(Support):
    """The engine cannot do it, with the reason."""

    reason: str
    word: ClassVar[str] = "no"

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do. Code asks these flags, and never for the name of an engine."""

    one_writer_process: Support
    """Nothing changes in the database during a turn but by this process."""
    materialized_views: Support
    """There are views that store their rows."""
    renames_repeated_columns: Support
    """Names of columns are the same in any case, and in a table the second of one name gets another, without a word."""
    transactions: Support
    """Several statements, those that create and drop relations as well, become visible together, or none of them."""
    replaces_atomically: Support
    """A table is replaced by one of other columns without a moment in which its name is missing."""
    changes_rows: Support
    """Rows of a table can be updated and deleted."""
    temporary_tables: Support
    """There are tables that only one session sees, and that can be changed like any other."""
    clones: Support
    """A table is copied without copying its rows."""
    rows_known: Support
    """The exact number of rows of a table is known without reading the table."""
    knows_versions: Support
    """The rows of a table have a version that is known without reading the table."""
    reads_elsewhere: Support
    """Relations of another profile are read in the same statement: in another schema, catalog or file."""
    changes_together: Support = No("nobody has said so")
    """Statements that change rows of several tables become visible together, or none of them."""
    replaces_kinds: Support = No("nobody has said so")
    """A table takes the name of a view, or a view that of a table, without a moment in which it is missing."""
    grants: Support = No("nobody has said so")
    """Others are allowed to read a relation by a grant."""
    indexes: Support = No("nobody has said so")
    """A table has the indexes that are declared of it, and they are kept when it is built again."""
    constraints: Support = No("nobody has said so")
    """A table has the constraints that are declared of it; without them, they are judged as checks are."""


@dataclass(frozen=True)
class Setting:
    """One key of an engine's part of a profile; the environment variable overrides it.

    Attributes:
        variable: The environment variable, as in `FF_DUCKDB_PATH`.
        kind: A `path` is text that is relative to the project's folder, except `:memory:` and URLs. `paths` is a map
            from names to paths; in a variable, as `name=path;other=path`. `truth` is true or false. A `mapping` is one
            from names to texts, written in the same way.
        default: The value of a setting that is not written.
        at_least: The least of a whole number.
        required: Whether the engine cannot do without it.
        is_secret: Whether its value is masked wherever it would be shown.
        wrong: Reports what is wrong with a text, without repeating any of it; None if nothing is.
        hint: What to do about a wrong value.
        example: A value for people who set up a new project.
    """

    variable: str
    kind: Kind = "text"
    default: str | int | None = None
    at_least: int | None = None
    required: bool = False
    is_secret: bool = False
    wrong: Callable[[str], str | None] | None = None
    hint: str | None = None
    example: str = ""

    def read(self, value: object) -> str | int | Mapping[str, str] | None:
        """Return the value as its kind; text from a variable or a template can be a number. Raises ValueError."""
        if value is None and self.required:
            raise ValueError("is missing")
        if value is None and self.default is None:
            return None
        if self.kind in ("paths", "mapping"):
            return self._paths(value) if self.kind == "paths" else self._mapping(value)
        if self.kind == "truth":
            return self._truth(value)
        return self._whole_number(value) if self.kind == "whole number" else self._text(value)

    def _text(self, value: object) -> str:
        if not isinstance(value, str) or not value:
            shown = "what is given" if self.is_secret else repr(value)
            raise ValueError("must not be empty" if value == "" else f"must be text, not {shown}")
        wrong = self.wrong(value) if self.wrong else None
        if wrong:
            raise ValueError(wrong)
        return value

    def _truth(self, value: object) -> bool:
        words = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        found = value if isinstance(value, bool) else words.get(str(value).strip().lower())
        if found is None:
            raise ValueError(f"must be true or false, not {value!r}")
        return found

    def _whole_number(self, value: object) -> int:
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if not isinstance(number, int) or isinstance(number, bool):
            raise ValueError(f"must be a whole number, not {value!r}")
        if self.at_least is not None and number < self.at_least:
            raise ValueError(f"must be at least {self.at_least}, not {number}")
        return number

    def _paths(self, value: object) -> Mapping[str, str]:
        if isinstance(value, str):
            value = dict(part.partition("=")[::2] for part in value.split(";") if part.strip())
        if not isinstance(value, Mapping) or not all(isinstance(v, str) and v for v in (*value, *value.values())):
            raise ValueError(f"must be a mapping of names to paths, not {value!r}")
        return {name.strip(): path.strip() for name, path in value.items()}

    def _mapping(self, value: object) -> Mapping[str, str]:
        if isinstance(value, str):
            value = dict(part.partition("=")[::2] for part in value.split(";") if part.strip())
        if not isinstance(value, Mapping) or not all(isinstance(v, str | int | float) for v in value.values()):
            raise ValueError(f"must be a mapping of names to texts, not {value!r}")
        return {str(k).strip(): str(v).lower() if isinstance(v, bool) else str(v).strip() for k, v in value.items()}

    def located(self, value: object, root: Path) -> object:
        """Return a relative path as one that starts at the project's folder, wherever the command is called."""
        if self.kind == "paths" and isinstance(value, Mapping):
            return {name: str((root / Path(path).expanduser()).resolve()) for name, path in value.items()}
        if self.kind != "path" or not isinstance(value, str) or value.startswith(":") or "://" in value:
            return value
        return str((root / Path(value).expanduser()).resolve())


@dataclass(frozen=True)
class Namespace:
    """Where the relations of a profile lie: a part that is None is left to the database's defaults."""

    schema: str | None = None
    catalog: str | None = None

    def relation(self, name: str, schema: str | None = None, catalog: str | None = None) -> Relation:
        """Complete a name; a schema or catalog that is given wins.

        >>> str(Namespace("main", "shop").relation("users", "raw"))
        'shop.raw.users'
        """
        return Relation(name, schema or self.schema, catalog or self.catalog)


@dataclass(frozen=True)
class EngineSpec:
    """An engine as far as it is known without its driver. A package declares its own one in its pyproject.toml:

        [project.entry-points."fft.engines"]
        duckdb = "fft_core.engines.duckdb:SPEC"

    The module that is named there must import no driver.

    Attributes:
        name: What a profile calls the engine: its `engine`, and the key of its settings.
        settings: The keys of a profile, in the order in which messages name them.
        can: What the engine can do.
        spelling: How its statements are spelled.
        namespace: Returns where the relations of a profile lie, from the settings and without opening anything.
        module: The module that has `connect`. It imports the driver, and is imported at the first connection.
        extra: What pip installs to get the driver.
        drivers: The packages of the driver, for `fft version`.
        title: The engine's name for people.
        schema_setting: The setting that says in which schema relations lie; none if the engine has no schemas.
        variables: How the environment variables of its settings begin. They say where rows lie, not which.
        frames: The kinds of frames that its Python models can be given, those of its own first.
        lexis: How its SQL writes text, names and comments.
        functions: The file that holds what is known of its functions, see `known`. Without one, no function counts as
            steady.
        profiles: The profiles.yml of a new project.
        needs_no_server: Whether a new project builds at once, with nothing else set up. `fft init` chooses such an
            engine if none is named.
        names_ignore_case: Whether relations whose names differ only in case are one.
        family: What related engines are called together, for `ff_engine_family`; its own name if empty.
        aliases: Other names by which templates may ask for it, with `ff_is_engine`.
        owns_file: Tells whether a file holds rows of this engine, so that `fft clean` leaves it alone.
    """

    name: str
    settings: Mapping[str, Setting]
    can: Capabilities
    spelling: Spelling
    namespace: Callable[[Mapping[str, Any]], Namespace]  # Any: a setting is text or a number
    module: str
    extra: str = ""
    drivers: tuple[str, ...] = ()
    title: str = ""
    schema_setting: str = ""
    variables: str = ""
    frames: tuple[FrameKind, ...] = LIBRARY_FRAMES
    lexis: Lexis = field(default_factory=Lexis)
    functions: Path | None = None
    profiles: str = ""
    needs_no_server: bool = False
    names_ignore_case: bool = False
    family: str = ""
    aliases: tuple[str, ...] = ()
    owns_file: Callable[[Path], bool] = field(default=lambda _: False)

    @property
    def dialect(self) -> str:
        """The dialect of its SQL, as sqlglot calls it."""
        return self.spelling.dialect

    def read_settings(self, written: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, str]]:
        """Read the settings of a profile; defaults fill what is not written.

        Args:
            written: Settings by name, of which none is unknown.

        Returns:
            The values by name, and what is wrong by name.
        """
        values: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for name, setting in self.settings.items():
            try:
                values[name] = setting.read(written.get(name, setting.default))
            except ValueError as error:
                wrong[name] = str(error)
        return values, wrong

    def folded(self, relation: Relation) -> Relation:
        """Return a relation as the engine compares names."""
        if not self.names_ignore_case:
            return relation
        schema, catalog = relation.schema, relation.catalog
        return Relation(relation.name.lower(), schema.lower() if schema else None, catalog.lower() if catalog else None)

    def connect(self, settings: Mapping[str, Any], *, read_only: bool = False, scratch: bool = False) -> Session:
        """Open a database with the settings of its profile.

        Args:
            settings: As `read_settings` returned them.
            read_only: Whether nothing may be changed. A database that does not exist is not created: it reads as an
                empty one.
            scratch: Whether it is a place for temporary tables: a database in memory, if the engine has those.

        Raises:
            MissingDriverError: the engine's packages are not installed.
            ConnectError: the database cannot be opened.
            BusyError: another process holds it for longer than the profile waits.
        """
        session: Session = self._driver().connect(**settings, read_only=read_only, scratch=scratch)
        return session

    def _driver(self) -> Any:  # Any: the module of an engine, whose shape is `connect`
        try:
            return importlib.import_module(self.module)
        except ImportError as error:
            hint = f'pip install "{self.extra}"' if self.extra else None
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            said = f"needs the package {missing!r}" if missing else f"cannot import its driver: {error}"
            raise MissingDriverError(f"the engine {self.name!r} {said}", hint=hint) from error
