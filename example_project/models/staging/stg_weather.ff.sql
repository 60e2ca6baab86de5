{{ config(materialized='view', tags=['staging']) }}
select
    origin,
    time_hour as observed_hour,
    -- From the parts, which are New York's: a cast of time_hour would follow the session's time zone.
    {{ calendar_date() }} as observed_date,
    {{ measurement('temp') }} as temperature_f,
    {{ measurement('humid') }} as humidity_pct,
    -- One reading says 1,048 mph (EWR, 12 February). The strongest gust ever measured was 253.
    case when wind_speed < 250 then {{ measurement('wind_speed') }} end as wind_mph,
    {{ measurement('precip') }} as precipitation_in,
    {{ measurement('visib') }} as visibility_miles
from {{ source('nyc', 'weather') }}
