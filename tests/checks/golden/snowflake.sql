-- not_null
-- counted:
count(case when "NAME" is null then 1 end)
select * from "SHOP"."ORDERS" where "NAME" is null;

-- not_null, with a condition
-- counted:
count(case when (id > 5 -- all
) and ("NAME" is null) then 1 end)
select * from "SHOP"."ORDERS" where (id > 5 -- all
) and ("NAME" is null);

-- unique
-- not counted with others
select "ID" as "ID", count(*) as row_count from "SHOP"."ORDERS" group by 1 having count(*) > 1;

-- unique, with a condition
-- not counted with others
select "ID" as "ID", count(*) as row_count from "SHOP"."ORDERS" where (id > 5 -- all
) group by 1 having count(*) > 1;

-- unique of two
-- not counted with others
select "ID" as "ID", "NAME" as "NAME", count(*) as row_count from "SHOP"."ORDERS" group by 1, 2 having count(*) > 1;

-- unique of two, with a condition
-- not counted with others
select "ID" as "ID", "NAME" as "NAME", count(*) as row_count from "SHOP"."ORDERS" where (id > 5 -- all
) group by 1, 2 having count(*) > 1;

-- accepted_values
-- counted:
count(case when "NAME" is not null and "NAME" not in ('it\'s', 'b') then 1 end)
select * from "SHOP"."ORDERS" where "NAME" is not null and "NAME" not in ('it\'s', 'b');

-- accepted_values, with a condition
-- counted:
count(case when (id > 5 -- all
) and ("NAME" is not null and "NAME" not in ('it\'s', 'b')) then 1 end)
select * from "SHOP"."ORDERS" where (id > 5 -- all
) and ("NAME" is not null and "NAME" not in ('it\'s', 'b'));

-- greater_equal
-- counted:
count(case when "AMOUNT" < 0 or cast("AMOUNT" as double) = 'NaN'::double then 1 end)
select * from "SHOP"."ORDERS" where "AMOUNT" < 0 or cast("AMOUNT" as double) = 'NaN'::double;

-- greater_equal, with a condition
-- counted:
count(case when (id > 5 -- all
) and ("AMOUNT" < 0 or cast("AMOUNT" as double) = 'NaN'::double) then 1 end)
select * from "SHOP"."ORDERS" where (id > 5 -- all
) and ("AMOUNT" < 0 or cast("AMOUNT" as double) = 'NaN'::double);

-- between
-- counted:
count(case when "AMOUNT" < 0 or "AMOUNT" > 9.5 or cast("AMOUNT" as double) = 'NaN'::double then 1 end)
select * from "SHOP"."ORDERS" where "AMOUNT" < 0 or "AMOUNT" > 9.5 or cast("AMOUNT" as double) = 'NaN'::double;

-- between, with a condition
-- counted:
count(case when (id > 5 -- all
) and ("AMOUNT" < 0 or "AMOUNT" > 9.5 or cast("AMOUNT" as double) = 'NaN'::double) then 1 end)
select * from "SHOP"."ORDERS" where (id > 5 -- all
) and ("AMOUNT" < 0 or "AMOUNT" > 9.5 or cast("AMOUNT" as double) = 'NaN'::double);

-- between times
-- counted:
count(case when "AT" < cast('2024-01-01 00:00:00.000000' as timestamp_ntz) or "AT" > cast('2024-12-31 23:59:00.000000' as timestamp_ntz) then 1 end)
select * from "SHOP"."ORDERS" where "AT" < cast('2024-01-01 00:00:00.000000' as timestamp_ntz) or "AT" > cast('2024-12-31 23:59:00.000000' as timestamp_ntz);

-- between times, with a condition
-- counted:
count(case when (id > 5 -- all
) and ("AT" < cast('2024-01-01 00:00:00.000000' as timestamp_ntz) or "AT" > cast('2024-12-31 23:59:00.000000' as timestamp_ntz)) then 1 end)
select * from "SHOP"."ORDERS" where (id > 5 -- all
) and ("AT" < cast('2024-01-01 00:00:00.000000' as timestamp_ntz) or "AT" > cast('2024-12-31 23:59:00.000000' as timestamp_ntz));

-- matches_regex
-- counted:
count(case when not (regexp_instr(cast("NAME" as varchar), '^[0-9A-Za-z_]+\\.(a|b)$', 1, 1, 0, 's') > 0) then 1 end)
select * from "SHOP"."ORDERS" where not (regexp_instr(cast("NAME" as varchar), '^[0-9A-Za-z_]+\\.(a|b)$', 1, 1, 0, 's') > 0);

-- matches_regex, with a condition
-- counted:
count(case when (id > 5 -- all
) and (not (regexp_instr(cast("NAME" as varchar), '^[0-9A-Za-z_]+\\.(a|b)$', 1, 1, 0, 's') > 0)) then 1 end)
select * from "SHOP"."ORDERS" where (id > 5 -- all
) and (not (regexp_instr(cast("NAME" as varchar), '^[0-9A-Za-z_]+\\.(a|b)$', 1, 1, 0, 's') > 0));

-- expression
-- counted:
count(case when not (amount > 0 or id = 1 -- once
) then 1 end)
select * from "SHOP"."ORDERS" where not (amount > 0 or id = 1 -- once
);

-- expression, with a condition
-- counted:
count(case when (id > 5 -- all
) and (not (amount > 0 or id = 1 -- once
)) then 1 end)
select * from "SHOP"."ORDERS" where (id > 5 -- all
) and (not (amount > 0 or id = 1 -- once
));

-- not_constant
-- counted:
case when min("AMOUNT") = max("AMOUNT") then 1 else 0 end
select * from (select min("AMOUNT") as smallest, max("AMOUNT") as largest from "SHOP"."ORDERS") as _ff_total where smallest = largest;

-- not_constant, with a condition
-- counted:
case when min(case when (id > 5 -- all
) then "AMOUNT" end) = max(case when (id > 5 -- all
) then "AMOUNT" end) then 1 else 0 end
select * from (select min("AMOUNT") as smallest, max("AMOUNT") as largest from "SHOP"."ORDERS" where (id > 5 -- all
)) as _ff_total where smallest = largest;

-- not_constant, a text
-- counted:
case when min(cast("NAME" as varchar)) = max(cast("NAME" as varchar)) then 1 else 0 end
select * from (select min(cast("NAME" as varchar)) as smallest, max(cast("NAME" as varchar)) as largest from "SHOP"."ORDERS") as _ff_total where smallest = largest;

-- not_constant, a text, with a condition
-- counted:
case when min(case when (id > 5 -- all
) then cast("NAME" as varchar) end) = max(case when (id > 5 -- all
) then cast("NAME" as varchar) end) then 1 else 0 end
select * from (select min(cast("NAME" as varchar)) as smallest, max(cast("NAME" as varchar)) as largest from "SHOP"."ORDERS" where (id > 5 -- all
)) as _ff_total where smallest = largest;

-- row_count_between
-- counted:
case when count(1) < 1 or count(1) > 9 then 1 else 0 end
select * from (select count(1) as row_count from "SHOP"."ORDERS") as _ff_total where row_count < 1 or row_count > 9;

-- row_count_between, with a condition
-- counted:
case when count(case when (id > 5 -- all
) then 1 end) < 1 or count(case when (id > 5 -- all
) then 1 end) > 9 then 1 else 0 end
select * from (select count(1) as row_count from "SHOP"."ORDERS" where (id > 5 -- all
)) as _ff_total where row_count < 1 or row_count > 9;

-- non_negative_sum
-- counted:
case when sum("AMOUNT") < 0 or cast(sum("AMOUNT") as double) = 'NaN'::double then 1 else 0 end
select * from (select sum("AMOUNT") as total from "SHOP"."ORDERS") as _ff_total where total < 0 or cast(total as double) = 'NaN'::double;

-- non_negative_sum, with a condition
-- counted:
case when sum(case when (id > 5 -- all
) then "AMOUNT" end) < 0 or cast(sum(case when (id > 5 -- all
) then "AMOUNT" end) as double) = 'NaN'::double then 1 else 0 end
select * from (select sum("AMOUNT") as total from "SHOP"."ORDERS" where (id > 5 -- all
)) as _ff_total where total < 0 or cast(total as double) = 'NaN'::double;

-- sum_between
-- counted:
case when coalesce(sum("AMOUNT"), 0) < 1 or coalesce(sum("AMOUNT"), 0) > 9.5 or cast(coalesce(sum("AMOUNT"), 0) as double) = 'NaN'::double then 1 else 0 end
select * from (select coalesce(sum("AMOUNT"), 0) as total from "SHOP"."ORDERS") as _ff_total where total < 1 or total > 9.5 or cast(total as double) = 'NaN'::double;

-- sum_between, with a condition
-- counted:
case when coalesce(sum(case when (id > 5 -- all
) then "AMOUNT" end), 0) < 1 or coalesce(sum(case when (id > 5 -- all
) then "AMOUNT" end), 0) > 9.5 or cast(coalesce(sum(case when (id > 5 -- all
) then "AMOUNT" end), 0) as double) = 'NaN'::double then 1 else 0 end
select * from (select coalesce(sum("AMOUNT"), 0) as total from "SHOP"."ORDERS" where (id > 5 -- all
)) as _ff_total where total < 1 or total > 9.5 or cast(total as double) = 'NaN'::double;

-- freshness
-- counted:
case when max("AT") is null or max("AT") < cast('2026-01-31 11:00:00.000000' as timestamp_ntz) then 1 else 0 end
select * from (select max("AT") as latest from "SHOP"."ORDERS") as _ff_total where latest is null or latest < cast('2026-01-31 11:00:00.000000' as timestamp_ntz);

-- freshness, with a condition
-- counted:
case when max(case when (id > 5 -- all
) then "AT" end) is null or max(case when (id > 5 -- all
) then "AT" end) < cast('2026-01-31 11:00:00.000000' as timestamp_ntz) then 1 else 0 end
select * from (select max("AT") as latest from "SHOP"."ORDERS" where (id > 5 -- all
)) as _ff_total where latest is null or latest < cast('2026-01-31 11:00:00.000000' as timestamp_ntz);

-- recency
-- not counted with others
select "NAME" as "NAME", "ID" as "ID", max("AT") as latest from "SHOP"."ORDERS" group by 1, 2 having max("AT") is null or max("AT") < cast('2026-01-31 11:00:00.000000' as timestamp_ntz);

-- recency, with a condition
-- not counted with others
select "NAME" as "NAME", "ID" as "ID", max("AT") as latest from "SHOP"."ORDERS" where (id > 5 -- all
) group by 1, 2 having max("AT") is null or max("AT") < cast('2026-01-31 11:00:00.000000' as timestamp_ntz);

-- column_types
-- counted:
5
select * from (select cast('id' as varchar) as column_name, cast('number' as varchar) as promised, cast('integer' as varchar) as found union all select cast('gone' as varchar) as column_name, cast('text' as varchar) as promised, cast(null as varchar) as found union all select cast('name' as varchar) as column_name, cast(null as varchar) as promised, cast('varchar' as varchar) as found union all select cast('amount' as varchar) as column_name, cast(null as varchar) as promised, cast('double' as varchar) as found union all select cast('at' as varchar) as column_name, cast(null as varchar) as promised, cast('timestamp' as varchar) as found) as _ff_v;

-- drift of the number of rows
-- counted:
case when count(1) is null or abs(cast(count(1) as double) - 100.0) > 20.0 or cast(count(1) as double) = 'NaN'::double then 1 else 0 end
-- kept:
count(1)
select * from (select count(1) as row_count from "SHOP"."ORDERS") as _ff_total where row_count is null or abs(cast(row_count as double) - 100.0) > 20.0 or cast(row_count as double) = 'NaN'::double;

-- drift of the number of rows, with a condition
-- counted:
case when 1 = 0 then 1 else 0 end
-- kept:
count(case when (id > 5 -- all
) then 1 end)
select * from (select count(1) as row_count from "SHOP"."ORDERS" where (id > 5 -- all
)) as _ff_total where 1 = 0;

-- drift of the mean
-- counted:
case when avg(cast("AMOUNT" as double)) is null or abs(cast(avg(cast("AMOUNT" as double)) as double) - -2.5) > 0.5 or cast(avg(cast("AMOUNT" as double)) as double) = 'NaN'::double then 1 else 0 end
-- kept:
avg(cast("AMOUNT" as double))
select * from (select avg(cast("AMOUNT" as double)) as mean from "SHOP"."ORDERS") as _ff_total where mean is null or abs(cast(mean as double) - -2.5) > 0.5 or cast(mean as double) = 'NaN'::double;

-- drift of the mean, with a condition
-- counted:
case when 1 = 0 then 1 else 0 end
-- kept:
avg(case when (id > 5 -- all
) then cast("AMOUNT" as double) end)
select * from (select avg(cast("AMOUNT" as double)) as mean from "SHOP"."ORDERS" where (id > 5 -- all
)) as _ff_total where 1 = 0;

-- drift of NULLs
-- counted:
case when (1 - cast(count(case when "NAME" is not null then 1 end) as double) / nullif(count(1), 0)) is null or abs(cast((1 - cast(count(case when "NAME" is not null then 1 end) as double) / nullif(count(1), 0)) as double) - 0.25) > 0.2 or cast((1 - cast(count(case when "NAME" is not null then 1 end) as double) / nullif(count(1), 0)) as double) = 'NaN'::double then 1 else 0 end
-- kept:
(1 - cast(count(case when "NAME" is not null then 1 end) as double) / nullif(count(1), 0))
select * from (select count(1) as row_count, count(case when "NAME" is not null then 1 end) as filled from "SHOP"."ORDERS") as _ff_total where (1 - cast(filled as double) / nullif(row_count, 0)) is null or abs(cast((1 - cast(filled as double) / nullif(row_count, 0)) as double) - 0.25) > 0.2 or cast((1 - cast(filled as double) / nullif(row_count, 0)) as double) = 'NaN'::double;

-- drift of NULLs, with a condition
-- counted:
case when 1 = 0 then 1 else 0 end
-- kept:
(1 - cast(count(case when (id > 5 -- all
) then case when "NAME" is not null then 1 end end) as double) / nullif(count(case when (id > 5 -- all
) then 1 end), 0))
select * from (select count(1) as row_count, count(case when "NAME" is not null then 1 end) as filled from "SHOP"."ORDERS" where (id > 5 -- all
)) as _ff_total where 1 = 0;

-- drift of values
-- counted:
case when count(distinct "NAME") is null or abs(cast(count(distinct "NAME") as double) - 7.0) > 1.4000000000000001 or cast(count(distinct "NAME") as double) = 'NaN'::double then 1 else 0 end
-- kept:
count(distinct "NAME")
select * from (select count(distinct "NAME") as distinct_count from "SHOP"."ORDERS") as _ff_total where distinct_count is null or abs(cast(distinct_count as double) - 7.0) > 1.4000000000000001 or cast(distinct_count as double) = 'NaN'::double;

-- drift of values, with a condition
-- counted:
case when 1 = 0 then 1 else 0 end
-- kept:
count(distinct case when (id > 5 -- all
) then "NAME" end)
select * from (select count(distinct "NAME") as distinct_count from "SHOP"."ORDERS" where (id > 5 -- all
)) as _ff_total where 1 = 0;

-- relationships
-- not counted with others
select * from "SHOP"."ORDERS" as _ff_child where not exists (select 1 from (select _ff_other."ID" as _ff_key from "SHOP"."USERS" as _ff_other) as _ff_parent where _ff_parent._ff_key = _ff_child."ID");

-- relationships, with a condition
-- not counted with others
select * from (select * from "SHOP"."ORDERS" where (id > 5 -- all
)) as _ff_child where not exists (select 1 from (select _ff_other."ID" as _ff_key from "SHOP"."USERS" as _ff_other) as _ff_parent where _ff_parent._ff_key = _ff_child."ID");

-- row_count_equals
-- not counted with others
select * from (select (select count(*) from "SHOP"."ORDERS"
) as left_value, (select count(*) from "SHOP"."USERS"
) as right_value) as _ff_totals where left_value <> right_value;

-- reconcile_equal
-- not counted with others
select * from (select (select sum(amount) from "SHOP"."ORDERS" where (amount > 0
)
) as left_value, (select sum(spent) from "SHOP"."USERS"
) as right_value) as _ff_totals where abs(left_value - right_value) > 0.5 or (left_value is null) is distinct from (right_value is null);

-- reconcile_ratio_within
-- not counted with others
select * from (select left_value, right_value, cast(left_value as double) / nullif(right_value, 0) as ratio from (select (select sum(amount) from "SHOP"."ORDERS" where (amount > 0
)
) as left_value, (select sum(spent) from "SHOP"."USERS"
) as right_value) as _ff_totals) as _ff_ratio where ratio is null or ratio < 0.9 or ratio > 1.1;

-- reconcile_coverage
-- not counted with others
select _ff_key as missing_key from (select id as _ff_key from "SHOP"."ORDERS") as _ff_needed where not exists (select 1 from (select id as _ff_key from "SHOP"."USERS") as _ff_known where _ff_known._ff_key = _ff_needed._ff_key);

-- reconcile_coverage, with a condition
-- not counted with others
select _ff_key as missing_key from (select id as _ff_key from "SHOP"."ORDERS") as _ff_needed where not exists (select 1 from (select id as _ff_key from "SHOP"."USERS") as _ff_known where _ff_known._ff_key = _ff_needed._ff_key);

