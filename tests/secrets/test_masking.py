"""What a masker finds, in which spellings; and what it leaves."""

from __future__ import annotations

import base64
import html
import json
import logging
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fft_core.engines.spec.masking import Masker
from fft_core.errors import FftError, Location, Problem, ProjectError, StatementError
from fft_core.run.output_guard import OutputGuard

VALUES = [
    "hunter2",
    "it's",
    'say "x"',
    "a\\b\\c",
    "pa/ss@w:rd%",
    "täglich",
    "a|b|c|d",
    "<b>&amp",
    "tab\tbed",
    "日本語鍵",
]
SPELLINGS: dict[str, Callable[[str], str]] = {
    "itself": str,
    "repr": repr,
    "repr in repr": lambda text: repr([repr(text)]),
    "json": json.dumps,
    "json as text": lambda text: json.dumps(text, ensure_ascii=False),
    "json in json": lambda text: json.dumps(json.dumps({"a": text})),
    "sql": lambda text: "'" + text.replace("'", "''") + "'",
    "sql in repr": lambda text: repr("select '" + text.replace("'", "''") + "'"),
    "identifier": lambda text: '"' + text.replace('"', '""') + '"',
    "url": lambda text: f"postgresql://me:{quote(text, safe='')}@host",
    "path": lambda text: f"https://host/{quote(text)}",
    "form": lambda text: f"a={quote_plus(text)}&b=1",
    "html": html.escape,
    "html of jinja": lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "bytes": lambda text: repr(text.encode()),
    "hex": lambda text: "\\x" + text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "basic authorization": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "basic authorization of another": lambda text: base64.b64encode(f"me:{text}\n".encode()).decode(),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_value_is_masked_however_it_is_spelled(value: str, spelling: str) -> None:
    masker = Masker.of([value])
    spelled = SPELLINGS[spelling](value)
    if "authorization" in spelling and len(value.encode()) < 9:
        pytest.skip("too short for a text of its own in base64")
    masked = masker(f"before {spelled} after")
    assert "***" in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert spelled.strip("'\"[]") not in masked


@settings(deadline=None)
@given(st.text(min_size=8, max_size=40).filter(lambda text: len(text.strip()) >= 8 and "*" not in text))
def test_any_value_is_masked_in_code_json_and_sql(value: str) -> None:
    masker = Masker.of([value])
    for spelled in (
        value,
        repr(value),
        json.dumps(value),
        value.replace("'", "''"),
        quote(value.encode(errors="replace")),
    ):
        assert value.strip() not in masker(f"x{spelled}x")


@pytest.mark.parametrize("width", [10, 20, 33])
def test_a_value_with_line_breaks_in_it_is_masked(width: int) -> None:
    value = "abcdefghijklmnopqrstuvwxyz0123456789"
    masker = Masker.of([value])
    text = "the key is " + "\n    ".join(textwrap.wrap(value, width))
    assert masker(text) == "the key is ***"
    assert masker(f"'{value[:9]}\\\n{value[9:]}'") == "'***'"


def test_the_greater_part_of_a_long_value_is_masked_and_a_short_part_is_not() -> None:
    masker = Masker.of(["abcdefghijklmnopqrstuvwxyz0123456789"])
    assert masker("cut: abcdefghijklmnopqrstuv…") == "cut: ***…"
    assert masker("…ghijklmnopqrstuvwxyz0123456789") == "…***"
    assert masker("abcdef") == "abcdef"


def test_each_line_of_a_value_with_several_is_masked() -> None:
    masker = Masker.of(["-----BEGIN-----\nabcdefgh\nijklmnop\n"])
    assert masker("1: abcdefgh\n2:   ijklmnop") == "1: ***\n2:   ***"


def test_short_and_blank_values_are_left() -> None:
    masker = Masker.of(["abc", "   \n    ", ""])
    assert masker.values == frozenset()
    assert masker("abc    \n") == "abc    \n"
    assert Masker.of(["hunter2\n"])("hunter2") == "***"


def test_a_value_in_another_is_masked_with_it() -> None:
    assert Masker.of(["pass", "password-1", "word"])("password-1 pass") == "*** ***"


def test_a_masker_does_not_show_what_it_knows() -> None:
    assert "hunter2" not in repr(Masker.of(["hunter2"])) + str(Masker.of(["hunter2"]))


class Odd(Exception):
    """Its text is not its argument."""

    def __str__(self) -> str:
        return f"odd {self.args[0]}"


class Broken(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def raised() -> BaseException:
    try:
        try:
            try:
                raise KeyError("hunter2")
            except KeyError as error:
                error.add_note("a note of hunter2")
                raise Odd("hunter2") from error
        except Odd:
            where = Location(Path("a.sql"), 3)
            raise FftError("it says hunter2", where=where, hint="no hunter2")  # noqa: B904 - it has a context, no cause
    except FftError as error:
        return error


def test_an_exception_is_masked_with_all_that_led_to_it() -> None:
    error = raised()
    masked = Masker.of(["hunter2"]).error(error)
    assert masked is error  # ours: who handles it has it already
    text = "".join(traceback.format_exception(masked))
    said = [line for line in text.splitlines() if not line.startswith("    ")]  # the others are lines of this file
    assert "hunter2" not in "\n".join(said)
    for part in ("KeyError: '***'", "a note of ***", "Odd: odd ***", "FftError: a.sql:3: it says ***", "in raised"):
        assert part in text
    assert str(error) == "a.sql:3: it says *** [FFT-400]\n    hint: no ***"


def test_an_exception_without_a_secret_stays_itself() -> None:
    error, masker = ValueError("nothing"), Masker.of(["hunter2"])
    error.__cause__ = KeyError("nothing either")
    assert masker.error(error) is error
    assert isinstance(masker.error(Broken("hunter2")), Broken)
    group = masker.error(ExceptionGroup("several", [ValueError("one"), KeyError("hunter2")]))
    assert "hunter2" not in "".join(traceback.format_exception(group))
    loop = ValueError("hunter2")
    loop.__cause__ = loop
    assert str(masker.error(loop)) == "***"


def test_what_our_errors_hold_is_masked() -> None:
    masker = Masker.of(["hunter2"])
    statement = StatementError("no hunter2", sql="select 'hunter2'", position=3)
    project = ProjectError([Problem("one hunter2"), Problem("two", hint="hunter2")])
    for error in (statement, project):
        assert masker.error(error) is error
        assert "hunter2" not in str(error) + repr(error) + str(vars(error))
    assert (statement.sql, statement.position) == ("select '***'", 3)
    assert [problem.message for problem in project.problems] == ["one ***", "two"]


def test_a_guard_masks_streams_logs_and_warnings_and_gives_them_back(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before: tuple[Any, ...] = sys.stdout, sys.stderr, logging.getLogRecordFactory(), warnings.formatwarning
    with OutputGuard(Masker.of(["hunter2"])) as guard:
        print("out hunter2", end="")
        print("err hunter2", file=sys.stderr, end="")
        sys.stdout.writelines(["a hunter2", " b"])
        sys.stdout.flush()
        assert sys.stdout.isatty() is before[0].isatty()
        assert sys.stdout.encoding == before[0].encoding
        logging.getLogger("told").warning("log %s\x1b[31m", "hunter2")
        try:
            raise ValueError("hunter" + str(2))
        except ValueError:
            logging.getLogger("told").exception("failed")
        with pytest.raises(TypeError):  # as without a guard, of pytest's own handler
            logging.getLogger("told").warning("bad arguments %d", "x")
        assert warnings.formatwarning("a\x1b[31m", UserWarning, "f.py", 1, "") == "f.py:1: UserWarning: a\\x1b[31m\n"
        guard.masker = Masker.of(["other-secret"])
        print("hunter2 other-secret")
    assert (sys.stdout, sys.stderr, logging.getLogRecordFactory(), warnings.formatwarning) == before
    out, err = capfd.readouterr()
    assert out == "out ***a *** bhunter2 ***\n"
    assert "err ***" in err
    assert "hunter2" not in err
    assert caplog.records[0].getMessage() == "log ***\\x1b[31m"
    assert "hunter2" not in caplog.text
    assert caplog.text.count("***") == 2


def test_the_trace_of_an_unexpected_error_is_written_without_secrets(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from fft_cli.crash import print_unexpected

    (tmp_path / "project.yml").write_text("name: p\nversion: '1'\n")
    with OutputGuard(Masker.of(["hunter2"])):
        print_unexpected("KeyError: 'hunter2\x1b[31m'", "Traceback: hunter2\n\x1b[31m", tmp_path)
    (log,) = (tmp_path / ".fastflowtransform" / "logs").iterdir()
    assert log.read_text().endswith("Traceback: ***\n\\x1b[31m")
    assert "unexpected KeyError: '***\\x1b[31m'" in capfd.readouterr().err


def test_json_for_programs_stays_json_whatever_the_secrets_are(capfd: pytest.CaptureFixture[str]) -> None:
    from fft_cli.terminal import echo_json

    with OutputGuard(Masker.of(["true", "1234", "null", '","', "name"])):
        echo_json({"name": "a true name", "rows": 1234, "ok": True, "none": None, "said": 'x","y'})
    assert json.loads(capfd.readouterr().out) == {
        "name": "a *** ***",
        "rows": 1234,
        "ok": True,
        "none": None,
        "said": 'x","y',
    }
