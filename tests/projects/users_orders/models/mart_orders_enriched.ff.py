import pandas as pd

from fft_core import model, relation_for


@model(
    name="mart_orders_enriched",
    deps=["orders.ff", "users_enriched"],
    requires={"orders": ["order_id", "user_id", "amount"], "users_enriched": {"id", "email", "is_gmail"}},
)
def build(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    orders, users = frames[relation_for("orders.ff")], frames["users_enriched"]
    joined = orders.merge(users, left_on="user_id", right_on="id", how="left")
    return joined.assign(valid_amount=joined["amount"] > 0)[
        ["order_id", "user_id", "email", "is_gmail", "amount", "valid_amount"]
    ]
