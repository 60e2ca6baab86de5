"""The schema and name of each model, seed and source, by its own settings and the templates of `naming`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from fft_core.engines.spec.registry import spec_of
from fft_core.errors import FftError, Location, Problem, ProjectError
from fft_core.names import Relation
from fft_core.names.streams import beside
from fft_core.project.model import Model, Naming, Node, Project, SourceName

if TYPE_CHECKING:
    import jinja2

RESERVED = "_ff_"  # prefix of relations that FFT creates beside the nodes


class Places:
    """The places of nodes and sources of a project, in a profile that has a default schema and catalog.

    Args:
        project: A loaded project.
        default: The schema and catalog of the profile; its name does not matter.
        naming: The profile's own templates, which win over those of project.yml.
    """

    def __init__(self, project: Project, default: Relation, naming: Naming | None = None) -> None:
        self._project, self._default = project, default
        own = naming or Naming()
        self._naming = Naming(
            own.schema or project.naming.schema,
            own.alias or project.naming.alias,
            own.location if own.schema or own.alias else project.naming.location,
        )
        self._known: dict[str, Relation] = {}
        self._compiled: dict[str, jinja2.Template] = {}  # making it is a thousand times slower than rendering

    @property
    def are_plain(self) -> bool:
        """Whether each model and seed keeps its name in the profile's schema, or in the schema given for a seed."""
        nodes: list[Node] = [*self._project.models.values(), *self._project.seeds.values()]
        return not (self._naming.schema or self._naming.alias or any(_is_placed(node) for node in nodes))

    @property
    def environment(self) -> str:
        """The owner of builds: the environment, and the variables that templates use to separate people.

        Relations that another owner built in the same database are never taken for leftovers.
        """
        texts = [text for text in (self._naming.schema, self._naming.alias) if text is not None]
        variables = sorted({name for text in texts for name in self._variables_in(text)})
        said = [f"{name}={self._project.environment.get(name, '')}" for name in variables]
        return " ".join([self._project.env, *said])

    def _variables_in(self, template: str) -> Iterator[str]:
        from jinja2 import TemplateError, nodes

        with suppress(TemplateError):  # rendering reports it
            for call in self._jinja.parse(template).find_all(nodes.Call):
                name = call.args[0] if call.args else None
                if isinstance(call.node, nodes.Name) and call.node.name == "env_var" and isinstance(name, nodes.Const):
                    yield str(name.value)

    def of(self, node: str | SourceName) -> Relation:
        """Return the relation of a model, seed or source.

        Raises:
            KeyError: the source is unknown.
            FftError: a template of `naming` cannot be rendered.
        """
        if isinstance(node, SourceName):
            seed = self._project.seed_behind(node)
            source = self._project.sources[node]
            return self.of(seed) if seed else self._at(source.identifier, source.schema, source.catalog)
        if node not in self._known:
            self._known[node] = self._of_node(node)
        return self._known[node]

    def special(self, node: str | SourceName) -> Relation | None:
        """Return the relation of a node if it differs from its name in the profile's schema; else None."""
        place = self.of(node)
        name = node.table if isinstance(node, SourceName) else node
        return None if place == self._at(name, None, None) else place

    def _of_node(self, name: str) -> Relation:
        node = self._project.models.get(name) or self._project.seeds.get(name)
        if node is None:
            return self._at(name, None, None)
        schema, alias = node.schema, node.alias
        if self._naming.schema is not None:
            schema = self._rendered("schema", self._naming.schema, node) or None
        if self._naming.alias is not None:
            alias = self._rendered("alias", self._naming.alias, node) or None
        return self._at(alias or name, schema, node.catalog)

    def _at(self, name: str, schema: str | None, catalog: str | None) -> Relation:
        return Relation(name, schema or self._default.schema, catalog or self._default.catalog)

    def _rendered(self, key: str, template: str, node: Node) -> str:
        known = {
            "schema": node.schema,
            "default_schema": self._default.schema,
            "env": self._project.env,
            "name": node.name,
            "alias": node.alias,
            "project": self._project.name,
            "env_var": self._variable,
        }
        try:
            if template not in self._compiled:
                self._compiled[template] = self._jinja.from_string(template)
            return self._compiled[template].render(known).strip()
        except Exception as error:  # any error of the user's expression
            hint = f"Known: {', '.join(known)}."
            message = f"naming.{key} cannot be rendered for {node.name!r}: {error}"
            raise FftError(message, where=self._naming.location, hint=hint, code="FFT-205") from error

    def _variable(self, name: str, default: object = None) -> object:
        if name not in self._project.environment and default is None:
            raise ValueError(f"environment variable {name} is not set and has no default")
        return self._project.environment.get(name, default)

    @cached_property
    def _jinja(self) -> jinja2.Environment:
        import jinja2  # slow to import, and few projects have templates
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        return ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined, finalize=lambda value: "" if value is None else value
        )


def planned_places(project: Project) -> Places:
    """Return the places of nodes by the project's profile, without opening the database. Raises ProfileError."""
    profile = project.profiles.active(engine=project.engine)
    namespace = spec_of(profile.engine).namespace(profile.settings)
    return Places(project, namespace.relation(""), profile.naming)


def may_clash(project: Project) -> bool:
    """Return whether a node may have a table of FFT, or of a stream, although no node has a place of its own."""
    return any(name.lower().startswith(RESERVED) for name in (*project.models, *project.seeds)) or any(
        model.kind == "stream" for model in project.models.values()
    )


def refuse_shared_places(project: Project, places: Places, folded: Callable[[Relation], Relation]) -> None:
    """Raise ProjectError if two nodes have the same relation, or if one has a name that FFT reserves.

    Args:
        project: A loaded project.
        places: The places of its nodes.
        folded: A function that folds a relation as the engine compares names.
    """
    problems, taken = list[Problem](), dict[Relation, Node]()
    for node in _stored(project):
        relation, where = places.of(node.name), _location(node)
        if relation.name.lower().startswith(RESERVED):
            message = f"{node.name!r} would be {relation}: names that begin with {RESERVED} are reserved for FFT"
            problems.append(Problem(message, where, "Give it another alias.", code="FFT-121"))
        backing = node.backing_name if isinstance(node, Model) else None
        for place in [relation, *([relation.named(backing)] if backing else [])]:
            other = taken.setdefault(folded(place), node)
            if other is not node:
                message = f"{node.name!r} and {other.name!r} would both be {place}"
                hint = f"Give one of them another alias or schema; {other.name} is in {_location(other)}."
                problems.append(Problem(message, where, hint, code="FFT-122"))
    problems.extend(_taken_by_streams(project, places, folded, taken))
    if problems:
        raise ProjectError(problems)


def _taken_by_streams(
    project: Project, places: Places, folded: Callable[[Relation], Relation], taken: Mapping[Relation, Node]
) -> Iterator[Problem]:
    """Find the nodes that have a table which a stream keeps beside its own one."""
    for stream in project.models.values():
        for place in beside(places.of(stream.name)) if stream.kind == "stream" else ():
            other = taken.get(folded(place))
            if other is not None:
                message = f"{other.name!r} would be {place}, a table of the stream {stream.name!r}"
                hint = f"Give it another name, alias or schema; the stream is in {_location(stream)}."
                yield Problem(message, _location(other), hint, code="FFT-122")


def symbolic_places(project: Project, naming: Naming | None = None) -> Places:
    """Return places that do not depend on the profile's schema, to recognise nodes that moved within it."""
    return Places(project, Relation("", "@schema", "@catalog"), naming)


def _stored(project: Project) -> Iterator[Node]:
    yield from project.seeds.values()
    yield from (model for model in project.models.values() if not model.is_ephemeral)


def _is_placed(node: Node) -> bool:
    return bool(node.alias or node.catalog or (node.schema and isinstance(node, Model)))


def _location(node: Node) -> Location:
    return node.config_location if isinstance(node, Model) else Location(node.path)
