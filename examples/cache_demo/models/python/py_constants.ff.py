import pandas as pd
from fastflowtransform import engine_model

FACTOR = 1


@engine_model(only=("duckdb", "postgres"), name="py_constants", tags=["scope:demo"])
def build() -> pd.DataFrame:
    return pd.DataFrame({"name": ["factor"], "value": [FACTOR]})
