"""`fft test --junit` and `--sarif`: what CI servers and code hosts are told of checks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest
from run_helpers import Fft, Finished, called_fft, run_results, shop, write
from sarif_reports import results_of

from fft_core.errors import Location
from fft_core.reports.checks.junit import junit_report
from fft_core.reports.checks.outcomes import CheckOutcome


@pytest.fixture
def fft(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Fft:
    return lambda *arguments: called_fft(arguments, monkeypatch, capfd)


@pytest.fixture
def tested(fft: Fft, tmp_path: Path) -> Finished:
    """A project with checks that pass, warn, fail and could not be run; its reports are beside it."""
    root = shop(tmp_path / "shop")
    assert fft("build", root).code == 0
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        connection.execute("update users set id = null where id = 2")
        connection.execute("drop table history")
    return fft("test", root, "--junit", tmp_path / "ci/checks.xml", "--sarif", tmp_path / "ci/checks.sarif")


def test_junit_has_a_suite_for_each_table_and_a_case_for_each_check(tested: Finished, tmp_path: Path) -> None:
    assert tested.code == 1  # a table does not exist
    report = ElementTree.parse(tmp_path / "ci/checks.xml").getroot()
    counts = {name: report.get(name) for name in ("name", "tests", "failures", "errors", "skipped")}
    assert counts == {"name": "shop", "tests": "4", "failures": "1", "errors": "1", "skipped": "0"}
    assert [suite.get("name") for suite in report] == ["crm.users", "history", "users"]
    cases = {f"{case.get('classname')} {case.get('name')}": case for case in report.iter("testcase")}
    assert {name: [part.tag for part in case] for name, case in cases.items()} == {
        "crm.users unique_id": [],
        "history unique_id_email": ["error"],
        "users not_null_id": ["failure"],
        "users accepted_values_email": ["system-out"],
    }
    failed = cases["users not_null_id"]
    assert (failed.get("file"), failed.get("line")) == ("project.yml", "4")
    assert 0 <= float(failed.get("time", "-1")) < 60
    assert dict(failed[0].attrib) == {"message": "1 of 2 rows fail", "type": "not_null"}
    (said, first, query) = (failed[0].text or "").splitlines()
    assert said == "project.yml:4: users.id: 1 of 2 rows fail"
    assert first == "The first of them: id = NULL, email = b@x.at, name = Bob"
    assert "is null" in query.lower()
    assert (cases["users accepted_values_email"][0].text or "").startswith("warned: project.yml:5: users.email: 1 of 2")


def test_sarif_has_what_failed_and_warned_at_its_lines(tested: Finished, tmp_path: Path) -> None:
    report = json.loads((tmp_path / "ci/checks.sarif").read_text())
    results = results_of(report, "accepted_values", "not_null", "unique")
    found = {
        result["ruleId"]: (result["level"], result["locations"][0]["physicalLocation"]["region"]["startLine"])
        for result in results
    }
    assert found == {"not_null": ("error", 4), "accepted_values": ("warning", 5), "unique": ("error", 6)}
    assert "users.id: not_null_id: 1 of 2 rows fail\nThe first of them: id = NULL" in json.dumps(results).replace(
        "\\n", "\n"
    )


def test_a_check_that_fails_for_other_rows_is_the_same_result_of_sarif(
    fft: Fft, tested: Finished, tmp_path: Path
) -> None:
    def fingerprints() -> dict[str, str]:
        (run,) = json.loads((tmp_path / "ci/checks.sarif").read_text())["runs"]
        return {one["ruleId"]: one["partialFingerprints"]["fftFinding/v1"] for one in run["results"]}

    before = fingerprints()
    with duckdb.connect(str(tmp_path / "shop/dev.duckdb")) as connection:
        connection.execute("update users set id = null")
    write(tmp_path / "shop", {"project.yml": "# moved\n" + (tmp_path / "shop/project.yml").read_text()})
    assert fft("test", tmp_path / "shop", "--sarif", tmp_path / "ci/checks.sarif").code == 1
    assert fingerprints() == before


def test_a_report_that_cannot_be_written_is_an_error_and_the_results_are_kept(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    assert fft("build", root).code == 0
    tested = fft("test", root, "--junit", root / "project.yml/checks.xml")
    assert tested.code == 1
    assert tested.err.startswith(f"error: cannot write {root / 'project.yml/checks.xml'}: ")
    assert "✓ passed: 3" in tested.lines
    assert run_results(root)["metadata"]["command"] == "test"


def test_texts_that_xml_cannot_hold_are_escaped_in_junit() -> None:
    where = Location(Path("models/a<b>.yml"), 3)
    message = 'bell \x07, end \uffff, half \ud800, & < > " ]]>'
    outcome = CheckOutcome("users", "a&b", "unique", "users.a", where, "fail", message, shared_by=2, seconds=0.5)
    report = ElementTree.fromstring(junit_report([outcome], "shop", datetime.now(UTC)).encode())
    (case,) = report.iter("testcase")
    assert (case.get("name"), case.get("file"), case.get("time")) == ("a&b", "models/a<b>.yml", "0.250")
    assert case[0].get("message") == 'bell \\x07, end \ufffd, half \\ud800, & < > " ]]>'
