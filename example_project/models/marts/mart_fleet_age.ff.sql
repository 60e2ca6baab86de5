{{ config(materialized='table', tags=['marts', 'fleet']) }}
select
    fleet.carrier,
    airlines.carrier_name,
    count(*) as aircraft,
    count(fleet.age_years) as aircraft_with_age,
    {{ percent('sum(fleet.flights) filter (where fleet.age_years is not null)', 'sum(fleet.flights)') }}
        as flights_with_age_pct,
    {{ rounded('avg(fleet.age_years)') }} as avg_aircraft_age,
    -- Weighted by flights: an old aircraft that seldom flies should not age the fleet.
    {{ rounded(
        'sum(fleet.age_years * fleet.flights) / sum(fleet.flights) filter (where fleet.age_years is not null)'
    ) }} as avg_flown_age,
    {{ percent(
        'sum(case when fleet.age_years >= ' ~ var('old_aircraft_years', 20) ~ ' then fleet.flights else 0 end)',
        'sum(fleet.flights) filter (where fleet.age_years is not null)'
    ) }} as flights_by_old_aircraft_pct
from {{ ref('int_fleet_age') }} as fleet
left join {{ ref('stg_airlines') }} as airlines on fleet.carrier = airlines.carrier
group by fleet.carrier, airlines.carrier_name
order by fleet.carrier
