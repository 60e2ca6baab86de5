select
    cast(session_start as date) as day,
    count(*) as sessions,
    sum(pageviews) as pageviews,
    sum(revenue) as revenue,
    avg(case when revenue > 0 then 1.0 else 0.0 end) as conversion
from {{ ref('fct_sessions_streaming') }}
group by 1
