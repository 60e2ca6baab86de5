"""Frames in and out: what an asset returns becomes a relation, a relation becomes the frame that its reader wants."""

from __future__ import annotations

from typing import Any

import dagster as dg

from fft_core import (
    FftError,
    Model,
    Project,
    Relation,
    Seed,
    Source,
    SourceName,
    Warehouse,
    frame_type_of,
    from_arrow,
    publish_frame,
    read_relation,
    to_arrow,
)
from fft_dagster import events
from fft_dagster.resource import RESOURCE_KEY, WarehouseSessions
from fft_dagster.translator import FftTranslator


class FftIOManager(dg.IOManager):
    """Reads and writes the project's warehouse.

    An asset that takes a model as an argument gets its rows as a pandas or Polars frame or a pyarrow Table, by its
    annotation (pandas where it has none). What an asset returns is staged and published under the relation of the
    source that has the asset's key; without such a source, under the key's last part, in the schema of the part before.
    """

    def __init__(self, warehouse: WarehouseSessions, translator: FftTranslator) -> None:
        self._warehouse = warehouse
        self._nodes = _nodes_by_key(warehouse.project, translator)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Publish a frame as a table. Raises ModelError for anything that is not a frame."""
        if obj is None:
            return
        with events.step_failures(self._warehouse.masker), self._warehouse.session() as session:
            node = self._nodes.get(context.asset_key)
            source = node if isinstance(node, SourceName) else None
            result = publish_frame(session, self._relation(session, context.asset_key), to_arrow(obj), source)
            if source is not None:
                self._warehouse.rebuilder(session).forget_source(source)
        context.add_output_metadata(
            {
                "dagster/table_name": str(result.relation),
                "dagster/row_count": result.row_count,
                "dagster/column_schema": dg.TableSchema([dg.TableColumn(c.name, c.type) for c in result.columns]),
            }
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Load a relation as a frame."""
        with events.step_failures(self._warehouse.masker), self._warehouse.session() as session:
            relation = self._relation(session, context.asset_key)
            if relation not in session.engine.kinds([relation]):
                raise FftError(
                    f"{relation} is not there", hint=f"Materialize {context.asset_key.to_user_string()} first."
                )
            return from_arrow(read_relation(session, relation), frame_type_of(context.dagster_type.typing_type))

    def _relation(self, session: Warehouse, key: dg.AssetKey) -> Relation:
        node = self._nodes.get(key)
        if node is not None:
            return session.relation(node)
        return session.engine.relation(key.path[-1], key.path[-2] if len(key.path) > 1 else None)


def io_manager(translator: FftTranslator) -> dg.IOManagerDefinition:
    """Make the IO manager of the warehouse that the resource "fft_warehouse" opens."""

    @dg.io_manager(required_resource_keys={RESOURCE_KEY})
    def manager(context: dg.InitResourceContext) -> FftIOManager:
        return FftIOManager(getattr(context.resources, RESOURCE_KEY), translator)

    return manager


def _nodes_by_key(project: Project, translator: FftTranslator) -> dict[dg.AssetKey, str | SourceName]:
    nodes: list[Model | Seed | Source] = [
        *project.sources.values(),
        *project.seeds.values(),
        *project.models.values(),
    ]
    return {translator.get_asset_key(node): node.name for node in nodes}
