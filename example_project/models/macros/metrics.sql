{# Aggregates that several marts share, so that they mean the same everywhere. #}

{# Rounded as a decimal: on every engine a half goes away from zero, as it would by hand. #}
{% macro rounded(value, digits=1) -%}
cast(round(cast({{ value }} as decimal(38, 10)), {{ digits }}) as {{ 'double' if ff_is_engine('spark') else 'double precision' }})
{%- endmacro %}

{# A share in percent; NULL where there is nothing to divide by. #}
{% macro percent(part, whole, digits=1) -%}
{{ rounded('100.0 * ' ~ part ~ ' / nullif(' ~ whole ~ ', 0)', digits) }}
{%- endmacro %}

{# The columns of on-time performance, for a relation with the columns of int_flight_outcomes.
   The whole is the schedule, as in the DOT's reports: a cancelled flight was not on time. #}
{% macro on_time_columns() -%}
count(*) as flights,
    {{ percent("count(*) filter (where outcome = 'on time')", "count(*)") }} as on_time_pct,
    {{ percent("count(*) filter (where outcome = 'late')", "count(*)") }} as late_pct,
    {{ percent("count(*) filter (where outcome = 'cancelled')", "count(*)") }} as cancelled_pct,
    {{ percent("count(*) filter (where outcome = 'diverted')", "count(*)") }} as diverted_pct,
    {{ rounded('avg(arrival_delay)') }} as avg_arrival_delay,
    percentile_cont(0.5) within group (order by arrival_delay) as median_arrival_delay
{%- endmacro %}
