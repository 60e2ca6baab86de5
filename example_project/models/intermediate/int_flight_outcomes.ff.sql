{{ config(materialized='ephemeral', tags=['intermediate']) }}
-- The one place that says what "on time" means. Inlined into its readers: it is not worth a table of its own.
select
    flight_id,
    flight_date,
    departure_hour,
    carrier,
    origin,
    dest,
    distance_miles,
    departure_delay,
    arrival_delay,
    case
        when is_cancelled then 'cancelled'
        when is_diverted then 'diverted'
        when arrival_delay < {{ var('on_time_minutes', 15) }} then 'on time'
        else 'late'
    end as outcome
from {{ ref('stg_flights') }}
