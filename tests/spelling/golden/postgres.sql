-- create a schema
create schema if not exists "shop";

-- create a table
create table "shop"."orders" as
select cast(1 as bigint) as "id", cast(2.5 as double precision) as "amount", cast('new' as varchar) as "order";

-- create a stage
create table "shop"."_ff_stage_orders" as
select cast(1 as bigint) as "id", cast(2.5 as double precision) as "amount", cast('new' as varchar) as "order";

-- replace a table: not spelled

-- publish a table with its stamp: not spelled

-- a table with partitions: not spelled

-- a table with ranges: not spelled

-- publish a table with a layout: not spelled

-- create or replace a view
create or replace view "shop"."best_orders" as
select * from "shop"."orders";

-- publish a view with its stamp: not spelled

-- create a materialized view
create materialized view "shop"."stored_orders" as
select * from "shop"."orders";

-- create a temporary table
create temporary table "_ff_delta" as
select cast(1 as bigint) as "id", cast(2.5 as double precision) as "amount", cast('new' as varchar) as "order";

-- create a temporary view
create temporary view "_ff_view" as
select cast(1 as bigint) as "id", cast(2.5 as double precision) as "amount", cast('new' as varchar) as "order";

-- an empty temporary table
create temporary table "_ff_empty" ("n" varchar);

-- create a table of ours
create table if not exists "shop"."_ff_meta" (node_name varchar, number integer, built_at timestamp);

-- insert a row of ours
insert into "shop"."_ff_meta" (node_name, number, built_at) values ('it''s a \ "text" {of} `ours`;
-- [fft 1a 2b]', 1, timestamp '2026-01-03 12:30:00.250000');

-- update rows
update "shop"."_ff_meta" as _ff_t set node_name = 'x' where number = 1;

-- delete rows
delete from "shop"."_ff_meta" where node_name = 'y';

-- delete all rows
delete from "shop"."_ff_meta";

-- add a column
alter table "shop"."orders" add column "group" varchar;

-- change a type
alter table "shop"."orders" alter column "group" set data type bigint using cast("group" as bigint);

-- drop a column
alter table "shop"."orders" drop column "group";

-- append
insert into "shop"."orders" ("id", "amount", "order") select _ff_d."id", _ff_d."amount", _ff_d."order" from "shop"."_ff_stage_orders" as _ff_d;

-- update from other rows
update "shop"."orders" as _ff_t set "amount" = _ff_d."amount" from "shop"."_ff_stage_orders" as _ff_d where _ff_t."id" = _ff_d."id";

-- merge
merge into "shop"."orders" as _ff_t using "shop"."_ff_stage_orders" as _ff_d on _ff_t."id" = _ff_d."id"
when matched and (_ff_t."amount" is distinct from _ff_d."amount") then update set "amount" = _ff_d."amount"
when not matched then insert ("id", "amount", "order") values (_ff_d."id", _ff_d."amount", _ff_d."order");

-- delete what is in other rows
delete from "shop"."orders" as _ff_t where exists (select 1 from "shop"."_ff_stage_orders" as _ff_d where _ff_t."id" = _ff_d."id");

-- comment on a table
comment on table "shop"."orders" is 'it''s a \ "text" {of} `ours`;
-- [fft 1a 2b]';

-- comment on a view
comment on view "shop"."best_orders" is 'it''s a \ "text" {of} `ours`;
-- [fft 1a 2b]';

-- comment on a column
comment on column "shop"."orders"."order" is 'it''s a \ "text" {of} `ours`;
-- [fft 1a 2b]';

-- drop a materialized view
drop materialized view "shop"."stored_orders";

-- drop a view
drop view "shop"."best_orders";

-- unqualified names: not spelled

-- names beside a table that begin so
select table_name from information_schema.tables where table_schema = 'shop' and substr(table_name, 1, 13) = '_ff_stage_ord';

-- grant all users to read a table
grant select on "shop"."orders" to public;

-- grants on a table
select grantee, privilege_type from information_schema.table_privileges where table_schema = 'shop' and table_name = 'orders';

-- rename a table
alter table "shop"."_ff_stage_orders" rename to "gone";

-- drop a table
drop table "shop"."gone";

-- drop a schema
drop schema if exists "gone" cascade;

-- a text
select 'it''s a \ "text" {of} `ours`;
-- [fft 1a 2b]' as v;

-- a list of values
select 1 in (1, 2) as v;

-- rows of values
select max(_ff_v.a) as v from (values
    (1, 'x'),
    (2, null)
) as _ff_v(a, b);

-- no value
select null is null as v;

-- a truth value
select false as v;

-- a number
select cast(-1.5 as double precision) as v;

-- an infinite number
select cast('-Infinity' as double precision) as v;

-- a time
select timestamp '2026-01-03 12:30:00.250000' as v;

-- the server's clock
select case when (current_timestamp at time zone 'UTC') > timestamp '2026-01-03 12:30:00.250000' then 1 end as v;

-- a frozen point in time
select (cast('2026-01-03 12:30:00.250000+00:00' as timestamptz) at time zone 'UTC') as v;

-- a frozen time
select timestamp '2026-01-03 12:30:00.250000' as v;

-- a frozen date
select cast('2026-01-03' as date) as v;

-- a frozen time of day
select cast('12:30:00.250000' as time) as v;

-- a frozen time of day in UTC
select cast('12:30:00.250000+00:00' as time with time zone) as v;

-- what a call makes
select 1 as "now";

-- a point in time
select (cast('2026-01-03 12:30:00.250000+00:00' as timestamptz) at time zone 'UTC') as v;

-- a point in time of a time
select (timestamp '2026-01-03 12:30:00.250000' at time zone 'UTC' at time zone 'UTC') as v;

-- a time before another
select timestamp '2026-01-03 12:30:00.250000' - interval '3 days' as v;

-- a cast to a type of the engine
select cast(7 as bigint) as v;

-- an interval
select timestamp '2026-01-03 12:30:00.250000' - interval '3 days' as v;

-- a time that can be infinite
select nullif(timestamp '2026-01-03 12:30:00.250000', cast('infinity' as timestamp)) as v;

-- not a number
select cast('NaN' as double precision) = cast('NaN' as numeric) as v;

-- a text that matches
select ('a.1' collate "C") ~ '^[0-9A-Za-z_\]]\.([0-9]+|''\\)$' as v;

-- the same, NULL or not
select null is distinct from null as v;

-- the greatest
select greatest(1, cast(null as bigint), 2) as v;

-- one row before another
select (1 < 1 or (1 = 1 and (2 < 2 or (2 = 2 and (3 < 4))))) as v;

-- not before an equal row
select (1 < 1 or (1 = 1 and (2 < 2 or (2 = 2 and (3 < 3))))) as v;

-- a cast that may fail
select cast('7' as numeric) = 7 as v;

-- a time cut to its month
select date_trunc('month', timestamp '2026-01-03 12:30:00.250000') as v;

-- a week of days
select date_trunc('week', timestamp '2026-01-03 12:30:00.250000') as v;

-- days added to a time
select timestamp '2026-01-03 12:30:00.250000' + interval '-3 day' as v;

-- ff_safe_cast
select coalesce(cast(12 as numeric), 0) = 12 as v;

-- ff_safe_cast of NULL
select coalesce(cast(null as numeric), -1) = -1 as v;

-- ff_safe_cast to text
select cast(12 as varchar) as v;

-- ff_date_trunc
select date_trunc('month', cast('2026-01-03' as timestamp)) = timestamp '2026-01-01 00:00:00.000000' as v;

-- ff_date_add of quarters
select cast('2026-01-01' as timestamp) + interval '12 month' as v;

-- ff_date_add of what is cast
select cast('2026-01-04' as date) + interval '-1 day' = '2026-01-03' as v;

-- ff_partition_filter
select '2026-01-03' between '2026-01-01' and '2026-01-03' as v;

-- ff_partition_filter from
select 2 >= 3 as v;

-- ff_partition_filter to
select 2 <= 3 as v;

-- ff_partition_filter of nothing
select 1=1 as v;

-- ff_partition_in
select 'DE' in ('DE', 'it''s a \ "text" {of} `ours`;
-- [fft 1a 2b]') as v;

-- ff_partition_in of nothing
select 1=0 as v;

-- sql_literal of a mapping
select '{"a": "it''s a \\ \"text\" {of} `ours`;\n-- [fft 1a 2b]", "b": [1]}' as v;

-- an MD5
select md5(array_to_string(array['a', 'b'], '||')) as v;

-- an MD5 of nothing
select md5('') as v;

-- our word text
select cast('a' as varchar) as v;

-- our word integer
select cast('9223372036854775807' as bigint) as v;

-- our word small integer
select cast('7' as integer) as v;

-- our word number
select cast('1.5' as double precision) as v;

-- our word boolean
select cast('true' as boolean) as v;

-- our word date
select cast('2026-01-03' as date) as v;

-- our word timestamp
select cast('2026-01-03 12:30:00.25' as timestamp) as v;

-- a table of events
create table "shop"."events" as
select cast(1 as bigint) as "id", cast('2026-01-01 00:00:00' as timestamp) as "at", cast('a' as varchar) as "note" union all select cast(2 as bigint) as "id", cast('2026-01-01 00:00:00' as timestamp) as "at", cast('b' as varchar) as "note";

-- rows for it
create table "shop"."_ff_stage_events" as
select cast(2 as bigint) as "id", cast('2026-01-02 00:00:00' as timestamp) as "at", cast('c' as varchar) as "note" union all select cast(3 as bigint) as "id", cast('2026-01-02 00:00:00' as timestamp) as "at", cast('d' as varchar) as "note";

-- rows without a key
select count(*) over (), "id" from "shop"."_ff_stage_events" where "id" is null limit 5;

-- repeated keys
select count(*) over (), _ff_rows, _ff_key_0 from (select "id" as _ff_key_0, count(*) as _ff_rows from "shop"."_ff_stage_events" group by 1 having count(*) > 1) as _ff_groups order by _ff_key_0 limit 5;

-- only newer rows
select * from (
select * from "shop"."_ff_stage_events"
) as _ff_rows where _ff_rows."at" is null or _ff_rows."at" >= coalesce((select max("at") - interval '3 days' from "shop"."events"), _ff_rows."at");

-- what append makes of the rows
select count(*) as v from (
select _ff_t."id", _ff_t."at", _ff_t."note" from "shop"."events" as _ff_t
union all
select _ff_d."id" as "id", _ff_d."at" as "at", _ff_d."note" as "note" from "shop"."_ff_stage_events" as _ff_d
) as _ff_q;

-- append, statement 1
insert into "shop"."events" ("id", "at", "note") select _ff_d."id", _ff_d."at", _ff_d."note" from "shop"."_ff_stage_events" as _ff_d;

-- rows after append
select count(*) as v from "shop"."events";

-- what merge makes of the rows
select count(*) as v from (
select case when _ff_d."id" is not null then _ff_d."id" else _ff_t."id" end as "id", case when _ff_d."id" is not null then _ff_d."at" else _ff_t."at" end as "at", case when _ff_d."id" is not null then _ff_d."note" else _ff_t."note" end as "note" from "shop"."events" as _ff_t left join "shop"."_ff_stage_events" as _ff_d on _ff_t."id" = _ff_d."id"
union all
select _ff_d."id" as "id", _ff_d."at" as "at", _ff_d."note" as "note" from "shop"."_ff_stage_events" as _ff_d where not exists (select 1 from "shop"."events" as _ff_t where _ff_t."id" = _ff_d."id")
) as _ff_q;

-- merge, statement 1
update "shop"."events" as _ff_t set "at" = _ff_d."at", "note" = _ff_d."note" from "shop"."_ff_stage_events" as _ff_d where _ff_t."id" = _ff_d."id" and (_ff_t."at" is distinct from _ff_d."at" or _ff_t."note" is distinct from _ff_d."note");

-- merge, statement 2
insert into "shop"."events" ("id", "at", "note") select _ff_d."id", _ff_d."at", _ff_d."note" from "shop"."_ff_stage_events" as _ff_d where not exists (select 1 from "shop"."events" as _ff_t where _ff_t."id" = _ff_d."id");

-- rows after merge
select count(*) as v from "shop"."events";

-- what delete_insert makes of the rows
select count(*) as v from (
select _ff_t."id", _ff_t."at", _ff_t."note" from "shop"."events" as _ff_t where not exists (select 1 from "shop"."_ff_stage_events" as _ff_d where _ff_t."id" = _ff_d."id")
union all
select _ff_d."id" as "id", _ff_d."at" as "at", _ff_d."note" as "note" from "shop"."_ff_stage_events" as _ff_d
) as _ff_q;

-- delete_insert, statement 1
delete from "shop"."events" as _ff_t where exists (select 1 from "shop"."_ff_stage_events" as _ff_d where _ff_t."id" = _ff_d."id");

-- delete_insert, statement 2
insert into "shop"."events" ("id", "at", "note") select _ff_d."id", _ff_d."at", _ff_d."note" from "shop"."_ff_stage_events" as _ff_d;

-- rows after delete_insert
select count(*) as v from "shop"."events";

-- what insert_overwrite makes of the rows
select count(*) as v from (
select _ff_t."id", _ff_t."at", _ff_t."note" from "shop"."events" as _ff_t where not exists (select 1 from "shop"."_ff_stage_events" as _ff_d where _ff_t."at" = _ff_d."at")
union all
select _ff_d."id" as "id", _ff_d."at" as "at", _ff_d."note" as "note" from "shop"."_ff_stage_events" as _ff_d
) as _ff_q;

-- insert_overwrite, statement 1
delete from "shop"."events" as _ff_t where exists (select 1 from "shop"."_ff_stage_events" as _ff_d where _ff_t."at" = _ff_d."at");

-- insert_overwrite, statement 2
insert into "shop"."events" ("id", "at", "note") select _ff_d."id", _ff_d."at", _ff_d."note" from "shop"."_ff_stage_events" as _ff_d;

-- rows after insert_overwrite
select count(*) as v from "shop"."events";

-- first versions
create table "shop"."history" as
select _ff_s.*, cast('2026-02-01 00:00:00.000000+00:00' as timestamptz) as _ff_updated_at, cast('2026-02-01 00:00:00.000000+00:00' as timestamptz) as _ff_valid_from, cast(null as timestamp) as _ff_valid_to, true as _ff_is_current, md5(array_to_string(array[coalesce(cast(_ff_s."note" as varchar), '')], '||')) as _ff_snapshot_hash from "shop"."_ff_stage_events" as _ff_s;

-- first versions by their own time
select _ff_s.*, _ff_s."at" as _ff_updated_at, _ff_s."at" as _ff_valid_from, cast(null as timestamp) as _ff_valid_to, true as _ff_is_current, cast(null as varchar) as _ff_snapshot_hash from "shop"."_ff_stage_events" as _ff_s;

-- rows change
update "shop"."_ff_stage_events" as _ff_t set "note" = 'e' where "id" = 2;

-- a row is gone
delete from "shop"."_ff_stage_events" where "id" = 3;

-- new versions
create table "shop"."_ff_stage_versions" as
select _ff_s.*, cast('2026-02-01 00:00:00.000000+00:00' as timestamptz) as _ff_updated_at, greatest(cast('2026-02-01 00:00:00.000000+00:00' as timestamptz), _ff_p._ff_valid_from, _ff_p._ff_valid_to at time zone 'UTC') as _ff_valid_from, md5(array_to_string(array[coalesce(cast(_ff_s."note" as varchar), '')], '||')) as _ff_snapshot_hash
from "shop"."_ff_stage_events" as _ff_s
left join (select * from (select "id", "at", "note", _ff_updated_at, _ff_valid_from, _ff_valid_to, _ff_is_current, _ff_snapshot_hash, row_number() over (partition by "id" order by _ff_is_current desc, _ff_valid_from desc, _ff_valid_to desc) as _ff_rank from "shop"."history") as _ff_r where _ff_rank = 1) as _ff_p on _ff_p."id" = _ff_s."id"
where _ff_p._ff_rank is null or not _ff_p._ff_is_current or _ff_p."note" is distinct from _ff_s."note";

-- new versions by their own time
select _ff_s.*, _ff_s."at" as _ff_updated_at, greatest(_ff_s."at", _ff_p._ff_valid_from, _ff_p._ff_valid_to) as _ff_valid_from, cast(null as varchar) as _ff_snapshot_hash
from "shop"."_ff_stage_events" as _ff_s
left join (select * from (select "id", "at", "note", _ff_updated_at, _ff_valid_from, _ff_valid_to, _ff_is_current, _ff_snapshot_hash, row_number() over (partition by "id" order by _ff_is_current desc, _ff_valid_from desc, _ff_valid_to desc) as _ff_rank from "shop"."history") as _ff_r where _ff_rank = 1) as _ff_p on _ff_p."id" = _ff_s."id"
where _ff_p._ff_rank is null or not _ff_p._ff_is_current or _ff_s."at" > _ff_p._ff_updated_at;

-- late rows
select count(*) from "shop"."_ff_stage_events" as _ff_s join "shop"."history" as _ff_t on _ff_t."id" = _ff_s."id" where _ff_t._ff_is_current and _ff_s."at" < _ff_t._ff_updated_at;

-- what a snapshot makes of its versions
select count(*) as v from (
select "id", "at", "note", "_ff_updated_at", "_ff_valid_from", "_ff_valid_to", "_ff_is_current", "_ff_snapshot_hash" from (select "id", "at", "note", "_ff_updated_at", "_ff_valid_from", "_ff_valid_to", "_ff_is_current", "_ff_snapshot_hash", rank() over (partition by "id" order by _ff_valid_from desc, _ff_is_current desc, _ff_updated_at desc) as _ff_rank from (
select _ff_t."id", _ff_t."at", _ff_t."note", _ff_t._ff_updated_at, _ff_t._ff_valid_from, case when _ff_s."id" is null and _ff_t._ff_is_current then greatest(timestamp '2026-02-01 00:00:00.000000', (_ff_t._ff_valid_from at time zone 'UTC')) else _ff_t._ff_valid_to end as _ff_valid_to, case when _ff_s."id" is null and _ff_t._ff_is_current then false else _ff_t._ff_is_current end as _ff_is_current, _ff_t._ff_snapshot_hash from (
select _ff_t."id", _ff_t."at", _ff_t."note", _ff_t._ff_updated_at, _ff_t._ff_valid_from, case when _ff_v."id" is not null and _ff_t._ff_is_current then (_ff_v._ff_valid_from at time zone 'UTC') else _ff_t._ff_valid_to end as _ff_valid_to, case when _ff_v."id" is not null and _ff_t._ff_is_current then false else _ff_t._ff_is_current end as _ff_is_current, _ff_t._ff_snapshot_hash from "shop"."history" as _ff_t left join "shop"."_ff_stage_versions" as _ff_v on _ff_t."id" = _ff_v."id"
union all
select _ff_v."id", _ff_v."at", _ff_v."note", _ff_v._ff_updated_at, _ff_v._ff_valid_from, cast(null as timestamp), true, _ff_v._ff_snapshot_hash from "shop"."_ff_stage_versions" as _ff_v
) as _ff_t left join "shop"."_ff_stage_events" as _ff_s on _ff_t."id" = _ff_s."id"
) as _ff_q) as _ff_r where _ff_rank <= 1
) as _ff_q;

-- a snapshot, statement 1
update "shop"."history" as _ff_t set _ff_valid_to = (_ff_v._ff_valid_from at time zone 'UTC'), _ff_is_current = false from "shop"."_ff_stage_versions" as _ff_v where _ff_t."id" = _ff_v."id" and _ff_t._ff_is_current;

-- a snapshot, statement 2
insert into "shop"."history" ("id", "at", "note", _ff_updated_at, _ff_valid_from, _ff_valid_to, _ff_is_current, _ff_snapshot_hash) select _ff_v."id", _ff_v."at", _ff_v."note", _ff_v._ff_updated_at, _ff_v._ff_valid_from, cast(null as timestamp), true, _ff_v._ff_snapshot_hash from "shop"."_ff_stage_versions" as _ff_v;

-- a snapshot, statement 3
update "shop"."history" as _ff_t set _ff_valid_to = greatest(timestamp '2026-02-01 00:00:00.000000', (_ff_t._ff_valid_from at time zone 'UTC')), _ff_is_current = false where _ff_t._ff_is_current and not exists (select 1 from "shop"."_ff_stage_events" as _ff_s where _ff_t."id" = _ff_s."id");

-- a snapshot, statement 4
delete from "shop"."history" as _ff_t where exists (select 1 from (select * from (select "id", _ff_valid_from, _ff_is_current, _ff_updated_at, row_number() over (partition by "id" order by _ff_valid_from desc, _ff_is_current desc, _ff_updated_at desc) as _ff_rank from "shop"."history") as _ff_r where _ff_rank = 1) as _ff_k where _ff_t."id" = _ff_k."id" and (_ff_t._ff_valid_from < _ff_k._ff_valid_from or (_ff_t._ff_valid_from = _ff_k._ff_valid_from and (_ff_t._ff_is_current < _ff_k._ff_is_current or (_ff_t._ff_is_current = _ff_k._ff_is_current and (_ff_t._ff_updated_at < _ff_k._ff_updated_at))))));

-- versions that are left
select count(*) as v from "shop"."history";

-- versions that could go
select count(*) from "shop"."history" as _ff_t join (select * from (select "id", _ff_valid_from, _ff_is_current, _ff_updated_at, row_number() over (partition by "id" order by _ff_valid_from desc, _ff_is_current desc, _ff_updated_at desc) as _ff_rank from "shop"."history") as _ff_r where _ff_rank = 1) as _ff_k on _ff_t."id" = _ff_k."id" and (_ff_t._ff_valid_from < _ff_k._ff_valid_from or (_ff_t._ff_valid_from = _ff_k._ff_valid_from and (_ff_t._ff_is_current < _ff_k._ff_is_current or (_ff_t._ff_is_current = _ff_k._ff_is_current and (_ff_t._ff_updated_at < _ff_k._ff_updated_at)))));
