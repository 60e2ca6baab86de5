"""Aircraft by carrier, with their age: pandas, because binning is one line there."""

import pandas as pd

from fft_core import model

AGE_EDGES = [-1, 5, 10, 15, 20, 25, float("inf")]
AGE_BANDS = ["0-5 years", "6-10 years", "11-15 years", "16-20 years", "21-25 years", "over 25 years"]


@model(
    name="int_fleet_age",
    deps=["stg_planes", "stg_flights"],
    requires={
        "stg_planes": {"tailnum", "manufactured_year", "is_airliner"},
        "stg_flights": {"tailnum", "carrier", "flight_date", "departure_delay"},
    },
    materialized="table",
    tags=["intermediate", "fleet"],
)
def int_fleet_age(planes: pd.DataFrame, flights: pd.DataFrame) -> pd.DataFrame:
    """One row per carrier and tail number: flights, delay, and the age in the year of the flights."""
    airliners = planes.loc[planes["is_airliner"], ["tailnum", "manufactured_year"]]
    fleet = (
        flights.dropna(subset=["tailnum"])
        .assign(flight_year=lambda f: f["flight_date"].dt.year.astype("int64"))
        .groupby(["carrier", "tailnum"], as_index=False)
        .agg(
            flights=("tailnum", "size"),
            departures=("departure_delay", "count"),
            departure_delay_minutes=("departure_delay", "sum"),
            flight_year=("flight_year", "max"),
        )
        .merge(airliners, on="tailnum", how="left", validate="many_to_one")
    )
    fleet["age_years"] = fleet.pop("flight_year") - fleet["manufactured_year"].astype("Int64")
    bands = pd.cut(fleet["age_years"].astype("Float64"), AGE_EDGES, labels=AGE_BANDS)
    fleet["age_band"] = bands.astype("object").where(bands.notna(), "unknown")
    return fleet.sort_values(["carrier", "tailnum"], ignore_index=True)
