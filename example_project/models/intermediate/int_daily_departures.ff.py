"""Departures by airport and day, with a moving week: Polars, because it rolls over time and not over rows."""

import polars as pl

from fft_core import model


@model(
    name="int_daily_departures",
    deps=["stg_flights"],
    requires={"stg_flights": {"flight_date", "origin", "departure_delay", "is_cancelled"}},
    materialized="table",
    tags=["intermediate", "daily"],
)
def int_daily_departures(flights: pl.DataFrame) -> pl.DataFrame:
    """One row per airport and day. The week's mean weighs flights, not days: it is a ratio of two moving sums."""
    daily = (
        flights.sort("origin", "flight_date")
        .group_by_dynamic("flight_date", every="1d", group_by="origin")
        .agg(
            pl.len().cast(pl.Int64).alias("flights"),
            pl.col("is_cancelled").sum().cast(pl.Int64).alias("cancelled"),
            pl.col("departure_delay").count().cast(pl.Int64).alias("departures"),
            pl.col("departure_delay").sum().alias("delay_minutes"),
        )
    )

    def moving_week(column: str) -> pl.Expr:
        return pl.col(column).rolling_sum_by("flight_date", window_size="7d").over("origin")

    return daily.with_columns(
        (pl.col("delay_minutes") / pl.col("departures")).round(2).alias("avg_departure_delay"),
        (moving_week("delay_minutes") / moving_week("departures")).round(2).alias("avg_departure_delay_7d"),
    ).sort("origin", "flight_date")
