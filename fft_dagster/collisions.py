"""Assets with the same table as another node: found when definitions load, before one replaces rows of the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg

from fft_core import FftError, Model, Relation, Seed, Source
from fft_dagster.projects import BoundProject

OURS = ("_ff_", "__ff_")  # prefixes of FFT's own tables


def refuse_collisions(bound: BoundProject, assets: Sequence[Any], managers: Collection[str]) -> None:
    """Raise FftError if an asset that one of these IO managers stores would replace another table.

    Raises:
        FftError: naming both.
    """
    stored: dict[Relation, dg.AssetKey] = {}
    for key in _stored_keys(assets, managers):
        refuse_relation(bound, key)
        relation = bound.folded(bound.relation_of_key(key))
        other = stored.setdefault(relation, key)
        if other != key:
            raise FftError(
                f"the assets {other.to_user_string()} and {key.to_user_string()} would both be stored as "
                f"{bound.relation_of_key(key)}",
                hint="Give one of them another key: its last part is the table, the part before the schema.",
                code="FFT-904",
            )


def refuse_relation(bound: BoundProject, key: dg.AssetKey) -> None:
    """Raise FftError if an asset would be stored as the table of a model, a seed, another source, or of FFT itself."""
    relation, name = bound.relation_of_key(key), key.to_user_string()
    if relation.name.lower().startswith(OURS):
        raise FftError(
            f"the asset {name} would be stored as {relation}, a name that is reserved for FFT",
            hint=f"Give it a key whose last part begins with neither {' nor '.join(OURS)}.",
            code="FFT-904",
        )
    node = bound.owners.get(bound.folded(relation))
    if node is not None and not (isinstance(node, Source) and bound.nodes.get(key) is node):
        raise FftError(
            f"the asset {name} would be stored as {relation}, the relation of {_said(node)}",
            hint=_advice(node),
            code="FFT-904",
        )


def _stored_keys(assets: Sequence[Any], managers: Collection[str]) -> list[dg.AssetKey]:
    return [
        key
        for definition in assets
        if isinstance(definition, dg.AssetsDefinition) and definition.is_executable
        for key in sorted(definition.keys)
        if definition.get_io_manager_key_for_asset_key(key) in managers
    ]


def _said(node: Model | Seed | Source) -> str:
    match node:
        case Model():
            return f"the model {node.name} ({node.location})"
        case Seed():
            return f"the seed {node.name} ({node.path})"
    return f"the source {node.name} ({node.location})"


def _advice(node: Model | Seed | Source) -> str:
    if isinstance(node, Source):
        return f"To fill the source, give the asset its key: {node.name.group}/{node.name.table}."
    return "Give the asset another key, or store it elsewhere."
