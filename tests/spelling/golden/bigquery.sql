-- create a schema
create schema if not exists `shop`;

-- create a table
create table `shop`.`orders` as
select cast(1 as int64) as `id`, cast(2.5 as float64) as `amount`, cast('new' as string) as `order`;

-- create a stage
create table `shop`.`_ff_stage_orders` as
select cast(1 as int64) as `id`, cast(2.5 as float64) as `amount`, cast('new' as string) as `order`;

-- replace a table
create or replace table `shop`.`_ff_stage_orders` as
select * from `shop`.`orders`;

-- publish a table with its stamp
create or replace table `shop`.`_ff_stage_orders` options(description='it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]') as
select * from `shop`.`orders`;

-- a table with partitions
create or replace table `shop`.`orders` partition by `day` cluster by `order`, `id` options(labels=[('team', 'core'), ('kind', '')], require_partition_filter=true, partition_expiration_days=30) as
select * from `shop`.`_ff_stage_orders`;

-- a table with ranges
create or replace table `shop`.`orders` partition by range_bucket(`id`, generate_array(0, 100, 10)) as
select * from `shop`.`_ff_stage_orders`;

-- publish a table with a layout
create or replace table `shop`.`orders` partition by timestamp_trunc(`at`, month) cluster by `id` options(description='it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]') as
select * from `shop`.`_ff_stage_orders`;

-- create or replace a view
create or replace view `shop`.`best_orders` as
select * from `shop`.`orders`;

-- publish a view with its stamp
create or replace view `shop`.`best_orders` options(description='it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]') as
select 1 as a;

-- create a materialized view
create materialized view `shop`.`stored_orders` as
select * from `shop`.`orders`;

-- create a temporary table: not spelled

-- create a temporary view: not spelled

-- an empty temporary table: not spelled

-- create a table of ours
create table if not exists `shop`.`_ff_meta` (node_name string, number int64, built_at datetime);

-- insert a row of ours
insert into `shop`.`_ff_meta` (node_name, number, built_at) values ('it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]', 1, datetime '2026-01-03 12:30:00.250000');

-- update rows
update `shop`.`_ff_meta` as _ff_t set node_name = 'x' where number = 1;

-- delete rows
delete from `shop`.`_ff_meta` where node_name = 'y';

-- delete all rows
delete from `shop`.`_ff_meta` where true;

-- add a column
alter table `shop`.`orders` add column `group` string;

-- change a type: not spelled

-- drop a column
alter table `shop`.`orders` drop column `group`;

-- append
insert into `shop`.`orders` (`id`, `amount`, `order`) select _ff_d.`id`, _ff_d.`amount`, _ff_d.`order` from `shop`.`_ff_stage_orders` as _ff_d;

-- update from other rows
update `shop`.`orders` as _ff_t set `amount` = _ff_d.`amount` from `shop`.`_ff_stage_orders` as _ff_d where _ff_t.`id` = _ff_d.`id`;

-- merge
merge into `shop`.`orders` as _ff_t using `shop`.`_ff_stage_orders` as _ff_d on _ff_t.`id` = _ff_d.`id`
when matched and (_ff_t.`amount` is distinct from _ff_d.`amount`) then update set `amount` = _ff_d.`amount`
when not matched then insert (`id`, `amount`, `order`) values (_ff_d.`id`, _ff_d.`amount`, _ff_d.`order`);

-- delete what is in other rows
delete from `shop`.`orders` as _ff_t where exists (select 1 from `shop`.`_ff_stage_orders` as _ff_d where _ff_t.`id` = _ff_d.`id`);

-- comment on a table
alter table `shop`.`orders` set options(description='it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]');

-- comment on a view
alter view `shop`.`best_orders` set options(description='it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]');

-- comment on a column
alter table `shop`.`orders` alter column `order` set options(description='it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]');

-- drop a materialized view
drop materialized view `shop`.`stored_orders`;

-- drop a view
drop view `shop`.`best_orders`;

-- unqualified names: not spelled

-- names beside a table that begin so
select table_name from `shop`.INFORMATION_SCHEMA.TABLES where substr(table_name, 1, 13) = '_ff_stage_ord';

-- grant all users to read a table: not spelled

-- grants on a table: not spelled

-- rename a table
alter table `shop`.`_ff_stage_orders` rename to `gone`;

-- drop a table
drop table `shop`.`gone`;

-- drop a schema
drop schema if exists `gone` cascade;

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
select cast(-1.5 as float64) as v;

-- an infinite number
select cast('-Infinity' as float64) as v;

-- a time
select datetime '2026-01-03 12:30:00.250000' as v;

-- the server's clock
select case when current_datetime('UTC') > datetime '2026-01-03 12:30:00.250000' then 1 end as v;

-- a frozen point in time
select datetime(timestamp '2026-01-03 12:30:00.250000+00:00', 'UTC') as v;

-- a frozen time
select datetime '2026-01-03 12:30:00.250000' as v;

-- a frozen date
select cast('2026-01-03' as date) as v;

-- a frozen time of day
select cast('12:30:00.250000' as time) as v;

-- a frozen time of day in UTC: not spelled

-- what a call makes
select 1 as `now`;

-- a point in time
select datetime(timestamp '2026-01-03 12:30:00.250000+00:00', 'UTC') as v;

-- a point in time of a time
select datetime(timestamp(datetime '2026-01-03 12:30:00.250000', 'UTC'), 'UTC') as v;

-- a time before another
select datetime '2026-01-03 12:30:00.250000' - interval 3 day as v;

-- a cast to a type of the engine
select cast(7 as int64) as v;

-- an interval
select datetime '2026-01-03 12:30:00.250000' - interval 3 day as v;

-- a time that can be infinite
select datetime '2026-01-03 12:30:00.250000' as v;

-- not a number
select is_nan(cast(cast('NaN' as float64) as float64)) as v;

-- a text that matches
select regexp_contains('a.1', '(?s)^[0-9A-Za-z_\\]]\\.([0-9]+|\'\\\\)$') as v;

-- the same, NULL or not
select null is distinct from null as v;

-- the greatest
select greatest(1, coalesce(cast(null as int64), 1), coalesce(2, 1)) as v;

-- one row before another
select (1 < 1 or (1 = 1 and (2 < 2 or (2 = 2 and (3 < 4))))) as v;

-- not before an equal row
select (1 < 1 or (1 = 1 and (2 < 2 or (2 = 2 and (3 < 3))))) as v;

-- a cast that may fail
select safe_cast('7' as numeric) = 7 as v;

-- a time cut to its month
select datetime_trunc(datetime '2026-01-03 12:30:00.250000', month) as v;

-- a week of days
select datetime_trunc(datetime '2026-01-03 12:30:00.250000', isoweek) as v;

-- days added to a time
select datetime_add(datetime '2026-01-03 12:30:00.250000', interval -3 day) as v;

-- ff_safe_cast
select coalesce(safe_cast(12 as numeric), 0) = 12 as v;

-- ff_safe_cast of NULL
select coalesce(safe_cast(null as numeric), -1) = -1 as v;

-- ff_safe_cast to text
select safe_cast(12 as string) as v;

-- ff_date_trunc
select datetime_trunc(cast('2026-01-03' as datetime), month) = datetime '2026-01-01 00:00:00.000000' as v;

-- ff_date_add of quarters
select datetime_add(cast('2026-01-01' as datetime), interval 12 month) as v;

-- ff_date_add of what is cast
select datetime_add(cast('2026-01-04' as date), interval -1 day) = '2026-01-03' as v;

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
select to_hex(md5(array_to_string(['a', 'b'], '||'))) as v;

-- an MD5 of nothing
select to_hex(md5('')) as v;

-- our word text
select cast('a' as string) as v;

-- our word integer
select cast('9223372036854775807' as int64) as v;

-- our word small integer
select cast('7' as int64) as v;

-- our word number
select cast('1.5' as float64) as v;

-- our word boolean
select cast('true' as bool) as v;

-- our word date
select cast('2026-01-03' as date) as v;

-- our word timestamp
select cast('2026-01-03 12:30:00.25' as datetime) as v;

-- a table of events
create table `shop`.`events` as
select cast(1 as int64) as `id`, cast('2026-01-01 00:00:00' as datetime) as `at`, cast('a' as string) as `note` union all select cast(2 as int64) as `id`, cast('2026-01-01 00:00:00' as datetime) as `at`, cast('b' as string) as `note`;

-- rows for it
create table `shop`.`_ff_stage_events` as
select cast(2 as int64) as `id`, cast('2026-01-02 00:00:00' as datetime) as `at`, cast('c' as string) as `note` union all select cast(3 as int64) as `id`, cast('2026-01-02 00:00:00' as datetime) as `at`, cast('d' as string) as `note`;

-- rows without a key
select count(*) over (), `id` from `shop`.`_ff_stage_events` where `id` is null limit 5;

-- repeated keys
select count(*) over (), _ff_rows, _ff_key_0 from (select `id` as _ff_key_0, count(*) as _ff_rows from `shop`.`_ff_stage_events` group by 1 having count(*) > 1) as _ff_groups order by _ff_key_0 limit 5;

-- only newer rows
select * from (
select * from `shop`.`_ff_stage_events`
) as _ff_rows where _ff_rows.`at` is null or _ff_rows.`at` >= coalesce((select max(`at`) - interval 3 day from `shop`.`events`), _ff_rows.`at`);

-- what append makes of the rows
select count(*) as v from (
select _ff_t.`id`, _ff_t.`at`, _ff_t.`note` from `shop`.`events` as _ff_t
union all
select _ff_d.`id` as `id`, _ff_d.`at` as `at`, _ff_d.`note` as `note` from `shop`.`_ff_stage_events` as _ff_d
) as _ff_q;

-- append, statement 1
insert into `shop`.`events` (`id`, `at`, `note`) select _ff_d.`id`, _ff_d.`at`, _ff_d.`note` from `shop`.`_ff_stage_events` as _ff_d;

-- rows after append
select count(*) as v from `shop`.`events`;

-- what merge makes of the rows
select count(*) as v from (
select case when _ff_d.`id` is not null then _ff_d.`id` else _ff_t.`id` end as `id`, case when _ff_d.`id` is not null then _ff_d.`at` else _ff_t.`at` end as `at`, case when _ff_d.`id` is not null then _ff_d.`note` else _ff_t.`note` end as `note` from `shop`.`events` as _ff_t left join `shop`.`_ff_stage_events` as _ff_d on _ff_t.`id` = _ff_d.`id`
union all
select _ff_d.`id` as `id`, _ff_d.`at` as `at`, _ff_d.`note` as `note` from `shop`.`_ff_stage_events` as _ff_d where not exists (select 1 from `shop`.`events` as _ff_t where _ff_t.`id` = _ff_d.`id`)
) as _ff_q;

-- merge, statement 1
update `shop`.`events` as _ff_t set `at` = _ff_d.`at`, `note` = _ff_d.`note` from `shop`.`_ff_stage_events` as _ff_d where _ff_t.`id` = _ff_d.`id` and (_ff_t.`at` is distinct from _ff_d.`at` or _ff_t.`note` is distinct from _ff_d.`note`);

-- merge, statement 2
insert into `shop`.`events` (`id`, `at`, `note`) select _ff_d.`id`, _ff_d.`at`, _ff_d.`note` from `shop`.`_ff_stage_events` as _ff_d where not exists (select 1 from `shop`.`events` as _ff_t where _ff_t.`id` = _ff_d.`id`);

-- rows after merge
select count(*) as v from `shop`.`events`;

-- what delete_insert makes of the rows
select count(*) as v from (
select _ff_t.`id`, _ff_t.`at`, _ff_t.`note` from `shop`.`events` as _ff_t where not exists (select 1 from `shop`.`_ff_stage_events` as _ff_d where _ff_t.`id` = _ff_d.`id`)
union all
select _ff_d.`id` as `id`, _ff_d.`at` as `at`, _ff_d.`note` as `note` from `shop`.`_ff_stage_events` as _ff_d
) as _ff_q;

-- delete_insert, statement 1
delete from `shop`.`events` as _ff_t where exists (select 1 from `shop`.`_ff_stage_events` as _ff_d where _ff_t.`id` = _ff_d.`id`);

-- delete_insert, statement 2
insert into `shop`.`events` (`id`, `at`, `note`) select _ff_d.`id`, _ff_d.`at`, _ff_d.`note` from `shop`.`_ff_stage_events` as _ff_d;

-- rows after delete_insert
select count(*) as v from `shop`.`events`;

-- what insert_overwrite makes of the rows
select count(*) as v from (
select _ff_t.`id`, _ff_t.`at`, _ff_t.`note` from `shop`.`events` as _ff_t where not exists (select 1 from `shop`.`_ff_stage_events` as _ff_d where _ff_t.`at` = _ff_d.`at`)
union all
select _ff_d.`id` as `id`, _ff_d.`at` as `at`, _ff_d.`note` as `note` from `shop`.`_ff_stage_events` as _ff_d
) as _ff_q;

-- insert_overwrite, statement 1
delete from `shop`.`events` as _ff_t where exists (select 1 from `shop`.`_ff_stage_events` as _ff_d where _ff_t.`at` = _ff_d.`at`);

-- insert_overwrite, statement 2
insert into `shop`.`events` (`id`, `at`, `note`) select _ff_d.`id`, _ff_d.`at`, _ff_d.`note` from `shop`.`_ff_stage_events` as _ff_d;

-- rows after insert_overwrite
select count(*) as v from `shop`.`events`;

-- first versions
create table `shop`.`history` as
select _ff_s.*, timestamp '2026-02-01 00:00:00.000000+00:00' as _ff_updated_at, timestamp '2026-02-01 00:00:00.000000+00:00' as _ff_valid_from, cast(null as datetime) as _ff_valid_to, true as _ff_is_current, to_hex(md5(array_to_string([coalesce(cast(_ff_s.`note` as string), '')], '||'))) as _ff_snapshot_hash from `shop`.`_ff_stage_events` as _ff_s;

-- first versions by their own time
select _ff_s.*, _ff_s.`at` as _ff_updated_at, _ff_s.`at` as _ff_valid_from, cast(null as datetime) as _ff_valid_to, true as _ff_is_current, cast(null as string) as _ff_snapshot_hash from `shop`.`_ff_stage_events` as _ff_s;

-- rows change
update `shop`.`_ff_stage_events` as _ff_t set `note` = 'e' where `id` = 2;

-- a row is gone
delete from `shop`.`_ff_stage_events` where `id` = 3;

-- new versions
create table `shop`.`_ff_stage_versions` as
select _ff_s.*, timestamp '2026-02-01 00:00:00.000000+00:00' as _ff_updated_at, greatest(timestamp '2026-02-01 00:00:00.000000+00:00', coalesce(_ff_p._ff_valid_from, timestamp '2026-02-01 00:00:00.000000+00:00'), coalesce(timestamp(_ff_p._ff_valid_to, 'UTC'), timestamp '2026-02-01 00:00:00.000000+00:00')) as _ff_valid_from, to_hex(md5(array_to_string([coalesce(cast(_ff_s.`note` as string), '')], '||'))) as _ff_snapshot_hash
from `shop`.`_ff_stage_events` as _ff_s
left join (select * from (select `id`, `at`, `note`, _ff_updated_at, _ff_valid_from, _ff_valid_to, _ff_is_current, _ff_snapshot_hash, row_number() over (partition by `id` order by _ff_is_current desc, _ff_valid_from desc, _ff_valid_to desc) as _ff_rank from `shop`.`history`) as _ff_r where _ff_rank = 1) as _ff_p on _ff_p.`id` = _ff_s.`id`
where _ff_p._ff_rank is null or not _ff_p._ff_is_current or _ff_p.`note` is distinct from _ff_s.`note`;

-- new versions by their own time
select _ff_s.*, _ff_s.`at` as _ff_updated_at, greatest(_ff_s.`at`, coalesce(_ff_p._ff_valid_from, _ff_s.`at`), coalesce(_ff_p._ff_valid_to, _ff_s.`at`)) as _ff_valid_from, cast(null as string) as _ff_snapshot_hash
from `shop`.`_ff_stage_events` as _ff_s
left join (select * from (select `id`, `at`, `note`, _ff_updated_at, _ff_valid_from, _ff_valid_to, _ff_is_current, _ff_snapshot_hash, row_number() over (partition by `id` order by _ff_is_current desc, _ff_valid_from desc, _ff_valid_to desc) as _ff_rank from `shop`.`history`) as _ff_r where _ff_rank = 1) as _ff_p on _ff_p.`id` = _ff_s.`id`
where _ff_p._ff_rank is null or not _ff_p._ff_is_current or _ff_s.`at` > _ff_p._ff_updated_at;

-- late rows
select count(*) from `shop`.`_ff_stage_events` as _ff_s join `shop`.`history` as _ff_t on _ff_t.`id` = _ff_s.`id` where _ff_t._ff_is_current and _ff_s.`at` < _ff_t._ff_updated_at;

-- what a snapshot makes of its versions
select count(*) as v from (
select `id`, `at`, `note`, `_ff_updated_at`, `_ff_valid_from`, `_ff_valid_to`, `_ff_is_current`, `_ff_snapshot_hash` from (select `id`, `at`, `note`, `_ff_updated_at`, `_ff_valid_from`, `_ff_valid_to`, `_ff_is_current`, `_ff_snapshot_hash`, rank() over (partition by `id` order by _ff_valid_from desc, _ff_is_current desc, _ff_updated_at desc) as _ff_rank from (
select _ff_t.`id`, _ff_t.`at`, _ff_t.`note`, _ff_t._ff_updated_at, _ff_t._ff_valid_from, case when _ff_s.`id` is null and _ff_t._ff_is_current then greatest(datetime '2026-02-01 00:00:00.000000', coalesce(datetime(_ff_t._ff_valid_from, 'UTC'), datetime '2026-02-01 00:00:00.000000')) else _ff_t._ff_valid_to end as _ff_valid_to, case when _ff_s.`id` is null and _ff_t._ff_is_current then false else _ff_t._ff_is_current end as _ff_is_current, _ff_t._ff_snapshot_hash from (
select _ff_t.`id`, _ff_t.`at`, _ff_t.`note`, _ff_t._ff_updated_at, _ff_t._ff_valid_from, case when _ff_v.`id` is not null and _ff_t._ff_is_current then datetime(_ff_v._ff_valid_from, 'UTC') else _ff_t._ff_valid_to end as _ff_valid_to, case when _ff_v.`id` is not null and _ff_t._ff_is_current then false else _ff_t._ff_is_current end as _ff_is_current, _ff_t._ff_snapshot_hash from `shop`.`history` as _ff_t left join `shop`.`_ff_stage_versions` as _ff_v on _ff_t.`id` = _ff_v.`id`
union all
select _ff_v.`id`, _ff_v.`at`, _ff_v.`note`, _ff_v._ff_updated_at, _ff_v._ff_valid_from, cast(null as datetime), true, _ff_v._ff_snapshot_hash from `shop`.`_ff_stage_versions` as _ff_v
) as _ff_t left join `shop`.`_ff_stage_events` as _ff_s on _ff_t.`id` = _ff_s.`id`
) as _ff_q) as _ff_r where _ff_rank <= 1
) as _ff_q;

-- a snapshot, statement 1
update `shop`.`history` as _ff_t set _ff_valid_to = datetime(_ff_v._ff_valid_from, 'UTC'), _ff_is_current = false from `shop`.`_ff_stage_versions` as _ff_v where _ff_t.`id` = _ff_v.`id` and _ff_t._ff_is_current;

-- a snapshot, statement 2
insert into `shop`.`history` (`id`, `at`, `note`, _ff_updated_at, _ff_valid_from, _ff_valid_to, _ff_is_current, _ff_snapshot_hash) select _ff_v.`id`, _ff_v.`at`, _ff_v.`note`, _ff_v._ff_updated_at, _ff_v._ff_valid_from, cast(null as datetime), true, _ff_v._ff_snapshot_hash from `shop`.`_ff_stage_versions` as _ff_v;

-- a snapshot, statement 3
update `shop`.`history` as _ff_t set _ff_valid_to = greatest(datetime '2026-02-01 00:00:00.000000', coalesce(datetime(_ff_t._ff_valid_from, 'UTC'), datetime '2026-02-01 00:00:00.000000')), _ff_is_current = false where _ff_t._ff_is_current and not exists (select 1 from `shop`.`_ff_stage_events` as _ff_s where _ff_t.`id` = _ff_s.`id`);

-- a snapshot, statement 4
delete from `shop`.`history` as _ff_t where exists (select 1 from (select * from (select `id`, _ff_valid_from, _ff_is_current, _ff_updated_at, row_number() over (partition by `id` order by _ff_valid_from desc, _ff_is_current desc, _ff_updated_at desc) as _ff_rank from `shop`.`history`) as _ff_r where _ff_rank = 1) as _ff_k where _ff_t.`id` = _ff_k.`id` and (_ff_t._ff_valid_from < _ff_k._ff_valid_from or (_ff_t._ff_valid_from = _ff_k._ff_valid_from and (_ff_t._ff_is_current < _ff_k._ff_is_current or (_ff_t._ff_is_current = _ff_k._ff_is_current and (_ff_t._ff_updated_at < _ff_k._ff_updated_at))))));

-- versions that are left
select count(*) as v from `shop`.`history`;

-- versions that could go
select count(*) from `shop`.`history` as _ff_t join (select * from (select `id`, _ff_valid_from, _ff_is_current, _ff_updated_at, row_number() over (partition by `id` order by _ff_valid_from desc, _ff_is_current desc, _ff_updated_at desc) as _ff_rank from `shop`.`history`) as _ff_r where _ff_rank = 1) as _ff_k on _ff_t.`id` = _ff_k.`id` and (_ff_t._ff_valid_from < _ff_k._ff_valid_from or (_ff_t._ff_valid_from = _ff_k._ff_valid_from and (_ff_t._ff_is_current < _ff_k._ff_is_current or (_ff_t._ff_is_current = _ff_k._ff_is_current and (_ff_t._ff_updated_at < _ff_k._ff_updated_at)))));
