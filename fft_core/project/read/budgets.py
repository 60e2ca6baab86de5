"""The reader of budgets.yml, for the engine of a project."""

from __future__ import annotations

from collections.abc import Callable, Collection

from fft_core.names import model_name
from fft_core.project.model import Budgets
from fft_core.project.read.yaml_file import YamlFile
from fft_core.project.shapes.budgets import BudgetsShape


def budgets_of(
    shape: BudgetsShape, file: YamlFile, engine: str, models: Collection[str], warn: Callable[..., None]
) -> Budgets:
    """Return the budgets for one engine. Budgets of unknown models are ignored with a warning.

    Args:
        shape: The content of the file.
        file: The file, for the lines of its keys.
        engine: The engine of the project.
        models: The names of the project's models, including those of other engines.
        warn: A callback with the signature of a logger's method.
    """
    limit = shape.query_limits.get(engine)
    for name in shape.models:
        if model_name(name) not in models:
            warn("%s: a budget of %r, which is not a model", file.location(("models", name)), name)
    return Budgets(
        query_max_bytes=limit.max_bytes if limit else None,
        total=shape.total.value(),
        models={model_name(name): budget.value() for name, budget in shape.models.items()},
        tags={tag: budget.value() for tag, budget in shape.tags.items()},
    )
