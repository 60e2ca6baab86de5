"""FFT projects as Dagster assets and checks. Names are imported on first use: `import fft_dagster` stays cheap."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers: "X as X" marks a re-exported name
    from fft_dagster.assets import freshness_checks as freshness_checks
    from fft_dagster.assets import project_assets as project_assets
    from fft_dagster.assets import source_checks as source_checks
    from fft_dagster.assets import source_specs as source_specs
    from fft_dagster.definitions import build_definitions as build_definitions
    from fft_dagster.definitions import project_definitions as project_definitions
    from fft_dagster.duckdb_resource import FftDuckDBResource as FftDuckDBResource
    from fft_dagster.execution.executor import interruptible as interruptible
    from fft_dagster.execution.executor import thread_executor as thread_executor
    from fft_dagster.gates import Gated as Gated
    from fft_dagster.gates import gated as gated
    from fft_dagster.io_manager import FftIOManager as FftIOManager
    from fft_dagster.io_manager import fft_io_manager as fft_io_manager
    from fft_dagster.resource import ProjectWarehouses as ProjectWarehouses
    from fft_dagster.resource import WarehouseSessions as WarehouseSessions
    from fft_dagster.resource import warehouse_resource as warehouse_resource
    from fft_dagster.selection import asset_selection as asset_selection
    from fft_dagster.streams import stream_sensor as stream_sensor
    from fft_dagster.translator import FftTranslator as FftTranslator
    from fft_dagster.unit_tests import unit_test_checks as unit_test_checks
    from fft_dagster.unit_tests import unit_test_selection as unit_test_selection
    from fft_dagster.unit_tests import unit_test_specs as unit_test_specs

# The modules of public names: each is imported on first use.
_HOMES = {
    name: home
    for home, names in {
        "assets": "freshness_checks project_assets source_checks source_specs",
        "definitions": "build_definitions project_definitions",
        "duckdb_resource": "FftDuckDBResource",
        "execution.executor": "interruptible thread_executor",
        "gates": "Gated gated",
        "io_manager": "FftIOManager fft_io_manager",
        "resource": "ProjectWarehouses WarehouseSessions warehouse_resource",
        "selection": "asset_selection",
        "streams": "stream_sensor",
        "translator": "FftTranslator",
        "unit_tests": "unit_test_checks unit_test_selection unit_test_specs",
    }.items()
    for name in names.split()
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:  # Any: the type of an export is the type in its own module
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fft_dagster.{_HOMES[name]}"), name)
