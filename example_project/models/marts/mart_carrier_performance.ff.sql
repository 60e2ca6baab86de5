{{ config(materialized='table', tags=['marts', 'on_time']) }}
select
    outcomes.carrier,
    airlines.carrier_name,
    {{ on_time_columns() }}
from {{ ref('int_flight_outcomes') }} as outcomes
left join {{ ref('stg_airlines') }} as airlines on outcomes.carrier = airlines.carrier
group by outcomes.carrier, airlines.carrier_name
-- Only for those who open the table as it is; nothing downstream relies on it.
order by on_time_pct desc, outcomes.carrier
