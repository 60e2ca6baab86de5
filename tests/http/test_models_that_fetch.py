"""Models that call get_df: with the variables of the project, and built each time unless they say otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from web import web
from written_projects import loaded, opened

from fft_core import FftError
from fft_core.compile.identity import project_identities

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
