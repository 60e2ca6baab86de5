"""Unit tests of chains: models that run on each other's rows, and what is wrong about a chain, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit_test_bench import Bench, why
from written_projects import loaded, problems

FILES = {
    "seeds/raw_orders.csv": "id,customer,amount\n1,a,2.5\n",
    "models/stg_orders.ff.sql": "select id, upper(customer) as customer, amount from {{ ref('raw_orders') }}",
    "models/paid.ff.sql": "{{ config(materialized='ephemeral') }} "
    "select * from {{ ref('stg_orders') }} where amount > 0",
    "models/spent.ff.py": """\
        import pandas as pd
        from fft_core import model

        @model(deps=["paid"])
        def spent(paid: pd.DataFrame) -> pd.DataFrame:
            return paid.groupby("customer", as_index=False)["amount"].sum()
        """,
    "models/best.ff.sql": "{{ config(materialized='incremental', unique_key='customer', on_schema_change='ignore') }} "
    "select customer, amount, {{ 'true' if is_incremental() else 'false' }} as added from {{ ref('spent') }}",
}
ORDERS = (
    "{raw_orders: {rows: [{id: 1, customer: a, amount: 2.5}, {id: 2, customer: a, amount: 1.5}, "
    "{id: 3, customer: b, amount: -1}]}}"
)


def test_models_of_a_chain_run_on_each_others_rows(bench: Bench) -> None:
    text = f"""\
        models: [best, stg_orders.ff, spent]
        defaults: {{inputs: {ORDERS}}}
        cases:
          - {{name: the last, expect: {{rows: [{{customer: A, amount: 4, added: false}}]}}}}
          - name: one of them
            expect: {{relation: stg_orders, subset: true, rows: [{{id: 3, customer: B}}]}}
          - name: several
            expect:
              - {{relation: stg_orders, order_by: [id], rows: [{{id: 1}}, {{id: 2}}, {{id: 3}}]}}
              - {{relation: spent, rows: [{{customer: A, amount: 5}}]}}
              - {{rows: [{{customer: A, amount: 5}}]}}
          - name: added to
            inputs:
              best: {{rows: [{{customer: A, amount: 1, added: false}}, {{customer: Z, amount: 9, added: false}}]}}
            expect: {{rows: [{{customer: A, amount: 4, added: true}}, {{customer: Z, amount: 9, added: false}}]}}
        """
    results = bench.run({**FILES, "tests/unit/chain.yml": text})
    assert {name: result.status for name, result in results.items()} == {
        "the last": "pass",
        "one of them": "pass",
        "several": "fail",
        "added to": "pass",
    }
    several = results["several"]
    assert several.test.models == ("stg_orders", "spent", "best")
    assert (
        why(several)
        == "spent: rows: 0 as expected, 1 with other values; best: rows: 0 as expected, 1 with other values"
    )
    assert {name: len(found.rows) for name, found in several.found.items()} == {"stg_orders": 3, "spent": 1, "best": 1}


def test_an_ephemeral_model_of_a_chain_can_be_asked_about(bench: Bench) -> None:
    text = f"""\
        models: [stg_orders, paid, spent]
        cases:
          - name: both
            inputs: {ORDERS}
            expect:
              - {{relation: paid, rows: [{{id: 1}}, {{id: 2}}]}}
              - {{relation: spent, rows: [{{customer: A, amount: 4}}]}}
        """
    assert bench.outcome({**FILES, "tests/unit/chain.yml": text}) == {"both": "pass"}


def test_an_error_names_the_model_of_the_chain(bench: Bench) -> None:
    text = (
        "models: [stg_orders, spent]\ncases: [{name: a, inputs: {raw_orders: {rows: [{id: 1}]}}, expect: {rows: []}}]"
    )
    assert "models/stg_orders.ff.sql:1: model 'stg_orders'" in bench.outcome({**FILES, "tests/unit/c.yml": text})["a"]


def test_nothing_of_a_chain_is_left_behind(bench: Bench) -> None:
    text = f"models: [stg_orders, spent]\ncases: [{{name: a, inputs: {ORDERS}, expect: {{rows: [{{amount: 4}}]}}}}]"
    assert bench.outcome({**FILES, "tests/unit/c.yml": text}) == {"a": "pass"}
    assert bench.outcome({}) == {"a": "pass"}
    assert not (bench.root / "db.duckdb").exists()


def test_a_chain_is_chosen_by_each_of_its_models(tmp_path: Path) -> None:
    from fft_core.unit_tests.run import select_unit_tests

    text = f"models: [stg_orders, spent]\ncases: [{{name: a, inputs: {ORDERS}, expect: {{rows: []}}}}]"
    project = loaded(tmp_path, {**FILES, "tests/unit/c.yml": text})
    assert project.unit_tests[0].model == "spent"
    assert select_unit_tests(project, model="stg_orders") == project.unit_tests
    assert select_unit_tests(project, models=frozenset({"spent"})) == project.unit_tests
    assert select_unit_tests(project, model="best") == ()


CHAIN = f"models: [stg_orders, spent]\ncases: [{{name: a, inputs: {ORDERS}, expect: {{rows: []}}}}]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CHAIN.replace("spent", "spend", 1), "1: 'spend' is not a model [FFT-113]\n    hint: Did you mean 'spent'?"),
        (CHAIN.replace("spent", "stg_orders.ff", 1), "1: model 'stg_orders' is named twice [FFT-161]"),
        (
            CHAIN.replace("spent", "best", 1),
            (
                "1: model 'stg_orders' is not an input of another model of the chain [FFT-161]\n    hint: Name all "
                "models from"
            ),
        ),
        (CHAIN.replace("models: [stg_orders, spent]", "models: []"), "1: models: List should have at least 1 item"),
        (f"model: spent\n{CHAIN}", "name either a model, or the models of a chain"),
        (
            CHAIN.replace("raw_orders:", "raw_order:"),
            "2: the models 'stg_orders', 'spent' do not read 'raw_order' [FFT-161]",
        ),
        (
            CHAIN.replace("{raw_orders", "{spent: {rows: []}, raw_orders"),
            "2: 'spent' is one of the tested models [FFT-161]",
        ),
        (
            CHAIN.replace("{raw_orders", "{this: {rows: []}, raw_orders"),
            "replace their tables: 'this' has no effect [FFT-161]",
        ),
        (CHAIN.replace(f"inputs: {ORDERS}, ", ""), "2: case 'a' has no rows for the input 'raw_orders'"),
        (
            CHAIN.replace("expect: {", "expect: {relation: spend, "),
            "2: expect.relation 'spend' is not a model of the chain [FFT-113]",
        ),
        (
            CHAIN.replace("expect: {rows: []}", "expect: [{rows: []}, {rows: []}]"),
            "has two expectations for 'spent' [FFT-161]",
        ),
        (
            CHAIN.replace("expect: {rows: []}", "expect: [{relation: spent}]"),
            "2: case 'a' has no expect.rows [FFT-105]",
        ),
        (CHAIN.replace("expect: {rows: []}", "expect: []"), "2: case 'a' has no expect.rows [FFT-105]"),
        (
            CHAIN.replace("expect: {rows: []}", "expect: [{row: []}]"),
            "2: unknown key 'row' in cases.0.expect.0 [FFT-101]",
        ),
        (CHAIN.replace("expect: {rows: []}", "expect: 7"), "2: cases.0.expect"),
    ],
)
def test_what_does_not_fit_a_chain_is_a_problem_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    found = problems(tmp_path, {**FILES, "tests/unit/t.yml": text})
    assert all(problem.startswith("tests/unit/t.yml") for problem in found)
    assert any(said in problem for problem in found), found
