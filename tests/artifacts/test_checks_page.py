"""The pages about checks: their last results as charts, since when they fail, and the types of the project's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flower_shop import load_shop, write_shop
from test_site import Page

from fft_core.project.model import CheckParam, Outcome
from fft_core.reports.site.pages import render_site
from fft_core.reports.site.trend import HEIGHT, trend_of
from fft_core.run.check_history import CheckHistory, CheckMark

FILES = {
    "project.yml": """\
        name: flowers
        version: "1.2"
        tests:
          - {type: few, table: people, limit: 3, description: "Not <many>."}
          - {type: mean_below, table: counted, column: size, severity: warn}
          - {type: relationships, table: people, column: id, to: users, severity: warn, tags: [nightly]}
        """,
    "tests/few.ff.sql": """\
        {{ config(type='few', params=['limit', 'unused']) }}
        {# People beyond a limit.

           Two lines & <more>. #}
        select id from {{ table }} where id > {{ params.limit }}
        """,
    "tests/nobody.ff.sql": """\
        {{ config(type='nobody', description='Said in config.') }}
        -- not this
        select 1 where 1 = 0
        """,
    "tests/mean.ff.py": '''\
        from fastflowtransform.decorators import dq_test
        from pydantic import BaseModel


        class Params(BaseModel):
            limit: float = 0.5
            names: list[str]


        @dq_test("mean_below", params_model=Params)
        def mean(con, table, column, params):
            """The mean is low.

            In all rows.
            """
            return True, "", ""


        @dq_test("anything")
        def anything(con, table, column, params):
            return True, "", ""
        ''',
}
DAY = datetime(2026, 3, 1, 4, 5, tzinfo=UTC)


def history(outcomes: str, counts: list[int]) -> CheckHistory:
    """A run each day: . passes, w warns, F fails."""
    words: dict[str, Outcome] = {".": "pass", "w": "warn", "F": "fail"}
    return CheckHistory(
        [
            CheckMark(DAY + timedelta(days=day), str(day), words[outcome], count, 100)
            for day, (outcome, count) in enumerate(zip(outcomes, counts, strict=True))
        ]
    )


HISTORIES = {
    ("people", "few"): history(".F.FF", [0, 1, 0, 5, 50]),
    ("people", "not_null_id"): history("...", [0, 0, 0]),
    ("counted", "mean_below_size"): history(".w", [0, 1]),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    project = load_shop(write_shop(tmp_path_factory.mktemp("shop"), FILES))
    return render_site(project, None, histories=HISTORIES)


def test_a_check_is_shown_with_its_last_results_and_since_when_it_fails(site: Mapping[str, str]) -> None:
    page = Page(site["models/people.html"])
    assert "few fails for 2 runs, since 2026-03-04 04:05 UTC" in page.text
    assert "not_null_id passes" in page.text
    assert "unique_id id is unique" in page.text  # it never ran: nothing is said of it
    (chart,) = [part for part in site["models/people.html"].split("<svg") if "passed in 2 of the last 5 runs" in part]
    assert re.findall(r'<g class="(\w+)"', chart) == ["pass", "fail", "pass", "fail", "fail"]
    assert "<title>2026-03-05 04:05 UTC: fail, 50 failing</title>" in chart
    heights = [float(height) for height in re.findall(r'height="([\d.]+)"/>', chart)]
    assert heights[0] < heights[1] < heights[3] < heights[4] == HEIGHT


def test_all_checks_are_on_one_page_those_that_fail_first(site: Mapping[str, str]) -> None:
    page = Page(site["checks.html"])
    assert "5 checks, 2 not passing." in page.text
    shown = re.findall(r'<span class="name">(\w+)</span>', site["checks.html"])
    assert shown[:5] == ["few", "mean_below_size", "not_null_id", "relationships_id", "unique_id"]
    assert "Not <many>." in page.text
    assert {"models/people.html", "models/counted.html", "seeds/users.html"} <= set(page.links)
    assert "id is found in users.id; NULL is not. Reads users" in page.text
    searched = re.findall(r'data-search="([^"]*)"', site["checks.html"])
    assert searched[0].startswith("people few few not &lt;many&gt;.")
    assert searched[0].endswith(" fail")


def test_the_types_of_the_project_are_documented(site: Mapping[str, str]) -> None:
    text = Page(site["checks.html"]).text
    assert "Types of this project 4" in text
    assert (
        "few tests/few.ff.sql:1 People beyond a limit. Two lines & <more>. Parameter Type Default limit unused "
        "Used by people"
    ) in text
    assert "nobody tests/nobody.ff.sql:1 Said in config. No parameters. Not used." in text
    assert (
        "mean_below tests/mean.ff.py:11 The mean is low. In all rows. Parameter Type Default limit float 0.5 "
        "names list[str] Used by counted"
    ) in text
    assert "anything tests/mean.ff.py:20 Takes any parameters. Not used." in text


def test_types_and_their_parameters_are_read_without_running_them(tmp_path: Path) -> None:
    broken = FILES["tests/mean.ff.py"].replace("        class", "        1 / 0\n\n\n        class")
    types = {
        kind.name: kind for kind in load_shop(write_shop(tmp_path, {**FILES, "tests/mean.ff.py": broken})).check_types
    }
    assert [*types] == ["anything", "few", "mean_below", "nobody"]
    assert types["mean_below"].params == (CheckParam("limit", "float", "0.5"), CheckParam("names", "list[str]"))
    assert types["few"].params == (CheckParam("limit"), CheckParam("unused"))


def test_a_page_without_results_says_so(tmp_path: Path) -> None:
    site = render_site(load_shop(write_shop(tmp_path, FILES)), None)
    assert "5 checks. No results are known." in Page(site["checks.html"]).text
    assert "<svg role" not in site["checks.html"]


def test_a_chart_is_as_wide_as_its_results_and_what_fails_is_high() -> None:
    trend = trend_of(history("F" * 40, [0] * 40))
    assert trend is not None
    assert len(trend.bars) == 30
    assert trend.width == 30 * 7 - 2
    assert {bar.height for bar in trend.bars} == {HEIGHT}  # also if the number of failing rows is not told
    assert trend.since == "for 40 runs, since 2026-03-01 04:05 UTC"
    assert trend_of(CheckHistory()) is None


def test_a_failure_whose_begin_is_not_known_says_at_least() -> None:
    known = history("FF", [1, 1])
    assert str(CheckHistory(known.marks, is_whole=False).since) == "for at least 2 runs, since 2026-03-01 04:05 UTC"
    assert str(known.since) == "for 2 runs, since 2026-03-01 04:05 UTC"
