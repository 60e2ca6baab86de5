"""Dagster checks that are gates: found among the definitions, and added to the project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import dagster as dg

from fft_core import FftError, Model, Project, ProjectError, Seed, Source
from fft_core.compile.project_code import ProjectCode
from fft_core.errors import Location, Problem, message_of, nearest
from fft_core.project.model import Check, JudgedRows, SourceName, find_cycle
from fft_dagster.gate import Gate, function_of, gate_of, place_of
from fft_dagster.projects import BoundProject
from fft_dagster.translator import FftTranslator

Found: TypeAlias = Mapping[dg.AssetCheckKey, tuple[dg.AssetsDefinition, dg.AssetCheckSpec]]
# Not state of a run: the files being imported, so that a file that builds definitions does not import itself.
_importing: ContextVar[frozenset[Path]] = ContextVar("importing", default=frozenset())


@dataclass(frozen=True)
class Gated:
    """A project with its gates, and the remaining checks, which Dagster runs by itself.

    >>> from fft_core import load_project
    >>> from fft_dagster import Gated, gated
    >>> found = gated(load_project("shop"))
    >>> isinstance(found, Gated), [check.name for check in found.project.checks_of("users")], found.others
    (True, ['unique_id'], ())
    """

    project: Project
    others: tuple[Any, ...]  # Any: the other types that dg.Definitions takes as checks


def gated(project: Project, asset_checks: Iterable[Any] = (), translator: FftTranslator | None = None) -> Gated:
    """Add the gates among checks to the checks of a project, so that they judge staged rows.

    A gate is declared in the project by `type: asset_check` and `gate: true`, or selected by `FftTranslator.is_gate`.
    Declared gates that are missing in `asset_checks` are imported from their files.

    Args:
        project: A loaded project.
        asset_checks: Checks, as `dg.Definitions` takes them.
        translator: The mapping of models to assets.

    Raises:
        ProjectError: with each declared check that does not exist, and each that cannot be a gate.

    >>> import dagster as dg
    >>> import pandas
    >>> from fft_core import load_project
    >>> from fft_dagster import FftTranslator, gated
    >>> @dg.asset_check(asset="users")
    ... def has_rows(users: pandas.DataFrame) -> dg.AssetCheckResult:
    ...     return dg.AssetCheckResult(passed=len(users) > 0)
    >>> class AllAreGates(FftTranslator):
    ...     def is_gate(self, spec, node):
    ...         return True
    >>> found = gated(load_project("shop"), [has_rows], AllAreGates())
    >>> [check.name for check in found.project.checks_of("users")]
    ['unique_id', 'has_rows']
    """
    return _Gates(project, translator or FftTranslator()).joined(list(asset_checks))


def has_open_gates(project: Project) -> bool:
    """Return whether a project declares gates whose functions are not known yet."""
    return any(isinstance(check.rule, JudgedRows) and check.rule.judge is None for check in project.checks)


class _Gates:
    """The gates of one project."""

    def __init__(self, project: Project, translator: FftTranslator) -> None:
        self._project = project
        self._translator = translator
        self._bound = BoundProject(project, translator)
        self._code = ProjectCode(project)
        self._problems: list[Problem] = []

    def joined(self, asset_checks: list[Any]) -> Gated:
        given = _found_in(asset_checks)
        declared = [self._declared(check, given) for check in self._project.checks]
        taken = {self._key(check) for check in declared if isinstance(check.rule, JudgedRows)}
        own = {(check.node, check.name): check for check in declared}
        gates = []
        for key, (definition, spec) in given.items():
            node = self._bound.nodes.get(key.asset_key)
            if key in taken or node is None or not self._translator.is_gate(spec, node):
                continue
            same = own.get((node.name, spec.name))
            if same is not None:
                where = place_of(definition, self._project.root)
                message = f"the check {spec.name} of {node.name} is also in {same.location}"
                self._problems.append(Problem(message, where, "Rename one of them.", code="FFT-120"))
            gates.append(self._gate_of(node, definition, spec))
            taken.add(key)
        project = self._project
        if taken:
            project = replace(project, checks=(*declared, *(gate for gate in gates if gate is not None)))
        if not self._problems and (cycle := find_cycle(project)):
            message = f"cycle through checks: {' -> '.join(cycle)}"
            self._problems.append(
                Problem(message, None, "A gate waits for its additional_deps: remove one.", code="FFT-111")
            )
        if self._problems:
            raise ProjectError(self._problems)
        kept = [one for one in asset_checks if not _is_taken(one, taken)]
        return Gated(project, tuple(kept))

    def _declared(self, check: Check, given: Found) -> Check:
        """Return a declared check with its function, from the definitions or from its file."""
        if not isinstance(check.rule, JudgedRows) or check.rule.judge is not None:
            return check
        found = given.get(self._key(check)) or self._in_file(check, check.rule)
        if found is None:
            return check
        gate = self._made(*found, check.location)
        if gate is None:
            return check
        others = self._waited_for(*found, check.location)
        return replace(
            check,
            description=check.description or gate.spec.description,
            rule=replace(check.rule, judge=gate, others=others),
        )

    def _gate_of(
        self, node: Model | Seed | Source, definition: dg.AssetsDefinition, spec: dg.AssetCheckSpec
    ) -> Check | None:
        """Return the check of the project for a Dagster check that the translator selects as a gate."""
        where = place_of(definition, self._project.root)
        if refused := self._refused(node):
            self._problems.append(
                Problem(f"the check {spec.name} cannot be a gate: {refused[0]}", where, refused[1], code="FFT-905")
            )
            return None
        gate = self._made(definition, spec, where)
        if gate is None:
            return None
        others = self._waited_for(definition, spec, where)
        rule = JudgedRows(where.path, judge=gate, function=gate.function, others=others)
        return Check(spec.name, node.name, "asset_check", rule, where, description=spec.description)

    def _refused(self, node: Model | Seed | Source) -> tuple[str, str] | None:
        """Return the reason why rows of a node are never staged, and advice; None if they are."""
        if isinstance(node, Model) and node.is_ephemeral:
            return f"{node.name} is ephemeral and has no rows", "Check the model that inlines it, or make it a view."
        seed = self._project.seed_behind(node.name) if isinstance(node, Source) else None
        if seed is not None:
            return f"the seed {seed} fills {node.name}", f"Make it a check of {seed}."
        return None

    def _made(self, definition: dg.AssetsDefinition, spec: dg.AssetCheckSpec, where: Location) -> Gate | None:
        try:
            return gate_of(definition, spec)
        except FftError as error:
            message = f"the check {spec.name} cannot be a gate: {error.problem.message}"
            self._problems.append(Problem(message, where, error.problem.hint, code=error.code))
            return None

    def _waited_for(
        self, definition: dg.AssetsDefinition, spec: dg.AssetCheckSpec, where: Location
    ) -> tuple[str | SourceName, ...]:
        """Return the nodes that a check waits for beside its own."""
        found: list[str | SourceName] = []
        for key in sorted(dep.asset_key for dep in spec.additional_deps):
            node = self._bound.nodes.get(key)
            if node is None:
                message = f"the check {spec.name} cannot be a gate: it waits for {key.to_user_string()}"
                hint = "A gate runs in the step of its asset, which only waits for nodes of the project."
                self._problems.append(Problem(message, where, hint, code="FFT-905"))
            else:
                found.append(node.name)
        return tuple(found)

    def _in_file(self, check: Check, rule: JudgedRows) -> tuple[dg.AssetsDefinition, dg.AssetCheckSpec] | None:
        """Import the file of a declared check, and find it there."""
        try:
            found = self._imported(rule.path)
        except FftError as error:
            self._problems.append(Problem(error.problem.message, check.location, error.problem.hint, code=error.code))
            return None
        key = self._key(check)
        if key in found:
            return found[key]
        elsewhere = [other.asset_key.to_user_string() for other in found if other.name == key.name]
        names = [other.name for other in found]
        hint = nearest(key.name, names) or f"It has {', '.join(names) or 'no check made by @dg.asset_check'}."
        message = f"{rule.path.as_posix()} has no check {key.name} of the asset {key.asset_key.to_user_string()}"
        if elsewhere:
            hint = f"The check of this name belongs to {', '.join(elsewhere)}."
        self._problems.append(Problem(message, check.location, hint, code="FFT-113"))
        return None

    def _imported(self, path: Path) -> Found:
        """Import a file of the project, and return its checks. Raises FftError."""
        home = self._project.home_of(path)
        file = home.file(path)
        if not file.is_file():
            raise FftError(
                f"the file {path.as_posix()} does not exist",
                hint="It is relative to the project's folder.",
                code="FFT-113",
            )
        with _not_twice(file, path):
            try:
                module = self._code.of(home).module(file)
            except FftError:
                raise
            except (Exception, SystemExit) as error:
                said = f"{type(error).__name__}: {message_of(error)}".rstrip(": ")
                raise FftError(f"{path.as_posix()} cannot be imported: {said}", code="FFT-143") from error
        return _found_in(list(vars(module).values()))

    def _key(self, check: Check) -> dg.AssetCheckKey:
        node = self._project.sources[check.node] if isinstance(check.node, SourceName) else None
        key = self._translator.get_asset_key(node or self._project.node(str(check.node)))
        return dg.AssetCheckKey(key, check.name)


@contextmanager
def _not_twice(file: Path, shown: Path) -> Iterator[None]:
    """Raise FftError for a file that is already being imported for its checks, because it builds definitions itself."""
    if file in _importing.get():
        raise FftError(
            f"{shown.as_posix()} has gates, and builds the definitions that need them",
            hint="Put them into a separate file, or pass them: build_definitions(..., asset_checks=[...]).",
            code="FFT-905",
        )
    token = _importing.set(_importing.get() | {file})
    try:
        yield
    finally:
        _importing.reset(token)


def _found_in(values: Iterable[Any]) -> Found:
    """Find checks made by `@dg.asset_check`, also in lists."""
    found: dict[dg.AssetCheckKey, tuple[dg.AssetsDefinition, dg.AssetCheckSpec]] = {}
    for value in values:
        if isinstance(value, dg.AssetChecksDefinition):
            found.update({spec.key: (value, spec) for spec in value.check_specs})
        elif type(value) in (list, tuple):  # not Dagster's records, which are tuples that cannot be iterated
            found.update(_found_in(value))
    return found


def _is_taken(one: Any, taken: set[dg.AssetCheckKey]) -> bool:
    return isinstance(one, dg.AssetChecksDefinition) and function_of(one) is not None and set(one.check_keys) <= taken
