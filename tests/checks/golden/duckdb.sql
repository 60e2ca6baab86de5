-- not_null
-- counted:
count(case when "name" is null then 1 end)
select * from "shop"."orders" where "name" is null;

-- not_null, with a condition
-- counted:
count(case when (id > 5 -- all
) and ("name" is null) then 1 end)
select * from "shop"."orders" where (id > 5 -- all
) and ("name" is null);

-- unique
-- not counted with others
select "id" as "id", count(*) as row_count from "shop"."orders" group by 1 having count(*) > 1;

-- unique, with a condition
-- not counted with others
select "id" as "id", count(*) as row_count from "shop"."orders" where (id > 5 -- all
) group by 1 having count(*) > 1;

-- unique of two
-- not counted with others
select "id" as "id", "name" as "name", count(*) as row_count from "shop"."orders" group by 1, 2 having count(*) > 1;

-- unique of two, with a condition
-- not counted with others
select "id" as "id", "name" as "name", count(*) as row_count from "shop"."orders" where (id > 5 -- all
) group by 1, 2 having count(*) > 1;

-- accepted_values
-- counted:
count(case when "name" is not null and "name" not in ('it''s', 'b') then 1 end)
select * from "shop"."orders" where "name" is not null and "name" not in ('it''s', 'b');

-- accepted_values, with a condition
-- counted:
count(case when (id > 5 -- all
) and ("name" is not null and "name" not in ('it''s', 'b')) then 1 end)
select * from "shop"."orders" where (id > 5 -- all
) and ("name" is not null and "name" not in ('it''s', 'b'));

-- greater_equal
-- counted:
count(case when "amount" < 0 or "amount" = cast('NaN' as double precision) then 1 end)
select * from "shop"."orders" where "amount" < 0 or "amount" = cast('NaN' as double precision);

-- greater_equal, with a condition
-- counted:
count(case when (id > 5 -- all
) and ("amount" < 0 or "amount" = cast('NaN' as double precision)) then 1 end)
select * from "shop"."orders" where (id > 5 -- all
) and ("amount" < 0 or "amount" = cast('NaN' as double precision));

-- between
-- counted:
count(case when "amount" < 0 or "amount" > 9.5 or "amount" = cast('NaN' as double precision) then 1 end)
select * from "shop"."orders" where "amount" < 0 or "amount" > 9.5 or "amount" = cast('NaN' as double precision);

-- between, with a condition
-- counted:
count(case when (id > 5 -- all
) and ("amount" < 0 or "amount" > 9.5 or "amount" = cast('NaN' as double precision)) then 1 end)
select * from "shop"."orders" where (id > 5 -- all
) and ("amount" < 0 or "amount" > 9.5 or "amount" = cast('NaN' as double precision));

-- between times
-- counted:
count(case when "at" < timestamp '2024-01-01 00:00:00.000000' or "at" > timestamp '2024-12-31 23:59:00.000000' then 1 end)
select * from "shop"."orders" where "at" < timestamp '2024-01-01 00:00:00.000000' or "at" > timestamp '2024-12-31 23:59:00.000000';

-- between times, with a condition
-- counted:
count(case when (id > 5 -- all
) and ("at" < timestamp '2024-01-01 00:00:00.000000' or "at" > timestamp '2024-12-31 23:59:00.000000') then 1 end)
select * from "shop"."orders" where (id > 5 -- all
) and ("at" < timestamp '2024-01-01 00:00:00.000000' or "at" > timestamp '2024-12-31 23:59:00.000000');

-- matches_regex
-- counted:
count(case when not (regexp_matches(cast("name" as varchar), '^[0-9A-Za-z_]+\.(a|b)$', 's')) then 1 end)
select * from "shop"."orders" where not (regexp_matches(cast("name" as varchar), '^[0-9A-Za-z_]+\.(a|b)$', 's'));

-- matches_regex, with a condition
-- counted:
count(case when (id > 5 -- all
) and (not (regexp_matches(cast("name" as varchar), '^[0-9A-Za-z_]+\.(a|b)$', 's'))) then 1 end)
select * from "shop"."orders" where (id > 5 -- all
) and (not (regexp_matches(cast("name" as varchar), '^[0-9A-Za-z_]+\.(a|b)$', 's')));

-- expression
-- counted:
count(case when not (amount > 0 or id = 1 -- once
) then 1 end)
select * from "shop"."orders" where not (amount > 0 or id = 1 -- once
);

-- expression, with a condition
-- counted:
count(case when (id > 5 -- all
) and (not (amount > 0 or id = 1 -- once
)) then 1 end)
select * from "shop"."orders" where (id > 5 -- all
) and (not (amount > 0 or id = 1 -- once
));

-- not_constant
-- counted:
case when min("amount") = max("amount") then 1 else 0 end
select * from (select min("amount") as smallest, max("amount") as largest from "shop"."orders") as _ff_total where smallest = largest;

-- not_constant, with a condition
-- counted:
case when min(case when (id > 5 -- all
) then "amount" end) = max(case when (id > 5 -- all
) then "amount" end) then 1 else 0 end
select * from (select min("amount") as smallest, max("amount") as largest from "shop"."orders" where (id > 5 -- all
)) as _ff_total where smallest = largest;

-- not_constant, a text
-- counted:
case when min(cast("name" as varchar)) = max(cast("name" as varchar)) then 1 else 0 end
select * from (select min(cast("name" as varchar)) as smallest, max(cast("name" as varchar)) as largest from "shop"."orders") as _ff_total where smallest = largest;

-- not_constant, a text, with a condition
-- counted:
case when min(case when (id > 5 -- all
) then cast("name" as varchar) end) = max(case when (id > 5 -- all
) then cast("name" as varchar) end) then 1 else 0 end
select * from (select min(cast("name" as varchar)) as smallest, max(cast("name" as varchar)) as largest from "shop"."orders" where (id > 5 -- all
)) as _ff_total where smallest = largest;

-- row_count_between
-- counted:
case when count(1) < 1 or count(1) > 9 then 1 else 0 end
select * from (select count(1) as row_count from "shop"."orders") as _ff_total where row_count < 1 or row_count > 9;

-- row_count_between, with a condition
-- counted:
case when count(case when (id > 5 -- all
) then 1 end) < 1 or count(case when (id > 5 -- all
) then 1 end) > 9 then 1 else 0 end
select * from (select count(1) as row_count from "shop"."orders" where (id > 5 -- all
)) as _ff_total where row_count < 1 or row_count > 9;

-- non_negative_sum
-- counted:
case when sum("amount") < 0 or sum("amount") = cast('NaN' as double precision) then 1 else 0 end
select * from (select sum("amount") as total from "shop"."orders") as _ff_total where total < 0 or total = cast('NaN' as double precision);

-- non_negative_sum, with a condition
-- counted:
case when sum(case when (id > 5 -- all
) then "amount" end) < 0 or sum(case when (id > 5 -- all
) then "amount" end) = cast('NaN' as double precision) then 1 else 0 end
select * from (select sum("amount") as total from "shop"."orders" where (id > 5 -- all
)) as _ff_total where total < 0 or total = cast('NaN' as double precision);

-- sum_between
-- counted:
case when coalesce(sum("amount"), 0) < 1 or coalesce(sum("amount"), 0) > 9.5 or coalesce(sum("amount"), 0) = cast('NaN' as double precision) then 1 else 0 end
select * from (select coalesce(sum("amount"), 0) as total from "shop"."orders") as _ff_total where total < 1 or total > 9.5 or total = cast('NaN' as double precision);

-- sum_between, with a condition
-- counted:
case when coalesce(sum(case when (id > 5 -- all
) then "amount" end), 0) < 1 or coalesce(sum(case when (id > 5 -- all
) then "amount" end), 0) > 9.5 or coalesce(sum(case when (id > 5 -- all
) then "amount" end), 0) = cast('NaN' as double precision) then 1 else 0 end
select * from (select coalesce(sum("amount"), 0) as total from "shop"."orders" where (id > 5 -- all
)) as _ff_total where total < 1 or total > 9.5 or total = cast('NaN' as double precision);

-- freshness
-- counted:
case when max(nullif("at", cast('infinity' as timestamp))) is null or max(nullif("at", cast('infinity' as timestamp))) < timestamp '2026-01-31 11:00:00.000000' then 1 else 0 end
select * from (select max(nullif("at", cast('infinity' as timestamp))) as latest from "shop"."orders") as _ff_total where latest is null or latest < timestamp '2026-01-31 11:00:00.000000';

-- freshness, with a condition
-- counted:
case when max(case when (id > 5 -- all
) then nullif("at", cast('infinity' as timestamp)) end) is null or max(case when (id > 5 -- all
) then nullif("at", cast('infinity' as timestamp)) end) < timestamp '2026-01-31 11:00:00.000000' then 1 else 0 end
select * from (select max(nullif("at", cast('infinity' as timestamp))) as latest from "shop"."orders" where (id > 5 -- all
)) as _ff_total where latest is null or latest < timestamp '2026-01-31 11:00:00.000000';

-- recency
-- not counted with others
select "name" as "name", "id" as "id", max(nullif("at", cast('infinity' as timestamp))) as latest from "shop"."orders" group by 1, 2 having max(nullif("at", cast('infinity' as timestamp))) is null or max(nullif("at", cast('infinity' as timestamp))) < timestamp '2026-01-31 11:00:00.000000';

-- recency, with a condition
-- not counted with others
select "name" as "name", "id" as "id", max(nullif("at", cast('infinity' as timestamp))) as latest from "shop"."orders" where (id > 5 -- all
) group by 1, 2 having max(nullif("at", cast('infinity' as timestamp))) is null or max(nullif("at", cast('infinity' as timestamp))) < timestamp '2026-01-31 11:00:00.000000';

-- column_types
-- counted:
5
select * from (values
    (cast('id' as varchar), cast('number' as varchar), cast('integer' as varchar)),
    (cast('gone' as varchar), cast('text' as varchar), cast(null as varchar)),
    (cast('name' as varchar), cast(null as varchar), cast('varchar' as varchar)),
    (cast('amount' as varchar), cast(null as varchar), cast('double' as varchar)),
    (cast('at' as varchar), cast(null as varchar), cast('timestamp' as varchar))
) as _ff_v(column_name, promised, found);

-- drift of the number of rows
-- counted:
case when count(1) is null or abs(cast(count(1) as double precision) - 100.0) > 20.0 or count(1) = cast('NaN' as double precision) then 1 else 0 end
-- kept:
count(1)
select * from (select count(1) as row_count from "shop"."orders") as _ff_total where row_count is null or abs(cast(row_count as double precision) - 100.0) > 20.0 or row_count = cast('NaN' as double precision);

-- drift of the number of rows, with a condition
-- counted:
case when 1 = 0 then 1 else 0 end
-- kept:
count(case when (id > 5 -- all
) then 1 end)
select * from (select count(1) as row_count from "shop"."orders" where (id > 5 -- all
)) as _ff_total where 1 = 0;

-- drift of the mean
-- counted:
case when avg(cast("amount" as double precision)) is null or abs(cast(avg(cast("amount" as double precision)) as double precision) - -2.5) > 0.5 or avg(cast("amount" as double precision)) = cast('NaN' as double precision) then 1 else 0 end
-- kept:
avg(cast("amount" as double precision))
select * from (select avg(cast("amount" as double precision)) as mean from "shop"."orders") as _ff_total where mean is null or abs(cast(mean as double precision) - -2.5) > 0.5 or mean = cast('NaN' as double precision);

-- drift of the mean, with a condition
-- counted:
case when 1 = 0 then 1 else 0 end
-- kept:
avg(case when (id > 5 -- all
) then cast("amount" as double precision) end)
select * from (select avg(cast("amount" as double precision)) as mean from "shop"."orders" where (id > 5 -- all
)) as _ff_total where 1 = 0;

-- drift of NULLs
-- counted:
case when (1 - cast(count(case when "name" is not null then 1 end) as double precision) / nullif(count(1), 0)) is null or abs(cast((1 - cast(count(case when "name" is not null then 1 end) as double precision) / nullif(count(1), 0)) as double precision) - 0.25) > 0.2 or (1 - cast(count(case when "name" is not null then 1 end) as double precision) / nullif(count(1), 0)) = cast('NaN' as double precision) then 1 else 0 end
-- kept:
(1 - cast(count(case when "name" is not null then 1 end) as double precision) / nullif(count(1), 0))
select * from (select count(1) as row_count, count(case when "name" is not null then 1 end) as filled from "shop"."orders") as _ff_total where (1 - cast(filled as double precision) / nullif(row_count, 0)) is null or abs(cast((1 - cast(filled as double precision) / nullif(row_count, 0)) as double precision) - 0.25) > 0.2 or (1 - cast(filled as double precision) / nullif(row_count, 0)) = cast('NaN' as double precision);

-- drift of NULLs, with a condition
-- counted:
case when 1 = 0 then 1 else 0 end
-- kept:
(1 - cast(count(case when (id > 5 -- all
) then case when "name" is not null then 1 end end) as double precision) / nullif(count(case when (id > 5 -- all
) then 1 end), 0))
select * from (select count(1) as row_count, count(case when "name" is not null then 1 end) as filled from "shop"."orders" where (id > 5 -- all
)) as _ff_total where 1 = 0;

-- drift of values
-- counted:
case when count(distinct "name") is null or abs(cast(count(distinct "name") as double precision) - 7.0) > 1.4000000000000001 or count(distinct "name") = cast('NaN' as double precision) then 1 else 0 end
-- kept:
count(distinct "name")
select * from (select count(distinct "name") as distinct_count from "shop"."orders") as _ff_total where distinct_count is null or abs(cast(distinct_count as double precision) - 7.0) > 1.4000000000000001 or distinct_count = cast('NaN' as double precision);

-- drift of values, with a condition
-- counted:
case when 1 = 0 then 1 else 0 end
-- kept:
count(distinct case when (id > 5 -- all
) then "name" end)
select * from (select count(distinct "name") as distinct_count from "shop"."orders" where (id > 5 -- all
)) as _ff_total where 1 = 0;

-- relationships
-- not counted with others
select * from "shop"."orders" as _ff_child where not exists (select 1 from (select _ff_other."id" as _ff_key from "shop"."users" as _ff_other) as _ff_parent where _ff_parent._ff_key = _ff_child."id");

-- relationships, with a condition
-- not counted with others
select * from (select * from "shop"."orders" where (id > 5 -- all
)) as _ff_child where not exists (select 1 from (select _ff_other."id" as _ff_key from "shop"."users" as _ff_other) as _ff_parent where _ff_parent._ff_key = _ff_child."id");

-- row_count_equals
-- not counted with others
select * from (select (select count(*) from "shop"."orders"
) as left_value, (select count(*) from "shop"."users"
) as right_value) as _ff_totals where left_value <> right_value;

-- reconcile_equal
-- not counted with others
select * from (select (select sum(amount) from "shop"."orders" where (amount > 0
)
) as left_value, (select sum(spent) from "shop"."users"
) as right_value) as _ff_totals where abs(left_value - right_value) > 0.5 or (left_value is null) is distinct from (right_value is null);

-- reconcile_ratio_within
-- not counted with others
select * from (select left_value, right_value, cast(left_value as double precision) / nullif(right_value, 0) as ratio from (select (select sum(amount) from "shop"."orders" where (amount > 0
)
) as left_value, (select sum(spent) from "shop"."users"
) as right_value) as _ff_totals) as _ff_ratio where ratio is null or ratio < 0.9 or ratio > 1.1;

-- reconcile_coverage
-- not counted with others
select _ff_key as missing_key from (select id as _ff_key from "shop"."orders") as _ff_needed where not exists (select 1 from (select id as _ff_key from "shop"."users") as _ff_known where _ff_known._ff_key = _ff_needed._ff_key);

-- reconcile_coverage, with a condition
-- not counted with others
select _ff_key as missing_key from (select id as _ff_key from "shop"."orders") as _ff_needed where not exists (select 1 from (select id as _ff_key from "shop"."users") as _ff_known where _ff_known._ff_key = _ff_needed._ff_key);

