{{ config(materialized='view', tags=['staging']) }}
select
    tailnum,
    year as manufactured_year,
    {{ manufacturer_group('manufacturer') }} as manufacturer,
    model as aircraft_model,
    engines as engine_count,
    seats as seat_count,
    -- A carrier's own fleet number can look like the tail number of somebody's Cessna: such a match is not one.
    seats >= {{ var('min_airliner_seats', 20) }} as is_airliner
from {{ source('nyc', 'planes') }}
