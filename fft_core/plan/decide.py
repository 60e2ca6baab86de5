"""The rebuilder: the state of a node and its record become a decision with its reasons."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fft_core.names.functions import is_definition
from fft_core.plan.compiled import QUERY, QueryUses, recorded_query, still_recorded_query, with_query_of
from fft_core.plan.decision import Decision, InputVersion, Plan, Reason, ReasonKind, Request
from fft_core.plan.definitions import Definitions, Version, completed
from fft_core.plan.fingerprint import COLUMNS, Fingerprint, NodeIdentity, changed_keys, digest_of, fingerprint_of
from fft_core.plan.records import BuildRecord, Published, Remembered

_VIEW = "view:"


def decide_all(
    identities: Sequence[NodeIdentity],
    remembered: Remembered,
    source_versions: Mapping[str, str | None],
    request: Request,
    selected: frozenset[str] | None = None,
) -> Plan:
    """Decide for all nodes, each after its inputs.

    Args:
        identities: The nodes in build order.
        remembered: The records, and the state of the relations.
        source_versions: The data version of every source that is read; None if it has none.
        request: The user's request.
        selected: The nodes that the run includes; None for all. The others keep their recorded versions.
    """
    versions = {name: InputVersion(version, is_source=True) for name, version in source_versions.items()}
    decisions = []
    for identity in identities:
        if selected is not None and identity.name not in selected:
            versions[identity.name] = recorded_version(remembered, identity.name, versions)
            continue
        decision = decide(identity, versions, remembered, request)
        versions[identity.name] = _version_after(decision)
        decisions.append(decision)
    return Plan(tuple(decisions))


def decide(
    identity: NodeIdentity, versions: Mapping[str, InputVersion], remembered: Remembered, request: Request
) -> Decision:
    """Decide for one model or seed, given the versions of its inputs."""
    record = remembered.records.get(identity.name)
    checks = _checks_version(identity, versions, remembered)
    query = still_recorded_query(identity, record)
    identity, defined = completed(with_query_of(identity, query), remembered.definitions)
    inputs = {name: versions.get(name, InputVersion(None)) for name in identity.inputs}
    inputs |= {QUERY: InputVersion(query)} if query else {}
    inputs |= {key: InputVersion(version.digest) for key, version in defined.items()}
    known = {name: value.version for name, value in inputs.items()}
    published = remembered.published.get(identity.name)
    is_increment = _is_increment(identity, published, request)
    replaced = _not_there(record, published, remembered.moved.get(identity.name))
    own = [*replaced, *_itself_changed(identity, record)]
    if identity.keeps == "events":
        is_increment = is_increment and all(reason.kind == "code_changed" for reason in own)
    reasons = [
        *_asked_for(identity, request, record),
        *(_kept(identity, reason) if is_increment else _made_again(identity, reason) for reason in own),
        *_inputs_changed(inputs, record, defined),
    ]
    if reasons:
        return Decision(
            name=identity.name,
            action="build",
            reasons=tuple(reasons),
            identity=identity,
            inputs=known,
            checks=checks,
            record=record,
            is_increment=is_increment,
            is_as_recorded=not replaced,
        )
    reuse = Decision(
        name=identity.name,
        action="reuse",
        reasons=(Reason("unchanged", "nothing changed"),),
        identity=identity,
        inputs=known,
        checks=checks,
        record=record,
    )
    if not reuse.checks_are_due:
        return reuse
    due = Reason("checks_changed", "only its checks changed, or tables that they read: they run on the published rows")
    return replace(reuse, reasons=(due,))


def is_as_written(identity: NodeIdentity, record: BuildRecord | None, published: Published | None) -> bool:
    """Return whether a node was published from its current code and config; its inputs may have changed since."""
    if _not_there(record, published) or _itself_changed(identity, record):
        return False
    recorded = record.fingerprint if record else None
    return recorded is not None and {*recorded.inputs} - {QUERY} == {*identity.inputs}


def with_query(decision: Decision, identity: NodeIdentity, query: QueryUses, definitions: Definitions) -> Decision:
    """Complete the decision to build a lazy model, once its query is known.

    Args:
        decision: The decision, made from the uses of the query of the last build.
        identity: The identity of the model.
        query: The uses of its query, which has not run yet.
        definitions: The definitions that users made in the database.
    """
    identity, defined = completed(query.of(identity), definitions)
    inputs = {name: decision.inputs.get(name) for name in identity.inputs}
    inputs |= {key: version.digest for key, version in defined.items()}
    return replace(decision, identity=identity, inputs={**inputs, QUERY: query.to_text()})


def _is_increment(identity: NodeIdentity, published: Published | None, request: Request) -> bool:
    """Return whether a build changes the existing table, also one built by others: its rows may be irreplaceable."""
    if identity.keeps == "nothing" or published is None or published.kind != "table":
        return False
    return not any(is_refreshed(identity.name, identity.keeps, pattern) for pattern in request.full_refresh)


def is_refreshed(name: str, keeps: str, pattern: str) -> bool:
    """Return whether `--full-refresh` names a node: snapshots are named in full, incremental models by globs."""
    wanted = pattern.removesuffix(".ff")
    return name == wanted if keeps == "history" else keeps != "nothing" and fnmatch.fnmatchcase(name, wanted)


def _kept(identity: NodeIdentity, reason: Reason) -> Reason:
    """Add to a reason that a change of the code leaves the existing rows as they are."""
    keys = reason.detail.rpartition(": ")[2].split(", ")
    if reason.kind == "config_changed" and set(keys) <= set(identity.layout_keys):
        return replace(reason, detail=f"{reason.detail}; the table is written again, with the rows that it has")
    kept = "versions" if identity.keeps == "history" and identity.code_name != "stream" else "rows"
    stay = "stay as they are"
    if identity.code_name == "stream" and COLUMNS in keys:
        stay = "stay, and their columns get the declared types"
    what = f"existing {kept} {stay} (--full-refresh {identity.name} rebuilds all of them)"
    return replace(reason, detail=f"{reason.detail}; {what}")


def _made_again(identity: NodeIdentity, reason: Reason) -> Reason:
    """Add to a reason that the sessions of a stream are rebuilt from the events that are kept."""
    if identity.keeps != "events" or reason.kind == "never_built":
        return reason
    return replace(reason, detail=f"{reason.detail}; its sessions are rebuilt from the events kept")


def recorded_version(remembered: Remembered, name: str, versions: Mapping[str, InputVersion]) -> InputVersion:
    """Return the data version of a node as last published; that of a view is computed from its inputs.

    Args:
        remembered: The records, and the state of the relations.
        name: The node.
        versions: Of what the view reads; those of other nodes are looked up in the same way.
    """
    if name in remembered.elsewhere:
        return InputVersion(
            remembered.elsewhere[name], why_open="is read from another environment, which has no record of its rows"
        )
    record, published = remembered.records.get(name), remembered.published.get(name)
    if record is None or published is None or record.fingerprint is None or _not_there(record, published):
        return InputVersion(None, why_open="was changed since its last build")
    if not published.is_query:
        return InputVersion(record.data_version)
    if not record.data_version.startswith(_VIEW):
        return InputVersion(None, why_open="is a view whose rows change by themselves")
    known = dict(versions)
    known |= {QUERY: InputVersion(query)} if (query := recorded_query(record)) else {}
    for read in record.fingerprint.inputs:
        known[read] = known.get(read) or _defined_version(remembered, read) or recorded_version(remembered, read, known)
    reads = {read: known[read] for read in record.fingerprint.inputs}
    found = {read: value.version for read, value in reads.items() if value.version is not None}
    if len(found) == len(reads):
        return InputVersion(view_version(replace(record.fingerprint, inputs=found)))
    may_stay = all(value.may_stay for value in reads.values() if value.version is None)
    return InputVersion(None, may_stay=may_stay, why_open="is a view of tables that may have changed")


def _defined_version(remembered: Remembered, key: str) -> InputVersion | None:
    version = remembered.definitions.version(key)
    return InputVersion(version.digest, why_open="can return other values at any time") if version else None


def reached_by_views(remembered: Remembered, names: Iterable[str]) -> frozenset[str]:
    """Add the nodes that views among the names read: the rows of a view change with them."""
    reached = set(names)
    frontier = list(reached)
    while frontier:
        name = frontier.pop()
        record, published = remembered.records.get(name), remembered.published.get(name)
        if record and record.fingerprint and published and published.is_query:
            further = set(record.fingerprint.inputs) - reached
            reached |= further
            frontier += further
    return frozenset(reached)


def view_version(fingerprint: Fingerprint) -> str:
    """Return the data version of a view, which follows from its code and its inputs."""
    return f"{_VIEW}{fingerprint.digest[:32]}"


def version_of_load(content: str, first: datetime) -> str:
    """Return the data version of a seed: its content, and the time of its first load, which is a column of its rows."""
    return f"{content}@{first.astimezone(UTC).isoformat()}"


def first_load(identity: NodeIdentity, record: BuildRecord | None) -> datetime | None:
    """Return the time of the first load of a seed's current content; None if the last load had another content."""
    content, _, time = record.data_version.partition("@") if record else ("", "", "")
    return datetime.fromisoformat(time) if time and content == identity.data_version else None


def _version_after(decision: Decision) -> InputVersion:
    """Predict the data version that a node has after this run."""
    identity = decision.identity
    if not decision.is_build and decision.record:
        return InputVersion(decision.record.data_version)
    if identity.data_version is not None:
        first = first_load(identity, decision.record)
        return InputVersion(version_of_load(identity.data_version, first) if first else f"{identity.data_version}@")
    if identity.volatile:
        return InputVersion(None, may_stay=identity.has_digest and not identity.is_view)
    if identity.is_view:
        is_known = None not in decision.inputs.values()
        return InputVersion(view_version(decision.fingerprint("")) if is_known else None, may_stay=True)
    may_stay = identity.has_digest or decision.is_increment
    return InputVersion(None, may_stay=may_stay and decision.record is not None)


def _asked_for(identity: NodeIdentity, request: Request, record: BuildRecord | None) -> list[Reason]:
    reasons = []
    if request.cache in ("off", "wo"):
        reasons.append(Reason("cache_off", f"--cache {request.cache} builds everything"))
    for pattern in request.rebuild:
        if fnmatch.fnmatchcase(identity.name, pattern.removesuffix(".ff")):
            reasons.append(Reason("requested", f"requested by --rebuild {pattern}"))
    for pattern in request.full_refresh:
        if is_refreshed(identity.name, identity.keeps, pattern):
            detail = f"requested by --full-refresh {pattern}: all its rows are rebuilt"
            reasons.append(Reason("full_refresh", detail))
    if record is None or not identity.is_fresh(record.built_at):
        reasons += [Reason("volatile", f"always built: it uses {what}") for what in identity.volatile]
    return reasons


def _not_there(record: BuildRecord | None, published: Published | None, moved_to: str | None = None) -> list[Reason]:
    if record is None:
        return [Reason("never_built", "no build is recorded")]
    if moved_to is not None and (published is None or published.stamp != record.stamp):
        return [Reason("place_changed", f"its relation is {moved_to} now, and was {record.relation}")]
    if published is None:
        return [Reason("relation_missing", f"{record.relation} no longer exists")]
    if published.stamp != record.stamp:
        return [Reason("relation_replaced", f"{record.relation} was replaced since its last build")]
    if published.is_query and published.relation not in (None, record.relation):
        return [Reason("relation_replaced", f"it was built as {record.relation}, and is {published.relation} now")]
    if None not in (published.rows, record.rows) and published.rows != record.rows:
        return [Reason("relation_replaced", f"{record.relation} has {published.rows} rows, not {record.rows}")]
    return []


def _itself_changed(identity: NodeIdentity, record: BuildRecord | None) -> list[Reason]:
    if record is None:
        return []
    old = record.fingerprint
    if old is None:
        return [Reason("format_changed", "it was recorded by another version of FFT")]
    reasons = []
    now = fingerprint_of(identity, old.inputs)
    if old.code != now.code:
        reasons.append(Reason("code_changed", f"its {identity.code_name} changed"))
    before = dict(old.config)
    if COLUMNS in now.config and old.code == now.code:
        before.setdefault(COLUMNS, now.config[COLUMNS])
    if before != now.config:
        keys = ", ".join(changed_keys(before, now.config))
        reasons.append(Reason("config_changed", f"its config changed: {keys}"))
    if old.place != now.place:
        reasons.append(Reason("profile_changed", f"it was built on {old.place}, and this is {now.place}"))
    elif old.code == now.code and old.environment != now.environment:
        reasons.append(Reason("environment_changed", _environment_detail(old, now)))
    return reasons


def _environment_detail(old: Fingerprint, now: Fingerprint) -> str:
    added = sorted(set(now.environment_names) - set(old.environment_names))
    gone = sorted(set(old.environment_names) - set(now.environment_names))
    said = [f"{name} was set" for name in added] + [f"{name} is no longer set" for name in gone]
    return "; ".join(said) or f"the value of one of these variables changed: {', '.join(now.environment_names)}"


def _inputs_changed(
    inputs: Mapping[str, InputVersion], record: BuildRecord | None, defined: Mapping[str, Version]
) -> list[Reason]:
    old = record.fingerprint.inputs if record and record.fingerprint else None
    reasons = []
    for name, value in inputs.items():
        before = None if old is None else old.get(name)
        if name in defined:
            reason = None if old is None or before == value.version else _definition_reason(defined[name], before)
        else:
            reason = _input_reason(name, value, before, is_first=old is None)
        if reason is not None:
            reasons.append(reason)
    if old is not None:
        gone = [name for name in old if name not in inputs and name != QUERY]
        reasons += [_gone_reason(name) for name in gone]
    return reasons


def _definition_reason(version: Version, before: str | None) -> Reason:
    return Reason("definition_changed", f"{version.said} {'was not used before' if before is None else 'changed'}")


def _gone_reason(name: str) -> Reason:
    if is_definition(name):
        return Reason("definition_changed", f"it no longer uses {name}, which is defined in the database")
    return Reason("input_changed", f"{name} is no longer read")


def _input_reason(name: str, value: InputVersion, before: str | None, *, is_first: bool) -> Reason | None:
    kind: ReasonKind = "source_changed" if value.is_source else "input_changed"
    if value.version is None and value.is_source:
        return Reason("source_unversioned", f"source {name} has no known version, so it counts as changed")
    if is_first:
        return None
    if before is None:
        return Reason(kind, f"{name} was not read before")
    if value.version is None:
        if value.may_stay:
            return Reason("input_may_change", f"{name} is built first; if its rows stay equal, this is reused")
        return Reason(kind, f"{name} {value.why_open}")
    return Reason(kind, f"{name} changed") if value.version != before else None


def _checks_version(identity: NodeIdentity, versions: Mapping[str, InputVersion], remembered: Remembered) -> str | None:
    """Return a digest of all that the results of the checks depend on, beside the rows; None if it cannot be known."""
    if remembered.definitions.strange(identity.check_unknown):
        return None
    defined = remembered.definitions.used_by(identity.check_names, (identity.name, *identity.check_inputs))
    if not identity.check_inputs and not defined:
        return identity.checks
    targets = {name: versions.get(name, InputVersion(None)).version for name in identity.check_inputs}
    targets.pop(identity.name, None)
    targets |= {version.key: version.digest for version in defined}
    return None if None in targets.values() else digest_of([identity.checks, targets])
