{{ config(materialized='view', tags=['scope:demo']) }}
select id as order_id, user_id, amount
from {{ ref('seed_orders') }}
where amount > 0
