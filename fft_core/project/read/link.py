"""Links between names: every ref, source and tested table is found, or its line is reported."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TypeAlias

from fft_core.errors import Location, Problem, nearest
from fft_core.names import model_name
from fft_core.project.model import (
    Check,
    Column,
    Incremental,
    Model,
    Project,
    ReconcileCoverage,
    ReconcileDifference,
    ReconcileRatio,
    Reconciliation,
    RowCountEquals,
    Rule,
    Scope,
    Seed,
    Sessions,
    SourceName,
    find_cycle,
)
from fft_core.project.model.graph import reach_from
from fft_core.project.read.schema_file import CheckDraft, SchemaEntry
from fft_core.project.shapes.checks import CheckShapes

_SOURCES = Path("sources.yml")
Own: TypeAlias = tuple[Check, Collection[str]]  # and the names of its own settings
Configured: TypeAlias = Callable[[Project, Sequence[Own]], tuple[Check, ...]]
Reconcile: TypeAlias = ReconcileDifference | ReconcileRatio | ReconcileCoverage | RowCountEquals


def link(
    project: Project,
    schemas: Iterable[SchemaEntry],
    drafts: Iterable[CheckDraft],
    problems: list[Problem],
    configured: Configured,
) -> Project:
    """Link the drafts of the files with each other. Problems are added to `problems`.

    `configured` adds the settings by folder and by rule to checks.
    """
    schemas = list(schemas)
    is_told_of = any(problem.where and problem.where.path == _SOURCES for problem in problems)
    for model in project.models.values():
        problems.extend(unknown_inputs(model, project, sources=not is_told_of))
    for hook in project.hooks:
        problems.extend(_unknown(hook.inputs, project, {}, Location(hook.path) if hook.path else hook.location))
    problems.extend(_clashes(project))
    cycle = find_cycle(project)
    if cycle:
        advice = "A model cannot depend on itself, directly or through other models."
        problems.append(Problem(f"cycle: {' -> '.join(cycle)}", _location(cycle[0], project), advice, code="FFT-111"))
    models, seeds = dict(project.models), dict(project.seeds)
    for entry in schemas:
        name = model_name(entry.name)
        if name in models:
            models[name] = _described(models[name], entry)
        elif name in seeds:
            seeds[name] = _described_seed(seeds[name], entry)
        elif name not in project.elsewhere:
            hint = nearest(name, [*models, *seeds])
            problems.append(Problem(f"{entry.name!r} is not a model or seed", entry.location, hint, code="FFT-113"))
    project = replace(project, models=models, seeds=seeds)
    names = {*models, *seeds}
    known = [draft for entry in schemas if model_name(entry.name) in names for draft in entry.checks]
    linked = replace(project, checks=configured(project, _checks([*drafts, *known], project, problems)))
    round_checks = None if cycle else find_cycle(linked)
    if round_checks:
        advice = "A check waits for the tables that it reads: put it on the table that is built later."
        message = f"cycle through checks: {' -> '.join(round_checks)}"
        problems.append(Problem(message, _location(round_checks[0], linked), advice, code="FFT-111"))
    return linked


def _location(name: str, project: Project) -> Location:
    return project.models[name].location if name in project.models else Location(project.seeds[name].path)


def unknown_inputs(model: Model, project: Project, *, sources: bool = True) -> Iterable[Problem]:
    """Report inputs that are not a model, seed or source; `sources`: whether all sources could be read."""
    inputs = [name for name in model.inputs if sources or not isinstance(name, SourceName)]
    yield from _unknown(inputs, project, model.input_places, model.location)


def _unknown(
    names: Iterable[str | SourceName],
    project: Project,
    places: Mapping[str | SourceName, Location],
    otherwise: Location,
) -> Iterable[Problem]:
    for name in names:
        where = places.get(name, otherwise)
        if isinstance(name, SourceName):
            if name not in project.sources:
                hint = nearest(str(name), map(str, project.sources)) or "Declare it in sources.yml."
                yield Problem(
                    f"source({name.group!r}, {name.table!r}) is not in sources.yml", where, hint, code="FFT-112"
                )
        elif name not in project.models and name not in project.seeds:
            seed = f"If it is a seed, its file is missing: seeds/{name}.csv."
            hint = nearest(name, [*project.models, *project.seeds]) or seed
            if name in project.elsewhere:
                hint = "It exists for other engines: write a file for this one, or exclude the models that read it."
            if name in project.disabled:
                hint = f"It is disabled in {project.disabled[name]}: enable it, or disable the models that read it."
            yield Problem(f"ref({name!r}) is not a model or seed", where, hint, code="FFT-110")


def _clashes(project: Project) -> Iterable[Problem]:
    seeds = {name.lower(): seed for name, seed in project.seeds.items()}
    for name, model in project.models.items():
        if name.lower() in seeds:
            message = f"model {name!r} has the name of a seed ({seeds[name.lower()].path})"
            yield Problem(message, model.location, "Rename one of them: both would be the same table.", code="FFT-120")


def _described(model: Model, entry: SchemaEntry) -> Model:
    return replace(
        model,
        description=entry.description or model.description,
        tags=tuple(dict.fromkeys([*model.tags, *entry.tags])),
        owners=tuple(dict.fromkeys([*model.owners, *entry.owners])),
        columns=entry.columns or model.columns,
        step=model.step.filled_from(entry.step),
    )


def _described_seed(seed: Seed, entry: SchemaEntry) -> Seed:
    types = seed.column_types
    said = {column.name: column for column in entry.columns}
    columns = tuple(replace(said.get(name, Column(name)), type=types.get(name)) for name in {**types, **said})
    return replace(
        seed,
        description=entry.description,
        columns=columns,
        tags=entry.tags,
        owners=entry.owners,
        step=seed.step.filled_from(entry.step),
    )


def _checks(drafts: Iterable[CheckDraft], project: Project, problems: list[Problem]) -> list[Own]:
    """Make the checks, each with the names of its own settings."""
    by_relation = _by_relation(project)
    found, waiting = list[Own](), _Waiting(project)
    names: dict[object, set[str]] = {}
    for draft in sorted(drafts, key=lambda draft: isinstance(draft.rule, Reconciliation)):
        if isinstance(draft.rule, Reconciliation):
            draft = _reconciled(draft, draft.rule, waiting, by_relation)
        node = _node(draft.node, project, by_relation)
        if node is None and model_name(draft.node) in project.elsewhere:
            continue
        if node is None:
            hint = nearest(draft.node, [*project.models, *project.seeds, *map(str, project.sources)])
            problems.append(
                Problem(f"{draft.node!r} is not a model, seed or source", draft.location, hint, code="FFT-113")
            )
            continue
        if isinstance(node, str) and node in project.models and project.models[node].is_ephemeral:
            hint = "Check the model that inlines it, or make it a view."
            problems.append(
                Problem(f"{node!r} is ephemeral: it has no rows to check", draft.location, hint, code="FFT-150")
            )
            continue
        if isinstance(node, SourceName):
            node = project.seed_behind(node) or node  # so that bad rows of the seed are not published
        if isinstance(node, SourceName) and draft.rule.measures:
            hint = "Use the freshness of the source, or check a model or seed."
            message = f"{draft.shape.type} compares a build with the one before, and {node!s} is not built here"
            problems.append(Problem(message, draft.location, hint, code="FFT-150"))
            continue
        rule = _resolved(draft.rule, draft, project, by_relation, problems)
        owner = _latest(node, rule, waiting)
        if owner != node:
            node, rule = owner, rule.moved(node, owner)
        taken = names.setdefault(node, set())
        name = _free(_check_name(draft.shape), taken)
        taken.add(name)
        check = Check(
            name=name,
            node=node,
            type=draft.shape.type,
            rule=rule,
            location=draft.location,
            severity=draft.shape.severity,
            where=draft.shape.condition,
            tags=tuple(draft.shape.tags),
            description=draft.shape.description,
            scope=_scope(draft, node, project, problems),
            meta=draft.shape.meta,
            warn_if=draft.shape.warn_if,
            error_if=draft.shape.error_if,
            store_failures=draft.shape.store_failures,
            hidden=_hidden((node, *rule.reads), project),
        )
        found.append((check, frozenset(draft.shape.model_fields_set)))
        waiting.add(check)
    return found


def _scope(draft: CheckDraft, node: str | SourceName, project: Project, problems: list[Problem]) -> Scope:
    """Return which rows a check judges; only builds of incremental models and streams have a delta."""
    model = project.models.get(node) if isinstance(node, str) else None
    if draft.shape.scope == "delta" and not (model and isinstance(model.materialization, Incremental | Sessions)):
        hint = "Remove `scope`: the check then judges all rows before they are published."
        problems.append(
            Problem(
                f"scope: delta: {node!s} is not an incremental model, nor a stream",
                draft.location,
                hint,
                code="FFT-150",
            )
        )
    return draft.shape.scope


def _hidden(nodes: Iterable[str | SourceName], project: Project) -> tuple[str, ...]:
    """Return the columns of all tables of a check that no report may show."""
    tables = [
        project.sources.get(node) if isinstance(node, SourceName) else project.models.get(node, project.seeds.get(node))
        for node in nodes
    ]
    return tuple(
        sorted({column.name.lower() for table in tables if table for column in table.columns if column.is_pii})
    )


def _by_relation(project: Project) -> Mapping[str, SourceName]:
    """Return sources by the names that tests may use: group.table, or the identifier if it is unique."""
    identifiers = Counter(source.identifier for source in project.sources.values())
    found = {str(name): name for name in project.sources}
    found.update({s.identifier: n for n, s in project.sources.items() if identifiers[s.identifier] == 1})
    return found


def _node(text: str, project: Project, by_relation: Mapping[str, SourceName]) -> str | SourceName | None:
    match = re.fullmatch(r"\s*(?:\{\{\s*)?(ref|source)\((.*?)\)(?:\s*\}\})?\s*", text)
    if match:
        parts = [part.strip().strip("'\"") for part in match.group(2).split(",")]
        text = ".".join(parts)
    name = model_name(text)
    if name in project.models or name in project.seeds:
        return name
    return by_relation.get(text)


class _Waiting:
    """The dependencies of each node: its inputs, and those of the checks that are made so far."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._checks: dict[str | SourceName, list[str]] = {}

    def add(self, check: Check) -> None:
        """Add the inputs of a check to the dependencies of its node."""
        behind = [self.project.seed_behind(read) if isinstance(read, SourceName) else read for read in check.rule.reads]
        self._checks.setdefault(check.node, []).extend(name for name in behind if name not in (None, check.node))

    def has(self, node: str, other: str) -> bool:
        """Return whether a node depends on another one, directly or through others."""
        return other in reach_from(node, lambda name: (*self.project.reads(name), *self._checks.get(name, ())))


def _reconciled(
    draft: CheckDraft, rule: Reconcile, waiting: _Waiting, by_relation: Mapping[str, SourceName]
) -> CheckDraft:
    """Find the two tables of a rule. The table that is built later is judged: the other one has its rows by then."""
    tables, project = [str(side.table) for side in (rule.left, rule.right)], waiting.project
    nodes = [_node(table, project, by_relation) for table in tables]
    left, right = (project.seed_behind(n) or n if isinstance(n, SourceName) else n for n in nodes)
    if left is None or right is None:
        return replace(draft, node=tables[0] if left is None else tables[1])  # unknown, which is reported later
    owner = _later(left, right, waiting)
    return replace(draft, node=str(owner), rule=rule.of(left, right, owner))


def _later(left: str | SourceName, right: str | SourceName, waiting: _Waiting) -> str | SourceName:
    """Return the one of two tables that depends on the other; without a dependency, the right one.

    Only the rows of a build can be held back: a source is never judged if the other table is built. A view, which shows
    changes of its inputs at once, goes before a table; both go before a seed, whose rows are fixed.
    """
    if not isinstance(left, str) or not isinstance(right, str):
        return next((node for node in (right, left) if isinstance(node, str)), right)
    if waiting.has(left, right) or waiting.has(right, left):
        return left if waiting.has(left, right) else right
    return max((left, right), key=lambda name: _liveliness(name, waiting.project) * 2 + (name == right))


def _liveliness(name: str, project: Project) -> int:
    if name in project.seeds:
        return 0
    return 2 if project.models[name].is_query else 1


def _latest(node: str | SourceName, rule: Rule, waiting: _Waiting) -> str | SourceName:
    """Return the table whose build judges a rule: the test's own, or the input that depends on all other tables."""
    if not rule.can_move or not isinstance(node, str):
        return node
    reads = [read for read in rule.reads if isinstance(read, str) and read != node and _has_rows(read, waiting.project)]
    for read in (read for read in reads if waiting.has(read, node)):
        if not any(waiting.has(other, read) for other in reads if other != read):
            return read
    return node


def _has_rows(name: str, project: Project) -> bool:
    return name not in project.models or not project.models[name].is_ephemeral


def _resolved(
    rule: Rule,
    draft: CheckDraft,
    project: Project,
    by_relation: Mapping[str, SourceName],
    problems: list[Problem],
) -> Rule:
    """Return a rule with its inputs found; they still have the names that the user wrote."""
    found = {text: _node(str(text), project, by_relation) for text in rule.reads}
    for text in (text for text, target in found.items() if target is None):
        hint = nearest(str(text), [*project.models, *project.seeds, *map(str, project.sources)])
        key = "to: " if draft.shape.type == "relationships" else ""
        problems.append(Problem(f"{key}{text!r} is not a model, seed or source", draft.location, hint, code="FFT-113"))
    return rule.linked({text: target for text, target in found.items() if target is not None})


def _check_name(shape: CheckShapes) -> str:
    """Return the name of a check from its type and columns, in characters that Dagster accepts."""
    column = shape.column
    columns = column if isinstance(column, list) else [column] if column else []
    text = shape.name or "_".join([shape.type, *columns])
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or shape.type


def _free(name: str, taken: Set[str]) -> str:
    return next(n for i in count(1) if (n := name if i == 1 else f"{name}_{i}") not in taken)
