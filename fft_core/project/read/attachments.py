"""Grants, indexes and constraints of models and seeds; constraints that an engine lacks become checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fft_core.engines.spec import Capabilities
from fft_core.errors import Location, Problem, nearest
from fft_core.project.model import Attachment, MaterializedView, Model, Node, Project, View
from fft_core.project.read.schema_file import CheckDraft
from fft_core.project.read.settings import Settings
from fft_core.project.shapes.checks import ExpressionShape, NotNullShape, RelationshipsShape, UniqueShape

KEYS = ("grants", "indexes", "constraints")


def attached(settings: Settings, name: str, otherwise: Location) -> Mapping[str, Any]:
    """Return the declared attachments of a node and their place, by the names of its fields."""
    grants: Mapping[str, list[str]] = settings.get("grants", {})
    found = [Attachment("grant", privilege, tuple(roles)) for privilege, roles in grants.items() if roles]
    for key in ("indexes", "constraints"):
        found += [shape.attachment(name) for shape in settings.get(key, ())]
    if not found:
        return {}
    first = next(key for key in KEYS if settings.get(key) is not None)
    return {"attached": tuple(found), "attached_at": settings.place_of(first, otherwise)}


def constraint_checks(node: Node, can: Capabilities) -> Iterator[CheckDraft]:
    """Yield checks in place of constraints that the engine, or the type of the relation, does not support."""
    where = node.attached_at
    if where is None or (can.constraints and not _has_no_table(node)):
        return
    for one in (one for one in node.attached if one.kind == "constraint"):
        for shape in _checks(one):
            yield CheckDraft(node.name, shape, where, shape.rule())


def _has_no_table(node: Node) -> bool:
    return isinstance(node, Model) and isinstance(node.materialization, View | MaterializedView)


def _checks(one: Attachment) -> Iterator[NotNullShape | UniqueShape | RelationshipsShape | ExpressionShape]:
    if one.type in ("primary_key", "not_null"):
        for column in one.columns:
            yield NotNullShape(type="not_null", column=column)
    if one.type in ("primary_key", "unique"):
        yield UniqueShape(type="unique", column=list(one.columns))
    if one.type == "check":
        yield ExpressionShape(type="expression", expression=one.expression, name=one.name)
    if one.type == "foreign_key" and len(one.columns) == 1:
        field = (one.to_columns or one.columns)[0]
        yield RelationshipsShape(type="relationships", column=one.columns[0], to=one.to, to_field=field)


def unusable_attachments(project: Project) -> Iterator[Problem]:
    """Yield problems with foreign keys whose table does not exist, or may be built later."""
    nodes: list[Node] = [*project.models.values(), *project.seeds.values()]
    for node in nodes:
        for one in (one for one in node.attached if one.to):
            if one.to not in project.models and one.to not in project.seeds:
                hint = nearest(one.to, [*project.models, *project.seeds])
                yield Problem(f"foreign_key: {one.to!r} is not a model or seed", node.attached_at, hint, code="FFT-113")
            elif one.to not in project.upstream(node.name):
                hint = "Read it by ref(), or use a check of type relationships instead."
                message = f"foreign_key: {node.name!r} does not read {one.to!r}, which may be built later"
                yield Problem(message, node.attached_at, hint, code="FFT-107")
