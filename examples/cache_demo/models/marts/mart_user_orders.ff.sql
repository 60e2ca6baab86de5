{{ config(materialized='table', tags=['scope:demo']) }}
select
    u.user_id,
    u.email,
    coalesce(sum(o.amount), 0) as amount,
    '{{ env("FF_DEMO_TOGGLE", "off") }}' as toggle
from {{ ref('stg_users.ff') }} as u
left join {{ ref('stg_orders.ff') }} as o on o.user_id = u.user_id
group by u.user_id, u.email
