"""Comments are where the database sees them, so that Jinja in them is not looked at, and Jinja in text is."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlglot import Dialect, TokenError

from fft_core.project.sql_comments import blank_comments, comments_of

QUOTES = {
    "postgres": ["'", '"', "E'", "e'", "N'", "$$", "$t$", "$1"],
    "bigquery": ["'", '"', "'''", '"""', "r'", "b'", "`", "#"],
    "snowflake": ["'", '"', "$$", "$", "//"],
    "databricks": ["'", '"', "r'", 'R"', "`"],
}
COMMON = ["a", " ", "\n", "1", "--", "-", "/*", "*/", "/", "*", "\\", "''", "'a'", "(", ",", ";", "/* x */", "-- y\n"]


def texts(dialect: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from([*COMMON, *QUOTES[dialect]]), max_size=14).map("".join)


def seen_by_sqlglot(text: str, dialect: str) -> str | None:
    """The text with spaces wherever no token is; None if it is no SQL."""
    try:
        tokens = Dialect.get_or_raise(dialect).tokenize(text)
    except TokenError:
        return None
    kept = ["\n" if character == "\n" else " " for character in text]
    for token in tokens:
        kept[token.start : token.end + 1] = text[token.start : token.end + 1]
    return "".join(kept)


def seen_by_duckdb(text: str) -> list[tuple[int, str]]:
    """Where each token begins by DuckDB's own scanner, which is that of Postgres, and whether it is a comment."""
    return [(start, str(kind).rpartition(".")[2]) for start, kind in duckdb.tokenize(text)]


@settings(max_examples=500, deadline=None)
@example("/*/* x */*/ 1")
@example("select e'it\\'s' -- x")
@given(texts("postgres"))
def test_comments_are_what_duckdb_and_postgres_take_for_comments(text: str) -> None:
    found = list(comments_of(text, "postgres"))
    if "/*+" in text or not all(comment.is_closed for comment in found):
        return  # a comment without an end is an error of the database
    blanked = blank_comments(text, "postgres")
    tokens = seen_by_duckdb(text)
    assert seen_by_duckdb(blanked) == [token for token in tokens if token[1] != "comment"]
    assert {start for start, kind in tokens if kind == "comment"} <= {comment.start for comment in found}


@pytest.mark.parametrize("dialect", ["bigquery", "snowflake", "databricks"])
def test_comments_are_what_the_tokenizer_leaves_out(dialect: str) -> None:
    @settings(max_examples=300, deadline=None)
    @given(texts(dialect))
    def check(text: str) -> None:
        expected = seen_by_sqlglot(text, dialect)
        if (
            expected is None
            or "/*+" in text
            or "/*/" in text
            or not all(c.is_closed for c in comments_of(text, dialect))
        ):
            return  # sqlglot takes a comment without an end as one, and miscounts the inner one of /*/* */ */
        assert blank_comments(text, dialect) == expected

    check()
