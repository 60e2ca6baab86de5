"""The files of tests/unit: cases are read, and their inputs found among what the model reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fft_core.errors import Location, Problem, nearest
from fft_core.names import model_name
from fft_core.project.model import (
    CsvFile,
    CsvText,
    ExpectedRows,
    GivenRows,
    Incremental,
    Model,
    Project,
    Seed,
    Snapshot,
    Source,
    SourceName,
    UnitTest,
)
from fft_core.project.read.yaml_file import YamlFile, shaped
from fft_core.project.shapes.unit_tests import CaseShape, GivenShape, UnitTestsShape

THIS = "this"  # what an incremental model's own table is called, beside its name


@dataclass(frozen=True)
class UnitTestFile:
    """A file as written, its names still texts."""

    file: YamlFile
    shape: UnitTestsShape


def read_unit_tests(files: list[YamlFile], problems: list[Problem]) -> list[UnitTestFile]:
    """Read the files of tests/unit."""
    found = []
    for file in files:
        shape = shaped(UnitTestsShape, file.content, file)
        if isinstance(shape, list):
            problems.extend(shape)
        else:
            found.append(UnitTestFile(file, shape))
    return found


def link_unit_tests(project: Project, files: list[UnitTestFile], problems: list[Problem]) -> Project:
    """Add unit tests to a project whose models are linked. What does not fit is added to `problems`."""
    found: dict[tuple[str, str], UnitTest] = {}
    for written in files:
        if written.shape.engine not in (None, project.engine):
            continue
        for test in _tests_of(written, project, problems):
            other = found.setdefault((test.model, test.name), test)
            if other is not test:
                message = f"case {test.name!r} of {test.model!r} is also in {other.location}"
                problems.append(Problem(message, test.location, "Give each case of a model a name of its own."))
    return replace(project, unit_tests=tuple(found.values()))


def _tests_of(written: UnitTestFile, project: Project, problems: list[Problem]) -> Iterator[UnitTest]:
    file, shape = written.file, written.shape
    model = project.models.get(model_name(shape.model))
    if model is None and model_name(shape.model) in project.elsewhere:
        return
    if model is None:
        hint = nearest(model_name(shape.model), project.models) or "Unit tests are for models: name one of them."
        problems.append(Problem(f"{shape.model!r} is not a model", file.location(("model",)), hint))
        return
    names = _Names(project, model)
    defaults = _inputs(names, shape.defaults.inputs, file, ("defaults",), problems)
    for index, case in enumerate(shape.cases):
        keys = ("cases", index)
        own = _inputs(names, case.inputs, file, keys, problems)
        expected = _expected(shape, case, model, file, keys, problems)
        if expected is None:
            continue
        inputs = tuple({**defaults, **own}.values())
        test = UnitTest(model.name, case.name, inputs, expected, file.location((*keys, "name")))
        problems.extend(_missing_inputs(test, model, project))
        yield test


def _expected(
    shape: UnitTestsShape,
    case: CaseShape,
    model: Model,
    file: YamlFile,
    keys: tuple[str | int, ...],
    problems: list[Problem],
) -> ExpectedRows | None:
    own = {key: getattr(case.expect, key) for key in case.expect.model_fields_set}
    said = shape.defaults.expect.model_copy(update=own)
    if said.relation is not None and model_name(said.relation) != model.name:
        where = file.location((*(keys if case.expect.relation else ("defaults",)), "expect", "relation"))
        hint = f"Write {model.name}, or leave it out: what is compared are the rows of the model that is tested."
        problems.append(Problem(f"expect.relation {said.relation!r} is not the model {model.name!r}", where, hint))
    if said.rows is None:
        hint = "Write rows: [] where none are expected."
        problems.append(Problem(f"case {case.name!r} has no expect.rows", file.location((*keys, "name")), hint))
        return None
    return ExpectedRows(
        rows=tuple(said.rows),
        order_by=tuple(said.order_by),
        any_order=said.any_order,
        approx=said.approx,
        ignore_columns=tuple(said.ignore_columns),
        subset=said.subset,
    )


def _inputs(
    names: _Names,
    shapes: Mapping[str, GivenShape],
    file: YamlFile,
    at: tuple[str | int, ...],
    problems: list[Problem],
) -> dict[tuple[str | SourceName, ...], GivenRows]:
    found: dict[tuple[str | SourceName, ...], GivenRows] = {}
    for text, shape in shapes.items():
        where = file.location((*at, "inputs", text))
        nodes = names.find(text, where)
        if isinstance(nodes, Problem):
            problems.append(nodes)
        elif nodes in found:
            problems.append(Problem(f"{text!r} is given twice: it is also called otherwise here", where))
        else:
            found[nodes] = _given(names.project, nodes, shape, where)
    return found


def _given(project: Project, nodes: tuple[str | SourceName, ...], shape: GivenShape, where: Location) -> GivenRows:
    rows: tuple[Mapping[str, object], ...] | CsvText | CsvFile
    if shape.csv is None:
        rows = tuple(shape.rows or ())
    else:  # a path has no second line, and a text without one has no rows
        rows = CsvText(shape.csv) if "\n" in shape.csv.strip() else CsvFile(Path(shape.csv))
    known = [project.sources[node] if isinstance(node, SourceName) else project.node(node) for node in nodes]
    declared = {column.name: column.type for node in known for column in node.columns if column.type}
    seeded = {name: kind for node in known for name, kind in _seed_types(node, project).items()}
    # as documented for FFT, the other columns of such a seed are text
    return GivenRows(nodes, rows, where, {**declared, **seeded, **shape.columns}, "string" if seeded else None)


def _seed_types(node: Model | Seed | Source, project: Project) -> Mapping[str, str]:
    """The types that seeds/schema.yml declares of a seed, or of the one behind a source."""
    name = project.seed_behind(node.name) if isinstance(node, Source) else node.name
    seed = project.seeds.get(name) if name else None
    return seed.column_types if seed else {}


class _Names:
    """What the inputs of a model may be called."""

    def __init__(self, project: Project, model: Model) -> None:
        self.project = project
        self._model = model
        self._nodes: dict[str, list[str | SourceName]] = {}
        for node in _readable(project, model, {}):
            for name in self._names_of(node):
                self._nodes.setdefault(name, []).append(node)

    def find(self, text: str, where: Location) -> tuple[str | SourceName, ...] | Problem:
        """Find what a name stands for: several nodes where they are one table."""
        name = model_name(text)
        if name in (THIS, self._model.name):
            return self._own_table(text, where)
        nodes = self._nodes.get(name, [])
        if not nodes:
            known = ", ".join(dict.fromkeys(str(node) for found in self._nodes.values() for node in found))
            hint = nearest(name, self._nodes) or (f"It reads {known}." if known else "It reads nothing.")
            return Problem(f"model {self._model.name!r} does not read {text!r}", where, hint)
        if len({self._place(node) for node in nodes}) > 1:
            hint = f"Write {' or '.join(str(node) for node in nodes)}."
            return Problem(f"{text!r} could be several inputs of {self._model.name!r}", where, hint)
        return tuple(nodes)

    def _own_table(self, text: str, where: Location) -> tuple[str | SourceName, ...] | Problem:
        if isinstance(self._model.materialization, Incremental | Snapshot):
            return (self._model.name,)
        hint = "Only incremental models and snapshots add to a table that is there."
        return Problem(f"model {self._model.name!r} replaces its table: {text!r} has no effect", where, hint)

    def _names_of(self, node: str | SourceName) -> set[str]:
        return {node} if isinstance(node, str) else {str(node), self.project.sources[node].identifier}

    def _place(self, node: str | SourceName) -> object:
        """Equal for the names of one table."""
        if isinstance(node, str):
            return node
        source = self.project.sources[node]
        return self.project.seed_behind(node) or (source.catalog, source.schema, source.identifier)


def _readable(project: Project, model: Model, found: dict[str | SourceName, None]) -> Mapping[str | SourceName, None]:
    """What a model reads; where that is ephemeral, it and what it reads."""
    for node in model.inputs:
        if node in found or not _is_known(node, project):
            continue
        found[node] = None
        upstream = project.models.get(node) if isinstance(node, str) else None
        if upstream is not None and upstream.is_ephemeral:
            _readable(project, upstream, found)
    return found


def _missing_inputs(test: UnitTest, model: Model, project: Project) -> Iterator[Problem]:
    given = {node for rows in test.inputs for node in rows.nodes}
    for node in _not_given(project, model, given, {model.name}):
        hint = "Write rows: [] and the types of its columns where it has no rows."
        yield Problem(f"case {test.name!r} gives no rows for {str(node)!r}, which is read", test.location, hint)


def _not_given(
    project: Project, model: Model, given: set[str | SourceName], seen: set[str | SourceName]
) -> Iterator[str | SourceName]:
    for node in model.inputs:
        if node in given or node in seen or not _is_known(node, project):
            continue
        seen.add(node)
        upstream = project.models.get(node) if isinstance(node, str) else None
        if upstream is not None and upstream.is_ephemeral:
            yield from _not_given(project, upstream, given, seen)
        else:
            yield node


def _is_known(node: str | SourceName, project: Project) -> bool:
    """Whether there is such an input; where not, that is reported already."""
    return node in project.sources if isinstance(node, SourceName) else node in project.models or node in project.seeds
