"""The rules of lint, by stable names: each with its message, its default level, and its function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from jinja2 import nodes

from fft_core.engines.spec.known import known_functions
from fft_core.errors import Location, Problem, nearest
from fft_core.names import SQL_SUFFIX, Relation
from fft_core.plan.relations import untracked_tables
from fft_core.project.model import Incremental, Model, PythonBody, Snapshot, SourceName, SqlBody
from fft_core.project.read.files import SEEDS
from fft_core.project.read.sql_file import new_environment
from fft_core.reports.lint.reading import Reading
from fft_core.reports.sarif import Level

_FOLDERS_OF_DBT = {
    "macros": "Move it into models/macros.",
    "snapshots": "Write it as a model with materialized='snapshot'.",
}
_NO_SEEDS = (".json", ".jsonl", ".xlsx", ".xls")
_CATALOGS = ("information_schema", "pg_catalog")


@dataclass(frozen=True)
class LintRule:
    """A kind of finding; project.yml can set another level."""

    level: Level
    summary: str
    find: Callable[[Reading], Iterable[Problem]]


def _unreadable_sql(reading: Reading) -> Iterator[Problem]:
    hint = "If the database accepts it, set lint: {unreadable-sql: off} in project.yml."
    for problem in reading.unreadable:
        yield Problem(problem.message, problem.where, hint)


def _unknown_columns(reading: Reading) -> Iterator[Problem]:
    for check in reading.project.checks:
        if isinstance(check.node, str):
            yield from _missing(check.rule.columns, reading.stored_columns(check.node), check.node, check.location)
        for to, needed in check.rule.needs.items():
            if isinstance(to, str):
                yield from _missing(needed, reading.stored_columns(to), to, check.location)
    for model in reading.project.models.values():
        columns = reading.queried_columns(model.name)
        yield from _missing(_keys(model), columns, model.name, model.config_location)
        if isinstance(model.body, PythonBody):
            for name, required in sorted(model.body.requires.items()):
                if name in model.refs:
                    yield from _missing(sorted(required), reading.stored_columns(name), name, model.location)


def _missing(
    wanted: Iterable[str], columns: Sequence[str] | None, node: str, where: Location | None
) -> Iterator[Problem]:
    for column in wanted:
        if columns is not None and column.lower() not in columns:
            hint = nearest(column.lower(), columns) or f"Its columns: {', '.join(columns)}."
            yield Problem(f"{node} has no column {column!r}", where, hint)


def _keys(model: Model) -> tuple[str, ...]:
    """Return the columns that the settings of a model name."""
    match model.materialization:
        case Incremental() as kept:
            return (*kept.unique_key, *kept.partition_by, *kept.updated_at)
        case Snapshot() as kept:
            return (*kept.unique_key, *([kept.updated_at] if kept.updated_at else []), *kept.check_columns)
    return ()


def _untracked(reading: Reading) -> Iterator[tuple[Model, Relation]]:
    """Yield the tables that a model names without ref() and source(), except tables of the database's catalog."""
    for name, trees in reading.trees.items():
        known = known_functions(reading.project.engine)
        found = [table for tree in trees for table in untracked_tables(tree, known)]
        tables = [table for table in found if table.db.lower() not in _CATALOGS]
        for relation in dict.fromkeys(Relation(t.name, t.db or None, t.catalog or None) for t in tables):
            yield reading.project.models[name], relation


def _meant(reading: Reading, written: Relation) -> str | SourceName | None:
    """Return the model, seed or source with a written relation, by its schema and name."""
    for name, relation in reading.relations.items():
        is_named = relation.name.lower() == written.name.lower()
        schema = (relation.schema or "").lower()
        if is_named and (written.schema is None or not schema or written.schema.lower() == schema):
            return name
    return None


def _hard_coded_relations(reading: Reading) -> Iterator[Problem]:
    for model, written in _untracked(reading):
        match _meant(reading, written):
            case model.name:
                call, does = "this", "reads itself"
            case str(name):
                call, does = f"ref({name!r})", "does not wait for it"
            case SourceName(group, table):
                call, does = f"source({group!r}, {table!r})", "does not see it change"
            case None:
                continue
        message = f"{written} is not read by ref() or source(): {model.name} {does}, and is always built"
        yield Problem(message, reading.location_of(model, written.name), f"Write {{{{ {call} }}}}.")


def _undeclared_tables(reading: Reading) -> Iterator[Problem]:
    for model, written in _untracked(reading):
        if _meant(reading, written) is None:
            message = f"{written} is neither a model nor a source: {model.name} is built every time"
            hint = "Declare it in sources.yml, and read it by source()."
            yield Problem(message, reading.location_of(model, written.name), hint)


def _sources_that_are_models(reading: Reading) -> Iterator[Problem]:
    models = {relation: name for name, relation in reading.relations.items() if name in reading.project.models}
    for name, source in reading.project.sources.items():
        model = models.get(reading.relations[name])
        if model is not None:
            message = f"source {name} is the model {model}: models that read it do not wait for the model"
            yield Problem(message, source.location, f"Read it by ref({model!r}).")


def _unset_variables(reading: Reading) -> Iterator[Problem]:
    project, jinja = reading.project, new_environment()
    texts = {model.path: model.body.template for model in project.models.values() if isinstance(model.body, SqlBody)}
    own = {location.path for location in reading.macros.values()}
    texts |= {path: text for path, text in project.macros.items() if path in own}
    for path, text in texts.items():
        for name, line in _variables_without_default(text, jinja):
            if name not in project.variables:
                hint = nearest(name, project.variables) or "Set it under `vars` in project.yml, or give a default."
                yield Problem(f"var({name!r}) is not set, and is rendered as None", Location(path, line), hint)


def _variables_without_default(text: str, jinja: jinja2.Environment) -> Iterator[tuple[str, int]]:
    """Yield calls of var('x') that need a value: in `or`, a test or a filter, the variable may be optional."""
    tree = jinja.parse(text)
    asked = {
        id(call)
        for node in tree.find_all((nodes.Or, nodes.And, nodes.Not, nodes.Test, nodes.Filter, nodes.Compare))
        for call in node.find_all(nodes.Call)
    }
    tests = [*(node.test for node in tree.find_all(nodes.If)), *(node.test for node in tree.find_all(nodes.CondExpr))]
    asked |= {id(call) for test in tests for call in (test, *test.find_all(nodes.Call))}
    for call in tree.find_all(nodes.Call):
        match call:
            case nodes.Call(node=nodes.Name(name="var"), args=[nodes.Const(value=str(name))], kwargs=[]):
                if id(call) not in asked:
                    yield name, call.lineno


def _stars_over_sources(reading: Reading) -> Iterator[Problem]:
    for name, trees in reading.trees.items():
        model = reading.project.models[name]
        if model.sources and trees[0].is_star and not model.is_ephemeral:
            read = ", ".join(map(str, model.sources))
            message = f"{name} selects all columns of its inputs: it changes with {read}"
            yield Problem(message, model.location, "Name the columns.")


def _unused_sources(reading: Reading) -> Iterator[Problem]:
    project = reading.project
    targets = [read for check in project.checks for read in check.rule.reads]
    used: set[object] = {*targets, *(check.node for check in project.checks)}
    used |= {name for model in project.models.values() for name in model.sources}
    for name, source in project.sources.items():
        seed = project.seed_behind(name)  # a check that is declared for the source then belongs to the seed
        is_checked = any(check.location.path == source.location.path for check in project.checks_of(seed or name))
        if name not in used and not is_checked:
            yield Problem(f"no model reads source {name}, and nothing checks it", source.location, "Remove it.")


def _unused_macros(reading: Reading) -> Iterator[Problem]:
    bodies = [model.body for model in reading.project.models.values() if isinstance(model.body, SqlBody)]
    used = frozenset[str]().union(*(body.macros for body in bodies))
    for name, where in reading.macros.items():
        if name not in used:
            yield Problem(f"no model uses the macro {name}", where, "Remove it.")


def _unused_ephemeral_models(reading: Reading) -> Iterator[Problem]:
    for name, model in reading.project.models.items():
        if model.is_ephemeral and not reading.project.read_by(name):
            hint = "Remove it, or make it a view."
            yield Problem(f"{name} is ephemeral, and nothing reads it: it has no effect", model.location, hint)


def _ignored_files(reading: Reading) -> Iterator[Problem]:
    """Find files that look like a part of a project, as in projects of dbt, and that loading does not read."""
    root = reading.project.root
    for folder, kind in {"models": "a model", "tests": "a check"}.items():
        for path in sorted((root / folder).rglob("*.sql")):
            is_macro = path.is_relative_to(root / "models" / "macros")
            if not path.name.endswith(SQL_SUFFIX) and not is_macro:
                hint = f"If it is {kind}, rename it to {path.stem}{SQL_SUFFIX}."
                yield Problem("this file is not read", _place(root, path), hint)
    for folder, hint in _FOLDERS_OF_DBT.items():
        for path in sorted((root / folder).rglob("*.sql")):
            yield Problem("this file is not read", _place(root, path), hint)
    for path in sorted((root / SEEDS).rglob("*")):
        if path.suffix in _NO_SEEDS:
            yield Problem("this file is not read", _place(root, path), "A seed is a file of CSV, Parquet or SQL.")


def _place(root: Path, path: Path) -> Location:
    return Location(path.relative_to(root))


RULES: Mapping[str, LintRule] = {
    "unreadable-sql": LintRule("error", "The SQL of a model cannot be parsed.", _unreadable_sql),
    "unknown-column": LintRule(
        "warning", "A check, a key or `requires` names a column that does not exist.", _unknown_columns
    ),
    "hard-coded-relation": LintRule(
        "warning", "A model names a relation of the project without ref() or source().", _hard_coded_relations
    ),
    "undeclared-table": LintRule(
        "warning", "A model reads a table that is not a model, seed or source.", _undeclared_tables
    ),
    "source-is-model": LintRule("warning", "A source is the relation of a model.", _sources_that_are_models),
    "unset-variable": LintRule("warning", "var() has no default, and the variable is not set.", _unset_variables),
    "unused-ephemeral": LintRule("warning", "Nothing reads an ephemeral model.", _unused_ephemeral_models),
    "unused-source": LintRule("warning", "Nothing reads or checks a source.", _unused_sources),
    "unused-macro": LintRule("note", "No model uses a macro.", _unused_macros),
    "ignored-file": LintRule("warning", "A file looks like a part of the project, and is not read.", _ignored_files),
    "star-over-source": LintRule("note", "A model takes all columns of a source.", _stars_over_sources),
}
