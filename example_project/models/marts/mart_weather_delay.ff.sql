{{ config(materialized='table', tags=['marts', 'weather']) }}
{% set factors = {
    'precipitation': 'precipitation_in',
    'visibility': 'visibility_miles',
    'wind': 'wind_mph',
} %}
-- at_least <= reading < below; ordered from good to bad weather.
with bands (weather_factor, band_order, band, at_least, below) as (
    values
        ('precipitation', 1, 'dry', 0, 0.01),
        ('precipitation', 2, 'light (under 0.05 in/h)', 0.01, 0.05),
        ('precipitation', 3, 'moderate (under 0.2 in/h)', 0.05, 0.2),
        ('precipitation', 4, 'heavy (0.2 in/h and more)', 0.2, 99),
        ('visibility', 1, 'clear (10 miles)', 10, 99),
        ('visibility', 2, 'hazy (5-10 miles)', 5, 10),
        ('visibility', 3, 'poor (1-5 miles)', 1, 5),
        ('visibility', 4, 'very poor (under 1 mile)', 0, 1),
        ('wind', 1, 'light (under 8 mph)', 0, 8),
        ('wind', 2, 'moderate (8-18 mph)', 8, 18),
        ('wind', 3, 'fresh (18-25 mph)', 18, 25),
        ('wind', 4, 'strong (25 mph and more)', 25, 999)
),

readings as (
    {% for factor, column in factors.items() %}
    select '{{ factor }}' as weather_factor, {{ column }} as reading, departure_delay, outcome
    from {{ ref('int_flights_weather') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    readings.weather_factor,
    coalesce(bands.band_order, 9) as band_order,
    coalesce(bands.band, 'no reading') as band,
    count(*) as flights,
    {{ rounded('avg(readings.departure_delay)') }} as avg_departure_delay,
    {{ percent("count(*) filter (where readings.departure_delay > 60)", "count(readings.departure_delay)") }}
        as over_an_hour_pct,
    {{ percent("count(*) filter (where readings.outcome = 'cancelled')", "count(*)") }} as cancelled_pct
from readings
left join bands
    on readings.weather_factor = bands.weather_factor
    and readings.reading >= bands.at_least
    and readings.reading < bands.below
group by readings.weather_factor, bands.band_order, bands.band
order by weather_factor, band_order
