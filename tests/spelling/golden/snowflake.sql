-- create a schema
create schema if not exists "SHOP";

-- create a table
create table "SHOP"."ORDERS" as
select cast(1 as bigint) as "ID", cast(2.5 as double) as "AMOUNT", cast('new' as varchar) as "ORDER";

-- create a stage
create table "SHOP"."_FF_STAGE_ORDERS" as
select cast(1 as bigint) as "ID", cast(2.5 as double) as "AMOUNT", cast('new' as varchar) as "ORDER";

-- replace a table
create or replace table "SHOP"."_FF_STAGE_ORDERS" as
select * from "SHOP"."ORDERS";

-- publish a table with its stamp
create or replace table "SHOP"."_FF_STAGE_ORDERS" copy grants comment = 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]' as
select * from "SHOP"."ORDERS";

-- a table with partitions
create or replace table "SHOP"."ORDERS" cluster by ("ORDER", "ID") as
select * from "SHOP"."_FF_STAGE_ORDERS";

-- a table with ranges
create or replace table "SHOP"."ORDERS" as
select * from "SHOP"."_FF_STAGE_ORDERS";

-- publish a table with a layout
create or replace table "SHOP"."ORDERS" cluster by (to_date(at)) copy grants comment = 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]' as
select * from "SHOP"."_FF_STAGE_ORDERS";

-- create or replace a view
create or replace view "SHOP"."BEST_ORDERS" as
select * from "SHOP"."ORDERS";

-- publish a view with its stamp
create or replace view "SHOP"."BEST_ORDERS" copy grants comment = 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]' as
select 1 as a;

-- create a materialized view: not spelled

-- create a temporary table
create temporary table "_FF_DELTA" as
select cast(1 as bigint) as "ID", cast(2.5 as double) as "AMOUNT", cast('new' as varchar) as "ORDER";

-- create a temporary view
create temporary view "_FF_VIEW" as
select cast(1 as bigint) as "ID", cast(2.5 as double) as "AMOUNT", cast('new' as varchar) as "ORDER";

-- an empty temporary table
create temporary table "_FF_EMPTY" ("N" varchar);

-- create a table of ours
create table if not exists "SHOP"."_FF_META" (node_name varchar, number integer, built_at timestamp_ntz);

-- insert a row of ours
insert into "SHOP"."_FF_META" (node_name, number, built_at) values ('it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]', 1, cast('2026-01-03 12:30:00.250000' as timestamp_ntz));

-- update rows
update "SHOP"."_FF_META" as _ff_t set node_name = 'x' where number = 1;

-- delete rows
delete from "SHOP"."_FF_META" where node_name = 'y';

-- delete all rows
delete from "SHOP"."_FF_META" where true;

-- add a column
alter table "SHOP"."ORDERS" add column "GROUP" varchar;

-- change a type: not spelled

-- drop a column
alter table "SHOP"."ORDERS" drop column "GROUP";

-- append
insert into "SHOP"."ORDERS" ("ID", "AMOUNT", "ORDER") select _ff_d."ID", _ff_d."AMOUNT", _ff_d."ORDER" from "SHOP"."_FF_STAGE_ORDERS" as _ff_d;

-- update from other rows
update "SHOP"."ORDERS" as _ff_t set "AMOUNT" = _ff_d."AMOUNT" from "SHOP"."_FF_STAGE_ORDERS" as _ff_d where _ff_t."ID" = _ff_d."ID";

-- merge
merge into "SHOP"."ORDERS" as _ff_t using "SHOP"."_FF_STAGE_ORDERS" as _ff_d on _ff_t."ID" = _ff_d."ID"
when matched and (_ff_t."AMOUNT" is distinct from _ff_d."AMOUNT") then update set "AMOUNT" = _ff_d."AMOUNT"
when not matched then insert ("ID", "AMOUNT", "ORDER") values (_ff_d."ID", _ff_d."AMOUNT", _ff_d."ORDER");

-- delete what is in other rows
delete from "SHOP"."ORDERS" as _ff_t where exists (select 1 from "SHOP"."_FF_STAGE_ORDERS" as _ff_d where _ff_t."ID" = _ff_d."ID");

-- comment on a table
comment on table "SHOP"."ORDERS" is 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]';

-- comment on a view
comment on view "SHOP"."BEST_ORDERS" is 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]';

-- comment on a column
comment on column "SHOP"."ORDERS"."ORDER" is 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]';

-- drop a materialized view: not spelled

-- drop a view
drop view "SHOP"."BEST_ORDERS";

-- unqualified names: not spelled

-- names beside a table that begin so
select table_name from information_schema.tables where table_schema = 'SHOP' and substr(table_name, 1, 13) = '_FF_STAGE_ORD';

-- grant all users to read a table
grant select on table "SHOP"."ORDERS" to role public;

-- grants on a table
select grantee, privilege_type from information_schema.table_privileges where table_schema = 'SHOP' and table_name = 'ORDERS';

-- rename a table
alter table "SHOP"."_FF_STAGE_ORDERS" rename to "GONE";

-- drop a table
drop table "SHOP"."GONE";

-- drop a schema
drop schema if exists "GONE" cascade;

-- a text
select 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]' as v;

-- a list of values
select 1 in (1, 2) as v;

-- rows of values
select max(_ff_v.a) as v from (select 1 as a, 'x' as b union all select 2 as a, null as b) as _ff_v;

-- no value
select null is null as v;

-- a truth value
select false as v;

-- a number
select cast(-1.5 as double) as v;

-- an infinite number
select cast('-Infinity' as double) as v;

-- a time
select cast('2026-01-03 12:30:00.250000' as timestamp_ntz) as v;

-- the server's clock
select case when sysdate() > cast('2026-01-03 12:30:00.250000' as timestamp_ntz) then 1 end as v;

-- a frozen point in time
select cast(convert_timezone('UTC', cast('2026-01-03 12:30:00.250000 +00:00' as timestamp_tz)) as timestamp_ntz) as v;

-- a frozen time
select cast('2026-01-03 12:30:00.250000' as timestamp_ntz) as v;

-- a frozen date
select cast('2026-01-03' as date) as v;

-- a frozen time of day
select cast('12:30:00.250000' as time) as v;

-- a frozen time of day in UTC: not spelled

-- what a call makes
select 1 as "NOW";

-- a point in time
select cast(convert_timezone('UTC', cast('2026-01-03 12:30:00.250000 +00:00' as timestamp_tz)) as timestamp_ntz) as v;

-- a point in time of a time
select cast(convert_timezone('UTC', convert_timezone('UTC', 'UTC', cast('2026-01-03 12:30:00.250000' as timestamp_ntz))) as timestamp_ntz) as v;

-- a time before another
select cast('2026-01-03 12:30:00.250000' as timestamp_ntz) - interval '3 days' as v;

-- a cast to a type of the engine
select cast(7 as bigint) as v;

-- an interval
select cast('2026-01-03 12:30:00.250000' as timestamp_ntz) - interval '3 days' as v;

-- a time that can be infinite
select cast('2026-01-03 12:30:00.250000' as timestamp_ntz) as v;

-- not a number
select cast(cast('NaN' as double) as double) = 'NaN'::double as v;

-- a text that matches
select regexp_instr('a.1', '^[0-9A-Za-z_\\]]\\.([0-9]+|\'\\\\)$', 1, 1, 0, 's') > 0 as v;

-- the same, NULL or not
select null is distinct from null as v;

-- the greatest
select greatest_ignore_nulls(1, cast(null as bigint), 2) as v;

-- one row before another
select (1 < 1 or (1 = 1 and (2 < 2 or (2 = 2 and (3 < 4))))) as v;

-- not before an equal row
select (1 < 1 or (1 = 1 and (2 < 2 or (2 = 2 and (3 < 3))))) as v;

-- a cast that may fail
select try_cast(to_varchar('7') as numeric) = 7 as v;

-- a time cut to its month
select date_trunc('month', cast('2026-01-03 12:30:00.250000' as timestamp_ntz)) as v;

-- a week of days
select date_trunc('week', cast('2026-01-03 12:30:00.250000' as timestamp_ntz)) as v;

-- days added to a time
select dateadd('day', -3, cast('2026-01-03 12:30:00.250000' as timestamp_ntz)) as v;

-- ff_safe_cast
select coalesce(try_cast(to_varchar(12) as numeric), 0) = 12 as v;

-- ff_safe_cast of NULL
select coalesce(try_cast(to_varchar(null) as numeric), -1) = -1 as v;

-- ff_safe_cast to text
select try_cast(to_varchar(12) as varchar) as v;

-- ff_date_trunc
select date_trunc('month', cast('2026-01-03' as timestamp_ntz)) = cast('2026-01-01 00:00:00.000000' as timestamp_ntz) as v;

-- ff_date_add of quarters
select dateadd('month', 12, cast('2026-01-01' as timestamp_ntz)) as v;

-- ff_date_add of what is cast
select dateadd('day', -1, cast('2026-01-04' as date)) = '2026-01-03' as v;

-- ff_partition_filter
select '2026-01-03' between '2026-01-01' and '2026-01-03' as v;

-- ff_partition_filter from
select 2 >= 3 as v;

-- ff_partition_filter to
select 2 <= 3 as v;

-- ff_partition_filter of nothing
select 1=1 as v;

-- ff_partition_in
select 'DE' in ('DE', 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]') as v;

-- ff_partition_in of nothing
select 1=0 as v;

-- sql_literal of a mapping
select '{"a": "it\'s a \\\\ \\"text\\" {of} `ours`;\\n-- [fft 1a 2b]", "b": [1]}' as v;

-- an MD5
select md5(array_to_string(['a', 'b'], '||')) as v;

-- an MD5 of nothing
select md5('') as v;

-- our word text
select cast('a' as varchar) as v;

-- our word integer
select cast('9223372036854775807' as bigint) as v;

-- our word small integer
select cast('7' as integer) as v;

-- our word number
select cast('1.5' as double) as v;

-- our word boolean
select cast('true' as boolean) as v;

-- our word date
select cast('2026-01-03' as date) as v;

-- our word timestamp
select cast('2026-01-03 12:30:00.25' as timestamp_ntz) as v;

-- a table of events
create table "SHOP"."EVENTS" as
select cast(1 as bigint) as "ID", cast('2026-01-01 00:00:00' as timestamp_ntz) as "AT", cast('a' as varchar) as "NOTE" union all select cast(2 as bigint) as "ID", cast('2026-01-01 00:00:00' as timestamp_ntz) as "AT", cast('b' as varchar) as "NOTE";

-- rows for it
create table "SHOP"."_FF_STAGE_EVENTS" as
select cast(2 as bigint) as "ID", cast('2026-01-02 00:00:00' as timestamp_ntz) as "AT", cast('c' as varchar) as "NOTE" union all select cast(3 as bigint) as "ID", cast('2026-01-02 00:00:00' as timestamp_ntz) as "AT", cast('d' as varchar) as "NOTE";

-- rows without a key
select count(*) over (), "ID" from "SHOP"."_FF_STAGE_EVENTS" where "ID" is null limit 5;

-- repeated keys
select count(*) over (), _ff_rows, _ff_key_0 from (select "ID" as _ff_key_0, count(*) as _ff_rows from "SHOP"."_FF_STAGE_EVENTS" group by 1 having count(*) > 1) as _ff_groups order by _ff_key_0 limit 5;

-- only newer rows
select * from (
select * from "SHOP"."_FF_STAGE_EVENTS"
) as _ff_rows where _ff_rows."AT" is null or _ff_rows."AT" >= coalesce((select max("AT") - interval '3 days' from "SHOP"."EVENTS"), _ff_rows."AT");

-- what append makes of the rows
select count(*) as v from (
select _ff_t."ID", _ff_t."AT", _ff_t."NOTE" from "SHOP"."EVENTS" as _ff_t
union all
select _ff_d."ID" as "ID", _ff_d."AT" as "AT", _ff_d."NOTE" as "NOTE" from "SHOP"."_FF_STAGE_EVENTS" as _ff_d
) as _ff_q;

-- append, statement 1
insert into "SHOP"."EVENTS" ("ID", "AT", "NOTE") select _ff_d."ID", _ff_d."AT", _ff_d."NOTE" from "SHOP"."_FF_STAGE_EVENTS" as _ff_d;

-- rows after append
select count(*) as v from "SHOP"."EVENTS";

-- what merge makes of the rows
select count(*) as v from (
select case when _ff_d."ID" is not null then _ff_d."ID" else _ff_t."ID" end as "ID", case when _ff_d."ID" is not null then _ff_d."AT" else _ff_t."AT" end as "AT", case when _ff_d."ID" is not null then _ff_d."NOTE" else _ff_t."NOTE" end as "NOTE" from "SHOP"."EVENTS" as _ff_t left join "SHOP"."_FF_STAGE_EVENTS" as _ff_d on _ff_t."ID" = _ff_d."ID"
union all
select _ff_d."ID" as "ID", _ff_d."AT" as "AT", _ff_d."NOTE" as "NOTE" from "SHOP"."_FF_STAGE_EVENTS" as _ff_d where not exists (select 1 from "SHOP"."EVENTS" as _ff_t where _ff_t."ID" = _ff_d."ID")
) as _ff_q;

-- merge, statement 1
update "SHOP"."EVENTS" as _ff_t set "AT" = _ff_d."AT", "NOTE" = _ff_d."NOTE" from "SHOP"."_FF_STAGE_EVENTS" as _ff_d where _ff_t."ID" = _ff_d."ID" and (_ff_t."AT" is distinct from _ff_d."AT" or _ff_t."NOTE" is distinct from _ff_d."NOTE");

-- merge, statement 2
insert into "SHOP"."EVENTS" ("ID", "AT", "NOTE") select _ff_d."ID", _ff_d."AT", _ff_d."NOTE" from "SHOP"."_FF_STAGE_EVENTS" as _ff_d where not exists (select 1 from "SHOP"."EVENTS" as _ff_t where _ff_t."ID" = _ff_d."ID");

-- rows after merge
select count(*) as v from "SHOP"."EVENTS";

-- what delete_insert makes of the rows
select count(*) as v from (
select _ff_t."ID", _ff_t."AT", _ff_t."NOTE" from "SHOP"."EVENTS" as _ff_t where not exists (select 1 from "SHOP"."_FF_STAGE_EVENTS" as _ff_d where _ff_t."ID" = _ff_d."ID")
union all
select _ff_d."ID" as "ID", _ff_d."AT" as "AT", _ff_d."NOTE" as "NOTE" from "SHOP"."_FF_STAGE_EVENTS" as _ff_d
) as _ff_q;

-- delete_insert, statement 1
delete from "SHOP"."EVENTS" as _ff_t where exists (select 1 from "SHOP"."_FF_STAGE_EVENTS" as _ff_d where _ff_t."ID" = _ff_d."ID");

-- delete_insert, statement 2
insert into "SHOP"."EVENTS" ("ID", "AT", "NOTE") select _ff_d."ID", _ff_d."AT", _ff_d."NOTE" from "SHOP"."_FF_STAGE_EVENTS" as _ff_d;

-- rows after delete_insert
select count(*) as v from "SHOP"."EVENTS";

-- what insert_overwrite makes of the rows
select count(*) as v from (
select _ff_t."ID", _ff_t."AT", _ff_t."NOTE" from "SHOP"."EVENTS" as _ff_t where not exists (select 1 from "SHOP"."_FF_STAGE_EVENTS" as _ff_d where _ff_t."AT" = _ff_d."AT")
union all
select _ff_d."ID" as "ID", _ff_d."AT" as "AT", _ff_d."NOTE" as "NOTE" from "SHOP"."_FF_STAGE_EVENTS" as _ff_d
) as _ff_q;

-- insert_overwrite, statement 1
delete from "SHOP"."EVENTS" as _ff_t where exists (select 1 from "SHOP"."_FF_STAGE_EVENTS" as _ff_d where _ff_t."AT" = _ff_d."AT");

-- insert_overwrite, statement 2
insert into "SHOP"."EVENTS" ("ID", "AT", "NOTE") select _ff_d."ID", _ff_d."AT", _ff_d."NOTE" from "SHOP"."_FF_STAGE_EVENTS" as _ff_d;

-- rows after insert_overwrite
select count(*) as v from "SHOP"."EVENTS";

-- first versions
create table "SHOP"."HISTORY" as
select _ff_s.*, cast('2026-02-01 00:00:00.000000 +00:00' as timestamp_tz) as _ff_updated_at, cast('2026-02-01 00:00:00.000000 +00:00' as timestamp_tz) as _ff_valid_from, cast(null as timestamp_ntz) as _ff_valid_to, true as _ff_is_current, md5(array_to_string([coalesce(cast(_ff_s."NOTE" as varchar), '')], '||')) as _ff_snapshot_hash from "SHOP"."_FF_STAGE_EVENTS" as _ff_s;

-- first versions by their own time
select _ff_s.*, _ff_s."AT" as _ff_updated_at, _ff_s."AT" as _ff_valid_from, cast(null as timestamp_ntz) as _ff_valid_to, true as _ff_is_current, cast(null as varchar) as _ff_snapshot_hash from "SHOP"."_FF_STAGE_EVENTS" as _ff_s;

-- rows change
update "SHOP"."_FF_STAGE_EVENTS" as _ff_t set "NOTE" = 'e' where "ID" = 2;

-- a row is gone
delete from "SHOP"."_FF_STAGE_EVENTS" where "ID" = 3;

-- new versions
create table "SHOP"."_FF_STAGE_VERSIONS" as
select _ff_s.*, cast('2026-02-01 00:00:00.000000 +00:00' as timestamp_tz) as _ff_updated_at, greatest_ignore_nulls(cast('2026-02-01 00:00:00.000000 +00:00' as timestamp_tz), _ff_p._ff_valid_from, convert_timezone('UTC', 'UTC', _ff_p._ff_valid_to)) as _ff_valid_from, md5(array_to_string([coalesce(cast(_ff_s."NOTE" as varchar), '')], '||')) as _ff_snapshot_hash
from "SHOP"."_FF_STAGE_EVENTS" as _ff_s
left join (select * from (select "ID", "AT", "NOTE", _ff_updated_at, _ff_valid_from, _ff_valid_to, _ff_is_current, _ff_snapshot_hash, row_number() over (partition by "ID" order by _ff_is_current desc, _ff_valid_from desc, _ff_valid_to desc) as _ff_rank from "SHOP"."HISTORY") as _ff_r where _ff_rank = 1) as _ff_p on _ff_p."ID" = _ff_s."ID"
where _ff_p._ff_rank is null or not _ff_p._ff_is_current or _ff_p."NOTE" is distinct from _ff_s."NOTE";

-- new versions by their own time
select _ff_s.*, _ff_s."AT" as _ff_updated_at, greatest_ignore_nulls(_ff_s."AT", _ff_p._ff_valid_from, _ff_p._ff_valid_to) as _ff_valid_from, cast(null as varchar) as _ff_snapshot_hash
from "SHOP"."_FF_STAGE_EVENTS" as _ff_s
left join (select * from (select "ID", "AT", "NOTE", _ff_updated_at, _ff_valid_from, _ff_valid_to, _ff_is_current, _ff_snapshot_hash, row_number() over (partition by "ID" order by _ff_is_current desc, _ff_valid_from desc, _ff_valid_to desc) as _ff_rank from "SHOP"."HISTORY") as _ff_r where _ff_rank = 1) as _ff_p on _ff_p."ID" = _ff_s."ID"
where _ff_p._ff_rank is null or not _ff_p._ff_is_current or _ff_s."AT" > _ff_p._ff_updated_at;

-- late rows
select count(*) from "SHOP"."_FF_STAGE_EVENTS" as _ff_s join "SHOP"."HISTORY" as _ff_t on _ff_t."ID" = _ff_s."ID" where _ff_t._ff_is_current and _ff_s."AT" < _ff_t._ff_updated_at;

-- what a snapshot makes of its versions
select count(*) as v from (
select "ID", "AT", "NOTE", "_FF_UPDATED_AT", "_FF_VALID_FROM", "_FF_VALID_TO", "_FF_IS_CURRENT", "_FF_SNAPSHOT_HASH" from (select "ID", "AT", "NOTE", "_FF_UPDATED_AT", "_FF_VALID_FROM", "_FF_VALID_TO", "_FF_IS_CURRENT", "_FF_SNAPSHOT_HASH", rank() over (partition by "ID" order by _ff_valid_from desc, _ff_is_current desc, _ff_updated_at desc) as _ff_rank from (
select _ff_t."ID", _ff_t."AT", _ff_t."NOTE", _ff_t._ff_updated_at, _ff_t._ff_valid_from, case when _ff_s."ID" is null and _ff_t._ff_is_current then greatest_ignore_nulls(cast('2026-02-01 00:00:00.000000' as timestamp_ntz), cast(convert_timezone('UTC', _ff_t._ff_valid_from) as timestamp_ntz)) else _ff_t._ff_valid_to end as _ff_valid_to, case when _ff_s."ID" is null and _ff_t._ff_is_current then false else _ff_t._ff_is_current end as _ff_is_current, _ff_t._ff_snapshot_hash from (
select _ff_t."ID", _ff_t."AT", _ff_t."NOTE", _ff_t._ff_updated_at, _ff_t._ff_valid_from, case when _ff_v."ID" is not null and _ff_t._ff_is_current then cast(convert_timezone('UTC', _ff_v._ff_valid_from) as timestamp_ntz) else _ff_t._ff_valid_to end as _ff_valid_to, case when _ff_v."ID" is not null and _ff_t._ff_is_current then false else _ff_t._ff_is_current end as _ff_is_current, _ff_t._ff_snapshot_hash from "SHOP"."HISTORY" as _ff_t left join "SHOP"."_FF_STAGE_VERSIONS" as _ff_v on _ff_t."ID" = _ff_v."ID"
union all
select _ff_v."ID", _ff_v."AT", _ff_v."NOTE", _ff_v._ff_updated_at, _ff_v._ff_valid_from, cast(null as timestamp_ntz), true, _ff_v._ff_snapshot_hash from "SHOP"."_FF_STAGE_VERSIONS" as _ff_v
) as _ff_t left join "SHOP"."_FF_STAGE_EVENTS" as _ff_s on _ff_t."ID" = _ff_s."ID"
) as _ff_q) as _ff_r where _ff_rank <= 1
) as _ff_q;

-- a snapshot, statement 1
update "SHOP"."HISTORY" as _ff_t set _ff_valid_to = cast(convert_timezone('UTC', _ff_v._ff_valid_from) as timestamp_ntz), _ff_is_current = false from "SHOP"."_FF_STAGE_VERSIONS" as _ff_v where _ff_t."ID" = _ff_v."ID" and _ff_t._ff_is_current;

-- a snapshot, statement 2
insert into "SHOP"."HISTORY" ("ID", "AT", "NOTE", _ff_updated_at, _ff_valid_from, _ff_valid_to, _ff_is_current, _ff_snapshot_hash) select _ff_v."ID", _ff_v."AT", _ff_v."NOTE", _ff_v._ff_updated_at, _ff_v._ff_valid_from, cast(null as timestamp_ntz), true, _ff_v._ff_snapshot_hash from "SHOP"."_FF_STAGE_VERSIONS" as _ff_v;

-- a snapshot, statement 3
update "SHOP"."HISTORY" as _ff_t set _ff_valid_to = greatest_ignore_nulls(cast('2026-02-01 00:00:00.000000' as timestamp_ntz), cast(convert_timezone('UTC', _ff_t._ff_valid_from) as timestamp_ntz)), _ff_is_current = false where _ff_t._ff_is_current and not exists (select 1 from "SHOP"."_FF_STAGE_EVENTS" as _ff_s where _ff_t."ID" = _ff_s."ID");

-- a snapshot, statement 4
delete from "SHOP"."HISTORY" as _ff_t where exists (select 1 from (select * from (select "ID", _ff_valid_from, _ff_is_current, _ff_updated_at, row_number() over (partition by "ID" order by _ff_valid_from desc, _ff_is_current desc, _ff_updated_at desc) as _ff_rank from "SHOP"."HISTORY") as _ff_r where _ff_rank = 1) as _ff_k where _ff_t."ID" = _ff_k."ID" and (_ff_t._ff_valid_from < _ff_k._ff_valid_from or (_ff_t._ff_valid_from = _ff_k._ff_valid_from and (_ff_t._ff_is_current < _ff_k._ff_is_current or (_ff_t._ff_is_current = _ff_k._ff_is_current and (_ff_t._ff_updated_at < _ff_k._ff_updated_at))))));

-- versions that are left
select count(*) as v from "SHOP"."HISTORY";

-- versions that could go
select count(*) from "SHOP"."HISTORY" as _ff_t join (select * from (select "ID", _ff_valid_from, _ff_is_current, _ff_updated_at, row_number() over (partition by "ID" order by _ff_valid_from desc, _ff_is_current desc, _ff_updated_at desc) as _ff_rank from "SHOP"."HISTORY") as _ff_r where _ff_rank = 1) as _ff_k on _ff_t."ID" = _ff_k."ID" and (_ff_t._ff_valid_from < _ff_k._ff_valid_from or (_ff_t._ff_valid_from = _ff_k._ff_valid_from and (_ff_t._ff_is_current < _ff_k._ff_is_current or (_ff_t._ff_is_current = _ff_k._ff_is_current and (_ff_t._ff_updated_at < _ff_k._ff_updated_at)))));
