{# The registry spells makers in several ways; these five built 99 % of the aircraft. #}
{% macro manufacturer_group(column) -%}
case
        when {{ column }} like 'AIRBUS%' then 'Airbus'
        when {{ column }} like 'BOEING%' then 'Boeing'
        when {{ column }} like 'BOMBARDIER%' or {{ column }} like 'CANADAIR%' then 'Bombardier'
        when {{ column }} like 'EMBRAER%' then 'Embraer'
        when {{ column }} like 'MCDONNELL%' or {{ column }} like 'DOUGLAS%' then 'McDonnell Douglas'
        when {{ column }} is not null then 'other'
    end
{%- endmacro %}

{# Measurements as decimals: their sums do not depend on the order of rows, those of doubles do. #}
{% macro measurement(column) -%}
cast({{ column }} as decimal(8, 2))
{%- endmacro %}

{# The date of the columns year, month and day, which are wider than make_date takes them on Postgres. #}
{% macro calendar_date() -%}
make_date(cast(year as integer), cast(month as integer), cast(day as integer))
{%- endmacro %}
