"""Engines as they are known without their drivers: each engine has an `EngineSpec`, which `registry` finds.

Importing this module, or the module of a spec, imports no driver: a project is loaded, drawn, linted and planned for
Dagster on a machine that cannot open its database.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from fft_core.engines.spec.frames import LIBRARY_FRAMES, FrameKind
from fft_core.engines.spec.layout import LayoutSupport
from fft_core.engines.spec.lexis import Lexis
from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import MissingDriverError
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.protocol import Session

Kind: TypeAlias = Literal["text", "whole number", "truth", "path", "paths", "mapping"]
LOCK_TIMEOUT = "lock_timeout_seconds"  # how long to wait for other sessions that build the same relation


@dataclass(frozen=True)
class Support:
    """The support of an engine for one capability. It is true if the engine has it, by itself or emulated."""

    word: ClassVar[str] = ""

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class Full(Support):
    """Support by the engine itself."""

    word: ClassVar[str] = "yes"

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True)
class Emulated(Support):
    """Support by FFT in another way, with the cost as the reason."""

    reason: str
    word: ClassVar[str] = "emulated"

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


@dataclass(frozen=True)
class No(Support):
    """No support by the engine, with the reason."""

    reason: str
    word: ClassVar[str] = "no"

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


@dataclass(frozen=True)
class Capabilities:
    """The capabilities of an engine. Code checks them, and never the name of an engine."""

    one_writer_process: Support
    """During a turn, only this process changes the database."""
    materialized_views: Support
    """There are materialized views, which store their rows."""
    renames_repeated_columns: Support
    """Column names ignore case, and a table silently gets another name for a column whose name is repeated."""
    transactions: Support
    """Several statements, also those that create and drop relations, become visible together, or none of them."""
    replaces_atomically: Support
    """A table can be replaced by one with other columns, and its name is there at every moment."""
    changes_rows: Support
    """Rows of a table can be updated and deleted."""
    temporary_tables: Support
    """There are tables that only one session sees, and that can be changed like any other table."""
    clones: Support
    """A table can be copied without copying its rows."""
    rows_known: Support
    """The exact number of rows of a table is known without reading the table."""
    knows_versions: Support
    """The rows of a table have a data version that is known without reading the table."""
    reads_elsewhere: Support
    """One statement can read relations of another profile: in another schema, catalog or file."""
    changes_together: Support = No("the engine does not declare it")
    """Statements that change rows of several tables become visible together, or none of them."""
    replaces_kinds: Support = No("the engine does not declare it")
    """A table can replace a view, or a view a table, and the name is there at every moment."""
    grants: Support = No("the engine does not declare it")
    """Users can be allowed to read a relation by a grant."""
    keeps_grants: Support = No("the engine does not declare it")
    """Grants on a table, also those of others, are there after a rebuild."""
    indexes: Support = No("the engine does not declare it")
    """A table has the indexes that are declared for it, also after a rebuild."""
    constraints: Support = No("the engine does not declare it")
    """A table has the constraints that are declared for it; without this capability, checks replace them."""


@dataclass(frozen=True)
class Setting:
    """One key of an engine's settings in a profile; the environment variable overrides it.

    Attributes:
        variable: The environment variable, such as `FF_DUCKDB_PATH`.
        kind: A `path` is text that is relative to the project's folder, except `:memory:` and URLs. `paths` is a map
            from names to paths; in a variable, `name=path;other=path`. `truth` is true or false. `mapping` is a map
            from names to texts, written in the same way.
        default: The value of a setting that is not written.
        at_least: The least value of a whole number.
        required: Whether the engine needs the setting.
        is_secret: Whether its value is masked wherever it would be shown.
        wrong: Returns the problem of a text, without repeating any of it; None for a valid text.
        hint: Advice for a wrong value.
        example: A value for people who set up a new project.
        description: The meaning of the setting, for the documentation.
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
    description: str = ""

    def read(self, value: object) -> str | int | Mapping[str, str] | None:
        """Return the value in its kind; a number may be text, as in variables and templates. Raises ValueError."""
        if value is None and self.required:
            raise ValueError("is missing")
        if value is None and self.default is None:
            return None
        if self.kind in ("paths", "mapping"):
            return self._named(value)
        if self.kind == "truth":
            return self._truth(value)
        return self._whole_number(value) if self.kind == "whole number" else self._text(value)

    def _text(self, value: object) -> str:
        if not isinstance(value, str) or not value:
            shown = "this value" if self.is_secret else repr(value)
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

    def _named(self, value: object) -> Mapping[str, str]:
        """Return a mapping of names to texts; in a mapping of paths, each value must be text already."""
        of = "paths" if self.kind == "paths" else "texts"
        if isinstance(value, str):
            value = dict(part.partition("=")[::2] for part in value.split(";") if part.strip())
        if not isinstance(value, Mapping) or not all(_is_named(*item, of) for item in value.items()):
            shown = repr(value) if self.kind == "paths" else type(value).__name__  # a text may be a secret
            raise ValueError(f"must be a mapping of names to {of}, not {shown}")
        return {name.strip(): str(v).lower() if isinstance(v, bool) else str(v).strip() for name, v in value.items()}

    def located(self, value: object, root: Path) -> object:
        """Return a relative path as an absolute one in the project's folder, independent of the current folder."""
        if self.kind == "paths" and isinstance(value, Mapping):
            return {name: str((root / Path(path).expanduser()).resolve()) for name, path in value.items()}
        if self.kind != "path" or not isinstance(value, str) or value.startswith(":") or "://" in value:
            return value
        return str((root / Path(value).expanduser()).resolve())


def _is_named(name: object, value: object, of: str) -> bool:
    """Whether an item of a mapping has a name and a value; only in a mapping of texts, a value may be a number."""
    is_text = isinstance(value, str) and (value != "" or of == "texts")
    return isinstance(name, str) and name != "" and (is_text or (of == "texts" and isinstance(value, int | float)))


@dataclass(frozen=True)
class Namespace:
    """The schema and catalog of a profile's relations; for None, the database has a default."""

    schema: str | None = None
    catalog: str | None = None

    def relation(self, name: str, schema: str | None = None, catalog: str | None = None) -> Relation:
        """Return the relation of a name; a schema or catalog that is given overrides the profile's.

        >>> str(Namespace("main", "shop").relation("users", "raw"))
        'shop.raw.users'
        """
        return Relation(name, schema or self.schema, catalog or self.catalog)


@dataclass(frozen=True)
class EngineSpec:
    """An engine as it is known without its driver. A package declares its own engine in its pyproject.toml:

        [project.entry-points."fft.engines"]
        duckdb = "fft_core.engines.duckdb:SPEC"

    The module that is named there must import no driver.

    Attributes:
        name: The engine's name in a profile: the value of `engine`, and the key of its settings.
        settings: The keys of a profile, in the order in which messages name them.
        can: The capabilities of the engine.
        spelling: Renders its statements.
        namespace: Returns the namespace of a profile's relations, from the settings and without opening anything.
        module: The module that has `connect`. It imports the driver, and is imported at the first connection.
        extra: The requirement with which pip installs the driver.
        drivers: The packages of the driver, for `fft version`.
        title: The engine's name for people.
        schema_setting: The setting that has the schema of the relations; empty if the engine has no schemas.
        variables: The prefix of the environment variables of its settings. They affect where rows lie, not which.
        frames: The kinds of frames that its Python models can take, those of its own first.
        lexis: The lexical rules of its SQL.
        layout: The keys of a table's layout that have an effect.
        functions: The file that describes its functions, see `known`. Without one, no function counts as steady. The
            value of a steady function depends on nothing but its arguments.
        profiles: The profiles.yml of a new project.
        needs_no_server: Whether a new project builds at once, without any other setup. `fft init` chooses such an
            engine if none is named.
        names_ignore_case: Whether relations whose names differ only in case are one.
        family: The common name of related engines, for `ff_engine_family`; its own name if empty.
        aliases: Other names that templates may use for it, with `ff_is_engine`.
        mark: Returns a mark of the database of a profile, without opening it: as long as the mark stays the same,
            nothing has been committed there. None if this cannot be known.
        reader: The module that has `open_reader`, if rows can be read for many at once while others build. Without one,
            served models are written into files when they are built.
        file_reader: The module that has `open_file_reader`, if the engine reads those files for many at once.
        owns_file: Returns whether a file holds rows of this engine, so that `fft clean` keeps it.
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
    layout: LayoutSupport = field(default_factory=LayoutSupport)
    functions: Path | None = None
    profiles: str = ""
    needs_no_server: bool = False
    names_ignore_case: bool = False
    family: str = ""
    aliases: tuple[str, ...] = ()
    reader: str = ""
    file_reader: str = ""
    owns_file: Callable[[Path], bool] = field(default=lambda _: False)
    mark: Callable[[Mapping[str, Any]], Hashable | None] | None = None

    @property
    def dialect(self) -> str:
        """The name of its SQL dialect in sqlglot."""
        return self.spelling.dialect

    def read_settings(self, written: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the settings of a profile, and the problems; a setting that is not written has its default.

        Args:
            written: Settings by name; all names are known.

        Returns:
            The values by name, and the problems by name.
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
        """Return a relation with its names in the form in which the engine compares them."""
        if not self.names_ignore_case:
            return relation
        schema, catalog = relation.schema, relation.catalog
        return Relation(relation.name.lower(), schema.lower() if schema else None, catalog.lower() if catalog else None)

    def connect(self, settings: Mapping[str, Any], *, read_only: bool = False, scratch: bool = False) -> Session:
        """Open a database with the settings of its profile.

        Args:
            settings: The settings that `read_settings` returned.
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

    def _driver(self) -> Any:  # Any: the module of an engine, of which only `connect` is used
        try:
            return importlib.import_module(self.module)
        except ImportError as error:
            hint = f'pip install "{self.extra}"' if self.extra else None
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            said = f"needs the package {missing!r}" if missing else f"cannot import its driver: {error}"
            raise MissingDriverError(f"the engine {self.name!r} {said}", hint=hint) from error
