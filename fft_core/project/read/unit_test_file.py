"""The reader of tests/unit: the cases, and the expected rows of each model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fft_core.errors import Problem, nearest
from fft_core.names import logical_name, model_name
from fft_core.project.model import ExpectedRows, Model, Project, SourceName, UnitTest
from fft_core.project.read.unit_test_inputs import Fixtures, InputNames, InputReader, not_given
from fft_core.project.read.yaml_file import YamlFile, shaped
from fft_core.project.shapes.unit_tests import CaseShape, ExpectShape, UnitTestsShape


@dataclass(frozen=True)
class UnitTestFile:
    """A file as written; its names are still texts."""

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


def link_unit_tests(
    project: Project, files: list[UnitTestFile], fixtures: Fixtures, problems: list[Problem]
) -> Project:
    """Add unit tests to a project whose models are linked. Problems are added to `problems`."""
    found: dict[tuple[str, str], UnitTest] = {}
    broken = {problem.where.path for problem in problems if problem.where is not None}
    for written in files:
        if _is_for_a_broken_model(written, project, broken):
            continue
        if written.shape.engine not in (None, project.engine):
            continue
        for test in _tests_of(written, project, fixtures, problems):
            other = found.setdefault((test.model, test.name), test)
            if other is not test:
                message = f"case {test.name!r} of {test.model!r} is also in {other.location}"
                problems.append(
                    Problem(message, test.location, "Use another name for each case of a model.", code="FFT-120")
                )
    return replace(project, unit_tests=tuple(found.values()))


def _is_for_a_broken_model(written: UnitTestFile, project: Project, broken: set[Path]) -> bool:
    """Return whether a file is about a model whose own file has a problem, which would cause others here."""
    shape = written.shape
    for text in [shape.model] if shape.model is not None else shape.models or []:
        model = project.models.get(model_name(text))
        if model is None and any(
            _is_model_file(path) and model_name(logical_name(path)) == model_name(text) for path in broken
        ):
            return True
        if model is not None and model.location.path in broken:
            return True
    return False


def _is_model_file(path: Path) -> bool:
    return path.name.endswith((".ff.sql", ".ff.py"))


def _tests_of(
    written: UnitTestFile, project: Project, fixtures: Fixtures, problems: list[Problem]
) -> Iterator[UnitTest]:
    file, shape = written.file, written.shape
    models = _models(written, project, problems)
    if not models:
        return
    inputs = InputReader(InputNames(project, models), fixtures, file, problems)
    expectations = _Expectations(written, models, problems)
    defaults = inputs.read(shape.defaults.inputs, ("defaults",))
    for index, case in enumerate(shape.cases):
        own = inputs.read(case.inputs, ("cases", index))
        expected = expectations.of(case, index)
        if expected is None:
            continue
        test = UnitTest(
            model=models[-1].name,
            name=case.name,
            inputs=tuple({**defaults, **own}.values()),
            expected=expected,
            location=file.location(("cases", index, "name")),
            before=tuple(model.name for model in models[:-1]),
            frozen_at=(case if "freeze" in case.model_fields_set else shape.defaults).freeze,
        )
        problems.extend(_missing_inputs(test, models, project))
        yield test


def _models(written: UnitTestFile, project: Project, problems: list[Problem]) -> list[Model]:
    """Return the models of a file, in the order of the graph; empty if there is a problem with one."""
    file, shape = written.file, written.shape
    is_chain = shape.models is not None
    names = [shape.model] if shape.model is not None else shape.models or []
    found: list[Model] = []
    for index, text in enumerate(names):
        where = file.location(("models", index) if is_chain else ("model",))
        name = model_name(text)
        model = project.models.get(name)
        if model is None and name in project.elsewhere:
            return []
        if model is None:
            hint = nearest(name, project.models) or "Unit tests are for models: name a model."
            problems.append(Problem(f"{text!r} is not a model", where, hint, code="FFT-113"))
        elif model in found:
            problems.append(Problem(f"model {name!r} is named twice", where, code="FFT-161"))
        else:
            found.append(model)
    if len(found) < len(names):
        return []
    return _chained(written, project, found, problems)


def _chained(written: UnitTestFile, project: Project, models: list[Model], problems: list[Problem]) -> list[Model]:
    """Return the models of a chain in order. Each except the last must be read by another one of them."""
    above = {model.name: _read_in_chain(project, model, {other.name for other in models}) for model in models}
    ordered: list[Model] = []
    waiting = list(models)
    while waiting:
        done = {model.name for model in ordered}
        following = next((model for model in waiting if above[model.name] <= done), None)
        if following is None:  # a cycle, which is reported already
            return []
        ordered.append(following)
        waiting.remove(following)
    read = frozenset[str]().union(*above.values())
    apart = [model for model in ordered[:-1] if model.name not in read]
    for model in apart:
        where = written.file.location(("models", models.index(model)))
        message = f"model {model.name!r} is not an input of another model of the chain"
        hint = "Name all models from the first to the last one, also those in between; remove unconnected models."
        problems.append(Problem(message, where, hint, code="FFT-161"))
    return [] if apart else ordered


def _read_in_chain(project: Project, model: Model, chain: set[str]) -> frozenset[str]:
    """Return the models of the chain that a model reads, also through ephemeral models outside of the chain."""
    found: set[str] = set()
    for node in model.inputs:
        upstream = project.models.get(node) if isinstance(node, str) else None
        if upstream is None:
            continue
        if upstream.name in chain:
            found.add(upstream.name)
        elif upstream.is_ephemeral:
            found |= _read_in_chain(project, upstream, chain)
    return frozenset(found)


@dataclass(frozen=True)
class _Expectations:
    """A reader for the expectations of the cases in one file."""

    written: UnitTestFile
    models: Sequence[Model]
    problems: list[Problem]

    def of(self, case: CaseShape, index: int) -> Mapping[str, ExpectedRows] | None:
        """Return the expected rows by model; None, and a problem, without any."""
        file, defaults = self.written.file, self.written.shape.defaults.expect
        is_list = len(case.expect) > 1 or isinstance(_at(file.content, ("cases", index, "expect")), list)
        found: dict[str, ExpectedRows] = {}
        for number, own in enumerate(case.expect or [ExpectShape()]):
            keys: tuple[str | int, ...] = ("cases", index, "expect", *([number] if is_list else []))
            said = defaults.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
            if is_list:  # both keys are about one model
                said = said.model_copy(update={"relation": own.relation, "rows": own.rows})
            name = self._relation(said, (*(keys if own.relation else ("defaults", "expect")), "relation"))
            if said.rows is None:
                hint = "Write rows: [] if none are expected."
                where = file.location(keys if is_list else ("cases", index, "name"))
                self.problems.append(Problem(f"case {case.name!r} has no expect.rows", where, hint, code="FFT-105"))
                return None
            if name in found:
                message = f"case {case.name!r} has two expectations for {name!r}"
                self.problems.append(Problem(message, file.location(keys), code="FFT-161"))
            found[name] = _rows(said, said.rows)
        return found

    def _relation(self, said: ExpectShape, keys: tuple[str | int, ...]) -> str:
        names = [model.name for model in self.models]
        name = names[-1] if said.relation is None else model_name(said.relation)
        if name in names:
            return name
        where = self.written.file.location(keys)
        if len(names) == 1:
            hint = f"Write {names[0]}, or remove it: the rows of the tested model are compared."
            self.problems.append(
                Problem(f"expect.relation {said.relation!r} is not the model {names[0]!r}", where, hint, code="FFT-161")
            )
        else:
            hint = nearest(name, names) or f"The chain has {', '.join(names)}."
            self.problems.append(
                Problem(f"expect.relation {said.relation!r} is not a model of the chain", where, hint, code="FFT-113")
            )
        return names[-1]


def _at(content: object, keys: tuple[str | int, ...]) -> object:
    """Return the content at a place in a validated file of unit tests."""
    for key in keys:
        if isinstance(content, Mapping):
            content = content.get(key)
        elif isinstance(content, list) and isinstance(key, int):
            content = content[key]
    return content


def _rows(said: ExpectShape, rows: Sequence[Mapping[str, object]]) -> ExpectedRows:
    return ExpectedRows(
        rows=tuple(rows),
        order_by=tuple(said.order_by),
        any_order=said.any_order,
        approx=said.approx,
        ignore_columns=tuple(said.ignore_columns),
        subset=said.subset,
    )


def _missing_inputs(test: UnitTest, models: Sequence[Model], project: Project) -> Iterator[Problem]:
    given = {node for rows in test.inputs for node in rows.nodes}
    seen: set[str | SourceName] = set(test.models)
    for model in models:
        for node in not_given(project, model, given, seen):
            hint = "Write rows: [] and the types of its columns if it has no rows."
            yield Problem(
                f"case {test.name!r} has no rows for the input {str(node)!r}", test.location, hint, code="FFT-161"
            )
