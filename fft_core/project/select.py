"""The selection grammar: text like `tag:nightly,+mart_*` becomes a set of models and seeds."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence

from fft_core.errors import FftError, nearest
from fft_core.names import model_name
from fft_core.project.model import Model, Project, Seed

_TERM = re.compile(r"(?P<at>@)?(?P<up>\d*\+)?(?P<what>[^+]+?)(?P<down>\+\d*)?$")


def select(project: Project, expressions: Sequence[str], exclude: Sequence[str] = ()) -> frozenset[str]:
    """Choose stored models and seeds by name.

    Within an expression, a space unites and a comma intersects; a repeated expression narrows, as documented for FFT.
    A term is a name or glob, or `tag:`, `path:`, `kind:` (sql, python, seed), `type:` or `config.materialized:`
    (table, view), `source:group.table`; `+x` adds what x reads, `x+` what reads x, `2+x` only so many steps, `@x`
    adds what reads x and all that those read.

    Raises:
        FftError: a term is no term, or a plain name is not there.
    """
    stored = frozenset(node.name for node in project.stored())
    chosen = stored
    for expression in expressions:
        chosen &= _united(project, expression)
    for expression in exclude:
        chosen -= _united(project, expression)
    return chosen & stored


def _united(project: Project, expression: str) -> frozenset[str]:
    parts = [_intersected(project, part) for part in expression.split()]
    return frozenset().union(*parts)


def _intersected(project: Project, expression: str) -> frozenset[str]:
    terms = [_term(project, term) for term in expression.split(",") if term]
    return frozenset.intersection(*terms) if terms else frozenset()


def _term(project: Project, text: str) -> frozenset[str]:
    match = _TERM.match(text)
    if match is None:
        raise FftError(f"{text!r} is not a selection", hint="As in +mart_users, tag:nightly or path:models/marts.")
    found = set(_named(project, match["what"]))
    if match["at"]:
        below = found | {name for start in found for name in project.downstream(start)}
        return frozenset(below | {name for start in below for name in project.upstream(start)})
    reached = set(found)
    if match["up"]:
        reached |= _steps(found, project.reads, match["up"].rstrip("+"))
    if match["down"]:
        reached |= _steps(found, project.read_by, match["down"].lstrip("+"))
    return frozenset(reached)


def _steps(start: set[str], step: Callable[[str], Sequence[str]], count: str) -> set[str]:
    reached, frontier, left = set(start), set(start), int(count) if count else -1
    while frontier and left:
        frontier = {name for node in frontier for name in step(node)} - reached
        reached |= frontier
        left -= 1
    return reached


def _named(project: Project, what: str) -> set[str]:
    method, colon, value = what.partition(":")
    nodes: list[Model | Seed] = [*project.models.values(), *project.seeds.values()]
    if not colon:
        return _by_name(what, [node.name for node in nodes])
    tests: dict[str, Callable[[Model | Seed], bool]] = {
        "tag": lambda node: value in node.tags,
        "path": lambda node: _under(node, value),
        "kind": lambda node: value == (node.kind if isinstance(node, Model) else "seed"),
        "type": lambda node: isinstance(node, Model) and node.materialization.name == value,
        "source": lambda node: isinstance(node, Model) and any(_matches(str(s), value) for s in node.sources),
    }
    tests["config.materialized"] = tests["type"]
    if method not in tests:
        raise FftError(
            f"{method!r} is not a way to select", hint=nearest(method, tests) or f"Ways: {', '.join(tests)}."
        )
    return {node.name for node in nodes if tests[method](node)}


def _by_name(pattern: str, names: list[str]) -> set[str]:
    name = model_name(pattern)
    found = {known for known in names if fnmatch.fnmatchcase(known, name)}
    if not found and not any(mark in name for mark in "*?["):
        hint = nearest(name, names) or "fft plan lists all models."
        raise FftError(f"{pattern!r} is not a model or seed", hint=hint)
    return found


def _under(node: Model | Seed, folder: str) -> bool:
    path = node.path.as_posix()
    wanted = folder.rstrip("/")
    return path == wanted or path.startswith(f"{wanted}/") or fnmatch.fnmatchcase(path, wanted)


def _matches(source: str, value: str) -> bool:
    return fnmatch.fnmatchcase(source, value) or source.partition(".")[0] == value
