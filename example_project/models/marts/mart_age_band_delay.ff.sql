{{ config(materialized='table', tags=['marts', 'fleet']) }}
select
    age_band,
    count(distinct tailnum) as aircraft,
    cast(sum(flights) as bigint) as flights,
    {{ rounded('sum(departure_delay_minutes) / nullif(sum(departures), 0)') }} as avg_departure_delay
from {{ ref('int_fleet_age') }}
group by age_band
-- The unknown have no age and come last.
order by min(age_years) nulls last
