"""The trend behind the weekly delays of each carrier: pandas, for its exponential weights over time."""

import pandas as pd

from fft_core import model

HALF_LIFE = "28 days"


@model(
    name="mart_carrier_delay_trend",
    deps=["stg_flights", "stg_airlines"],
    requires={
        "stg_flights": {"carrier", "flight_date", "departure_delay"},
        "stg_airlines": {"carrier", "carrier_name"},
    },
    materialized="table",
    tags=["marts", "on_time"],
)
def mart_carrier_delay_trend(flights: pd.DataFrame, airlines: pd.DataFrame) -> pd.DataFrame:
    """One row per carrier and week. Weights follow the calendar: a week without departures still counts as time."""
    departed = flights.dropna(subset=["departure_delay"])
    day = departed["flight_date"].astype("datetime64[us]")
    weekly = (
        departed.assign(week_start=day - pd.to_timedelta(day.dt.day_of_week, unit="D"))
        .groupby(["carrier", "week_start"], as_index=False)
        .agg(departures=("departure_delay", "count"), avg_departure_delay=("departure_delay", "mean"))
    )
    delay = weekly["avg_departure_delay"].astype("float64")
    trend = pd.concat(
        delay.loc[rows.index].ewm(halflife=HALF_LIFE, times=rows["week_start"]).mean()
        for _, rows in weekly.groupby("carrier")
    )
    weekly = weekly.assign(
        avg_departure_delay=delay.round(2),
        delay_trend=trend.round(2),
        above_trend=(delay - trend).round(2),
        week_start=weekly["week_start"].astype("date32[pyarrow]"),
    )
    named = weekly.merge(airlines[["carrier", "carrier_name"]], on="carrier", how="left", validate="many_to_one")
    named.insert(1, "carrier_name", named.pop("carrier_name"))
    return named.sort_values(["carrier", "week_start"], ignore_index=True)
