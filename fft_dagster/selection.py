"""The selection grammar of the command line as a Dagster AssetSelection, for jobs, schedules and sensors."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from fft_core import Project, select
from fft_dagster.translator import FftTranslator


def asset_selection(
    project: Project, *expressions: str, exclude: Sequence[str] = (), translator: FftTranslator | None = None
) -> dg.AssetSelection:
    """Select the assets of models and seeds; their checks come with them, as in any job.

    The selection is made once, at the call: `state:` and `result:`, which change from run to run, are errors.

    Args:
        project: A loaded project.
        expressions: As after `--select`: several of them narrow; empty: all models and seeds.
        exclude: What to leave out.
        translator: The translator of the assets, unless it is FftTranslator.

    Raises:
        FftError: an expression is not valid.

    >>> import dagster as dg
    >>> from fft_core import load_project
    >>> from fft_dagster import asset_selection
    >>> selection = asset_selection(load_project("shop"), "+domains", exclude=["kind:seed"])
    >>> job = dg.define_asset_job("nightly", selection)
    >>> str(job.selection)
    'key:"domains" or key:"users"'
    """
    translator = translator or FftTranslator()
    names = sorted(select(project, expressions, exclude))
    return dg.AssetSelection.assets(*(translator.get_asset_key(project.node(name)) for name in names))
