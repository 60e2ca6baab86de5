{{ config(materialized='view', tags=['scope:demo']) }}
select id as user_id, lower(email) as email
from {{ ref('seed_users') }}
