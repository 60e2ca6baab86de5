"""What a template reads by names that are not written out counts; what gives another text each time is volatile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from jinja2.sandbox import SandboxedEnvironment
from skip_helpers import built, place

from fft_core import FftError, load_project
from fft_core.compile.identity import project_identities
from fft_core.project.read.sql_file import new_environment

PROJECT = "name: skips\nversion: '1'\nvars: {day: 2020-01-01, name: a, cols: [1], few: !!set {a, b, c}}\n"


def volatile(root: Path, template: str, macros: str = "") -> tuple[str, ...]:
    files = {"project.yml": PROJECT, "models/m.ff.sql": template, "models/macros/x.sql": macros}
    project = load_project(place(root, files).root, "dev", environment={"A": "a"})
    (identity,) = project_identities(project)
    return identity.volatile


COMPUTED: Mapping[str, Mapping[str, str]] = {
    "map": {"models/m.ff.sql": "select '{{ ['OUR_X'] | map('env') | first }}' as x"},
    "map of map": {"models/m.ff.sql": "select '{{ [['OUR_X']] | map('map', 'env') | first | first }}' as x"},
    "filter of an expression": {"models/m.ff.sql": "select '{{ ('OUR' ~ '_X') | env }}' as x"},
    "filter of a block": {"models/m.ff.sql": "select '{% filter env %}OUR_X{% endfilter %}' as x"},
    "a list of arguments": {"models/m.ff.sql": "select '{{ env(*['OUR_X']) }}' as x"},
    "a mapping": {"models/m.ff.sql": "select '{{ {'e': env}.e('OUR_X') }}' as x"},
    "a list": {"models/m.ff.sql": "{% for e in [env] %}select '{{ e('OUR_X') }}' as x{% endfor %}"},
    "an argument": {
        "models/m.ff.sql": "select '{{ x(env) }}' as x",
        "models/macros/x.sql": "{% macro x(e) %}{{ e('OUR_X') }}{% endmacro %}",
    },
    "a name that a macro is given": {
        "models/m.ff.sql": "select '{{ x('OUR_X') }}' as x",
        "models/macros/x.sql": "{% macro x(n) %}{{ env(n) }}{% endmacro %}",
    },
    "map in a macro": {
        "models/m.ff.sql": "select '{{ x() }}' as x",
        "models/macros/x.sql": "{% macro x() %}{{ ['OUR_X'] | map('env') | join }}{% endmacro %}",
    },
    "a macro of a macro's file": {
        "models/m.ff.sql": "select '{{ x() }}' as x",
        "models/macros/x.sql": "{% set n = ['OUR_X'] | map('env') | list %}{% macro x() %}{{ n[0] }}{% endmacro %}",
    },
    "what a caller says": {
        "models/m.ff.sql": "{% call x() %}{{ env('OUR_X') }}{% endcall %}",
        "models/macros/x.sql": "{% macro x() %}select '{{ caller() }}' as x{% endmacro %}",
    },
    "a namespace": {"models/m.ff.sql": "{% set n = namespace(e=env) %}select '{{ n.e('OUR_X') }}' as x"},
    "a delta": {
        "models/m.ff.sql": "{{ config(materialized='incremental', unique_key='x', "
        "delta_sql=\"select '{{ ['OUR_X'] | map('env') | first }}' as x\") }} select 'a' as x"
    },
}


@pytest.mark.parametrize("name", COMPUTED)
def test_a_variable_by_a_computed_name_counts_also_where_the_text_was_cached(tmp_path: Path, name: str) -> None:
    made = built(tmp_path, COMPUTED[name], OUR_X="1")
    assert not made.due()  # this fills the cache of rendered code
    made.environment["OUR_X"] = "2"
    assert made.due() == {"m": ["code_changed"]}


VOLATILE = {
    "select '{{ [1, 2] | random }}' as x": "the filter random",
    "select '{{ [[1, 2]] | map('random') | first }}' as x": "the filter random",
    "select '{{ [[[1]]] | map('map', 'random') | first | first }}' as x": "the filter random",
    "select '{% filter random %}ab{% endfilter %}' as x": "the filter random",
    "select '{{ lipsum(1, false) }}' as x": "lipsum()",
    "{% set say = lipsum %}select '{{ say() }}' as x": "lipsum()",
    "{% set f = 'env' %}select '{{ ['OUR_X'] | map(f) | first }}' as x": "a filter whose name is computed",
    "select '{{ ['a'] | map(var('name') and 'upper') | first }}' as x": "a filter whose name is computed",
    "select '{{ var('day').today() }}' as x": "today()",
    "select '{{ var('day')['today']() }}' as x": "today()",
    "{% set t = var('day').today %}select '{{ t() }}' as x": "a call of something that is computed",
    "select '{{ (var('day') | attr('today'))() }}' as x": "a call of something that is computed",
    "select '{{ ([var('day')] | map(attribute='today') | first)() }}' as x": "a call of something that is computed",
    "{% set n = 'to' ~ 'day' %}select '{{ var('day')[n]() }}' as x": "a call of something that is computed",
}


@pytest.mark.parametrize("template", VOLATILE)
def test_a_template_that_gives_another_text_each_time_is_volatile(tmp_path: Path, template: str) -> None:
    assert volatile(tmp_path, template) == (VOLATILE[template],)


@pytest.mark.parametrize(
    "macros",
    [
        "{% macro x() %}{{ [1, 2] | random }}{% endmacro %}",
        "{% set N = [1, 2] | random %}{% macro x() %}{{ N }}{% endmacro %}",
        "{% macro x(n=[1, 2] | random) %}{{ n }}{% endmacro %}",
        "{% macro x() %}{{ y() }}{% endmacro %}{% macro y() %}{{ [1, 2] | random }}{% endmacro %}",
    ],
)
def test_a_macro_that_gives_another_text_each_time_makes_its_readers_volatile(tmp_path: Path, macros: str) -> None:
    assert volatile(tmp_path, "select {{ x() }} as x", macros) == ("the filter random",)


def test_readers_of_an_ephemeral_model_are_volatile_with_it(tmp_path: Path) -> None:
    files = {
        "models/chance.ff.sql": "{{ config(materialized='ephemeral') }} select {{ [1, 2] | random }} as x",
        "models/m.ff.sql": "select * from {{ ref('chance') }}",
    }
    (identity,) = project_identities(load_project(place(tmp_path, files).root, "dev", environment={}))
    assert identity.volatile == ("the filter random",)


STEADY = [
    "select {{ range(200000) | sum }} as x, '{{ this.name }}' as y",
    "{% set n = namespace(a=1) %}{% for i in [1, 2] %}{% set n.a = n.a + i %}{% endfor %}select {{ n.a }} as x",
    "{% set c = cycler('a', 'b') %}select '{{ c.next() }}{{ c.next() }}' as x",
    "{% set j = joiner(', ') %}select {% for i in [1, 2] %}{{ j() }}{{ i }} as c{{ i }}{% endfor %}",
    "select {{ {'a': 1, 'b': 2}[var('name')] }} as x",
    "select '{{ var('day').strftime('%Y-%m') }}' as x",
    "select '{{ ['b', 'a'] | sort | map('upper') | join(',') }}' as x",
    "select '{{ [{'a': 1}] | map(attribute='a') | first }}' as x",
    "select '{{ dict(today=1).today }}' as x",
    "select {{ [3, 1] | select('odd') | list | length }} as x",
    "{% set cols = var('cols') %}{% do cols.append(2) %}select {{ cols | join(' + ') }} as x",
]


@pytest.mark.parametrize("template", STEADY)
def test_what_always_gives_the_same_text_is_steady(tmp_path: Path, template: str) -> None:
    assert volatile(tmp_path, template) == ()


def test_every_filter_test_and_global_of_jinja_has_been_looked_at() -> None:
    """A new version of Jinja that brings another one fails here: it is steady, or belongs to `template_reads`."""
    ours, known = new_environment(), SandboxedEnvironment()
    assert set(ours.filters) - set(known.filters) == {"var", "env"}
    assert set(ours.globals) == {"range", "dict", "lipsum", "cycler", "joiner", "namespace"}
    steady = (
        "abs attr batch capitalize center count d default dictsort e escape filesizeformat first float forceescape "
        "format groupby indent int items join last length list lower map max min pprint reject rejectattr replace "
        "reverse round safe select selectattr slice sort string striptags sum title tojson trim truncate unique "
        "upper urlencode urlize wordcount wordwrap xmlattr"
    )
    assert set(known.filters) == {*steady.split(), "random"}
    tests = (
        "!= < <= == > >= boolean callable defined divisibleby eq equalto escaped even false filter float ge "
        "greaterthan gt in integer iterable le lessthan lower lt mapping ne none number odd sameas sequence string "
        "test true undefined upper"
    )
    assert set(known.tests) == set(tests.split())


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ref.__globals__ }}",
        "{{ '{0.__class__}'.format('a') }}",
        "{{ ''|attr('__class__') }}",
    ],
)
def test_a_template_cannot_reach_the_insides_of_python(tmp_path: Path, template: str) -> None:
    with pytest.raises(FftError, match=r"models/m\.ff\.sql:1: .*unsafe"):
        volatile(tmp_path, f"select '{template}' as x")


def test_what_a_template_does_to_a_variable_is_not_seen_by_others(tmp_path: Path) -> None:
    text = "{% set cols = var('cols') %}{% do cols.append(2) %}select '{{ cols }}' as x"
    made = built(tmp_path, {"project.yml": PROJECT, "models/a.ff.sql": text, "models/b.ff.sql": text})
    assert made.sql("select x from a union all select x from b") == [("[1, 2]",)] * 2


def test_a_set_of_yaml_has_an_order(tmp_path: Path) -> None:
    text = "select '{{ var('few') | join }}' as x"
    made = built(tmp_path, {"project.yml": PROJECT, "models/a.ff.sql": text})
    assert made.sql("select x from a") == [("abc",)]
