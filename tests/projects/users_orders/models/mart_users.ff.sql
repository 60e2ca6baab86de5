{{ config(materialized='view') }}
select u.id, u.email, u.is_gmail, count(o.order_id) as orders, coalesce(sum(o.amount), 0) as amount
from {{ ref('users_enriched') }} as u
left join {{ ref('mart_orders_enriched') }} as o on o.user_id = u.id
group by all
