{{ config(materialized='table', tags=['marts', 'on_time']) }}
with outcomes as (
    select * from {{ ref('int_flight_outcomes') }} as flights
),

routes as (
    select
        origin || '-' || dest as route,
        origin,
        dest,
        -- Flights to EGE are filed with distances a mile apart.
        max(distance_miles) as distance_miles,
        count(distinct carrier) as carriers,
        {{ on_time_columns() }}
    from outcomes
    group by origin, dest
    having count(*) >= {{ var('min_route_flights', 100) }}
),

carriers as (
    select
        origin,
        dest,
        carrier,
        count(*) as flights,
        {{ percent("count(*) filter (where outcome = 'on time')", "count(*)") }} as on_time_pct
    from outcomes
    group by origin, dest, carrier
    -- The same bar for a carrier on a route: three lucky flights are no record.
    having count(*) >= {{ var('min_route_flights', 100) }}
),

ranked_carriers as (
    select
        origin,
        dest,
        carrier as best_carrier,
        on_time_pct as best_carrier_on_time_pct,
        -- The last two terms break ties, so that every build names the same carrier.
        row_number() over (partition by origin, dest order by on_time_pct desc, flights desc, carrier) as place
    from carriers
),

best_carriers as (
    select * from ranked_carriers where place = 1
)

select
    routes.*,
    airports.airport_name as dest_name,
    best_carriers.best_carrier,
    best_carriers.best_carrier_on_time_pct
from routes
left join best_carriers
    on routes.origin = best_carriers.origin
    and routes.dest = best_carriers.dest
left join {{ ref('stg_airports') }} as airports on routes.dest = airports.airport
order by routes.route
