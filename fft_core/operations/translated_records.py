"""Records of another environment, rewritten as if this environment had built the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

from fft_core.compile.identity import Identities
from fft_core.plan.decide import reached_by_views, recorded_version, view_version
from fft_core.plan.decision import InputVersion
from fft_core.plan.fingerprint import READS_FROM, Fingerprint, NodeIdentity, fingerprint_of, placed_as
from fft_core.plan.records import BuildRecord, Remembered
from fft_core.project.model import Model, Seed
from fft_core.warehouse.source_versions import source_versions
from fft_core.warehouse.warehouse import Warehouse


class TranslatedRecords:
    """Translation of records to this place and profile.

    A record names the profile, and so do the versions of views, which the records of their readers hold. All of them
    are computed again for the code that was built there. If the code here differs, the translated record differs as
    well.

    Args:
        here: This environment.
        there: The other one.
        known: Its records and relations.
        identities: The identities of the nodes here.
    """

    def __init__(self, here: Warehouse, there: Warehouse, known: Remembered, identities: Identities) -> None:
        self._here = here
        self._there = there
        self._known = known
        self._identities = identities

    def of(self, node: Model | Seed, record: BuildRecord) -> BuildRecord:
        """Return the record of a node there for a copy of its rows here."""
        assert record.fingerprint is not None  # the caller has checked it
        inputs = {name: self._version(name, version) for name, version in record.fingerprint.inputs.items()}
        fingerprint = self._fingerprint(node, record.fingerprint, inputs)
        is_by_text = record.data_version == view_version(record.fingerprint)
        relation = self._here.place(node.name)
        return replace(
            record,
            relation=str(relation),
            fingerprint=fingerprint,
            data_version=view_version(fingerprint) if is_by_text else record.data_version,
            project=self._here.project.name,
            environment=self._here.environment,
            attached="",
            relation_path=(relation.catalog, relation.schema, relation.name),
        )

    def is_as_built(self, node: Model | Seed) -> bool:
        """Return whether the code and the settings of a node here are those that were built there."""
        record = self._known.records.get(node.name)
        if record is None or record.fingerprint is None:
            return False
        return fingerprint_of(self._as_there(node, record.fingerprint), record.fingerprint.inputs) == record.fingerprint

    def _as_there(self, node: Model | Seed, recorded: Fingerprint) -> NodeIdentity:
        return placed_as(self._identities.of(node), recorded)

    def _fingerprint(self, node: Model | Seed, recorded: Fingerprint, inputs: Mapping[str, str]) -> Fingerprint:
        """Put this profile into a fingerprint; the digest of variables is known only if they are those of the build."""
        identity = self._identities.of(node)
        then, now = fingerprint_of(self._as_there(node, recorded), {}), fingerprint_of(identity, {})
        is_known = (then.code, then.environment) == (recorded.code, recorded.environment)
        environment = now.environment if is_known else recorded.environment
        config = {key: value for key, value in recorded.config.items() if key != READS_FROM}
        config |= {READS_FROM: identity.config[READS_FROM]} if READS_FROM in identity.config else {}
        return replace(recorded, place=identity.place, config=config, environment=environment, inputs=dict(inputs))

    def _version(self, name: str, version: str) -> str:
        """Return the version here of an input that a record there names by an earlier version."""
        published, record = self._known.published.get(name), self._known.records.get(name)
        if published is None or not published.is_query or record is None or record.fingerprint is None:
            return version
        current = recorded_version(self._known, name, self._sources)
        if current.version != version:
            return version  # it has changed there since
        inputs = {read: self._current(read, then) for read, then in record.fingerprint.inputs.items()}
        return view_version(self._fingerprint(self._here.project.node(name), record.fingerprint, inputs))

    def _current(self, name: str, recorded: str) -> str:
        known = self._sources.get(name) or recorded_version(self._known, name, self._sources)
        return self._version(name, known.version or recorded)

    @cached_property
    def _sources(self) -> Mapping[str, InputVersion]:
        """Return the versions of the sources that views there read."""
        there = self._there
        views = [name for name, published in self._known.published.items() if published.is_query]
        read = reached_by_views(self._known, views)
        versions = source_versions(there.engine, there.project, read, there.place)
        return {name: InputVersion(version, is_source=True) for name, version in versions.items()}
