"""The files of a build whose rows are served. Importing this imports nothing of them: most projects serve nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fft_core.checks.results import CheckResult
from fft_core.engines.protocol import ColumnType
from fft_core.plan.records import BuildRecord
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from fft_core.build.served_files import PendingFiles


def served_build(
    warehouse: Warehouse, record: BuildRecord, columns: Sequence[ColumnType], checks: Sequence[CheckResult]
) -> PendingFiles | None:
    """Write the files of a model whose rows are served; they get their names after the commit."""
    model = warehouse.project.models.get(record.node)
    if model is None or model.serve is None:
        return None
    from fft_core.build.serving import write_served

    return write_served(warehouse, model, record, columns, checks)
