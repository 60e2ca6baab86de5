"""A model or seed as plain values, for listings and the manifest."""

from __future__ import annotations

from typing import Any

from fft_core.project.model import Model, Node


def described_node(node: Node) -> dict[str, Any]:
    """Return the settings of a model or seed from its files, as plain values: those that `fft ls --json` prints."""
    model = node if isinstance(node, Model) else None
    return {
        "name": node.name,
        "kind": model.kind if model else "seed",
        "materialized": model.materialization.name if model else "seed",
        "file": node.path.as_posix(),
        "line": model.line if model else None,
        "description": node.description,
        "tags": list(node.tags),
        "owners": list(node.owners),
        "refs": list(model.refs) if model else [],
        "sources": [str(name) for name in model.sources] if model else [],
    }
