"""The inputs of unit tests: their names, and their given rows, which may be in fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fft_core.errors import Location, Problem, nearest
from fft_core.names import model_name
from fft_core.project.model import (
    CsvFile,
    CsvText,
    GivenRows,
    Incremental,
    Model,
    Project,
    Seed,
    Snapshot,
    Source,
    SourceName,
)
from fft_core.project.read.yaml_file import YamlFile, shaped
from fft_core.project.shapes.unit_tests import FixtureShape, GivenShape

THIS = "this"  # the name of an incremental model's existing table, beside the model's own name
Nodes = tuple[str | SourceName, ...]


@dataclass(frozen=True)
class Fixture:
    """Rows that cases share, without the nodes that they are for."""

    rows: GivenRows
    types: Mapping[str, str]


class Fixtures:
    """The files of tests/fixtures by their names; only those that cases name are read.

    Args:
        paths: The files.
        parse: A function that reads a YAML file; None, and a problem, if the file is invalid.
        problems: The list to which problems of a fixture are added, once.
    """

    def __init__(
        self, paths: Sequence[Path], parse: Callable[[Path], YamlFile | None], problems: list[Problem]
    ) -> None:
        self._paths, self._parse, self._problems = paths, parse, problems
        self._read: dict[str, Fixture | None] = {}

    def find(self, name: str, where: Location) -> Fixture | Problem | None:
        """Return a fixture; None if it has an error, which is reported already."""
        known = {path.stem for path in self._paths}
        if name not in known:
            hint = nearest(name, known) or (
                f"There are {', '.join(sorted(known))}." if known else "Fixtures are tests/fixtures/*.yml and *.csv."
            )
            return Problem(f"fixture {name!r} does not exist", where, hint, code="FFT-113")
        if name not in self._read:
            self._read[name] = self._of([path for path in self._paths if path.stem == name])
        return self._read[name]

    def _of(self, paths: Sequence[Path]) -> Fixture | None:
        path, *others = paths
        if others:
            message = f"fixture {path.stem!r} is also in {others[0].as_posix()}"
            self._problems.append(
                Problem(message, Location(path), "Use another name for each fixture.", code="FFT-120")
            )
            return None
        if path.suffix == ".csv":
            return Fixture(GivenRows((), CsvFile(path), Location(path)), {})
        file = self._parse(path)
        shape = shaped(FixtureShape, file.content, file) if file else []
        if file is None or isinstance(shape, list):
            self._problems.extend(shape if isinstance(shape, list) else [])
            return None
        return Fixture(
            GivenRows((), _rows_of(shape), file.location(("rows" if shape.csv is None else "csv",))), shape.columns
        )


def _rows_of(shape: FixtureShape | GivenShape) -> tuple[Mapping[str, object], ...] | CsvText | CsvFile:
    if shape.csv is None:
        return tuple(shape.rows or ())
    # a path has one line, and a CSV text of one line has no rows
    return CsvText(shape.csv) if "\n" in shape.csv.strip() else CsvFile(Path(shape.csv))


@dataclass(frozen=True)
class InputReader:
    """A reader for the given inputs of the cases in one file."""

    names: InputNames
    fixtures: Fixtures
    file: YamlFile
    problems: list[Problem]

    def read(self, shapes: Mapping[str, GivenShape], at: tuple[str | int, ...]) -> dict[Nodes, GivenRows]:
        """Return the given rows by node; `at` is the place of `inputs`."""
        found: dict[Nodes, GivenRows] = {}
        for text, shape in shapes.items():
            where = self.file.location((*at, "inputs", text))
            nodes = self.names.find(text, where)
            if isinstance(nodes, Problem):
                self.problems.append(nodes)
            elif nodes in found:
                self.problems.append(Problem(f"{text!r} is given twice, under two names", where, code="FFT-161"))
            elif (given := self._given(nodes, shape, where, (*at, "inputs", text, "fixture"))) is not None:
                found[nodes] = given
        return found

    def _given(self, nodes: Nodes, shape: GivenShape, where: Location, at: tuple[str | int, ...]) -> GivenRows | None:
        given, said = GivenRows(nodes, _rows_of(shape), where), dict(shape.columns)
        if shape.fixture is not None:
            shared = self._shared(shape.fixture, self.file.location(at))
            if shared is None:
                return GivenRows(nodes, (), where)  # so that it does not count as missing as well
            given, said = replace(shared.rows, nodes=nodes), {**shared.types, **said}
        declared, seeded = _declared_types(self.names.project, nodes)
        # as documented for FFT, the other columns of such a seed are text
        other = "string" if seeded else None
        return replace(given, types={**declared, **seeded, **said}, other_type=other)

    def _shared(self, names: Sequence[str], where: Location) -> Fixture | None:
        """Return a fixture, or several as one; None if there is a problem with one."""
        found = []
        for name in names:
            fixture = self.fixtures.find(name, where)
            if isinstance(fixture, Problem):
                self.problems.append(fixture)
            elif fixture is not None:
                found.append(fixture)
        if len(found) < len(names):
            return None
        if len(found) == 1:
            return found[0]
        joined: list[Mapping[str, object]] = []
        for name, fixture in zip(names, found, strict=True):
            if not isinstance(fixture.rows.rows, tuple):
                hint = "Write its rows as YAML, or use it alone: the cells of a CSV have no types to join by."
                self.problems.append(
                    Problem(f"fixture {name!r} is a CSV, so it cannot be one of several", where, hint, code="FFT-161")
                )
                return None
            joined += fixture.rows.rows
        types = {name: kind for fixture in found for name, kind in fixture.types.items()}
        return Fixture(GivenRows((), tuple(joined), where), types)


def _declared_types(project: Project, nodes: Nodes) -> tuple[dict[str, str], dict[str, str]]:
    """Return the declared types of an input, and those in seeds/schema.yml."""
    known = [project.sources[node] if isinstance(node, SourceName) else project.node(node) for node in nodes]
    declared = {column.name: column.type for node in known for column in node.columns if column.type}
    return declared, {name: kind for node in known for name, kind in _seed_types(node, project).items()}


def _seed_types(node: Model | Seed | Source, project: Project) -> Mapping[str, str]:
    """Return the types that seeds/schema.yml declares for a seed, or for the seed that fills a source."""
    name = project.seed_behind(node.name) if isinstance(node, Source) else node.name
    seed = project.seeds.get(name) if name else None
    return seed.column_types if seed else {}


class InputNames:
    """The names that inputs may have, for a model or for a chain of models: the inputs from outside of the chain.

    Args:
        project: A linked project.
        models: The models, in the order in which they run.
    """

    def __init__(self, project: Project, models: Sequence[Model]) -> None:
        self.project = project
        self._models = {model.name: model for model in models}
        self._nodes: dict[str, list[str | SourceName]] = {}
        readable: dict[str | SourceName, None] = {}
        for model in models:
            _readable(project, model, readable)
        for node in readable:
            if node not in self._models:
                for name in self._names_of(node):
                    self._nodes.setdefault(name, []).append(node)

    def find(self, text: str, where: Location) -> Nodes | Problem:
        """Return the nodes of a name: several if they are one table."""
        name = model_name(text)
        if name == THIS or name in self._models:
            return self._own_table(name, text, where)
        nodes = self._nodes.get(name, [])
        if not nodes:
            known = ", ".join(dict.fromkeys(str(node) for found in self._nodes.values() for node in found))
            it, reads = ("It reads", "does not read") if len(self._models) == 1 else ("They read", "do not read")
            hint = nearest(name, self._nodes) or (f"{it} {known}." if known else f"{it} nothing.")
            return Problem(f"{self._said} {reads} {text!r}", where, hint, code="FFT-161")
        if len({self._place(node) for node in nodes}) > 1:
            hint = f"Write {' or '.join(str(node) for node in nodes)}."
            of = self._said.removeprefix("model ")
            return Problem(f"{text!r} could be several inputs of {of}", where, hint, code="FFT-161")
        return tuple(nodes)

    @property
    def _said(self) -> str:
        names = [repr(name) for name in self._models]
        return f"model {names[0]}" if len(names) == 1 else f"the models {', '.join(names)}"

    def _own_table(self, name: str, text: str, where: Location) -> Nodes | Problem:
        adding = [m for m in self._models.values() if isinstance(m.materialization, Incremental | Snapshot)]
        names = [model.name for model in adding]
        if name in names or (name == THIS and len(names) == 1):
            return (name,) if name in names else (names[0],)
        if name == THIS and names:
            hint = f"Write {' or '.join(names)}."
            return Problem(f"{text!r} could be the table of several models of the chain", where, hint, code="FFT-161")
        hint = "Only incremental models and snapshots add to an existing table."
        if len(self._models) == 1:
            return Problem(f"{self._said} replaces its table: {text!r} has no effect", where, hint, code="FFT-161")
        if name == THIS:
            return Problem(f"{self._said} replace their tables: {text!r} has no effect", where, hint, code="FFT-161")
        hint = f"Remove it: its rows are computed in the chain. {hint}"
        return Problem(f"{text!r} is one of the tested models", where, hint, code="FFT-161")

    def _names_of(self, node: str | SourceName) -> set[str]:
        return {node} if isinstance(node, str) else {str(node), self.project.sources[node].identifier}

    def _place(self, node: str | SourceName) -> object:
        """Return a key that is equal for names of the same table."""
        if isinstance(node, str):
            return node
        source = self.project.sources[node]
        return self.project.seed_behind(node) or (source.catalog, source.schema, source.identifier)


def _readable(project: Project, model: Model, found: dict[str | SourceName, None]) -> None:
    """Find the inputs of a model; of an ephemeral one, its own inputs as well."""
    for node in model.inputs:
        if node in found or not is_known(node, project):
            continue
        found[node] = None
        upstream = project.models.get(node) if isinstance(node, str) else None
        if upstream is not None and upstream.is_ephemeral:
            _readable(project, upstream, found)


def not_given(
    project: Project, model: Model, given: set[str | SourceName], seen: set[str | SourceName]
) -> Iterator[str | SourceName]:
    """Find inputs of a model, also through ephemeral models, that are neither given nor seen already."""
    for node in model.inputs:
        if node in given or node in seen or not is_known(node, project):
            continue
        seen.add(node)
        upstream = project.models.get(node) if isinstance(node, str) else None
        if upstream is not None and upstream.is_ephemeral:
            yield from not_given(project, upstream, given, seen)
        else:
            yield node


def is_known(node: str | SourceName, project: Project) -> bool:
    """Return whether an input exists; a missing one is reported already."""
    return node in project.sources if isinstance(node, SourceName) else node in project.models or node in project.seeds
