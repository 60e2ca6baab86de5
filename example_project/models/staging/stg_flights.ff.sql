{{ config(materialized='table', tags=['staging']) }}
-- A table, not a view: all but the weather is made from it.
select
    concat_ws('-', {{ calendar_date() }}, carrier, flight, origin) as flight_id,
    {{ calendar_date() }} as flight_date,
    hour as scheduled_hour,
    time_hour as departure_hour,
    carrier,
    flight as flight_number,
    tailnum,
    origin,
    dest,
    distance as distance_miles,
    dep_delay as departure_delay,
    arr_delay as arrival_delay,
    dep_time is null as is_cancelled,
    -- It left, but no arrival at its destination was reported in comparison with the schedule.
    dep_time is not null and arr_delay is null as is_diverted
from {{ source('nyc', 'flights') }}
