import os

import pandas as pd
from fastflowtransform import engine_model
from fastflowtransform.api.http import get_df


@engine_model(only=("duckdb", "postgres"), name="http_users", tags=["scope:http"])
def build() -> pd.DataFrame:
    address = os.environ.get("FF_DEMO_API", "http://127.0.0.1:8765/users.json")
    return get_df(url=address, record_path="users", normalize=True)[["id", "name"]]
