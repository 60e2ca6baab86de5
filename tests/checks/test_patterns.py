r"""The dialect of patterns: each engine finds what Python finds; what engines read in different ways is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from targets import Target

from fft_core.engines.protocol import Session, open_session
from fft_core.engines.spec.patterns import PatternError, common_pattern

CHARS = "ab1_ .-\n\t^]é$\\{"
ATOMS = [r"a", r"b", r".", r"\d", r"\w", r"\S", r"\W", r"\s", r"[ab]", r"[^a]", r"[a-c\d]", r"[\^\]\-\\]", r"[^\w\n]",
         r"\.", r"\\", r"\$", r"\{", r"\n", "é", " ", "-", r"[é-ü]", "^", "$"]  # fmt: skip
TIMES = ["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "+?", "*?", "{1,2}?"]


def pieces() -> st.SearchStrategy[str]:
    atom = st.sampled_from(ATOMS)
    plain = st.tuples(atom, st.sampled_from(TIMES)).map(lambda p: p[0] if p[0] in "^$" else p[0] + p[1])
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map("".join),
            st.tuples(inner, inner, st.sampled_from(["", "?", "{2}"])).map(lambda p: f"(?:{p[0]}|{p[1]}){p[2]}"),
            st.tuples(inner, st.sampled_from(["", "*"])).map(lambda p: f"({p[0]}){p[1]}"),
        ),
        max_leaves=6,
    )


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Session]:
    target = Target(request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None)
    with target.settings() as found:
        session = open_session(target.engine, found)
        yield session
        session.close()


def in_python(pattern: str, text: str) -> bool:
    whole = re.sub(r"(?<!\\)((?:\\\\)*)\$", r"\1\\Z", pattern)  # its $ stands before the end of a last line as well
    return re.search(whole, text, re.ASCII | re.DOTALL) is not None


def test_engines_find_what_python_finds(engine: Session) -> None:
    @settings(max_examples=300)
    @given(pieces(), st.lists(st.text(CHARS, max_size=6), min_size=1, max_size=8))
    def check(pattern: str, texts: list[str]) -> None:
        spell = engine.spelling
        values = ", ".join(f"({i}, {spell.cast(spell.text(text), 'text')})" for i, text in enumerate(texts))
        rows = engine.fetch(f"select {spell.matches('x', pattern)} from (values {values}) as v(i, x) order by i")
        assert [row[0] for row in rows] == [in_python(pattern, text) for text in texts]

    check()


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"\bword\b", r"\b, which has different meanings in different engines"),
        (r"(a)\1", r"\1, which"),
        (r"\p{L}", r"\p, which"),
        (r"(?=a)", "(?=; groups are (...) or (?:...)"),
        (r"(?i)a", "(?i; groups"),
        (r"(?P<x>a)", "(?P; groups"),
        ("[[:alpha:]]", "a [ inside [...]"),
        ("[z-a]", "a range from z to a"),
        ("[]", "an empty []"),
        ("[a", "an unclosed ["),
        ("(a", "an unclosed ("),
        ("a)", "an unmatched )"),
        ("a**", "a * after a *"),
        ("a++", "a + after a +"),
        ("*a", "a * at position 1"),
        ("^*", "a * after ^"),
        ("a{", "a { at position 2"),
        ("a{256}", "at most 255"),
        ("a{3,2}", "{3,2}"),
        ("(a{100}){100}", "more than 1000 in all"),
        ("a||b", "an empty alternative"),
        ("()", "an empty alternative"),
        ("a\\", "\\, which"),
        (r"\é", "\\é, which"),
        (r"[\D]", r"\D, which"),
    ],
)
def test_what_engines_read_in_different_ways_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(PatternError, match=re.escape(said)) as caught:
        common_pattern(pattern)
    assert repr(pattern) in str(caught.value)
