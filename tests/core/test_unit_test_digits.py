"""Numbers of unit tests keep the digits that are written, on both engines."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from targets import Target
from written_projects import write_project

from fft_core import load_project, run_unit_tests
from fft_core.names.numbers import WrittenNumber, json_text, read_number
from fft_core.unit_tests.compare import same

SHORT, LONG, OTHER = "1.5", "12345678901234567890.12", "12345678901234567890.13"
# a type, what is given, what is expected, and whether that is equal
CASES = {
    "equal": ("decimal(38, 2)", LONG, LONG, True),
    "another last digit": ("decimal(38, 2)", LONG, OTHER, False),
    "with zeros at the end": ("decimal(38, 4)", LONG, f"{LONG}00", True),
    "negative": ("decimal(38, 2)", f"-{LONG}", f"-{LONG}", True),
    "with an exponent": ("decimal(38, 2)", "1.234567890123456789012e+19", "12345678901234567890.12", True),
    "17 digits": ("decimal(38, 18)", "0.12345678901234567", "0.12345678901234568", False),
    "few digits": ("decimal(38, 2)", SHORT, "1.50", True),
    "a whole number": ("decimal(38, 0)", "12345678901234567891.0", "12345678901234567891", True),
    "another whole number": ("decimal(38, 0)", "12345678901234567891", "12345678901234567892.0", False),
    "lists": ("decimal(38, 2)[]", f"[{LONG}, {SHORT}]", f"[{LONG}, {SHORT}]", True),
    "lists with another digit": ("decimal(38, 2)[]", f"[{LONG}]", f"[{OTHER}]", False),
    "doubles": ("double precision", "0.30000000000000004", "0.300000000000000041", True),
    "other doubles": ("double precision", "0.30000000000000004", "0.3000000000000001", False),
    "JSON": ("json", f"{{a: [{LONG}]}}", f"{{a: [{LONG}]}}", True),
    "JSON with another digit": ("json", f"{{a: [{LONG}]}}", f"{{a: [{OTHER}]}}", False),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_digits_are_seen_and_right_ones_are_equal(tmp_path: Path, target: Target, case: str) -> None:
    kind, given, expected, is_equal = CASES[case]
    test = f"""\
        model: m
        cases:
          - name: digits
            inputs: {{s: {{rows: [{{id: 1, m: {given}}}], columns: {{m: "{kind}"}}}}}}
            expect: {{rows: [{{id: 1, m: {expected}}}]}}
        """
    files = {"seeds/s.csv": "id,m\n1,2\n", "models/m.ff.sql": "select id, m from {{ ref('s') }}"}
    with target.profile() as profile:
        write_project(tmp_path, {**files, "profiles.yml": profile, "tests/unit/m.yml": test})
        for _ in range(2):  # read, and as it was kept
            project = load_project(tmp_path, "dev", environment={})
            (result,) = run_unit_tests(project, project.unit_tests)
            assert result.error is None
            assert result.status == ("pass" if is_equal else "fail")


def test_what_is_written_is_compared() -> None:
    assert same(read_number(LONG), Decimal(LONG))
    assert not same(read_number(LONG), Decimal(OTHER))
    assert not same(1.5, WrittenNumber("1.50000000000000000001"))
    assert same({"a": 1.5}, {"a": read_number("1.5000000000000000000000")})
    assert same(read_number(LONG), float(LONG))


@pytest.mark.parametrize(
    ("written", "json"),
    [
        ("+.12345678901234567890", "0.12345678901234567890"),
        ("-.12345678901234567890", "-0.12345678901234567890"),
        ("12345678901234567890.", "12345678901234567890.0"),
        ("12345678901234567890.e+5", "12345678901234567890.0e+5"),
        ("0012345678901234567.5", "12345678901234567.5"),
    ],
)
def test_json_has_the_number_in_its_own_form(written: str, json: str) -> None:
    assert json_text([read_number(written)]) == f"[{json}]"
