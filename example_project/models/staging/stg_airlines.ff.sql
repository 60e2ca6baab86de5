{{ config(materialized='view', tags=['staging']) }}
select
    carrier,
    name as carrier_name
from {{ source('nyc', 'airlines') }}
