"""FFT projects as Dagster assets and checks. Names are imported on first use: `import fft_dagster` stays cheap."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fft_dagster.assets import freshness_checks, project_assets, source_checks, source_specs
    from fft_dagster.definitions import build_definitions, project_definitions
    from fft_dagster.duckdb_resource import FftDuckDBResource
    from fft_dagster.executor import interruptible, thread_executor
    from fft_dagster.io_manager import FftIOManager, fft_io_manager
    from fft_dagster.resource import ProjectWarehouses, WarehouseSessions, warehouse_resource
    from fft_dagster.selection import asset_selection
    from fft_dagster.translator import FftTranslator

_HOMES = {
    "FftDuckDBResource": "duckdb_resource",
    "FftIOManager": "io_manager",
    "FftTranslator": "translator",
    "ProjectWarehouses": "resource",
    "WarehouseSessions": "resource",
    "asset_selection": "selection",
    "build_definitions": "definitions",
    "fft_io_manager": "io_manager",
    "freshness_checks": "assets",
    "interruptible": "executor",
    "project_assets": "assets",
    "project_definitions": "definitions",
    "source_checks": "assets",
    "source_specs": "assets",
    "thread_executor": "executor",
    "warehouse_resource": "resource",
}

__all__ = [
    "FftDuckDBResource",
    "FftIOManager",
    "FftTranslator",
    "ProjectWarehouses",
    "WarehouseSessions",
    "asset_selection",
    "build_definitions",
    "fft_io_manager",
    "freshness_checks",
    "interruptible",
    "project_assets",
    "project_definitions",
    "source_checks",
    "source_specs",
    "thread_executor",
    "warehouse_resource",
]


def __getattr__(name: str) -> Any:  # Any: the type of an export is the type in its own module
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fft_dagster.{_HOMES[name]}"), name)
