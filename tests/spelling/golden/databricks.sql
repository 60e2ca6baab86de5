-- create a schema
create database if not exists `shop`;

-- create a table
create table `shop`.`orders` using delta as
select cast(1 as bigint) as `id`, cast(2.5 as double) as `amount`, cast('new' as string) as `order`;

-- create a stage
create table `shop`.`_ff_stage_orders` using delta as
select cast(1 as bigint) as `id`, cast(2.5 as double) as `amount`, cast('new' as string) as `order`;

-- replace a table
create or replace table `shop`.`_ff_stage_orders` using delta as
select * from `shop`.`orders`;

-- publish a table with its stamp
create or replace table `shop`.`_ff_stage_orders` using delta comment 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]' as
select * from `shop`.`orders`;

-- create or replace a view
create or replace view `shop`.`best_orders` as
select * from `shop`.`orders`;

-- publish a view with its stamp
create or replace view `shop`.`best_orders` comment 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]' as
select 1 as a;

-- create a materialized view: not spelled

-- create a temporary table: not spelled

-- create a temporary view
create temporary view `_ff_view` as
select cast(1 as bigint) as `id`, cast(2.5 as double) as `amount`, cast('new' as string) as `order`;

-- create a table of ours
create table if not exists `shop`.`_ff_meta` (node_name string, number int, built_at timestamp_ntz) using delta;

-- add a missing column to it: not spelled

-- insert a row of ours
insert into `shop`.`_ff_meta` (node_name, number, built_at) values ('it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]', 1, timestamp_ntz '2026-01-03 12:30:00.250000');

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

-- update from other rows: not spelled

-- merge
merge into `shop`.`orders` as _ff_t using `shop`.`_ff_stage_orders` as _ff_d on _ff_t.`id` = _ff_d.`id`
when matched and (_ff_t.`amount` is distinct from _ff_d.`amount`) then update set `amount` = _ff_d.`amount`
when not matched then insert (`id`, `amount`, `order`) values (_ff_d.`id`, _ff_d.`amount`, _ff_d.`order`);

-- delete what is in other rows
delete from `shop`.`orders` as _ff_t where exists (select 1 from `shop`.`_ff_stage_orders` as _ff_d where _ff_t.`id` = _ff_d.`id`);

-- comment on a table
comment on table `shop`.`orders` is 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]';

-- comment on a view
alter view `shop`.`best_orders` set tblproperties('comment' = 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]');

-- comment on a column
alter table `shop`.`orders` alter column `order` comment 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]';

-- drop a materialized view: not spelled

-- drop a view
drop view `shop`.`best_orders`;

-- rename a table
alter table `shop`.`_ff_stage_orders` rename to `gone`;

-- drop a table
drop table `shop`.`gone`;

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
select timestamp_ntz '2026-01-03 12:30:00.250000' as v;

-- a point in time
select cast(cast('2026-01-03 12:30:00.250000+00:00' as timestamp) as timestamp_ntz) as v;

-- a point in time of a time
select cast(cast(timestamp_ntz '2026-01-03 12:30:00.250000' as timestamp) as timestamp_ntz) as v;

-- an interval
select timestamp_ntz '2026-01-03 12:30:00.250000' - interval 3 days as v;

-- a time that can be infinite
select timestamp_ntz '2026-01-03 12:30:00.250000' as v;

-- not a number
select isnan(cast(cast('NaN' as double) as double)) as v;

-- the same, NULL or not
select null is distinct from null as v;

-- the greatest
select greatest(1, cast(null as bigint), 2) as v;

-- one row before another
select (1 < 1 or (1 = 1 and (2 < 2 or (2 = 2 and (3 < 4))))) as v;

-- not before an equal row
select (1 < 1 or (1 = 1 and (2 < 2 or (2 = 2 and (3 < 3))))) as v;

-- an MD5
select md5(array_join(array('a', 'b'), '||')) as v;

-- an MD5 of nothing
select md5('') as v;

-- our word text
select cast('a' as string) as v;

-- our word integer
select cast('9223372036854775807' as bigint) as v;

-- our word small integer
select cast('7' as int) as v;

-- our word number
select cast('1.5' as double) as v;

-- our word boolean
select cast('true' as boolean) as v;

-- our word date
select cast('2026-01-03' as date) as v;

-- our word timestamp
select cast('2026-01-03 12:30:00.25' as timestamp_ntz) as v;
