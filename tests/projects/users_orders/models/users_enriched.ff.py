import pandas as pd

from fft_core import model


@model(name="users_enriched", deps=["users.ff"], requires={"users": {"id", "email"}})
def build(df: pd.DataFrame) -> pd.DataFrame:
    """Users, with whether their mail address is one of Gmail's."""
    return df.assign(is_gmail=df["email"].str.endswith("@gmail.com"))
