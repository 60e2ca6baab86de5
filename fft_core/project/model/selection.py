"""The selection grammar: text like `tag:nightly,+mart_*` becomes a set of models and seeds."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeAlias, TypeVar, get_args

from fft_core.errors import RequestError, nearest
from fft_core.names import model_name
from fft_core.project.model import Check, Materialization, Model, Node, Project, SourceName

Item = TypeVar("Item")
Meaning: TypeAlias = Callable[[str], Collection[Item]]  # of one term
Facts: TypeAlias = Mapping[str, Callable[[str], Collection[str]]]

_LAST_TERM = re.compile(r"(?P<before>(?:.*[ ,])?(?:@|\d*\+)?)(?P<term>[^ ,]*)$", re.DOTALL)
_TERM = re.compile(r"(?P<at>@)?(?P<up>\d*\+)?(?P<what>[^+]+?)(?P<down>\+\d*)?$")
_KINDS = ("sql", "python", "stream", "seed")
_MATERIALIZATIONS = tuple(kind.name for kind in get_args(Materialization))
_METHODS = ("tag", "path", "kind", "type", "config.materialized", "source", "state", "result")


def select(
    project: Project, expressions: Sequence[str], exclude: Sequence[str] = (), facts: Facts | None = None
) -> frozenset[str]:
    """Choose stored models and seeds by name.

    Within an expression, a space unites and a comma intersects; a repeated expression narrows, as documented for FFT.
    A term is a name or glob, or `tag:`, `path:`, `kind:` (sql, python, stream, seed), `type:` or `config.materialized:`
    (table, view, ...), `source:group.table`; `+x` adds everything that x depends on, `x+` everything that depends on x,
    `2+x` only two steps, and `@x` adds all dependents of x and all their dependencies.

    Args:
        project: The project to choose from.
        expressions: The selection; empty: everything.
        exclude: Nodes to leave out, in the same grammar.
        facts: Callbacks that answer `state:` and `result:`, which a project alone cannot: each takes the text behind
            the colon, and returns names of nodes. They are called only if an expression needs them.

    Raises:
        RequestError: a term is not valid, or it names something that does not exist.

    >>> from fft_core import load_project, select
    >>> sorted(select(load_project("shop"), ["kind:seed,+domains", "raw_*"], exclude=["raw_orders"]))
    ['raw_users']
    """
    stored = [node.name for node in project.stored()]
    return choose(stored, expressions, exclude, lambda term: _term(project, term, facts or {}))


def choose(
    items: Iterable[Item], expressions: Sequence[str], exclude: Sequence[str], meaning: Meaning[Item]
) -> frozenset[Item]:
    """Choose by expressions: within each, a space unites and a comma intersects; a repeated one narrows.

    Args:
        items: The items to choose from, all of which are chosen without an expression.
        expressions: The selection.
        exclude: Items to leave out.
        meaning: A callback that returns the items of a term.

    Raises:
        RequestError: a comma lacks a term on one side.
    """
    chosen = frozenset(items)
    for expression in expressions:
        chosen &= _united(expression, meaning)
    for expression in exclude:
        chosen -= _united(expression, meaning)
    return chosen


def _united(expression: str, meaning: Meaning[Item]) -> frozenset[Item]:
    return frozenset[Item]().union(*(_intersected(part, meaning) for part in expression.split()))


def _intersected(part: str, meaning: Meaning[Item]) -> frozenset[Item]:
    terms = part.split(",")
    if "" in terms:
        hint = "Write it without spaces: tag:nightly,kind:sql."
        raise RequestError(f"{part!r} has a comma with an empty side", hint=hint, code="FFT-302")
    return frozenset.intersection(*(frozenset(meaning(term)) for term in terms))


def split_last_term(text: str) -> tuple[str, str]:
    """Split a partly typed expression before its last term; `@` and `+` before the term belong to the first part.

    >>> split_last_term("tag:nightly,kind:sql +mar")
    ('tag:nightly,kind:sql +', 'mar')
    """
    match = _LAST_TERM.match(text)
    assert match is not None  # every text ends in a term, which may be empty
    return match["before"], match["term"]


def _term(project: Project, text: str, facts: Facts) -> frozenset[str]:
    match = _TERM.match(text)
    if match is None:
        raise RequestError(
            f"{text!r} is not a selection", hint="As in +mart_users, tag:nightly or path:models/marts.", code="FFT-302"
        )
    found = _found(project, match["what"], facts)
    if match["at"]:
        if match["up"] or match["down"]:
            raise RequestError(
                f"{text!r} combines @ and +", hint="@x selects x+ and all inputs of those models.", code="FFT-302"
            )
        below = found | {name for start in found for name in project.downstream(start)}
        return below | {name for start in below for name in project.upstream(start)}
    up = _steps(found, project.reads, match["up"]) if match["up"] else found
    down = _steps(found, project.read_by, match["down"]) if match["down"] else found
    return up | down


def _steps(start: frozenset[str], step: Callable[[str], Sequence[str]], mark: str) -> frozenset[str]:
    count = mark.strip("+")
    reached, frontier, left = start, start, int(count) if count else -1
    while frontier and left:
        frontier = frozenset(name for node in frontier for name in step(node)) - reached
        reached |= frontier
        left -= 1
    return reached


def _found(project: Project, what: str, facts: Facts) -> frozenset[str]:
    method, colon, value = what.partition(":")
    if not colon:
        is_elsewhere = model_name(what) in project.elsewhere  # of other engines: commands accept them for every engine
        return frozenset() if is_elsewhere else _by_name(project, what)
    if method not in _METHODS:
        hint = nearest(method, _METHODS) or f"Methods: {', '.join(_METHODS)}."
        raise RequestError(f"{method!r} is not a selection method", hint=hint, code="FFT-302")
    if not value:
        raise RequestError(
            f"{what!r} has no value after the colon", hint="As in tag:nightly or path:models/marts.", code="FFT-302"
        )
    if method in ("state", "result"):
        return _by_fact(project, method, value, facts)
    is_meant = _test(project, method, value)
    nodes: list[Node] = [*project.models.values(), *project.seeds.values()]
    return frozenset(node.name for node in nodes if is_meant(node))


def _by_fact(project: Project, method: str, value: str, facts: Facts) -> frozenset[str]:
    if method not in facts:
        hint = "It depends on the warehouse or on the last run, which the commands of fft look at."
        raise RequestError(f"{method}: cannot be used here", hint=hint, code="FFT-302")
    return frozenset(facts[method](value)) & {*project.models, *project.seeds}


def _test(project: Project, method: str, value: str) -> Callable[[Node], bool]:
    match method:
        case "tag":
            return lambda node: any(fnmatch.fnmatchcase(tag, value) for tag in node.tags)
        case "path":
            folder = posixpath.normpath(value)
            return lambda node: _under(node.path.as_posix(), folder)
        case "kind":
            refuse_unknown(method, value, _KINDS)
            return lambda node: value == (node.kind if isinstance(node, Model) else "seed")
        case "source":
            known = {str(name) for name in project.sources}
            groups = {name.group for name in project.sources}
            if _is_unknown(value, {*known, *groups}):
                hint = nearest(value, {*known, *groups}) or "As in source:crm or source:crm.users."
                raise RequestError(f"{value!r} is not a source", hint=hint, code="FFT-301")
            return lambda node: isinstance(node, Model) and any(_is_source(str(s), value) for s in node.sources)
    refuse_unknown(method, value, _MATERIALIZATIONS)
    return lambda node: isinstance(node, Model) and node.materialization.name == value


def _folder_hint(project: Project, what: str) -> str | None:
    """Return the term for a folder of the project, if a plain word is one: a folder alone selects nothing."""
    nodes: list[Node] = [*project.models.values(), *project.seeds.values()]
    folders = sorted({folder.as_posix() for node in nodes for folder in node.path.parents})
    word = what.strip("/")
    found = [folder for folder in folders if folder == word or folder.endswith(f"/{word}")]
    return f"It is a folder: write path:{found[0]}." if found else None


def _by_name(project: Project, pattern: str) -> frozenset[str]:
    name, names = model_name(pattern), [*project.models, *project.seeds]
    if _is_unknown(name, names):
        hint = nearest(name, names) or _folder_hint(project, pattern) or "fft ls lists all of them."
        raise RequestError(f"{name!r} is not a model or seed", hint=hint, code="FFT-301")
    return frozenset(known for known in names if fnmatch.fnmatchcase(known, name))


def _is_unknown(name: str, known: Collection[str]) -> bool:
    """Return whether a plain name does not exist, so that it is probably mistyped; a glob may match nothing."""
    return not any(mark in name for mark in "*?[") and name not in known


def refuse_unknown(method: str, value: str, known: Sequence[str]) -> None:
    """Raise RequestError for a value that is not valid for a method."""
    if value not in known:
        hint = nearest(value, known) or f"Known: {', '.join(f'{method}:{other}' for other in known)}."
        raise RequestError(f"{method}:{value} is not valid", hint=hint, code="FFT-302")


def _under(path: str, folder: str) -> bool:
    return folder == "." or path == folder or path.startswith(f"{folder}/") or fnmatch.fnmatchcase(path, folder)


def _is_source(source: str, value: str) -> bool:
    return fnmatch.fnmatchcase(source, value) or source.partition(".")[0] == value


def matching_nodes(project: Project, expression: str) -> frozenset[str]:
    """Choose models and seeds by one expression, ephemeral models included; `state:` and `result:` are refused.

    Raises:
        RequestError: a term is not valid, or it names something that does not exist.
    """
    names = [*project.models, *project.seeds]
    return choose(names, [expression], (), lambda term: _term(project, term, {}))


CheckIdentity: TypeAlias = tuple[str | SourceName, str]  # its node and its name


def identity_of(check: Check) -> CheckIdentity:
    """Return the identity of a check within its project."""
    return check.node, check.name


def meaning_of_checks(project: Project, nodes: Meaning[str] | None = None) -> Meaning[CheckIdentity]:
    """Return the checks that a term selects: those of the nodes that it selects, and those selected directly.

    A check is selected by its name, by its tag (`tag:fk`, or only `fk` if no model or seed is called so), and a check
    of a source by `source:`; `type:unique` selects the checks of this type.

    Args:
        project: The project to choose from.
        nodes: A callback that returns the nodes of a term; None: `project` answers.
    """
    selected = nodes or (lambda term: _term(project, term, {}))
    stored = {node.name for node in project.stored()}

    def meaning(term: str) -> frozenset[CheckIdentity]:
        own = frozenset(identity_of(check) for check in project.checks if _is_meant(check, term))
        method, colon, value = term.partition(":")
        if own and term not in stored and (not colon or method == "type"):
            return own
        if method == "type" and value:
            refuse_unknown(method, value, [*_MATERIALIZATIONS, *sorted({check.type for check in project.checks})])
        names = selected(term)
        return own | frozenset(identity_of(check) for check in project.checks if check.node in names)

    return meaning


def matching_checks(project: Project, expression: str) -> frozenset[CheckIdentity]:
    """Choose checks by one expression. Raises RequestError as `select` does."""
    return choose(map(identity_of, project.checks), [expression], (), meaning_of_checks(project))


def _is_meant(check: Check, term: str) -> bool:
    method, colon, value = term.partition(":")
    if not colon:
        return term == check.name or term in check.tags
    if method == "type":
        return check.type == value
    if method == "source" and isinstance(check.node, SourceName):
        return fnmatch.fnmatchcase(str(check.node), value) or check.node.group == value
    return method == "tag" and value in check.tags
