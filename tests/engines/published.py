"""Publishes a query as a build does."""

from __future__ import annotations

from fft_core.engines.protocol import PublishMode, RelationKind, Seal, Session
from fft_core.names import Relation


def publish(
    engine: Session,
    name: str,
    query: str,
    kind: RelationKind = "table",
    *,
    stamp: str | None = None,
    mode: PublishMode | None = None,
) -> Relation:
    """Stage, publish and stamp a query."""
    relation = engine.relation(name)
    there = engine.inspect([relation]).get(relation)
    with engine.publisher.stage(relation, kind, replaces=there.kind if there else None) as stage:
        columns, _ = stage.write(query)
        stage.publish(Seal(stamp, columns, mode=mode))
    return relation
