"""The names and descriptions of models, seeds and sources in Prefect, as one overridable object. Imports no Prefect."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from typing import Any

from fft_core import Model, Project, Relation, Seed, Source
from fft_core.names.text import visible
from fft_core.project.model.nodes import Retries

# Characters that Prefect refuses in the key of an asset; "~" begins an escape.
_NOT_IN_KEYS = re.compile(r"""[\n\r\t\0 #?&%"'<>\[\]{}|\\^`~/]""")
_LONGEST_DESCRIPTION = 2500
_MOST_DELAYS = 50


class FftTranslator:
    """The names and descriptions of task runs and assets. Override a method to change them.

    >>> from fft_core import Relation, load_project
    >>> from fft_prefect import FftTranslator
    >>> class OnHost(FftTranslator):
    ...     def get_asset_key(self, node, relation, project):
    ...         return super().get_asset_key(node, relation, project).replace("://", "://db.example.com/")
    >>> project = load_project("shop")
    >>> OnHost().get_asset_key(project.models["users"], Relation("users", schema="main"), project)
    'duckdb://db.example.com/main/users'
    """

    def get_task_name(self, node: Model | Seed | Source) -> str:
        """Return the name of a task and its runs: that of the model or seed; `checks of group.table` for a source."""
        return f"checks of {node.name}" if isinstance(node, Source) else node.name

    def get_tags(self, node: Model | Seed | Source) -> Set[str]:
        """Return the tags of a task: the node's own. Each tag costs a call of the API when a task begins."""
        return frozenset(node.tags)

    def get_asset_key(self, node: Model | Seed | Source, relation: Relation, project: Project) -> str:
        """Return the key of an asset: the engine and the parts of the relation, as in `duckdb://shop/main/users`.

        Args:
            node: The model, seed or source.
            relation: The relation of the node.
            project: The project, with its engine.
        """
        return f"{project.engine}://{'/'.join(map(_escaped, relation.parts))}"

    def get_description(self, node: Model | Seed | Source) -> str | None:
        """Return the description that the user wrote."""
        return visible(node.description)[:_LONGEST_DESCRIPTION] if node.description else None

    def get_owners(self, node: Model | Seed | Source) -> Sequence[str]:
        """Return the owners: e-mail addresses, and teams as `team:name`."""
        return () if isinstance(node, Source) else node.owners

    def get_concurrency_limit(self, node: Model | Seed | Source) -> str | None:
        """Return the name of the global concurrency limit of which a step takes a slot: the model's `pool`.

        A limit that does not exist in Prefect has no effect.
        """
        return None if isinstance(node, Source) else node.step.pool or node.step.concurrency_key

    def get_retries(self, node: Model | Seed | Source) -> Mapping[str, Any]:  # Any: options of several types
        """Return the options of a task about retries: their number, the seconds between them, and the jitter."""
        retries = None if isinstance(node, Source) else node.step.retries
        if retries is None:
            return {}
        options: dict[str, Any] = {"retries": retries.max}
        if retries.delay:
            options["retry_delay_seconds"] = delays(retries)
        if retries.delay and retries.jitter:
            options["retry_jitter_factor"] = 1.0
        return options


def delays(retries: Retries) -> list[float]:
    """Return the seconds before each retry.

    >>> delays(Retries(3, 2.0, "exponential")), delays(Retries(3, 2.0, "linear")), delays(Retries(2, 2.0))
    ([2.0, 6.0, 14.0], [2.0, 4.0, 6.0], [2.0, 2.0])
    """
    delay = retries.delay or 0.0
    numbers = range(1, min(retries.max, _MOST_DELAYS) + 1)
    match retries.backoff:
        case "linear":
            return [delay * number for number in numbers]
        case "exponential":
            return [delay * (2**number - 1) for number in numbers]
    return [delay for _ in numbers]


def _escaped(part: str) -> str:
    """Return a part of a relation, escaped for a key; different parts stay different.

    >>> _escaped("daily sales")
    'daily~20sales'
    """
    return _NOT_IN_KEYS.sub(lambda found: f"~{ord(found.group()):02x}", part)
