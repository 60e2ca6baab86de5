"""The selection grammar, against a small reference implementation and the laws of sets; and what is no selection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeps import FACTOR

from fft_core import FftError, Model, Project, Seed, Source, select
from fft_core.errors import Location
from fft_core.project.model import Ephemeral, Incremental, Materialization, PythonBody, SourceName, SqlBody, Table, View

NAMES = ("alpha", "beta", "gamma", "delta", "alphabet", "mart_a", "mart_b")
TAGS = ("nightly", "core", "engine:duckdb", "engine:postgres")
FOLDERS = ("models", "models/staging", "models/marts", "models/marts/core")
SOURCES = (SourceName("crm", "users"), SourceName("crm", "orders"), SourceName("web", "visits"))
MATERIALIZATIONS: tuple[Materialization, ...] = (Table(), View(), Ephemeral(), Incremental())
FACTS = {"state": lambda value: {"alpha", "mart_a", "gone"}, "result": lambda value: {"beta"} if value == "ok" else ()}


@dataclass(frozen=True)
class Term:
    """A term in parts, as the reference understands it."""

    what: str
    found: frozenset[str]
    up: str = ""
    down: str = ""
    at: bool = False

    @property
    def text(self) -> str:
        return f"{'@' if self.at else self.up}{self.what}{'' if self.at else self.down}"


Expression = list[list[Term]]


def spelled(expression: Expression) -> str:
    return " ".join(",".join(term.text for term in terms) for terms in expression)


# the reference: sets of pairs, and nothing of the code that it judges


def steps(start: Collection[str], edges: Iterable[tuple[str, str]], count: int) -> set[str]:
    reached = set(start)
    for _ in range(count):
        reached |= {b for a, b in edges if a in reached}
    return reached


def count_of(mark: str) -> int:
    number = mark.replace("+", "")
    return int(number) if number else len(NAMES) + 5


def meant(term: Term, reads: set[tuple[str, str]]) -> set[str]:
    read_by = {(b, a) for a, b in reads}
    if term.at:
        below = steps(term.found, read_by, count_of("+"))
        return steps(below, reads, count_of("+"))
    up = steps(term.found, reads, count_of(term.up)) if term.up else set(term.found)
    return up | (steps(term.found, read_by, count_of(term.down)) if term.down else set())


def reference(project: Project, expressions: list[Expression], exclude: list[Expression]) -> set[str]:
    reads = {(name, read) for name, model in project.models.items() for read in model.refs}
    stored = {*project.seeds, *(n for n, m in project.models.items() if not isinstance(m.materialization, Ephemeral))}
    chosen = set(stored)
    for expression in expressions:
        chosen &= union(expression, reads)
    for expression in exclude:
        chosen -= union(expression, reads)
    return chosen


def union(expression: Expression, reads: set[tuple[str, str]]) -> set[str]:
    united: set[str] = set()
    for terms in expression:
        united |= set.intersection(*(meant(term, reads) for term in terms))
    return united


# projects and expressions


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """A graph without cycles: a model reads only what stands before it."""
    seeds = {name: Seed(name, f"raw/{name}", Path("seeds/raw") / f"{name}.csv") for name in ("seed_a", "seed_b")}
    models: dict[str, Model] = {}
    for name in NAMES:
        before: list[str | SourceName] = [*seeds, *models, *SOURCES]
        inputs = draw(st.lists(st.sampled_from(before), unique=True, max_size=4))
        is_python = draw(st.booleans())
        kept = [m for m in MATERIALIZATIONS if not (is_python and m.name in ("view", "ephemeral"))]
        models[name] = Model(
            name=name,
            path=Path(draw(st.sampled_from(FOLDERS))) / f"{name}.ff.{'py' if is_python else 'sql'}",
            body=PythonBody(name, 1) if is_python else SqlBody("select 1"),
            inputs=tuple(inputs),
            materialization=draw(st.sampled_from(kept)),
            tags=tuple(draw(st.lists(st.sampled_from(TAGS), unique=True, max_size=3))),
        )
    sources = {name: Source(name, name.table, Location(Path("sources.yml"), 1)) for name in SOURCES}
    return Project(Path("shop"), "shop", "1", "dev", "duckdb", models, seeds, sources)


def terms(project: Project) -> st.SearchStrategy[Term]:
    """Terms of every kind, with the nodes that each one finds."""
    models, everything = project.models.values(), [*project.models, *project.seeds]
    found: dict[str, Collection[str]] = {name: {name} for name in everything}
    found |= {f"{name}.ff": {name} for name in everything}
    found |= {
        "*": everything,
        "mart_*": {"mart_a", "mart_b"},
        "alpha*": {"alpha", "alphabet"},
        "?eta": {"beta"},
        "nothing_*": (),
        "state:modified": {"alpha", "mart_a"},
        "result:ok": {"beta"},
        "result:error": (),
        "kind:seed": set(project.seeds),
        "tag:engine:*": {m.name for m in models if {"engine:duckdb", "engine:postgres"} & {*m.tags}},
        "path:models": set(project.models),
        "path:./seeds/raw/": set(project.seeds),
        "source:crm": {m.name for m in models if any(s.group == "crm" for s in m.sources)},
        "source:*.visits": {m.name for m in models if SOURCES[2] in m.sources},
    }
    found |= {f"tag:{tag}": {m.name for m in models if tag in m.tags} for tag in TAGS}
    found |= {f"kind:{kind}": {m.name for m in models if m.kind == kind} for kind in ("sql", "python")}
    found |= {f"source:{name}": {m.name for m in models if name in m.sources} for name in SOURCES}
    for folder in FOLDERS[1:]:
        found[f"path:{folder}"] = {m.name for m in models if m.path.as_posix().startswith(f"{folder}/")}
    for kept in MATERIALIZATIONS:
        same = {m.name for m in models if m.materialization == kept}
        found |= {f"type:{kept.name}": same, f"config.materialized:{kept.name}": same}
    return st.builds(
        lambda what, up, down, at: Term(what, frozenset(found[what]), up, down, at),
        st.sampled_from(sorted(found)),
        st.sampled_from(["", "", "+", "0+", "1+", "2+"]),
        st.sampled_from(["", "", "+", "+0", "+1", "+2"]),
        st.sampled_from([False, False, False, True]),
    )


@st.composite
def cases(draw: st.DrawFn, count: int) -> tuple[Project, list[Expression]]:
    project = draw(projects())
    expression = st.lists(st.lists(terms(project), min_size=1, max_size=3), min_size=1, max_size=3)
    return project, [draw(expression) for _ in range(count)]


def chosen(project: Project, *expressions: str, exclude: Collection[str] = ()) -> frozenset[str]:
    return select(project, expressions, [*exclude], FACTS)


@settings(max_examples=60 * FACTOR, deadline=None)
@given(cases(4), st.integers(0, 2), st.integers(0, 2))
def test_a_selection_is_what_the_reference_says(
    case: tuple[Project, list[Expression]], selects: int, excludes: int
) -> None:
    project, expressions = case
    wanted, unwanted = expressions[:selects], expressions[2 : 2 + excludes]
    found = chosen(project, *map(spelled, wanted), exclude=[*map(spelled, unwanted)])
    assert found == reference(project, wanted, unwanted)


@settings(max_examples=20 * FACTOR, deadline=None)
@given(cases(3))
def test_the_laws_of_sets_hold(case: tuple[Project, list[Expression]]) -> None:
    project, expressions = case
    a, b, c = map(spelled, expressions)
    everything = chosen(project)
    # union
    assert chosen(project, f"{a} {b}") == chosen(project, a) | chosen(project, b) == chosen(project, f"{b} {a}")
    assert chosen(project, f"{a} {a}") == chosen(project, a)
    # narrowing
    assert chosen(project, a, b) == chosen(project, a) & chosen(project, b) == chosen(project, b, a)
    assert chosen(project, a, b, c) <= chosen(project, a, b)
    # exclude
    assert chosen(project, a, exclude=[b]) == chosen(project, a) - chosen(project, b)
    assert chosen(project, a, exclude=[b, c]) == chosen(project, a, exclude=[f"{b} {c}"])
    assert chosen(project, exclude=[a]) | chosen(project, a) == everything
    assert chosen(project, a, exclude=[a]) == frozenset()
    # they distribute
    assert chosen(project, f"{a} {b}", c) == chosen(project, a, c) | chosen(project, b, c)


@settings(max_examples=20 * FACTOR, deadline=None)
@given(cases(2))
def test_a_comma_intersects_terms(case: tuple[Project, list[Expression]]) -> None:
    project, ((first, *_), (second, *_)) = case
    a, b = first[0], second[0]
    both = chosen(project, f"{a.text},{b.text}")
    assert both == chosen(project, a.text) & chosen(project, b.text) == chosen(project, f"{b.text},{a.text}")
    assert both == chosen(project, a.text, b.text)
    assert chosen(project, f"{a.text} {a.text},{b.text}") == chosen(project, a.text)  # absorption


@settings(max_examples=20 * FACTOR, deadline=None)
@given(projects(), st.sampled_from(NAMES), st.integers(0, 9))
def test_steps_add_up(project: Project, name: str, count: int) -> None:
    assert chosen(project, f"{count}+{name}") <= chosen(project, f"{count + 1}+{name}") <= chosen(project, f"+{name}")
    assert chosen(project, f"+{name}+") == chosen(project, f"+{name} {name}+") <= chosen(project, f"@{name}")
    assert chosen(project, f"9+{name}") == chosen(project, f"+{name}")


@settings(max_examples=60 * FACTOR, deadline=None)
@given(projects(), st.text("ab*+@,: 2.?[]ß\n", max_size=12))
def test_any_text_is_a_selection_or_an_error_of_ours(project: Project, text: str) -> None:
    try:
        found = chosen(project, text)
    except FftError:
        return
    assert found <= chosen(project)


# what is no selection

SMALL = Project(
    Path("shop"),
    "shop",
    "1",
    "dev",
    "duckdb",
    {"users": Model("users", Path("models/users.ff.sql"), SqlBody("select 1"), tags=("core",))},
    {},
    {SOURCES[0]: Source(SOURCES[0], "users", Location(Path("sources.yml"), 1))},
)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("user", "'user' is not a model or seed [FFT-301]\n    hint: Did you mean 'users'?"),
        ("models", "'models' is not a model or seed [FFT-301]\n    hint: It is a folder: write path:models."),
        ("+", "'+' is not a selection [FFT-302]\n    hint: As in +mart_users, tag:nightly or path:models/marts."),
        ("a+b", "'a+b' is not a selection [FFT-302]"),
        ("tag:core, users", "'tag:core,' has a comma with an empty side [FFT-302]"),
        (",users", "',users' has a comma with an empty side [FFT-302]"),
        ("@users+", "'@users+' combines @ and + [FFT-302]\n    hint: @x selects x+ and all inputs"),
        ("@+users", "'@+users' combines @ and +"),
        ("tga:core", "'tga' is not a selection method [FFT-302]\n    hint: Did you mean 'tag'?"),
        ("tag:", "'tag:' has no value after the colon [FFT-302]"),
        ("path:", "'path:' has no value after the colon [FFT-302]"),
        ("kind:pyton", "kind:pyton is not valid [FFT-302]\n    hint: Did you mean 'python'?"),
        ("type:matview", "type:matview is not valid [FFT-302]"),
        ("source:crm.user", "'crm.user' is not a source [FFT-301]\n    hint: Did you mean 'crm.users'?"),
        (
            "state:modified",
            ("state: cannot be used here [FFT-302]\n    hint: It depends on the warehouse or on the last run"),
        ),
        ("result:ok", "result: cannot be used here"),
    ],
)
def test_what_is_no_selection_is_an_error(expression: str, message: str) -> None:
    with pytest.raises(FftError) as caught:
        select(SMALL, [expression])
    assert str(caught.value).startswith(message)


def test_facts_are_asked_only_where_an_expression_says_so() -> None:
    asked: list[str] = []

    def state(value: str) -> set[str]:
        asked.append(value)
        return {"users"}

    assert select(SMALL, ["users tag:core"], facts={"state": state}) == {"users"}
    assert asked == []
    assert select(SMALL, ["+state:modified+"], facts={"state": state}) == {"users"}
    assert asked == ["modified"]


@pytest.mark.parametrize("empty", ["", " ", "nothing_*", "tag:weekly", "source:web*"])
def test_what_matches_nothing_selects_and_excludes_nothing(empty: str) -> None:
    assert select(SMALL, [empty]) == frozenset()
    assert select(SMALL, [], [empty]) == {"users"}
