"""Models that call get_df: with the variables of the project, and built each time unless they say otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fft_process import FFT, run_process
from web import web
from written_projects import loaded, opened, write_project

from fft_core import FftError
from fft_core.compile.identity import project_identities
from fft_core.run.results import read_run_results

CODE = """\
    from __future__ import annotations
    import os
    import pandas as pd
    from fastflowtransform import model
    from fastflowtransform.api.http import get_df
    import fastflowtransform.api.http as by_name
    from fastflowtransform.api import http

    @model(name="api_users_http", tags=["kind:http"])
    def fetch(_: pd.DataFrame | None = None) -> pd.DataFrame:
        assert http.get_df == get_df
        return get_df(url=os.environ["FF_API"] + "/users", record_path=None, normalize=True)
    """


@pytest.mark.parametrize("helper", ["get_df", "by_name.get_df", "http.get_df"])
def test_a_model_fetches_with_the_variables_of_the_project(tmp_path: Path, helper: str) -> None:
    code = CODE.replace("return get_df(", f"return {helper}(")
    with web() as site:
        site.says("/users", [{"id": 1, "at": {"city": "Wien"}}])
        files = {"models/m.ff.py": code}
        for offline in ("0", "1"):
            said = {"FF_API": site.url, "FF_HTTP_CACHE_DIR": ".local/http", "FF_HTTP_OFFLINE": offline}
            with opened(tmp_path, files, **said) as shop:
                shop.build()
                assert shop.rows('select id, "at.city" from api_users_http') == [(1, "Wien")]
        assert site.asked == ["/users"]
        assert len(list((tmp_path / ".local" / "http").iterdir())) == 2
        refused = pytest.raises(FftError, match="is not one of the allowed domains")
        with opened(tmp_path, files, FF_API=site.url, FF_HTTP_ALLOWED_DOMAINS="example.com") as shop, refused:
            shop.build()


def test_it_is_volatile_unless_it_says_otherwise(tmp_path: Path) -> None:
    steady = CODE.replace('tags=["kind:http"]', "volatile=False").replace("api_users_http", "steady")
    project = loaded(tmp_path, {"models/a.ff.py": CODE, "models/b.ff.py": steady}, FF_API="http://x")
    found = {identity.name: identity.volatile for identity in project_identities(project)}
    assert found["api_users_http"]
    assert found["steady"] == ()


def test_the_requests_of_a_run_are_told(tmp_path: Path) -> None:
    """In run_results.json, as existing Makefiles read it with jq: the run goes through Dagster."""
    with web() as site:
        site.says("/users", [{"id": 1}])
        root = write_project(tmp_path, {"models/m.ff.py": CODE, "models/other.ff.sql": "select 1 as a"})
        for offline, told in (("0", (1, 0, False)), ("1", (1, 1, True))):
            said = {**os.environ, "FF_API": site.url, "FF_HTTP_OFFLINE": offline}
            done = run_process(FFT, "build", root, environment=said)
            assert done.returncode == 0, done.stdout + done.stderr
            results = {result.name: result.http for result in read_run_results(root).results}
            found = results["api_users_http"]
            assert found is not None
            assert (found.requests, found.cache_hits, found.used_offline) == told
            assert found.bytes > 0
            assert results["other"] is None
