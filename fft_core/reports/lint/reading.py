"""A project for the rules of lint: each SQL model parsed by itself, with symbols for its relations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import sqlglot
from sqlglot import exp

from fft_core.build.strategies.snapshot import ADDED
from fft_core.compile.call import Compiler
from fft_core.compile.identity import project_identities
from fft_core.compile.render import Naming
from fft_core.engines.csv_text import SEED_COLUMNS, header_of
from fft_core.engines.spec.csv_format import CSV_SUFFIXES, CsvFormat
from fft_core.engines.spec.registry import lexis_of, spec_of
from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import FftError, Location, MissingDriverError, Problem, ProfileError, ProjectError, SeedError
from fft_core.names import SYMBOL, Relation
from fft_core.plan.relations import UNREADABLE
from fft_core.project.model import Incremental, Model, Project, Seed, Snapshot, SourceName, SqlBody, View
from fft_core.project.read.sql_comments import blank_comments
from fft_core.project.read.sql_file import new_environment, parse_macros
from fft_core.warehouse.warehouse import planned_relations


@dataclass(frozen=True)
class Reading:
    """The project, with the syntax trees of its models.

    Attributes:
        project: The project.
        trees: The statements of each SQL model that can be parsed; two for an incremental model, if its increment
            differs.
        broken: The problems of models that cannot be rendered or read.
        unreadable: The problems of rendered SQL that the parser does not know.
    """

    project: Project
    trees: Mapping[str, tuple[exp.Expr, ...]]
    broken: tuple[Problem, ...]
    unreadable: tuple[Problem, ...]

    def queried_columns(self, name: str) -> tuple[str, ...] | None:
        """Return the columns of a model's query, in small letters; None if only the database knows them."""
        trees = self.trees.get(name, ())
        return _columns(trees[0]) if trees else None

    def stored_columns(self, name: str) -> tuple[str, ...] | None:
        """Return the columns of a model's or seed's relation, in small letters; None if only the database has them."""
        node = self.project.node(name)
        if isinstance(node, Seed):
            return _header(self.project.root / node.path, node.form)
        if isinstance(node.materialization, Incremental):
            return None  # its table keeps columns that the query no longer has
        columns = self.queried_columns(name)
        added = ADDED if isinstance(node.materialization, Snapshot) else ()
        return None if columns is None else (*columns, *added)

    @cached_property
    def macros(self) -> Mapping[str, Location]:
        """The place of each macro of the project itself, without those of packages."""
        jinja, own = new_environment(), Path("models/macros")
        return {
            macro.name: Location(path, macro.line)
            for path, text in self.project.macros.items()
            if path.is_relative_to(own)
            for macro in parse_macros(text, path, jinja, self.project.engine)[0]
        }

    @cached_property
    def relations(self) -> Mapping[str | SourceName, Relation]:
        """The relations of stored models, seeds and sources; without a profile or driver, as files define them."""
        sources = self.project.sources
        names: list[str | SourceName] = [*(node.name for node in self.project.stored()), *sources]
        try:
            planned = planned_relations(self.project)
        except (ProfileError, MissingDriverError):
            said = {name: Relation(s.identifier, s.schema, s.catalog) for name, s in sources.items()}
            return {name: Relation(name) if isinstance(name, str) else said[name] for name in names}
        return {name: planned(name) for name in names}

    def location_of(self, model: Model, name: str) -> Location:
        """Return the place where a model names a relation: in its own file, in a macro, or else its first line."""
        texts = {model.path: model.body.template, **self.project.macros} if isinstance(model.body, SqlBody) else {}
        word = rf"[\w.\"`]*\b{re.escape(name)}\b"
        for pattern in (rf"\b(?:from|join)\s+{word}", word):
            for path, text in texts.items():
                match = re.search(pattern, blank_comments(text, lexis_of(self.project.engine)), re.IGNORECASE)
                if match:
                    return Location(path, text.count("\n", 0, match.end() - len(name)) + 1)
        return model.location


def read(project: Project) -> Reading:
    """Render and parse all SQL models."""
    broken = [*_broken_code(project)]
    unreadable: list[Problem] = []
    trees: dict[str, tuple[exp.Expr, ...]] = {}
    # as views, so that the SQL of an ephemeral model is found in its own file
    apart = {name: replace(m, materialization=View()) if m.is_ephemeral else m for name, m in project.models.items()}
    compiler, spelling = Compiler(replace(project, models=apart)), spec_of(project.engine).spelling
    for model in apart.values():
        if isinstance(model.body, SqlBody):
            try:
                texts = tuple(_texts(model, compiler, spelling))
            except FftError as error:
                broken.append(error.problem)
                continue
            found = _parsed(model, model.body, texts, spelling.dialect)
            if isinstance(found, Problem):
                unreadable.append(found)
            else:
                trees[model.name] = found
    return Reading(project, trees, tuple(dict.fromkeys(broken)), tuple(unreadable))


def _broken_code(project: Project) -> tuple[Problem, ...]:
    try:
        project_identities(project)
    except ProjectError as error:
        return tuple(error.problems)
    return ()


def _texts(model: Model, compiler: Compiler, spelling: Spelling) -> Iterator[str]:
    naming = Naming(_symbol, spelling, hides="credentials")
    yield compiler.sql(model, naming)
    if isinstance(model.materialization, Incremental):
        yield compiler.sql(model, naming.for_increment())


def _symbol(name: str | SourceName) -> Relation:
    return Relation(f"{SYMBOL}{name}")


def _parsed(model: Model, body: SqlBody, texts: tuple[str, ...], dialect: str) -> tuple[exp.Expr, ...] | Problem:
    trees = []
    for text in dict.fromkeys(texts):
        try:
            trees.append(sqlglot.parse_one(text, dialect=dialect))
        except sqlglot.errors.ParseError as error:
            return _unreadable(model, body, text, error)
        except sqlglot.errors.SqlglotError as error:
            return Problem(f"the SQL cannot be read: {error}", model.location)
        except UNREADABLE:
            return Problem("the SQL cannot be read", model.location)
    return tuple(trees)


def _unreadable(model: Model, body: SqlBody, text: str, error: sqlglot.errors.ParseError) -> Problem:
    said = error.errors[0] if error.errors else {}
    description, near = str(said.get("description", error)).rstrip("."), str(said.get("highlight", ""))
    description = re.sub(r"^Required keyword: .*", "something is missing", description)  # it names the parser's classes
    lines, number = text.splitlines(), int(said.get("line") or 1)
    line = lines[number - 1].strip() if number <= len(lines) else ""
    own = [written.strip() for written in body.template.splitlines()]
    where = Location(model.path, own.index(line) + 1) if line in own else model.location
    return Problem(f"the SQL cannot be read: {description}" + (f", near {near!r}" if near else ""), where)


def _columns(tree: exp.Expr) -> tuple[str, ...] | None:
    selects = tree.selects if isinstance(tree, exp.Query) else []
    names = [_column(projection) for projection in selects]
    return None if not names or None in names else tuple(name.lower() for name in names if name)


def _column(projection: exp.Expr) -> str | None:
    """Return the name of a column, if the text shows it."""
    inner = projection.unalias()
    if isinstance(inner, exp.Columns) or inner.is_star or inner.find(exp.Columns):
        return None
    if isinstance(projection, exp.Alias):
        return projection.alias
    if isinstance(projection, exp.Cast):
        projection = projection.this
    return projection.name if isinstance(projection, exp.Column) else None


def _header(path: Path, form: CsvFormat) -> tuple[str, ...] | None:
    if path.suffix not in CSV_SUFFIXES:
        return None
    try:
        with path.open(encoding=form.encoding, newline="") as file:
            names = header_of(file, form, path).names
    except (OSError, UnicodeDecodeError, SeedError):
        return None
    return (*map(str.lower, names), *SEED_COLUMNS)
