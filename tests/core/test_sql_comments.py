"""Comments are where the database sees them, so that Jinja in them is not looked at, and Jinja in text is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlglot import Dialect, TokenError
from targets import Target
from written_projects import loaded, problems, write_project

from fft_core import FftError, load_project, open_warehouse
from fft_core.compile.identity import project_identities
from fft_core.engines import bigquery, databricks, postgres, snowflake
from fft_core.engines.spec.registry import spec_of
from fft_core.project.read.sql_comments import blank_comments, comment_problems, comments_of, without_jinja_in_comments
from fft_core.run.turn import build_model

LEXES = {
    "duckdb": spec_of("duckdb").lexis,
    "postgres": postgres.SPEC.lexis,
    "bigquery": bigquery.LEXIS,
    "snowflake": snowflake.LEXIS,
    "databricks": databricks.LEXIS,
}

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
    """Where each token begins by DuckDB's own scanner, the relation of Postgres, and whether it is a comment."""
    return [(start, str(kind).rpartition(".")[2]) for start, kind in duckdb.tokenize(text)]


@settings(max_examples=500, deadline=None)
@example("/*/* x */*/ 1")
@example("select e'it\\'s' -- x")
@given(texts("postgres"))
def test_comments_are_what_duckdb_and_postgres_take_for_comments(text: str) -> None:
    found = list(comments_of(text, LEXES["postgres"]))
    if "/*+" in text or not all(comment.is_closed for comment in found):
        return  # a comment without an end is an error of the database
    blanked = blank_comments(text, LEXES["postgres"])
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
            or not all(c.is_closed for c in comments_of(text, LEXES[dialect]))
        ):
            return  # sqlglot takes a comment without an end as one, and miscounts the inner one of /*/* */ */
        assert blank_comments(text, LEXES[dialect]) == expected

    check()


JINJA = [
    "{{ v }}",
    '{{ "it\'s--" }}',
    "{{ '/*' }}",
    "{# it's #}",
    "{% if x == '*/' %}",
    "{{ {'a': {'b': '}}'}} }}",
    "{%- do x -%}",
]


@settings(max_examples=500, deadline=None)
@example(["E'", "\\", '{{ "it\'s--" }}', "--'"])
@given(st.lists(st.sampled_from([*COMMON, *QUOTES["postgres"], *JINJA]), max_size=14))
def test_jinja_between_pieces_of_sql_changes_no_comment(pieces: list[str]) -> None:
    """Whatever is in it, it counts as much as commas: it is jumped over."""
    text, plain = "".join(pieces), "".join("," * len(piece) if piece in JINJA else piece for piece in pieces)
    expected = list(comments_of(plain, LEXES["postgres"]))
    in_comments = any(comment.start <= start < comment.end for comment in expected for start in _starts(pieces))
    if not in_comments:  # there, `*/` in Jinja ends the comment as any other does
        assert list(comments_of(text, LEXES["postgres"])) == expected


def _starts(pieces: list[str]) -> Iterator[int]:
    start = 0
    for piece in pieces:
        if piece in JINJA:
            yield start
        start += len(piece)


# what is commented out -> what remains of it to be looked at; {} stands for Jinja
IGNORED = [
    "select 1 as x -- {}",
    "select 1 as x --{}\n",
    "select 1 as x /* {} */",
    "select 1 as x /* outer /* inner */ {} */",
    "/* {} */ select $$it's$$ as x",
    "select $$it's$$ as x -- {}",
    "select $tag$it's $$ -- $tag$ as x -- {}",
    "select E'it\\'s' as x -- {}",
    "select e'\\\\' as x -- {}",
    "select 'a\\' as x -- {}",
    "select 'it''s -- x' as x -- {}",
    'select 1 as "a--b""c" -- {}',
    "select 1 as x -- it's {}\n, 2 as y -- isn't {}",
    'select 1 as x -- "{}\n',
    "select '/*' as x -- {}",
    "select '{{{{ \"it's\" | length }}}}' as x -- {}",
    "select '{{{{ var('v', 'a--b') }}}}' as x -- {}",
    "select {{{{ {{'a': {{'b': 1}}}}['a']['b'] }}}} as x -- {}",
    "select 1 as x {{# it's -- #}} -- {}",
    "select {{% raw %}}'{{{{ -- it''s'{{% endraw %}} as x -- {}",
    "select 1/* {} */as x",
    "select 1 as x -- {}\n-- {}\n",
    "-- {{{{ config(\n--   materialized='view'\n-- ) }}}}\nselect 1 as x -- {}",
    "select 1 as x -- {}\r\n, 2 as y",
    "select 1 as a$$ -- {}",
    "select date'2020-01-01' as x -- {}",
]


@pytest.mark.parametrize("template", IGNORED)
def test_jinja_in_comments_is_ignored(tmp_path: Path, template: str) -> None:
    text = template.format(*["{{ ref('gone') }}"] * 3)
    project = loaded(tmp_path, {"models/m.ff.sql": text})
    assert project.models["m"].inputs == ()
    with open_warehouse(project) as warehouse:
        build_model(warehouse, project.models["m"])
    assert without_jinja_in_comments(text, LEXES["duckdb"]).count("\n") == text.count("\n")


READ = [
    ("select '-- {{ var('v', 'kept') }}' as x", "-- kept"),
    ("select '/* {{ var('v', 'kept') }} */' as x", "/* kept */"),
    ("select $$\n-- {{ var('v', 'kept') }}\nend$$ as x", "\n-- kept\nend"),
    ("select $q$a $$ -- {{ var('v', 'kept') }}$q$ as x", "a $$ -- kept"),
    ("select E'it\\'s -- {{ var('v', 'kept') }}' as x", "it's -- kept"),
    ("select 'it''s -- {{ var('v', 'kept') }}' as x", "it's -- kept"),
    ("select '{{ var('v', 'a') }} -- {{ var('v', 'b') }}' as x", "a -- b"),
    ("select '{{ var('v', '--') }}' || '{{ var('v', '*/') }}' as x", "--*/"),
    ("select '{% raw %}-- {{ x }}{% endraw %}' as x", "-- {{ x }}"),
    ("select 1 /* it's */ || '{{ var('v', 'kept') }}' as x", "1kept"),
    ("select 'a' -- it's\n || '-- {{ var('v', 'kept') }}' as x", "a-- kept"),
]


@pytest.mark.parametrize(("template", "expected"), READ)
def test_jinja_in_text_is_read_on_each_engine(tmp_path: Path, target: Target, template: str, expected: str) -> None:
    with target.profile() as profile:
        project = loaded(tmp_path, {"models/m.ff.sql": template, "profiles.yml": profile})
        with open_warehouse(project) as warehouse:
            build_model(warehouse, project.models["m"])
            table = warehouse.relation("m").sql(warehouse.engine.spelling)
            assert warehouse.engine.fetch(f"select x from {table}") == [(expected,)]


PROBLEMS = {
    "select 1 as x\n-- {{ var(\n'v') }}": (
        "models/m.ff.sql:2: template error: this begins in a SQL comment and ends outside of it [FFT-130]"
    ),
    "select 1 as x\n/* {% if true %} */ -- {% endif\n%}": (
        "models/m.ff.sql:2: template error: this begins in a SQL comment and ends outside of it [FFT-130]"
    ),
    "select 1 as x\n\n/* {{ var('v') }}": "models/m.ff.sql:3: template error: an unclosed SQL comment [FFT-130]",
    "select 1 as x -- {% if true %}\n{% endif %}": "models/m.ff.sql:2: template error: Encountered unknown tag 'endif'",
    "{% if true %}\nselect 1 as x -- {% endif %}\n": "models/m.ff.sql:",
}


@pytest.mark.parametrize("template", PROBLEMS)
def test_jinja_that_is_half_in_a_comment_is_an_error_with_its_line(tmp_path: Path, template: str) -> None:
    (problem,) = problems(tmp_path, {"models/m.ff.sql": template})
    assert problem.startswith(PROBLEMS[template])
    assert "Jinja in SQL comments is ignored" in problem


def test_a_mark_of_jinja_in_a_comment_need_not_be_closed(tmp_path: Path) -> None:
    text = "-- what {{ means\nselect {'a': {'b': 1}} as x"
    assert loaded(tmp_path, {"models/m.ff.sql": text}).models["m"].inputs == ()
    assert comment_problems(text, Path("m.ff.sql"), LEXES["duckdb"]) == []


# --- macros -----------------------------------------------------------------------------------------------------------


MACROS_READ = [
    "{% macro x() %}\n-- {{ ref('gone') }}\n1{% endmacro %}",
    "{% macro x() %}1 /* {{ ref('gone') }} */{% endmacro %}",
    "{% macro x() %}1 -- {{ ref('gone') }}{% endmacro %}",
    "{# don't #}{% macro y() %}'{% endmacro %}\n{% macro x() %}1 -- {{ ref('gone') }}\n{% endmacro %}",
    "Don't call y.\n{% macro x() %}1 -- {{ ref('gone') }}\n{% endmacro %}",
    "-- {% macro x() %}{{ ref('gone') }}{% endmacro %}\n{% macro x() %}1{% endmacro %}",
]


@pytest.mark.parametrize("macros", MACROS_READ)
def test_jinja_in_comments_of_macros_is_ignored(tmp_path: Path, macros: str) -> None:
    files = {"models/m.ff.sql": "select\n{{ x() }}\nas x", "models/macros/x.sql": macros}
    project = loaded(tmp_path, files)
    with open_warehouse(project) as warehouse:
        build_model(warehouse, project.models["m"])
        assert warehouse.engine.fetch("select x from m") == [(1,)]


MACRO_ERRORS = {
    "{% macro x() %}\n{{ ref('gone') }}{% endmacro %}": "models/macros/x.sql:2: ref('gone') is not a model",
    "{% macro x() %}\n\n{{ source('a', 'b') }}{% endmacro %}": "models/macros/x.sql:3: source('a', 'b') is not in",
    "\n{% set r = ref('gone') %}{% macro x() %}{{ r }}{% endmacro %}": "models/macros/x.sql:2: ref('gone') is not a",
    "{% macro x() %}\n{{ 1 | nothing }}{% endmacro %}": "models/macros/x.sql:2: template error: No filter named",
    "\n\n{% set z = nothing.at_all %}{% macro x() %}{% endmacro %}": "models/macros/x.sql:3: template error: 'nothing'",
    "{% macro x() %}\n{{ y() }}{% endmacro %}\n{% macro y() %}\n{{ 1 / 0 }}{% endmacro %}": (
        "models/macros/x.sql:4: template error: ZeroDivisionError"
    ),
    "{% macro x(n='one') %}\n{{ ref(n) }}{% endmacro %}": (
        "models/macros/x.sql:2: ref('one') does not appear literally in m.ff.sql"
    ),
    "{% macro x() %}\n{% include 'y' %}{% endmacro %}": (
        "models/macros/x.sql:2: {% include %} is not supported [FFT-130]"
    ),
    "{% macro x() %}\n-- {{ var(\n'a') }}{% endmacro %}": "models/macros/x.sql:2: template error: this begins in a SQL",
}


@pytest.mark.parametrize("macros", MACRO_ERRORS)
def test_an_error_in_a_macro_names_its_file_and_line(tmp_path: Path, macros: str) -> None:
    files = {"models/m.ff.sql": "select {{ x() }} as x", "models/macros/x.sql": macros, "seeds/one.csv": "a\n1\n"}
    with pytest.raises(FftError) as caught:
        project_identities(loaded(tmp_path, files))
    assert str(caught.value).startswith(MACRO_ERRORS[macros])


def test_an_error_in_a_packages_macro_names_its_file_and_line(tmp_path: Path) -> None:
    files = {
        "shop/packages.yml": "packages: [{name: shared, path: ../shared}]\n",
        "shop/models/m.ff.sql": "select {{ x() }} as x",
        "shared/project.yml": "name: shared\nversion: '1'\n",
        "shared/models/macros/x.sql": "{% macro x() %}\n-- {{ ref('gone') }}\n{{ 1 / 0 }}{% endmacro %}",
    }
    write_project(tmp_path / "shop", {})
    write_project(tmp_path, files)
    with pytest.raises(FftError, match=r"^packages/shared/models/macros/x\.sql:3: template error: ZeroDivisionError"):
        project_identities(load_project(tmp_path / "shop", "dev", environment={}))
