"""The IO manager: it stores the result of an asset as a relation, and loads relations as frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from fft_core import FftError, Model, Project, Seed, Source, from_arrow, publish_frame, read_relation, to_arrow
from fft_core.build.slices import Slice, publish_slice, read_slice
from fft_core.engines.spec.frames import frame_type_of
from fft_core.engines.spec.masking import Masker
from fft_dagster import events
from fft_dagster.collisions import refuse_relation
from fft_dagster.partitions import partition_slice
from fft_dagster.projects import BoundProject, only_one, project_in, projects_of
from fft_dagster.resource import RESOURCE_KEY, ProjectWarehouses, WarehouseSessions
from fft_dagster.translator import FftTranslator


class FftIOManager(dg.IOManager):
    """An IO manager that reads and writes the project's warehouse.

    An asset with a model as an argument gets the rows as a pandas or Polars frame or a pyarrow Table, by its annotation
    (without one: pandas). The result of an asset is staged and published as the relation of the source with the asset's
    key; without such a source, by the key's last part, in the schema named by the part before.

    Of a partitioned asset, only the partitions of the run are written or read. The partition of a row is given by
    `metadata={"partition_expr": ...}` of the asset, or `partition_by` of the source.

    Args:
        warehouse: The value of the resource "fft_warehouse".
        translator: The translator of the assets, unless it is FftTranslator.
        project: The project whose relations are meant; None: the asset's own project.

    >>> import dagster as dg
    >>> import pandas
    >>> from fft_core import load_project
    >>> from fft_dagster import FftIOManager, WarehouseSessions
    >>> sessions = WarehouseSessions(load_project("shop"))
    >>> manager = FftIOManager(sessions)
    >>> cities = pandas.DataFrame({"city": ["Graz"]})
    >>> manager.handle_output(dg.build_output_context(asset_key="cities"), cities)
    >>> manager.load_input(dg.build_input_context(asset_key="cities"))["city"].to_list()
    ['Graz']
    >>> sessions.close()
    """

    def __init__(
        self,
        warehouse: WarehouseSessions | ProjectWarehouses,
        translator: FftTranslator | None = None,
        project: Project | None = None,
    ) -> None:
        self._warehouse = warehouse
        if project is None and isinstance(warehouse, WarehouseSessions):
            project = warehouse.project
        self._bound = BoundProject(project, translator or FftTranslator()) if project else None

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Publish a frame as a table, or as partitions of one. Raises ModelError for other types."""
        if obj is None:
            return
        bound, sessions = self._opened(context, context.definition_metadata)
        with events.step_failures(sessions.masker):
            refuse_relation(bound, context.asset_key)
            node = bound.nodes.get(context.asset_key)
            rows = _slice(context, node, context.definition_metadata)
            frame, name = to_arrow(obj), node.name if isinstance(node, Source) else None
            with sessions.session() as session:
                relation = session.engine.relation(*_place(bound, context.asset_key))
                if rows is None:
                    result = publish_frame(session, relation, frame, name)
                else:
                    result = publish_slice(session, relation, frame, rows, name)
                if name is not None:
                    sessions.run().rebuilder.forget_source(name)
        context.add_output_metadata(
            {
                "dagster/table_name": str(result.relation),
                "dagster/row_count" if rows is None else "dagster/partition_row_count": result.row_count,
                "dagster/column_schema": dg.TableSchema([dg.TableColumn(c.name, c.type) for c in result.columns]),
            }
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Load a relation, or partitions of it, as a frame."""
        metadata = context.upstream_output.definition_metadata if context.upstream_output else None
        bound, sessions = self._opened(context, metadata)
        with events.step_failures(sessions.masker):
            node = bound.nodes.get(context.asset_key)
            with sessions.session() as session:
                relation = session.engine.relation(*_place(bound, context.asset_key))
                if relation not in session.engine.inspect([relation]):
                    raise FftError(
                        f"{relation} does not exist",
                        hint=f"Materialize {context.asset_key.to_user_string()} first.",
                        code="FFT-420",
                    )
                rows = None if _is_whole(context, node, metadata) else _slice(context, node, metadata)
                table = read_relation(session, relation) if rows is None else read_slice(session, relation, rows)
            return from_arrow(table, frame_type_of(_annotation(context)))

    def _opened(
        self, context: dg.OutputContext | dg.InputContext, metadata: Mapping[str, Any] | None
    ) -> tuple[BoundProject, WarehouseSessions]:
        with events.step_failures(Masker.of(())):  # secrets are unknown before the project is loaded
            bound = self._bound_to(context, metadata)
            return bound, self._warehouse.of(bound)

    def _bound_to(
        self, context: dg.OutputContext | dg.InputContext, metadata: Mapping[str, Any] | None
    ) -> BoundProject:
        """Return the project of an asset: the manager's own, that of its mark, or the only one of the run."""
        found = self._bound or project_in(metadata)
        if found is not None:
            return found
        try:
            job = context.step_context.job_def
        except dg.DagsterInvariantViolationError:  # outside of a run, as in load_asset_value
            return only_one([])
        return only_one(projects_of(job))


def _annotation(context: dg.InputContext) -> object:
    try:
        return context.dagster_type.typing_type
    except dg.DagsterInvariantViolationError:  # a context made directly may have none
        return None


def _place(bound: BoundProject, key: dg.AssetKey) -> tuple[str, str | None, str | None]:
    relation = bound.relation_of_key(key)
    return relation.name, relation.schema, relation.catalog


def _slice(
    context: dg.OutputContext | dg.InputContext,
    node: Model | Seed | Source | None,
    metadata: Mapping[str, Any] | None,
) -> Slice | None:
    if not context.has_asset_partitions:
        return None
    return partition_slice(
        context.asset_key,
        context.asset_partitions_def,
        context.asset_partition_keys,
        (metadata or {}).get("partition_expr"),
        node.partition_by if isinstance(node, Source) else None,
    )


def _is_whole(context: dg.InputContext, node: Model | Seed | Source | None, metadata: Mapping[str, Any] | None) -> bool:
    """Return whether all partitions are read of an asset without a partition expression."""
    says_how = "partition_expr" in (metadata or {}) or (isinstance(node, Source) and node.partition_by)
    if not context.has_asset_partitions or says_how:
        return False
    every = context.asset_partitions_def.get_partition_keys(dynamic_partitions_store=context.instance)
    return set(every) <= set(context.asset_partition_keys)


class FftIOManagerDefinition(dg.IOManagerDefinition):
    """The definition of FFT's IO manager, by which collisions of relations are found when definitions load."""


def fft_io_manager(
    project: Project | None = None, translator: FftTranslator | None = None, *, warehouse: str = RESOURCE_KEY
) -> FftIOManagerDefinition:
    """Return the IO manager of a warehouse, for definitions that are not made by `build_definitions`.

    Args:
        project: The project whose relations are meant; None: the asset's own project.
        translator: The translator of the assets, unless it is FftTranslator.
        warehouse: The key of the resource that opens the warehouse.

    >>> import dagster as dg
    >>> import pandas
    >>> from fft_core import load_project
    >>> from fft_dagster import fft_io_manager, warehouse_resource
    >>> @dg.asset
    ... def cities() -> pandas.DataFrame:
    ...     return pandas.DataFrame({"city": ["Graz"]})
    >>> project = load_project("shop")
    >>> resources = {"fft_warehouse": warehouse_resource(project), "io_manager": fft_io_manager(project)}
    >>> dg.materialize([cities], resources=resources).success
    True
    """

    def manager(context: dg.InitResourceContext) -> FftIOManager:
        return FftIOManager(getattr(context.resources, warehouse), translator, project)

    return FftIOManagerDefinition(
        resource_fn=manager,
        required_resource_keys={warehouse},
        description="Reads and writes relations of an FFT project as frames.",
    )


# One object for all projects, as the warehouse.
SHARED_IO_MANAGER = fft_io_manager()
