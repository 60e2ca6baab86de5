"""Lists and mappings of unit tests: an array, a struct, a map or JSON, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import Target

from fft_core import FftError
from fft_core.engines.protocol import Session
from fft_core.errors import Location
from fft_core.project.model import GivenRows
from fft_core.unit_tests.compare import same
from fft_core.unit_tests.given_rows import given_query

PLACE = Location(Path("tests/unit/m.yml"), 3)


def stored(engine: Session, kind: str | None, *values: object) -> list[Any]:
    """What a database has of values that were given."""
    types = {} if kind is None else {"x": kind}
    rows = tuple({"id": place, "x": value} for place, value in enumerate(values))
    query = given_query(GivenRows(("m",), rows, PLACE, types), engine, Path(), {})
    return [row[0] for row in engine.fetch(f"select x from ({query}) as given order by id")]


TEXTS = ['a,"b\\c', None, "NULL", "", "it's", "{x}", "null", "tab\tnew\nline", "äß漢"]
BOTH: list[tuple[str | None, list[object]]] = [
    ("int[]", [[1, 2], [1, None], [], None]),
    ("bigint[]", [[9007199254740993, -(2**63)]]),
    ("text[]", [TEXTS]),
    ("int[][]", [[[1, 2], [3, None]]]),
    ("date[]", [[date(2025, 1, 1), None]]),
    ("decimal(38, 2)[]", [["123456789012345678901234567890123456.78", 2.5]]),
    ("boolean[]", [[True, False, None]]),
    ("double precision[]", [[float("nan"), float("inf"), -0.0, 1e300]]),
    ("string[]", [["x"]]),
    ("double[]", [[1.5]]),
    ("json", [{"a": 1, "b": ["x", None, {"c": 2.5}]}, [1, {"a": True}]]),
    ("json", [{"a": date(2025, 1, 1), 2: "key"}]),
    (None, [[1, 2], None, []]),
    (None, [["a", None]]),
    (None, [[[1], [2]]]),
    (None, [[1, 2.5]]),
    (None, [[]]),
    (None, [[date(2025, 1, 1)]]),
]
ONLY: dict[str, list[tuple[str | None, list[object]]]] = {
    "duckdb": [
        ("map(varchar, integer)", [{"a": 1, "b": None}, {}]),
        ("map(integer, varchar)", [{1: "a"}]),
        ("map(date, integer[])", [{date(2025, 1, 1): [1]}]),
        ("struct(a integer, b struct(c date[]))[]", [[{"a": 1, "b": {"c": [date(2025, 1, 1)]}}, None]]),
        ("integer[3]", [[1, 2, 3]]),
        ("hugeint[]", [[12345678901234567890123]]),
        ("enum('a', 'b')[]", [["b", None]]),
        ("integer[][]", [[[1], [2, 3], None, []]]),
    ],
    "postgres": [
        ("jsonb", [{"a": 1, "b": ["x", None]}, [1]]),
        ("jsonb[]", [[{"a": 1}, None]]),
        ("numeric[]", [["1.10", 12345678901234567890123]]),
    ],
}


def cases() -> Iterator[tuple[str, str | None, list[object]]]:
    for engine, own in ONLY.items():
        for kind, values in [*BOTH, *own]:
            yield engine, kind, values


@pytest.mark.parametrize(("engine", "kind", "values"), list(cases()))
def test_a_value_is_stored_as_it_is_written(
    engines: dict[str, Session], engine: str, kind: str | None, values: list[object]
) -> None:
    found = stored(engines[engine], kind, *values)
    assert all(map(same, [as_expected(value) for value in values], found)), found


def as_expected(value: object) -> object:
    """A key of JSON is a text in what comes back."""
    return {"a": date(2025, 1, 1), "2": "key"} if value == {"a": date(2025, 1, 1), 2: "key"} else value


def test_fields_that_are_left_out_are_null(engines: dict[str, Session]) -> None:
    assert stored(engines["duckdb"], "struct(a integer, b varchar)", {"A": 1}, {}) == [
        {"a": 1, "b": None},
        {"a": None, "b": None},
    ]
    engines["postgres"].execute("create type pg_temp.pair as (a integer, b text)")
    engines["postgres"].execute("create type pg_temp.mood as enum ('sad', 'glad')")
    assert stored(engines["postgres"], "pg_temp.pair", {"a": 1}, {"a": 2, "b": "x, y"}) == ["(1,)", '(2,"x, y")']
    assert stored(engines["postgres"], "pg_temp.mood[]", ["glad", None]) == ["{glad,NULL}"]
    assert str(stored(engines["postgres"], "int4range", [1, 5])[0]) == "[1, 6)"


def test_the_text_of_a_value_is_that_value(engines: dict[str, Session]) -> None:
    assert stored(engines["postgres"], "int[]", "{1,2}", [3]) == [[1, 2], [3]]
    assert stored(engines["duckdb"], "int[]", "[1, 2]", [3]) == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("int[]", ["x"], "x"),
        ("int[]", {"a": 1}, ""),
        ("int[]", 5, "5"),
        ("int[]", b"x", "column 'x' holds a value of type bytes"),
        ("int[]", [b"x"], "column 'x' holds a value of type bytes"),
        (None, {"a": 1}, "the type of column 'x' is not clear: it holds mapping"),
        (None, [1, "a"], "the type of column 'x' is not clear: it holds integer and string"),
    ],
)
def test_values_that_do_not_fit_are_errors(
    engines: dict[str, Session], target: Target, kind: str | None, value: object, message: str
) -> None:
    with pytest.raises(FftError) as caught:
        stored(engines[target.engine], kind, value)
    assert message in str(caught.value)
    if kind is None:
        assert "Declare its type, as in columns: {x: " in str(caught.value)


def test_decimals_and_maps_are_compared_as_values() -> None:
    assert same({"a": [1.1]}, {"a": [Decimal("1.10")]})
    assert same({1: "a", "2025-01-01": None}, {1: "a", date(2025, 1, 1): None})
    assert same({"day": date(2025, 1, 1)}, '{"day": "2025-01-01"}')
    assert same([1.0], [1.4], 0.5)
    assert not same({"a": 1}, {"a": 1, "b": None})
    assert not same([1], {"a": 1})
    assert not same({"a": 1}, [1])


SCALARS = {
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "double precision": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "date": st.dates(),
    "text": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
}
KINDS = st.sampled_from(sorted(SCALARS))
ROUNDS = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ROUNDS
@given(data=st.data())
def test_any_list_comes_back(engines: dict[str, Session], target: Target, data: st.DataObject) -> None:
    kind = data.draw(KINDS)
    values = data.draw(st.lists(st.lists(st.none() | SCALARS[kind], max_size=4), min_size=1, max_size=4))
    found = stored(engines[target.engine], f"{kind}[]", *values)
    assert all(map(same, values, found)), (values, found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | SCALARS["text"],
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS["text"], inner, max_size=3),
    max_leaves=8,
)


@ROUNDS
@given(value=st.lists(JSON, max_size=3) | st.dictionaries(SCALARS["text"], JSON, max_size=3))
def test_any_json_comes_back(engines: dict[str, Session], target: Target, value: object) -> None:
    (found,) = stored(engines[target.engine], "json", value)
    assert same(value, found), (value, found)


@ROUNDS
@given(data=st.data())
def test_any_struct_of_lists_and_maps_comes_back(engines: dict[str, Session], data: st.DataObject) -> None:
    one, other = data.draw(KINDS), data.draw(KINDS)
    items = st.none() | SCALARS[one]
    value = data.draw(
        st.fixed_dictionaries(
            {
                "l": st.none() | st.lists(items, max_size=3),
                "m": st.dictionaries(SCALARS["text"], st.none() | SCALARS[other], max_size=3),
            }
        )
    )
    (found,) = stored(engines["duckdb"], f"struct(l {one}[], m map(varchar, {other}))", value)
    assert same(value, found), (value, found)
