"""`hooks` of project.yml, with the files of hooks/: which of them a project has, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_projects import Files, loaded, problems

from fft_core import Relation, SourceName
from fft_core.compile.render import Naming, Renderer
from fft_core.engines.spec.registry import spec_of

CODE = """\
from fastflowtransform.hooks.registry import fft_hook
from fastflowtransform.hooks.types import HookContext
raise RuntimeError("a project is loaded without running this")

@fft_hook(name="told", when="after_model")
def after(context: HookContext) -> None: ...

@fft_hook(name="told", when="on_run_end")
def at_the_end(context: HookContext) -> None: ...

@fft_hook()
def everywhere(context): ...
"""
PROJECT = """\
name: shop
version: "1"
hooks:
  on_run_start:
    - {name: inline, kind: sql, sql: "create table if not exists audit (id int); insert into audit values (1)"}
    - {name: in_file, kind: sql, engines: [duckdb]}
    - {name: elsewhere, kind: sql, sql: select 1, engines: [bigquery]}
  on_run_end:
    - {name: told, kind: python, callable: hooks.code:other, params: {channel: dev}}
  before_model:
    - {name: everywhere, kind: python, select: "tag:a", envs: [dev, prod]}
    - {name: everywhere, kind: python, envs: prod}
  after_model:
    - {name: told, kind: python, select: ["tag:a", "users.ff"]}
"""
FILES: Files = {
    "project.yml": PROJECT,
    "hooks/audit/in_file.sql": "select '{{ run.run_id }}'",
    "hooks/code.py": CODE,
    "models/users.ff.sql": "select 1 as id",
}


def test_a_project_has_the_hooks_of_its_engine_and_environment(tmp_path: Path) -> None:
    hooks = loaded(tmp_path, FILES).hooks
    assert [(hook.phase, hook.name, hook.function) for hook in hooks] == [
        ("on_run_start", "inline", None),
        ("on_run_start", "in_file", None),
        ("on_run_end", "told", "at_the_end"),
        ("before_model", "everywhere", "everywhere"),
        ("after_model", "told", "after"),
    ]
    assert [hook.path.as_posix() if hook.path else None for hook in hooks[:3]] == [
        None,
        "hooks/audit/in_file.sql",
        "hooks/code.py",
    ]
    assert hooks[1].sql == "select '{{ run.run_id }}'"
    assert hooks[2].params == {"channel": "dev"}
    assert [hook.select for hook in hooks[3:]] == [("tag:a",), ("tag:a", "users.ff")]
    assert str(hooks[0].location) == "project.yml:5"


def test_a_changed_file_is_another_hook(tmp_path: Path) -> None:
    loaded(tmp_path, FILES)
    assert loaded(tmp_path, {**FILES, "hooks/audit/in_file.sql": "select 2"}).hooks[1].sql == "select 2"


def hook(phase: str, text: str) -> Files:
    return {"project.yml": f"name: shop\nversion: '1'\nhooks:\n  {phase}:\n    - {{{text}}}\n"}


WRONG: dict[str, tuple[Files, str]] = {
    "an unknown phase": (
        hook("on_run_begin", "name: x"),
        "project.yml:4: unknown key 'on_run_begin' in hooks [FFT-101]",
    ),
    "an unknown key": (
        hook("on_run_start", "name: in_file, engine: [x]"),
        "unknown key 'engine' in hooks.on_run_start.0 [FFT-101]",
    ),
    "an unknown kind": (
        hook("on_run_start", "name: in_file, kind: sqll"),
        "unknown value 'sqll' [FFT-106]\n    hint: Did you mean 'sql'?",
    ),
    "no name": (
        hook("on_run_start", "kind: sql"),
        "project.yml:5: missing key 'name' in hooks.on_run_start.0 [FFT-105]",
    ),
    "no SQL": (
        hook("on_run_start", "name: in_fil"),
        "project.yml:5: hook 'in_fil' has no SQL [FFT-162]\n    hint: Did you mean 'in_file'?",
    ),
    "no function": (
        hook("on_run_start", "name: tolld, kind: python"),
        "project.yml:5: there is no Python hook 'tolld' for on_run_start [FFT-162]\n    hint: Did you mean 'told'?",
    ),
    "a function of another phase": (
        hook("on_run_start", "name: told, kind: python"),
        "project.yml:5: there is no Python hook 'told' for on_run_start [FFT-162]\n    hint: It is for after_model.",
    ),
    "a selector of a run": (
        hook("on_run_end", "name: in_file, select: [x]"),
        (
            "project.yml:5: hook 'in_file' of on_run_end has `select` [FFT-162]\n"
            "    hint: Selectors are for before_model and after_model."
        ),
    ),
    "no such phase in code": (
        {"hooks/x.py": "@fft_hook(when='before_models')\ndef f(c): ...\n"},
        (
            "hooks/x.py:2: @fft_hook(when='before_models') is not a phase [FFT-162]\n    hint: Did you mean "
            "'before_model' or"
        ),
    ),
    "a computed name": (
        {"hooks/x.py": "@fft_hook(name='a' + 'b')\ndef f(c): ...\n"},
        "hooks/x.py:2: the arguments of @fft_hook must be literals, or constants of this file [FFT-131]",
    ),
    "two functions": (
        {"hooks/x.py": "@fft_hook(name='told')\ndef f(c): ...\n"},
        "there are several Python hooks 'told' for",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_where_it_stands(tmp_path: Path, case: str) -> None:
    files, said = WRONG[case]
    assert said in problems(tmp_path, {**FILES, **files})[0]


def test_a_table_of_a_hook_can_be_checked(tmp_path: Path) -> None:
    tests = """\
tests:
  - {type: not_null, table: audit, column: id}
  - {type: not_null, table: log_of_code, column: id}
  - {type: reconcile_equal, left: {table: audit, expr: count(*)}, right: {table: log_of_code, expr: count(*)}}
"""
    code = CODE.replace('when="on_run_end")\n', 'when="on_run_end")\n# writes log_of_code\n')
    project = loaded(tmp_path, {**FILES, "project.yml": PROJECT + tests, "hooks/code.py": code})
    assert [str(check.node) for check in project.checks] == ["hooks.audit", "hooks.log_of_code", "hooks.log_of_code"]
    assert project.sources[SourceName("hooks", "audit")].identifier == "audit"


def test_a_table_that_no_hook_names_is_unknown(tmp_path: Path) -> None:
    tests = "tests: [{type: not_null, table: audits, column: id}]\n"
    (said,) = problems(tmp_path, {**FILES, "project.yml": PROJECT + tests})
    assert "'audits' is not a model, seed or source [FFT-113]" in said


def test_statements_of_a_hook_are_rendered_with_all_that_templates_know(tmp_path: Path) -> None:
    sql = """\
        -- what began
        {% set who = var('who') %}
        insert into audit values ({{ run.run_id | sql_literal }}, {{ stamp() }}, '{{ node.name if node else "" }};');
        update {{ ref('users.ff') }} set n = {{ one() }} where x = {{ who | sql_literal }};
        """
    files: Files = {
        **FILES,
        "project.yml": PROJECT + "vars: {who: it's me}\n",
        "hooks/audit/in_file.sql": sql,
        "models/macros/m.sql": "{% macro stamp() %}{{ one() }} + 1{% endmacro %}",
        "models/macros_py/one.py": "def one():\n    return 1\n",
    }
    project = loaded(tmp_path, files)
    hook = project.hooks[1]
    assert hook.inputs == ("users",)
    assert set(hook.macros) == {"stamp"}
    assert set(hook.python_macros) == {"one"}
    naming = Naming(lambda node: Relation(str(node), "demo"), spec_of("duckdb").spelling)
    statements = Renderer(project).hook(hook, naming, {"run": {"run_id": "r1"}, "node": None, "model": None})
    assert statements == [
        "insert into audit values ('r1', 1 + 1, ';')",
        "update \"demo\".\"users\" set n = 1 where x = 'it''s me'",
    ]


TEMPLATES: dict[str, tuple[Files, str]] = {
    "in a file": (
        {"hooks/audit/in_file.sql": "select 1;\nselect {{ x"},
        "hooks/audit/in_file.sql:2: template error: unexpected end of template",
    ),
    "in project.yml": (
        hook("on_run_start", 'name: x, sql: "{% if %}"'),
        "project.yml:5: template error: Expected an expression, got 'end of statement block' [FFT-130]",
    ),
    "a model that does not exist": (
        {"hooks/audit/in_file.sql": "select * from {{ ref('user') }}"},
        "hooks/audit/in_file.sql: ref('user') is not a model or seed [FFT-110]\n    hint: Did you mean 'users'?",
    ),
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_a_template_that_cannot_be_read_is_a_problem(tmp_path: Path, case: str) -> None:
    files, said = TEMPLATES[case]
    assert problems(tmp_path, {**FILES, **files})[0].startswith(said)
