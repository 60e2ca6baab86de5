"""Each error has a code that the registry explains; numbers never change, and examples are real messages."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fft_cli.app import app
from fft_core import FftError, ProjectError
from fft_core.error_codes import ALL, CODES, RANGES, UNEXPECTED, find_code
from fft_core.errors import Location, Problem, StatementError
from tools.reference.error_examples import EXAMPLES, FOLDER, ErrorExample

ROOT = Path(__file__).parents[2]
PACKAGES = ("fft_core", "fft_cli", "fft_dagster", "fft_prefect", "fft_pytest", "fft_serve")
REGISTRY = ROOT / "fft_core" / "error_codes"
# People search for these numbers: a new code is added here, and no code is removed or gets another meaning.
GOLDEN = """
100 101 102 103 104 105 106 107 110 111 112 113 120 121 122 130 131 140 141 142 143 150 151 160 161 162 163 164
170 171 172
200 201 202 203 204 205 210 211 220 221 222 223
300 301 302 303 304 305 306 310 311
400 401 402 403 410 411 412 413 414 415 420 421 422 430 431 432 433 440 450 451 460 461 462 463
500 501 502 503 504 510 511 512
600 601 602 603 604 605 606 607 608
700 701 710 711
800 801 802 803 804 805 806 807
900 901 902 903 904 905 906 907 908 910 911 912 999
"""


def module_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (path for path in sorted((ROOT / package).rglob("*.py")) if REGISTRY not in path.parents)


def codes_in(path: Path) -> set[str]:
    """The codes in the texts of a module, but not in its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {code for text in texts if id(text) not in prose for code in re.findall(r"FFT-\d+", str(text.value))}


USED = {code: path for path in module_files() for code in codes_in(path)}


def errors_of(module: Path) -> Iterator[type[FftError]]:
    text = module.read_text(encoding="utf-8")
    for name in re.findall(r"^class (\w+Error)\(", text, re.MULTILINE):
        found = getattr(import_module(".".join(module.relative_to(ROOT).with_suffix("").parts)), name)
        if issubclass(found, FftError):
            yield found


def test_numbers_never_change() -> None:
    assert sorted(code.number for code in ALL) == [int(number) for number in GOLDEN.split()]


def test_no_code_stands_twice() -> None:
    assert len(ALL) == len(CODES)
    assert len({code.title for code in ALL}) == len(ALL)


def test_each_code_is_used_and_each_used_code_is_explained() -> None:
    assert {*USED, UNEXPECTED} == set(CODES)


def test_each_code_belongs_to_a_range() -> None:
    assert {code.number // 100 for code in ALL} == set(RANGES)


@pytest.mark.parametrize("code", ALL, ids=str)
def test_a_code_is_explained_in_sentences(code: object) -> None:
    found = find_code(str(code))
    assert found is not None
    assert not found.title.endswith(".")
    for text in (found.cause, found.cure):
        assert text.endswith(".")
        assert 1 <= len(re.findall(r"[.?](?= |$)", text)) <= 4
        for page in re.findall(r"docs/[\w/-]+\.md", text):
            assert (ROOT / page).is_file()
        for name in re.findall(r"`fft ([\w-]+)", text):
            assert name == "COMMAND" or app.get_command(click.Context(app), name) is not None


@pytest.mark.parametrize("error", [error for path in module_files() for error in errors_of(path)])
def test_each_error_has_a_code(error: type[FftError]) -> None:
    assert "default_code" in vars(error)
    assert error.default_code in CODES


def test_there_are_many_examples() -> None:
    assert len(EXAMPLES) >= 30
    assert set(EXAMPLES) <= set(CODES)


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_is_what_fft_says(code: str, tmp_path: Path) -> None:
    example: ErrorExample = EXAMPLES[code]
    example.write(tmp_path)
    with pytest.raises(FftError) as caught:
        example.fails(tmp_path)
    assert str(caught.value).replace(str(tmp_path), FOLDER) == example.message
    assert caught.value.code == code


def test_a_message_ends_its_first_line_with_the_code() -> None:
    problem = Problem("model 'users': syntax error\n    In line 3", Location(Path("users.sql"), 3), "Look.", "FFT-601")
    assert str(problem) == "users.sql:3: model 'users': syntax error [FFT-601]\n    In line 3\n    hint: Look."
    assert problem.message == "model 'users': syntax error\n    In line 3"


def test_a_more_precise_code_replaces_that_of_the_class() -> None:
    assert StatementError("no", sql="select 1").code == "FFT-601"
    assert StatementError("no", sql="select 1", code="FFT-501").code == "FFT-501"
    assert str(FftError("no")) == "no [FFT-400]"


def test_a_project_shows_the_code_of_each_problem() -> None:
    one, other = Problem("a", code="FFT-101"), Problem("b", code="FFT-110")
    assert str(ProjectError([one, other])) == "a [FFT-101]\nb [FFT-110]"
    assert ProjectError([one, other]).code == "FFT-100"
    assert ProjectError([one, one]).code == "FFT-101"


def test_codes_survive_masks_and_processes() -> None:
    error = ProjectError([Problem("secret", code="FFT-101")])
    error.mask(lambda text: text.replace("secret", "***"))
    assert str(error) == "*** [FFT-101]"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.code) == ("*** [FFT-101]", "FFT-101")
    single = pickle.loads(pickle.dumps(FftError("no", code="FFT-711")))
    assert (str(single), single.code) == ("no [FFT-711]", "FFT-711")


@pytest.mark.parametrize("text", ["FFT-110", "fft-110", "110", "FFT110", "[FFT-110]", " FFT 110 "])
def test_a_code_is_found_as_people_write_it(text: str) -> None:
    assert str(find_code(text)) == "FFT-110"


@pytest.mark.parametrize("text", ["", "11", "FFT-11", "FFT-1100", "FFT-199", "110x"])
def test_other_texts_are_no_codes(text: str) -> None:
    assert find_code(text) is None


def test_an_option_is_not_broken_at_its_hyphens() -> None:
    shown = CliRunner().invoke(app, ["explain", "500"]).output
    assert "--store-failures" in shown
