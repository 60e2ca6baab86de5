{{ config(materialized='table', tags=['intermediate', 'weather']) }}
-- Left join: flights in an hour without a reading stay, or cancellations in the worst storms would be lost.
select
    flights.flight_id,
    flights.flight_date,
    flights.origin,
    flights.departure_delay,
    flights.arrival_delay,
    flights.outcome,
    weather.temperature_f,
    weather.wind_mph,
    weather.precipitation_in,
    weather.visibility_miles
from {{ ref('int_flight_outcomes') }} as flights
left join {{ ref('stg_weather') }} as weather
    on flights.origin = weather.origin
    and flights.departure_hour = weather.observed_hour
