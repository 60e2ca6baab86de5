"""One reader of CSV for all engines: the same names, types, values and errors on each, for small files and large."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal as D
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seed_tables import Way, all_ways, read_by_all, refused_by_all

from fft_core.engines.csv_arrow import BLOCK_BYTES
from fft_core.engines.spec.csv_format import DEFAULT, CsvFormat

Ways = tuple[Way, ...]


@pytest.fixture(scope="module")
def ways(postgres_dsn: str) -> Iterator[Ways]:
    with all_ways(postgres_dsn) as found:
        yield found


BIG, MORE = "12345678901234567890", "9" * 38
TYPES: Mapping[str, tuple[str, str, list[object]]] = {
    "whole numbers": ("1\n-2\n0\n", "bigint", [1, -2, 0]),
    "the ends of 64 bits": (f"{2**63 - 1}\n{-(2**63)}\n", "bigint", [2**63 - 1, -(2**63)]),
    "beyond 64 bits": (f"{2**63}\n1\n", "decimal(38,0)", [D(2**63), D(1)]),
    "long ids": (f"{BIG}\n12345678901234567891\n", "decimal(38,0)", [D(BIG), D("12345678901234567891")]),
    "38 digits": (f"{MORE}\n-{MORE}\n", "decimal(38,0)", [D(MORE), D(f"-{MORE}")]),
    "39 digits": (f"{MORE}9\n1\n", "text", [f"{MORE}9", "1"]),
    "5,000 digits": ("9" * 5000 + "\n", "text", ["9" * 5000]),
    "a 0 with a sign": ("-0\n", "bigint", [0]),
    "leading zeros": ("007\n1\n", "text", ["007", "1"]),
    "zeros only": ("00\n", "text", ["00"]),
    "leading zeros of a decimal": ("01.5\n", "text", ["01.5"]),
    "a plus sign": ("+43660123456\n", "text", ["+43660123456"]),
    "thousands": ('"1,000"\n', "text", ["1,000"]),
    "thousands with blanks": ("1 000\n", "text", ["1 000"]),
    "underscores": ("1_000\n", "text", ["1_000"]),
    "hexadecimal": ("0x1F\n2\n", "text", ["0x1F", "2"]),
    "other digits": ("١٢\n", "text", ["١٢"]),
    "no-break spaces": ("\xa01\n", "text", ["\xa01"]),
    "decimals": ("1.5\n-2.25\n10\n", "double", [1.5, -2.25, 10.0]),
    "points at an end": (".5\n1.\n-.5\n", "double", [0.5, 1.0, -0.5]),
    "a point alone": (".\n", "text", ["."]),
    "a minus alone": ("-\n1\n", "text", ["-", "1"]),
    "a negative 0": ("-0.0\n", "double", [-0.0]),
    "exponents": ("1e5\n2.5E-3\n", "double", [1e5, 2.5e-3]),
    "beyond double": ("1e400\n1\n", "text", ["1e400", "1"]),
    "below double": ("1e-400\n1\n", "text", ["1e-400", "1"]),
    "an exponent beyond reason": ("1e99999999999999999999999\n", "text", ["1e99999999999999999999999"]),
    "a 0 with an exponent": ("0e999\n", "double", [0.0]),
    "the shortest text of a double": ("0.30000000000000004\n0.1\n", "double", [0.30000000000000004, 0.1]),
    "zeros at the end": ("1.10000000000000000000000000\n", "double", [1.1]),
    "money": ("1234567890123456.78\n0.5\n", "decimal(38,2)", [D("1234567890123456.78"), D("0.50")]),
    "a whole number beyond 53 bits among decimals": (
        "9007199254740993\n0.5\n",
        "decimal(38,1)",
        [D("9007199254740993.0"), D("0.5")],
    ),
    "digits after the point only": (f"0.{'1' * 38}\n", "decimal(38,38)", [D(f"0.{'1' * 38}")]),
    "too many digits in all": (f"1.{'1' * 38}\n", "text", [f"1.{'1' * 38}"]),
    "too many digits in two rows": (f"{BIG}\n0.{'1' * 19}\n", "text", [BIG, f"0.{'1' * 19}"]),
    "an exact decimal and an exponent": (f"{BIG}.5\n1e5\n", "text", [f"{BIG}.5", "1e5"]),
    "no numbers": ("NaN\n1.5\n", "text", ["NaN", "1.5"]),
    "infinities": ("inf\n-Infinity\n", "text", ["inf", "-Infinity"]),
    "booleans": ("true\nFALSE\nTrue\n", "boolean", [True, False, True]),
    "countries": ("NO\nSE\n", "text", ["NO", "SE"]),
    "words": ('NO\n"NO"\nyes\n', "text", ["NO", "NO", "yes"]),
    "letters": ("T\nF\n", "text", ["T", "F"]),
    "answers": ("Y\nN\n", "text", ["Y", "N"]),
    "switches": ("on\noff\n", "text", ["on", "off"]),
    "zero and one": ("0\n1\n", "bigint", [0, 1]),
    "a boolean and a number": ("true\n1\n", "text", ["true", "1"]),
    "a number and a boolean": ("1\ntrue\n", "text", ["1", "true"]),
    "dates": ("2024-01-01\n", "text", ["2024-01-01"]),
    "blanks around numbers": (" 1 \n\t2\n", "bigint", [1, 2]),
    "blanks around booleans": (" true\nfalse \n", "boolean", [True, False]),
    "blanks around text": (" x \n", "text", [" x "]),
    "blanks only": (" \n1\n", "text", [" ", "1"]),
    "quoted numbers": ('"1"\n"2"\n', "bigint", [1, 2]),
    "NULL": ('1,\n"",\n,\n2,\n', "bigint", [1, None, None, 2]),
    "only NULL": (',""\n,\n', "text", [None, None]),
    "quotes and line ends in text": ('"a ""b"", c"\n"x\ny"\n', "text", ['a "b", c', "x\ny"]),
    "quotes inside a field": ('a"b\n', "text", ['a"b']),
    "a backslash": ("\\.\n\\N\n", "text", ["\\.", "\\N"]),
    "comments are text": ("# no comment\n", "text", ["# no comment"]),
    "text that other programs call NULL": ("NA\nnull\nNULL\n", "text", ["NA", "null", "NULL"]),
    "a long field": (f"{'x' * 300_000}\n", "text", ["x" * 300_000]),
}


@pytest.mark.parametrize("case", TYPES)
def test_the_type_of_a_column(ways: Ways, tmp_path: Path, case: str) -> None:
    rows, kind, values = TYPES[case]
    header = "a,b\n" if ",\n" in rows or ',"' in rows else "a\n"
    table = read_by_all(ways, tmp_path / "s.csv", header + rows)
    assert table.kinds[0] == kind
    assert repr(table.column()) == repr(values)


SHAPES: Mapping[str, tuple[str, tuple[str, ...], list[tuple[object, ...]]]] = {
    "blank lines": ("\na,b\n\n1,2\n\n\n3,4\n\n", ("a", "b"), [(1, 2), (3, 4)]),
    "a blank line in one column": ("t\na\n\nb\n", ("t",), [("a",), ("b",)]),
    "NULL in one column": ('t\na\n""\nb\n', ("t",), [("a",), (None,), ("b",)]),
    "blanks around names": ("a, b ,\tc\n1,2,3\n", ("a", "b", "c"), [(1, 2, 3)]),
    "only a header": ("a,b\n", ("a", "b"), []),
    "only a header without an end": ("a,b", ("a", "b"), []),
    "no line end at the end": ("a\n1\n2", ("a",), [(1,), (2,)]),
    "a byte order mark": ('\ufeff"a",b\n1,2\n', ("a", "b"), [(1, 2)]),
    "CRLF": ("a,b\r\n1,2\r\n\r\n3,4\r\n", ("a", "b"), [(1, 2), (3, 4)]),
    "CR": ("a,b\r1,2\r3,4\r", ("a", "b"), [(1, 2), (3, 4)]),
    "mixed line ends": ("a\n1\r\n2\r3\n", ("a",), [(1,), (2,), (3,)]),
    "a header with line ends": ('"a\nx",b\n1,2\n', ("a\nx", "b"), [(1, 2)]),
    "reserved words": ("select,order by,é,1\n1,2,3,4\n", ("select", "order by", "é", "1"), [(1, 2, 3, 4)]),
    "quotes in names": ('"a ""b""",c\n1,2\n', ('a "b"', "c"), [(1, 2)]),
    "a semicolon in one of two names": ("a;b,c\n1,2\n", ("a;b", "c"), [(1, 2)]),
    "semicolons in a column": ("a\n1;2\n", ("a",), [("1;2",)]),
}


@pytest.mark.parametrize("case", SHAPES)
def test_the_shape_of_a_file(ways: Ways, tmp_path: Path, case: str) -> None:
    text, names, rows = SHAPES[case]
    table = read_by_all(ways, tmp_path / "s.csv", text)
    assert table.names == names
    assert list(table.rows) == rows
    assert rows or set(table.kinds) == {"text"}


REFUSED: Mapping[str, tuple[str | bytes, int | None, str, str | None]] = {
    "an empty file": ("", None, "the file is empty", None),
    "blank lines only": ("\n\n", None, "the file is empty", None),
    "a separator at the end of the header": ("a,b,\n1,2,\n", 1, "column 3 of the header has no name", None),
    "a name in the middle is missing": ("\na,,c\n1,2,3\n", 2, "column 2 of the header has no name", None),
    "names of blanks": ("a, \n1,2\n", 1, "column 2 of the header has no name", None),
    "a name twice": ("a,b,a\n1,2,3\n", 1, "the header has the column 'a' twice", None),
    "a name in two cases": (
        "a,A\n1,2\n",
        1,
        "the header has the column 'A' twice: 'a' is the same name to databases",
        None,
    ),
    "a name of ours": ("_ff_seed_id\n1\n", None, "the file has the column '_ff_seed_id'", None),
    "too few fields": ("a,b\n1,2\n\n3\n", 4, "the line has 1 field, and the header has 2", None),
    "too many fields": ('a,b\n"x\ny",2\n1,2,3\n', 4, "the line has 3 fields, and the header has 2", None),
    "a field too many of nothing": ("a,b\n1,2,\n", 2, "the line has 3 fields, and the header has 2", None),
    "semicolons": ("id;name\n1;x\n", 1, "the header is one column with ';' in it", "delimiter: ';'"),
    "semicolons and decimal commas": ("id;v\n1;1,5\n", 1, "the header is one column with ';'", "delimiter: ';'"),
    "tabs": ("id\tname\n1\tx\n", 1, "the header is one column with a tab in it", 'delimiter: "\\t"'),
    "bars": ("id|name\n1|x\n", 1, "the header is one column with '|' in it", "delimiter: '|'"),
    "semicolons below the header": ("a,b\n1;2\n", 2, "the line has 1 field, and the header has 2", "delimiter: ';'"),
    "latin-1": ("a\nx\nG\xf6ll\n".encode("latin-1"), 3, "byte 0xf6 at offset 5 is not UTF-8", "encoding: latin-1"),
    "cp1252": ("a\n5 €\n".encode("cp1252"), 2, "byte 0x80 at offset 4 is not UTF-8", "encoding: cp1252"),
    "a header in latin-1": ("Größe\n1\n".encode("latin-1"), 1, "byte 0xf6 at offset 2", "encoding: latin-1"),
    "UTF-16": ("a\n1\n".encode("utf-16"), 1, "byte 0xff at offset 0 is not UTF-8", "encoding: utf-16"),
    "UTF-16 without a mark": ("a\n1\n".encode("utf-16-le"), 1, "a NUL character", "encoding: utf-16-le"),
    "half a character at the end": (b"a\n\xc3", 2, "byte 0xc3 at offset 2 is not UTF-8", "encoding: latin-1"),
    "NUL": ("a\nx\n1\x002\n", 3, "the file has a NUL character", None),
    "a quote without an end": ('a\n1\n"b\nc\n', 3, 'a field begins with ", and its closing quote is missing', None),
    "text behind a quote": ('a,b\n1,"x"y\n', 2, 'text follows the closing "', None),
    "a blank behind a quote": ('a,b\n"x" ,1\n', 2, 'text follows the closing "', None),
    "quotes that look right one by one": ('a,b\n"a,"b",c"\n', 2, 'text follows the closing "', None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_no_table(ways: Ways, tmp_path: Path, case: str) -> None:
    content, line, said, setting = REFUSED[case]
    error = refused_by_all(ways, tmp_path / "s.csv", content)
    assert said in str(error)
    assert (getattr(error, "line", None), getattr(error, "setting", None)) == (line, setting)


def test_a_name_that_postgres_would_cut(ways: Ways, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    assert read_by_all(ways, path, f"{'é' * 31}a\n1\n").names == ("é" * 31 + "a",)
    on_postgres = tuple(way for way in ways if way.engine.name == "postgres")
    assert "is longer than 63 bytes" in str(refused_by_all(on_postgres, path, f"{'é' * 32}\n1\n"))


def test_many_columns(ways: Ways, tmp_path: Path) -> None:
    for count, able in ((900, ways), (2000, tuple(way for way in ways if way.engine.name == "duckdb"))):
        names = [f"c{i}" for i in range(count)]
        text = ",".join(names) + "\n" + ",".join(map(str, range(count))) + "\n"
        table = read_by_all(able, tmp_path / "s.csv", text)
        assert (table.names, table.rows) == (tuple(names), (tuple(range(count)),))


def test_a_type_that_only_the_last_block_of_a_large_file_shows(ways: Ways, tmp_path: Path) -> None:
    long = "long " * 60
    rows = "".join(f'{i},"name, {long}{i}",{i}.5,{i}\n' for i in range(30_000))
    assert len(rows) > 2 * BLOCK_BYTES
    table = read_by_all(ways, tmp_path / "s.csv", f"a,b,c,d\n{rows}{BIG},x,{BIG}.25,x\n")
    assert table.kinds == ("decimal(38,0)", "text", "decimal(38,2)", "text")
    assert len(table.rows) == 30_001
    assert table.rows[7] == (D(7), f"name, {long}7", D("7.50"), "7")
    assert table.rows[-1] == (D(BIG), "x", D(f"{BIG}.25"), "x")


def test_a_row_that_is_longer_than_a_block(ways: Ways, tmp_path: Path) -> None:
    long = "x" * 9_000_000
    table = read_by_all(ways, tmp_path / "s.csv", f'a,b\n1,y\n2,"{long}\n"\n3,z\n')
    assert table.column(0) == [1, 2, 3]
    assert table.rows[1][1] == f"{long}\n"


# declared types


DECLARED: Mapping[str, tuple[str, str, str, list[object]]] = {
    "integer": ("integer", "007\n+5\n 1 \n3.0\n", "bigint", [7, 5, 1, 3]),
    "string": ("string", "007\n 1 \n1e5\n", "text", ["007", " 1 ", "1e5"]),
    "numeric is exact": ("numeric", "1234567890123456.78\n", "decimal(38,9)", [D("1234567890123456.780000000")]),
    "decimal is exact": ("DECIMAL", f"{BIG}\n", "decimal(38,9)", [D(f"{BIG}.000000000")]),
    "decimal(p,s)": (
        "decimal(10, 2)",
        "1.10\n+2\n1.500\n-.5\n1e3\n",
        "decimal(10,2)",
        [D("1.10"), D("2.00"), D("1.50"), D("-0.50"), D("1000.00")],
    ),
    "decimal(p)": ("numeric(3)", "007\n999.0\n", "decimal(3,0)", [D(7), D(999)]),
    "double": (
        "double",
        "0.1\n1e5\n12345678901234567890\ninf\n",
        "double",
        [0.1, 1e5, 1.2345678901234567e19, float("inf")],
    ),
    "float": ("float", "0.1\n", "double", [0.1]),
    "boolean": ("boolean", "t\nNO\nyes\n1\n0\noff\nTrue\n", "boolean", [True, False, True, True, False, False, True]),
    "date": (
        "date",
        "2024-02-29\n2024-1-5\n2024-01-01 00:00:00\n",
        "date",
        [date(2024, 2, 29), date(2024, 1, 5), date(2024, 1, 1)],
    ),
    "timestamp": (
        "timestamp",
        (
            "2024-01-02\n2024-01-02T03:04\n2024-01-02 03:04:05.123456000\n"
            "2024-01-02T03:04:05Z\n2024-01-02 03:04:05+00:00\n"
        ),
        "timestamp",
        [
            datetime(2024, 1, 2),
            datetime(2024, 1, 2, 3, 4),
            datetime(2024, 1, 2, 3, 4, 5, 123456),
            datetime(2024, 1, 2, 3, 4, 5),
            datetime(2024, 1, 2, 3, 4, 5),
        ],
    ),
    "timestamptz": (
        "timestamptz",
        (
            "2024-01-02\n2024-01-02T03:04Z\n2024-01-02 03:04:05+02:00\n"
            "2024-01-02 03:04:05 -0230\n2024-01-02 03:04:05 UTC\n"
        ),
        "timestamptz",
        [
            datetime(2024, 1, 2, tzinfo=UTC),
            datetime(2024, 1, 2, 3, 4, tzinfo=UTC),
            datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC),
            datetime(2024, 1, 2, 5, 34, 5, tzinfo=UTC),
            datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        ],
    ),
    "smallint": ("smallint", "-32768\n32767\n", "smallint", [-32768, 32767]),
}


@pytest.mark.parametrize("case", DECLARED)
def test_a_declared_type(ways: Ways, tmp_path: Path, case: str) -> None:
    declared, rows, kind, values = DECLARED[case]
    rows = "".join(f"{row},5\n" for row in rows.splitlines()) + ",\n"
    table = read_by_all(ways, tmp_path / "s.csv", f"a,b\n{rows}", types={"a": declared})
    assert table.kinds == (kind, "text")  # what is not declared is text, as documented for FFT
    assert repr(table.column()) == repr([*values, None])


MISFITS = {
    "a fraction of an integer": ("integer", "1.5"),
    "a word": ("integer", "x"),
    "beyond 64 bits": ("bigint", str(2**63)),
    "beyond 32 bits": ("int", str(2**31)),
    "below 16 bits": ("smallint", "-32769"),
    "hexadecimal": ("integer", "0x1F"),
    "underscores": ("integer", "1_000"),
    "an exponent": ("integer", "1e3"),
    "digits that would be rounded": ("decimal(10,2)", "1.005"),
    "digits that have no place": ("decimal(4,2)", "123"),
    "a long fraction": ("numeric", "1.0000000001"),
    "a long whole": ("numeric", "9" * 30),
    "a huge exponent": ("numeric", "1e999999"),
    "no number": ("decimal(10,2)", "NaN"),
    "a decimal comma": ("double", "1,5"),
    "beyond double": ("double", "1e400"),
    "below double": ("double", "1e-400"),
    "an integer that a real rounds": ("real", "16777217"),
    "digits that a real rounds": ("float4", "0.123456789"),
    "beyond real": ("real", "1e39"),
    "below real": ("float4", "1e-50"),
    "maybe": ("boolean", "maybe"),
    "two": ("boolean", "2"),
    "no day": ("date", "2023-02-29"),
    "another order": ("date", "31.12.2024"),
    "an ambiguous day": ("date", "01/02/2024"),
    "the year 0": ("date", "0000-01-01"),
    "a date with a time": ("date", "2024-01-01 10:00:00"),
    "nanoseconds": ("timestamp", "2024-01-01 10:00:00.123456789"),
    "another zone": ("timestamp", "2024-01-01 10:00:00+02:00"),
    "no time": ("timestamp", "2024-01-01 25:00:00"),
    "a zone by name": ("timestamptz", "2024-01-01 10:00:00 CET"),
    "blanks": ("integer", " "),
    "the engine's own type": ("uuid", "x"),
    "too long": ("varchar(3)", "abcd"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_value_that_is_not_of_its_declared_type_is_never_changed(ways: Ways, tmp_path: Path, case: str) -> None:
    declared, text = MISFITS[case]
    error = refused_by_all(ways, tmp_path / "s.csv", f'k,a\n1,\n\n2,"{text}"\n', types={"a": declared})
    shown = text if len(text) <= 60 else text[:57]
    assert str(error).startswith(f"column 'a': {shown!r} is not ")
    assert getattr(error, "line", None) == 4


@pytest.mark.parametrize("declared", ["real", "float4", "FLOAT4", " Real "])
def test_a_real_gives_back_what_is_written(ways: Ways, tmp_path: Path, declared: str) -> None:
    text = "a\n0.1\n16777216\n-3.4028235e38\n+1.50\n123456\n0.333333\n1e-30\n0\ninf\n1073741824\n"
    path = tmp_path / "s.csv"
    path.write_text(text)
    numbers = [0.1, 16777216, -3.4028235e38, 1.5, 123456, 0.333333, 1e-30, 0, float("inf"), 1073741824]
    for way in ways:  # one driver gives them as doubles, the other by their shortest texts
        rows = way.read(path, DEFAULT, {"a": declared}).rows
        assert [struct.pack("f", row[0]) for row in rows] == [struct.pack("f", number) for number in numbers]


def test_types_of_the_engines_own(ways: Ways, tmp_path: Path) -> None:
    text = "a,b\n0b6f6f0e-4d5b-4c0b-8e0b-0123456789ab,10:30:00\n"
    table = read_by_all(ways, tmp_path / "s.csv", text, types={"a": "uuid", "b": "time"})
    assert [str(value) for value in table.rows[0]] == ["0b6f6f0e-4d5b-4c0b-8e0b-0123456789ab", "10:30:00"]


def test_declared_names_fold_case_and_must_be_there(ways: Ways, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    assert read_by_all(ways, path, "Id,name\n1,2\n", types={"ID": "integer"}).kinds == ("bigint", "text")
    error = refused_by_all(ways, path, "id,name\n1,2\n", types={"nmae": "integer"})
    assert "seeds/schema.yml gives column 'nmae' a type, but the file has no such column" in str(error)
    assert "Did you mean 'name'?" in str(error)


# settings


def test_delimiter_and_quote(ways: Ways, tmp_path: Path) -> None:
    form = CsvFormat(delimiter=";", quote="'")
    table = read_by_all(ways, tmp_path / "s.csv", "a;b;c\n1,5;'x;''y''';\"z\"\n", form)
    assert table.rows == (("1,5", "x;'y'", '"z"'),)


def test_no_quotes(ways: Ways, tmp_path: Path) -> None:
    table = read_by_all(ways, tmp_path / "s.csv", 'a,b\n"x,1\n5",2\n', CsvFormat(quote=None))
    assert table.rows == (('"x', 1), ('5"', 2))


def test_a_delimiter_that_is_said_makes_one_column_of_anything(ways: Ways, tmp_path: Path) -> None:
    table = read_by_all(ways, tmp_path / "s.csv", "a;b\n1;2\n", CsvFormat(delimiter=","))
    assert (table.names, table.rows) == (("a;b",), (("1;2",),))


def test_tsv(ways: Ways, tmp_path: Path) -> None:
    assert read_by_all(ways, tmp_path / "s.tsv", "a\tb\n1\tx, y\n").rows == ((1, "x, y"),)
    error = refused_by_all(ways, tmp_path / "s.tsv", "a,b\n1,2\n")
    assert getattr(error, "setting", None) == "delimiter: ','"


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8", "utf-8-sig"])
def test_encodings(ways: Ways, tmp_path: Path, encoding: str) -> None:
    content = 'größe,b\n"é\n",2\n'.encode(encoding)
    table = read_by_all(ways, tmp_path / "s.csv", content, CsvFormat(encoding=encoding))
    assert (table.names, table.rows) == (("größe", "b"), (("é\n", 2),))


def test_an_encoding_that_is_wrong(ways: Ways, tmp_path: Path) -> None:
    error = refused_by_all(ways, tmp_path / "s.csv", b"a\n\x81\n", CsvFormat(encoding="cp1252"))
    assert "byte 0x81 at offset 2 is not CP1252" in str(error)
    assert getattr(error, "line", None) == 2


def test_null_values(ways: Ways, tmp_path: Path) -> None:
    form = CsvFormat(null_values=("NA", "-999", "\\N"))
    table = read_by_all(ways, tmp_path / "s.csv", 'a,b\n1,NA\n-999,"NA"\nNA,x\n\\N,\n', form)
    assert table.kinds == ("bigint", "text")
    assert table.rows == ((1, None), (None, None), (None, "x"), (None, None))


def test_no_header(ways: Ways, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    assert read_by_all(ways, path, "\n1,x\n2,y\n", CsvFormat(header=False)).names == ("column_1", "column_2")
    named = read_by_all(ways, path, "1,x\n2,y\n", CsvFormat(header=("id", "name")))
    assert (named.names, named.rows) == (("id", "name"), ((1, "x"), (2, "y")))
    assert read_by_all(ways, path, "", CsvFormat(header=("id",))).rows == ()
    error = refused_by_all(ways, path, "1;x\n", CsvFormat(header=("id", "name")))
    assert (getattr(error, "line", None), getattr(error, "setting", None)) == (1, "delimiter: ';'")


# the rule against an oracle of plain Python, and the engines against each other


def number(text: str) -> tuple[str, str, str] | None:
    """Part what is a number into the digits before the point, behind it, and the exponent."""
    body, mark, exponent = text.strip(" \t").removeprefix("-").replace("E", "e").partition("e")
    whole, point, part = body.partition(".")
    if not set(whole + part) <= set("0123456789") or not whole + part or (whole[:1] == "0" and len(whole) > 1):
        return None
    digits = exponent[1:] if exponent[:1] in ("+", "-") else exponent
    if mark and (not digits or not set(digits) <= set("0123456789")):
        return None
    return whole, (part or "0") if point else "", exponent if mark else ""


def oracle(texts: list[str | None]) -> tuple[str, list[object]]:
    """What the column should be, worked out with Python's own numbers."""
    said = [text for text in texts if text is not None]
    parts = [number(text) for text in said]

    def values(make: type) -> list[object]:
        return [None if text is None else make(text.strip(" \t")) for text in texts]

    if not said:
        return "text", list(texts)
    if all(text.strip(" \t").lower() in ("true", "false") for text in said):
        return "boolean", [None if text is None else text.strip(" \t").lower() == "true" for text in texts]
    numbers = [part for part in parts if part is not None]
    if len(numbers) < len(said):
        return "text", list(texts)
    if not any(part or exponent for _, part, exponent in numbers):
        if all(-(2**63) <= int(text) < 2**63 for text in said):
            return "bigint", values(int)
        return (
            ("decimal(38,0)", values(D)) if all(len(whole) <= 38 for whole, _, _ in numbers) else ("text", list(texts))
        )
    floats = [float(text) for text in said]
    if all(
        abs(value) != float("inf") and D(repr(value)) == D(text.strip(" \t"))
        for value, text in zip(floats, said, strict=True)
    ):
        return "double", values(float)
    scale = max(
        len(D(text.strip(" \t")).as_tuple().digits) and max(0, -int(D(text.strip(" \t")).as_tuple().exponent))
        for text in said
    )
    whole = max(len(whole.lstrip("0")) for whole, _, _ in numbers)
    if any(exponent for _, _, exponent in numbers) or whole + scale > 38:
        return "text", list(texts)
    return f"decimal(38,{scale})", values(D)


DIGITS = st.text("0123456789", min_size=1, max_size=42)
PLAIN = st.builds(
    lambda sign, whole, part: sign + whole + part,
    st.sampled_from(["", "", "-"]),
    st.integers(0, 10**40).map(str),
    st.one_of(st.just(""), DIGITS.map(lambda d: f".{d}")),
)
SMALL = st.one_of(st.integers(-(2**64), 2**64).map(str), st.integers(-999, 999).map(str))
FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr), st.decimals(-(10**6), 10**6, places=2).map(str)
)
ODD = """007 -0 0 1. .5 -.5 1e5 1E-3 1e400 1e-400 0x1F NaN inf +1 1_000 1,000 - . true False NO t yes 1e e5 --1 1-
    9007199254740993 0.30000000000000004 0.30000000000000005"""
NASTY = st.sampled_from([*ODD.split(), " 1 ", "\t2"])
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\ufeff"), max_size=6)
COLUMNS = st.sampled_from(
    [
        PLAIN,
        SMALL,
        FLOATS,
        st.one_of(SMALL, FLOATS),
        st.one_of(SMALL, PLAIN),
        st.one_of(NASTY, SMALL),
        st.sampled_from(["true", "FALSE", " True"]),
        NASTY,
        TEXTS,
    ]
).flatmap(lambda values: st.lists(st.one_of(st.none(), values, values, values), min_size=5, max_size=5))


def spelled(text: str | None, quoted: bool, alone: bool) -> str:
    needs = text is None and alone
    if text is not None:
        needs = quoted or any(mark in text for mark in ',"\r\n') or text == ""
    return '"' + (text or "").replace('"', '""') + '"' if needs else text or ""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    columns=st.lists(COLUMNS, min_size=1, max_size=4),
    count=st.integers(0, 5),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoted=st.booleans(),
    blank=st.integers(0, 6),
    mark=st.booleans(),
)
def test_every_file_is_the_table_that_the_rule_says(
    ways: Ways,
    tmp_path: Path,
    columns: list[list[str | None]],
    count: int,
    end: str,
    quoted: bool,
    blank: int,
    mark: bool,
) -> None:
    names = [f"c{i}" for i in range(len(columns))]
    fields = [[None if text == "" else text for text in column[:count]] for column in columns]
    lines = [",".join(names)] + [
        ",".join(spelled(text, quoted, len(row) == 1) for text in row) for row in zip(*fields, strict=True)
    ]
    lines.insert(blank, "")
    content = ("\ufeff" if mark else "") + end.join(lines) + end
    table = read_by_all(ways, tmp_path / "s.csv", content)
    assert table.names == tuple(names)
    for place, texts in enumerate(fields):
        kind, values = oracle(texts)
        found = table.column(place)
        assert table.kinds[place] == kind
        assert found == values
        assert [type(value) for value in found] == [type(value) for value in values]
