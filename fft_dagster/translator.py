"""The translator: one overridable object with all naming policy for models, seeds, sources and checks in Dagster."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from fft_core import Model, Project, Relation, Seed, Source
from fft_core.checks.words import in_words
from fft_core.json_files.artifacts import plain_json
from fft_core.names.text import visible
from fft_core.project.model import Check, JudgedRows, SourceName
from fft_core.project.model.upstream import upstream_of
from fft_core.warehouse.warehouse import planned_relations
from fft_dagster.gate import Gate

IO_MANAGER_KEY = "fft_io_manager"
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9_.\-]+")


class FftTranslator:
    """The default naming policy. Override a method to change the names, groups and descriptions of assets.

    >>> from fft_core import load_project
    >>> from fft_dagster import FftTranslator, project_assets
    >>> class Prefixed(FftTranslator):
    ...     def get_asset_key(self, node):
    ...         return super().get_asset_key(node).with_prefix("warehouse")
    >>> assets = project_assets(load_project("shop"), Prefixed(), names={"users", "domains"})
    >>> [asset.key.to_user_string() for asset in assets]
    ['warehouse/users', 'warehouse/domains']
    """

    _known_relations: tuple[Project, Callable[[str | SourceName], Relation]] | None = None

    def get_asset_key(self, node: Model | Seed | Source) -> dg.AssetKey:
        """Return the key of an asset: a model or seed by its relation, a source by group and table."""
        if isinstance(node, Source):
            return dg.AssetKey([node.name.group, node.name.table])
        return dg.AssetKey(node.name)

    def get_group_name(self, node: Model | Seed | Source) -> str | None:
        """Return an asset's group: models/marts/core/x.ff.sql is in "marts/core"; seeds and sources have their own.

        Groups of a package's nodes begin with the package's name.
        """
        match node:
            case Model():
                parts = (*([node.package] if node.package else []), *node.folder.parts)
                return "/".join(_identifier(part) for part in parts) or "default"
            case Seed():
                return "seeds"
            case Source():
                return _identifier(node.name.group)

    def get_kinds(self, node: Model | Seed | Source, project: Project) -> set[str]:
        """Return the engine, and the language or kind of file."""
        match node:
            case Model():
                return {project.engine, node.kind, node.materialization.name}
            case Seed():
                return {project.engine, "seed", node.path.suffix.lstrip(".")}
            case Source():
                return {project.engine, "source"}

    def get_tags(self, node: Model | Seed | Source) -> Mapping[str, str]:
        """Return FFT's tags in the characters that Dagster accepts; "owner:team" becomes the tag owner = team."""
        tags = {}
        for tag in node.tags:
            key, _, value = tag.partition(":")
            tags[_NOT_IN_TAGS.sub("_", key)[:63] or "_"] = _NOT_IN_TAGS.sub("_", value)[:63]
        return tags

    def get_owners(self, node: Model | Seed | Source) -> Sequence[str]:
        """Return e-mail addresses and teams, as "team:name"."""
        return () if isinstance(node, Source) else node.owners

    def get_description(self, node: Model | Seed | Source) -> str | None:
        """Return the description that the user wrote."""
        return visible(node.description) if node.description else node.description

    def get_metadata(self, node: Model | Seed | Source, project: Project) -> Mapping[str, Any]:
        """Return the relation, the described columns, and the code location."""
        name = node.name
        metadata: dict[str, Any] = {
            "dagster/table_name": str(self._relations(project)(name)),
            "dagster/storage_kind": project.engine,
        }
        if node.columns:
            columns = [dg.TableColumn(c.name, c.type or "?", description=c.description) for c in node.columns]
            metadata["dagster/column_schema"] = dg.TableSchema(columns=columns)
        path, line = (node.location.path, node.location.line) if not isinstance(node, Seed) else (node.path, None)
        metadata["dagster/code_references"] = _code_reference(project, path, line)
        return metadata

    def _relations(self, project: Project) -> Callable[[str | SourceName], Relation]:
        """Return the relations in the project's profile, which is read once for each project."""
        if self._known_relations is None or self._known_relations[0] is not project:
            self._known_relations = project, planned_relations(project)
        return self._known_relations[1]

    def get_automation_condition(self, node: Model | Seed | Source) -> dg.AutomationCondition[Any] | None:
        """Return None: nothing runs by itself unless a subclass returns a condition."""
        return None

    def get_pool(self, node: Model | Seed | Source) -> str | None:
        """Return the pool whose slots limit how many such steps run at once."""
        return None if isinstance(node, Source) else node.step.pool

    def get_op_tags(self, node: Model | Seed | Source) -> Mapping[str, Any]:
        """Return the tags of the step: the node's own, its priority and its concurrency key."""
        if isinstance(node, Source):
            return {}
        tags: dict[str, Any] = dict(node.step.op_tags)
        if node.step.priority is not None:
            tags["dagster/priority"] = str(node.step.priority)
        if node.step.concurrency_key is not None:
            tags["dagster/concurrency_key"] = node.step.concurrency_key
        return tags

    def get_retry_policy(self, node: Model | Seed | Source) -> dg.RetryPolicy | None:
        """Return how often the step is retried after an error that may be temporary."""
        retries = None if isinstance(node, Source) else node.step.retries
        if retries is None:
            return None
        return dg.RetryPolicy(
            max_retries=retries.max,
            delay=retries.delay,
            backoff=dg.Backoff(retries.backoff.upper()) if retries.backoff else None,
            jitter=dg.Jitter(retries.jitter.upper()) if retries.jitter else None,
        )

    def get_asset_spec(self, node: Model | Seed | Source, project: Project) -> dg.AssetSpec:
        """Return the spec of an asset. The keys of its dependencies come from `get_asset_key`, too."""
        spec = dg.AssetSpec(
            self.get_asset_key(node),
            deps=[self.get_asset_key(upstream) for upstream in upstream_of(node, project)],
            description=self.get_description(node),
            group_name=self.get_group_name(node),
            kinds=self.get_kinds(node, project),
            tags=dict(self.get_tags(node)),
            owners=list(self.get_owners(node)),
            metadata=dict(self.get_metadata(node, project)),
            automation_condition=self.get_automation_condition(node),
            skippable=not isinstance(node, Source),
        )
        return spec if isinstance(node, Source) else spec.with_io_manager_key(IO_MANAGER_KEY)

    def get_check_spec(self, check: Check, node: Model | Seed | Source) -> dg.AssetCheckSpec:
        """Return the spec of a check, which blocks if its severity is "error". A gate keeps the spec of its user."""
        if isinstance(check.rule, JudgedRows) and isinstance(check.rule.judge, Gate):
            return check.rule.judge.spec
        rule = {key: str(value) for key, value in check.rule.said.items()}
        limits = {"warn_if": check.warn_if, "error_if": check.error_if}
        said = {
            "type": check.type,
            "where": check.where,
            "tags": ", ".join(check.tags),
            "reads": ", ".join(map(str, check.rule.reads)),
            "file": str(check.location),
            **{key: str(limit) for key, limit in limits.items() if limit is not None},
            **({"meta": dg.MetadataValue.json(plain_json(check.meta))} if check.meta else {}),
        }
        return dg.AssetCheckSpec(
            check.name,
            asset=self.get_asset_key(node),
            description=check.description or in_words(check),
            blocking=check.severity == "error",
            metadata={key: value for key, value in {**rule, **said}.items() if value},
        )

    def is_gate(self, spec: dg.AssetCheckSpec, node: Model | Seed | Source) -> bool:
        """Return whether one of your own checks judges the rows of its asset before they are published.

        It is called for checks in `build_definitions` that the project's files do not declare as gates.

        >>> class BlockingChecksAreGates(FftTranslator):
        ...     def is_gate(self, spec, node):
        ...         return spec.blocking
        """
        return False

    def get_freshness_spec(self, source: Source, project: Project) -> dg.AssetCheckSpec:
        """Return the spec of the freshness check of a source, under a name that no check of the user has."""
        taken = {check.name for check in project.checks_of(source.name)}
        limits = source.freshness
        said = {"warn": limits.warn_after, "error": limits.error_after} if limits else {}
        times = ", ".join(f"{word} after {time}" for word, time in said.items() if time is not None)
        return dg.AssetCheckSpec(
            "freshness" if "freshness" not in taken else "source_freshness",
            asset=self.get_asset_key(source),
            description=f"the newest {limits.loaded_at if limits else 'row'} is not too old: {times}",
        )


def _code_reference(project: Project, path: Path, line: int | None) -> dg.CodeReferencesMetadataValue:
    """Return a line of a file of the project, as Dagster's UI opens it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # one line for each model would hide the changes that matter
        reference = dg.LocalFileCodeReference(file_path=str(project.file(path)), line_number=line, label=str(path))
        return dg.CodeReferencesMetadataValue(code_references=[reference])


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", text)
