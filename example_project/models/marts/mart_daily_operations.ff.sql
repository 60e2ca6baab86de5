{{ config(materialized='table', tags=['marts', 'daily']) }}
with weather as (
    select
        origin,
        observed_date,
        cast(sum(precipitation_in) as decimal(8, 2)) as precipitation_in,
        max(wind_mph) as max_wind_mph,
        min(visibility_miles) as min_visibility_miles
    from {{ ref('stg_weather') }}
    group by origin, observed_date
)

select
    departures.flight_date,
    departures.origin,
    departures.flights,
    {{ percent('departures.cancelled', 'departures.flights') }} as cancelled_pct,
    departures.avg_departure_delay,
    departures.avg_departure_delay_7d,
    weather.precipitation_in,
    weather.max_wind_mph,
    weather.min_visibility_miles,
    -- 1 is the day with the most cancellations.
    row_number() over (
        partition by departures.origin
        order by 1.0 * departures.cancelled / departures.flights desc, departures.flight_date
    ) as disruption_rank
from {{ ref('int_daily_departures') }} as departures
left join weather
    on departures.origin = weather.origin
    and departures.flight_date = weather.observed_date
order by departures.flight_date, departures.origin
