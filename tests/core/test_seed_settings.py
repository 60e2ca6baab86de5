"""What seeds/schema.yml says of the file of a seed, which files are seeds, and what is said of the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from written_projects import Files, loaded, opened, problems

from fft_core.engines.spec.csv_format import DEFAULT, CsvFormat
from fft_core.errors import SeedError

CSV: Files = {"seeds/raw/s.csv": "id;name\n1;x\n", "seeds/t.csv": "a\n1\n"}


def test_how_a_file_is_written(tmp_path: Path) -> None:
    settings = """\
        files:
          raw/s: {delimiter: ";", encoding: Latin-1, quote: none, null_values: ["NULL", "-999"], header: [a, b]}
        """
    seeds = loaded(tmp_path, {**CSV, "seeds/schema.yml": settings}).seeds
    assert seeds["s"].form == CsvFormat(";", "latin-1", None, ("NULL", "-999"), ("a", "b"))
    assert seeds["t"].form == DEFAULT


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ('{delimiter: "\\t"}', CsvFormat(delimiter="\t")),
        ("{delimiter: '\\t'}", CsvFormat(delimiter="\t")),
        ("{delimiter: '|', quote: \"'\"}", CsvFormat(delimiter="|", quote="'")),
        ("{quote: false}", CsvFormat(quote=None)),
        ("{quote: ''}", CsvFormat(quote=None)),
        ("{header: no}", CsvFormat(header=False)),
        ("{null_values: 'NA'}", CsvFormat(null_values=("NA",))),
        ("{encoding: windows-1252}", CsvFormat(encoding="windows-1252")),
        ("{}", DEFAULT),
    ],
)
def test_spellings(tmp_path: Path, written: str, form: CsvFormat) -> None:
    project = loaded(tmp_path, {**CSV, "seeds/schema.yml": f"files: {{s: {written}}}\n"})  # by its stem
    assert project.seeds["s"].form == form


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{delimeter: ';'}", "unknown key 'delimeter' in files.s [FFT-101]\n    hint: Did you mean 'delimiter'?"),
        ("{delimiter: ''}", "files.s.delimiter: '' is not one ASCII character"),
        ("{delimiter: ', '}", "files.s.delimiter: ', ' is not one ASCII character"),
        ("{delimiter: '§'}", "files.s.delimiter: '§' is not one ASCII character"),
        ("{delimiter: a}", "files.s.delimiter: 'a' is not one ASCII character"),
        ("{delimiter: '\"'}", "files.s: delimiter and quote are the same character [FFT-106]"),
        ("{encoding: latn-1}", "files.s.encoding: 'latn-1' is not an encoding. Did you mean 'latin-1'? [FFT-106]"),
        ("{encoding: rot13}", "files.s.encoding: 'rot13' is not an encoding"),
        ("{null_values: [NULL]}", "files.s.null_values: write a list of texts, each in quotes"),
        ("{null_values: [-999]}", "files.s.null_values: write a list of texts, each in quotes"),
        ("{null_values: [NO]}", "files.s.null_values: write a list of texts, each in quotes"),
        ("{header: [a, A]}", "files.s.header: two columns have one name [FFT-106]"),
        ("{header: [a, '']}", "files.s.header: name each column [FFT-106]"),
        ("{header: []}", "files.s.header: name each column [FFT-106]"),
        ("{header: maybe}", "files.s.header: write true, false, or a list of names"),
        ("{header: [1, 2]}", "files.s.header: write true, false, or a list of names"),
        ("[]", "files.s must be a mapping [FFT-106]"),
    ],
)
def test_what_cannot_be_said(tmp_path: Path, written: str, said: str) -> None:
    files: Files = {**CSV, "seeds/schema.yml": f"columns: {{t: {{a: integer}}}}\nfiles:\n  s: {written}\n"}
    (problem,) = problems(tmp_path, files)
    assert problem.startswith(f"seeds/schema.yml:3: {said}")


def test_settings_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    found = problems(tmp_path, {**CSV, "seeds/schema.yml": "files:\n  raw/t: {quote: none}\n"})
    assert found == ["seeds/schema.yml:2: seeds/ has no seed 'raw/t' [FFT-160]\n    hint: Did you mean 'raw/s'?"]


def test_settings_of_a_file_that_is_no_csv(tmp_path: Path) -> None:
    found = problems(tmp_path, {"seeds/q.sql": "select 1 as x", "seeds/schema.yml": "files:\n  q: {quote: none}\n"})
    assert found == [
        (
            "seeds/schema.yml:2: seeds/q.sql is not a CSV file [FFT-160]\n    hint: The keys of `files` are for .csv "
            "and .tsv files."
        )
    ]


def test_a_seed_is_read_as_it_is_said(tmp_path: Path) -> None:
    files: Files = {
        "seeds/prices.csv": "Größe;Preis;von\n1;NA;2024-01-02\n2;7;\n".encode("latin-1"),
        "seeds/more.tsv": "id\tname\n1\tx, y\n",
        "seeds/schema.yml": """\
            targets: {prices: {table: raw_prices}}
            files: {prices: {delimiter: ";", encoding: latin-1, null_values: ["NA"]}}
            columns: {raw_prices: {Preis: integer, von: date}}
            """,
    }
    with opened(tmp_path, files) as shop:
        shop.build()
        assert shop.types("raw_prices") == {
            "Größe": "VARCHAR",
            "Preis": "BIGINT",
            "von": "DATE",
            "_ff_loaded_at": "TIMESTAMP WITH TIME ZONE",
            "_ff_seed_id": "VARCHAR",
            "_ff_seed_file": "VARCHAR",
        }
        assert [row[:2] for row in shop.rows("select * from raw_prices order by 1")] == [("1", None), ("2", 7)]
        assert shop.rows("select id, name, _ff_seed_file from more") == [(1, "x, y", "seeds/more.tsv")]


def test_an_error_names_the_file_once_and_the_key_that_mends_it(tmp_path: Path) -> None:
    with opened(tmp_path, {"seeds/raw/s.csv": b"a\n\xe9\n"}) as shop, pytest.raises(SeedError) as caught:
        shop.build()
    assert str(caught.value) == (
        "seeds/raw/s.csv:2: byte 0xe9 at offset 2 is not UTF-8 [FFT-421]\n"
        "    hint: Set it in seeds/schema.yml: files: {raw/s: {encoding: latin-1}}."
    )


def test_files_that_are_no_seeds_are_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    others = ("data.json", "raw/book.xlsx", "raw/s.csv.gz", "UPPER.CSV", "notes.txt", "raw/schema.yaml")
    silent = ("README.md", "raw/readme.md", "schema.yml", ".hidden", ".git/x.txt")
    files: Files = {f"seeds/{name}": "" for name in (*others, *silent)}
    loaded(tmp_path, {**files, "seeds/s.csv": "a\n1\n"})
    (record,) = caplog.records
    assert record.getMessage() == (
        "not read, as a seed's name ends in .csv, .tsv, .parquet, .pq, .sql: seeds/UPPER.CSV, seeds/data.json, "
        "seeds/notes.txt, seeds/raw/book.xlsx, seeds/raw/s.csv.gz, seeds/raw/schema.yaml"
    )


def test_a_small_seed_needs_no_arrow_and_leaves_nothing(tmp_path: Path) -> None:
    loaded(tmp_path, {"seeds/s.csv": "a,b\n1,x\n"})
    script = f"""if True:
        import sys
        from fft_core import load_project, open_warehouse
        from fft_core.run.turn import build_seed
        project = load_project({str(tmp_path)!r}, "dev", environment={{}})
        with open_warehouse(project) as warehouse:
            build_seed(warehouse, project.seeds["s"])
            left = "select table_name from duckdb_tables() where temporary union all "
            left += "select view_name from duckdb_views() where not internal"
            print(warehouse.engine.fetch(left), "pyarrow" in sys.modules, "pandas" in sys.modules)
        """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[] False False\n"
