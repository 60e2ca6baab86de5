"""`generate_case`: a case from live rows, whose joins find partners, with stand-ins for what is personal."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from unit_test_bench import Bench
from written_projects import opened

from fft_core import FftError, open_warehouse
from fft_core.unit_tests.fakes import Fakes
from fft_core.unit_tests.generate import Generated, generate_case

FILES = {
    "seeds/raw_users.csv": "user_id,email,born\n"
    + "".join(f"{n},person{n}@home.at,19{n:02d}-05-05\n" for n in range(10, 60)),
    "seeds/raw_orders.csv": "id,buyer,amount,email\n"
    + "".join(f"{n},{n % 40 + 15},{n}.50,person{n % 40 + 15}@home.at\n" for n in range(100, 200)),
    "seeds/schema.yml": "columns:\n  raw_orders: {id: integer, buyer: integer, amount: 'decimal(9,2)'}\n"
    "  raw_users: {user_id: integer}\n",
    "models/schema.yml": "version: 2\nmodels:\n"
    "  - {name: users, columns: [{name: email, tags: [pii]}, {name: born, meta: {pii: true}}]}\n"
    "  - {name: orders, columns: [{name: email, tags: [PII]}]}\n",
    "models/users.ff.sql": "select user_id, email, cast(born as date) as born from {{ ref('raw_users') }}",
    "models/orders.ff.sql": "select * from {{ ref('raw_orders') }}",
    "models/spent.ff.sql": "select u.email, u.born, o.amount, u.email = o.email as same, o.id from {{ ref('orders') }} "
    "as o join {{ ref('users') }} as u on u.user_id = o.buyer",
    "models/seen.ff.sql": "select user_id, current_date as day from {{ ref('users') }}",
    "models/chance.ff.sql": "select user_id, random() as n from {{ ref('users') }}",
    "models/below.ff.sql": "select email, user_id from {{ ref('spent_users') }}",
    "models/spent_users.ff.sql": "select * from {{ ref('users') }}",
    "models/empty.ff.sql": "select * from {{ ref('users') }} where user_id < 0",
    "models/of_empty.ff.py": """\
        from fft_core import model

        @model(deps=["empty"])
        def of_empty(empty):
            return empty
        """,
}


def built(bench: Bench) -> None:
    bench.load(FILES)
    with opened(bench.root) as shop:
        shop.build()


def generated(
    bench: Bench, model: str, count: int = 4, case: str = "generated", *, overwrite: bool = False
) -> Generated:
    project = bench.load({})
    with open_warehouse(project, read_only=True) as warehouse:
        return generate_case(warehouse, model, count, case, overwrite=overwrite)


def test_a_case_of_live_rows_passes_and_has_nothing_personal(bench: Bench) -> None:
    built(bench)
    made = generated(bench, "spent.ff")
    assert made.path.as_posix() == "tests/unit/spent_generated.yml"
    assert made.faked == ("orders.email", "users.email", "users.born")
    assert made.rows == 4  # each order found its buyer
    text = (bench.root / made.path).read_text()
    assert "home.at" not in text
    assert "-05-05" not in text
    assert "# Made-up values, not from the tables: orders.email, users.email, users.born.\n" in text
    assert "same: true" in text  # the same value has the same stand-in in both tables
    assert "amount: 100.50" in text
    assert bench.outcome({}) == {"generated": "pass"}


def test_columns_of_the_same_name_are_personal_downstream_of_a_tag(bench: Bench) -> None:
    built(bench)
    made = generated(bench, "below")
    assert made.faked == ("spent_users.email", "spent_users.born")
    assert "home.at" not in (bench.root / made.path).read_text()


def test_columns_that_are_tagged_in_the_model_only_are_personal_in_what_it_reads(bench: Bench) -> None:
    built(bench)
    made = generated(bench, "orders")
    assert made.faked == ("raw_orders.email",)
    assert "home.at" not in (bench.root / made.path).read_text()
    assert bench.outcome({}) == {"generated": "pass"}


def test_time_is_frozen_if_the_model_reads_the_clock(bench: Bench) -> None:
    built(bench)
    text = (bench.root / generated(bench, "seen", case="Today's users").path).read_text()
    assert "freeze: 20" in text
    assert bench.outcome({}) == {"Today's users": "pass"}
    assert "freeze" not in (bench.root / generated(bench, "orders").path).read_text()


def test_a_model_of_chance_gets_no_case(bench: Bench) -> None:
    built(bench)
    with pytest.raises(FftError, match="'chance' returns other rows each time it runs: no case is written"):
        generated(bench, "chance")
    assert not (bench.root / "tests").exists()


def test_inputs_without_rows_keep_their_types(bench: Bench) -> None:
    built(bench)
    made = generated(bench, "of_empty")
    assert (made.rows, len(made.inputs[0].rows)) == (0, 0)
    assert bench.outcome({}) == {"generated": "pass"}


def test_nothing_is_overwritten_unless_that_is_asked_for(bench: Bench) -> None:
    built(bench)
    path = bench.root / generated(bench, "spent", 2).path
    before = path.read_text()
    with pytest.raises(
        FftError,
        match=(
            r"tests/unit/spent_generated\.yml already exists \[FFT-\d+\]\n.*or use "
            r"--overwrite"
        ),
    ):
        generated(bench, "spent", 3)
    assert path.read_text() == before
    assert generated(bench, "spent", 3, overwrite=True).rows == 3
    assert path.read_text() != before
    own = "model: spent\ncases: [{name: mine, inputs: {orders: {rows: []}, users: {rows: []}}, expect: {rows: []}}]"
    bench.load({"tests/unit/spent.yml": own.replace("[]}, users", "[], columns: {id: integer}}, users")})
    with pytest.raises(FftError, match=r"case 'mine' of 'spent' is in tests/unit/spent\.yml:2"):
        generated(bench, "spent", 3, "mine", overwrite=True)


def test_what_cannot_be_generated(bench: Bench) -> None:
    bench.load(FILES)
    with pytest.raises(FftError, match=r"'spend' is not a model \[FFT-301\]\n    hint: Did you mean 'spent'"):
        generated(bench, "spend")
    seed = {
        "models/named.ff.sql": "select lower(email) as address from {{ ref('raw_orders') }}",
        "models/named.yml": "version: 2\nmodels: [{name: named, columns: [{name: address, tags: [pii]}]}]\n",
    }
    with opened(bench.load({**FILES, **seed}).root) as shop:
        shop.build("raw_orders")
    with pytest.raises(FftError, match="address of 'named' is tagged pii, and no column of its inputs"):
        generated(bench, "named")
    with pytest.raises(
        FftError,
        match=(
            r"orders does not exist: no rows to copy \[FFT-\d+\]\n.*Build the model "
            r"'orders' first"
        ),
    ):
        generated(bench, "spent")
    assert not (bench.root / "tests").exists()


def test_stand_ins_have_the_kind_of_what_they_stand_for() -> None:
    fakes = Fakes()
    values = ["a@b.c", "x", "0123", 7, 7.5, Decimal("1.5"), date(1970, 1, 1), None, True, [1], {"a": 1}]
    found = [fakes.of(value) for value in values]
    assert [type(one) for one in found] == [type(one) for one in values[:9]] + [type(None)] * 2
    assert found == [fakes.of(value) for value in values]
    assert len({str(one) for one in found[:7]}) == 7
    assert not {str(one) for one in found[:7]} & {str(one) for one in values[:7]}
