-- all sessions
with _ff_e as (
select * from "main"."visits__events"
), _ff_f as (
select *, case when "ts" <= lag("ts") over (partition by "user_id", "Site" order by "ts", "event_id") + interval '1800000000 microseconds' then 0 else 1 end as _ff_is_first
from _ff_e
), _ff_n as (
select *, sum(_ff_is_first) over (partition by "user_id", "Site" order by "ts", "event_id" rows unbounded preceding) as _ff_number from _ff_f
)
select "user_id", "Site", md5(array_to_string(array[md5(array_to_string(array[cast("user_id" as varchar)], '||')), md5(array_to_string(array[cast("Site" as varchar)], '||')), cast(min("ts") as varchar), md5(array_to_string(array[(array_agg(cast("event_id" as varchar) order by "ts", "event_id"))[1]], '||'))], '||')) as session_id, min("ts") as session_start, max("ts") as session_end, count(*) as events, COUNT(*) as "views", SUM("amount" ORDER BY "ts", "event_id", "amount") as "revenue", (ARRAY_AGG("page" ORDER BY "ts", "event_id", "page"))[1] as "entry", AVG("amount" ORDER BY "ts", "event_id", "amount") / 2 as "mean", max("ts") + interval '1800000000 microseconds' < timestamp '2026-01-02 00:00:00.000000' as is_closed, max("ts") + interval '1800000000 microseconds' as closes_at
from _ff_n group by "user_id", "Site", _ff_number;

-- all sessions before the first event
with _ff_e as (
select * from "main"."visits__events"
), _ff_f as (
select *, case when "ts" <= lag("ts") over (partition by "user_id", "Site" order by "ts", "event_id") + interval '1800000000 microseconds' then 0 else 1 end as _ff_is_first
from _ff_e
), _ff_n as (
select *, sum(_ff_is_first) over (partition by "user_id", "Site" order by "ts", "event_id" rows unbounded preceding) as _ff_number from _ff_f
)
select "user_id", "Site", md5(array_to_string(array[md5(array_to_string(array[cast("user_id" as varchar)], '||')), md5(array_to_string(array[cast("Site" as varchar)], '||')), cast(min("ts") as varchar), md5(array_to_string(array[(array_agg(cast("event_id" as varchar) order by "ts", "event_id"))[1]], '||'))], '||')) as session_id, min("ts") as session_start, max("ts") as session_end, count(*) as events, COUNT(*) as "views", SUM("amount" ORDER BY "ts", "event_id", "amount") as "revenue", (ARRAY_AGG("page" ORDER BY "ts", "event_id", "page"))[1] as "entry", AVG("amount" ORDER BY "ts", "event_id", "amount") / 2 as "mean", false as is_closed, max("ts") + interval '1800000000 microseconds' as closes_at
from _ff_n group by "user_id", "Site", _ff_number;

-- touched
select _ff_s."user_id" as _ff_key_0, _ff_s."Site" as _ff_key_1, _ff_s.session_start as _ff_start, _ff_s.session_end as _ff_end from "main"."visits" as _ff_s where _ff_s.session_end >= timestamp '2026-01-01 12:00:00.000000' and _ff_s.session_start <= timestamp '2026-01-02 00:00:00.000000' and exists (select 1 from "_ff_new" as _ff_n where _ff_n."user_id" = _ff_s."user_id" and _ff_n."Site" = _ff_s."Site" and _ff_s.session_start <= _ff_n."ts" + interval '1800000000 microseconds' and _ff_s.session_end >= _ff_n."ts" - interval '1800000000 microseconds')
union
select _ff_s."user_id" as _ff_key_0, _ff_s."Site" as _ff_key_1, _ff_s.session_start as _ff_start, _ff_s.session_end as _ff_end from "main"."visits" as _ff_s where _ff_s.session_end >= timestamp '2026-01-02 00:00:00.000000' and _ff_s.session_start <= timestamp '2026-01-02 00:00:00.000000' and exists (select 1 from "_ff_new" as _ff_n where _ff_n."user_id" = _ff_s."user_id" and _ff_n."Site" = _ff_s."Site" and _ff_s.session_start <= _ff_n."ts" + interval '1800000000 microseconds' and _ff_s.session_end >= _ff_n."ts" - interval '1800000000 microseconds');

-- again
with _ff_e as (
select "user_id", "Site", "ts", "event_id", "amount", "page" from "main"."visits__events" as _ff_k where _ff_k."ts" >= timestamp '2026-01-01 12:00:00.000000' and _ff_k."ts" <= timestamp '2026-01-02 00:00:00.000000' and exists (select 1 from "_ff_touched" where _ff_key_0 = _ff_k."user_id" and _ff_key_1 = _ff_k."Site" and _ff_k."ts" >= _ff_start and _ff_k."ts" <= _ff_end)
union all
select "user_id", "Site", "ts", "event_id", "amount", "page" from "_ff_new"
), _ff_f as (
select *, case when "ts" <= lag("ts") over (partition by "user_id", "Site" order by "ts", "event_id") + interval '1800000000 microseconds' then 0 else 1 end as _ff_is_first
from _ff_e
), _ff_n as (
select *, sum(_ff_is_first) over (partition by "user_id", "Site" order by "ts", "event_id" rows unbounded preceding) as _ff_number from _ff_f
)
select "user_id", "Site", md5(array_to_string(array[md5(array_to_string(array[cast("user_id" as varchar)], '||')), md5(array_to_string(array[cast("Site" as varchar)], '||')), cast(min("ts") as varchar), md5(array_to_string(array[(array_agg(cast("event_id" as varchar) order by "ts", "event_id"))[1]], '||'))], '||')) as session_id, min("ts") as session_start, max("ts") as session_end, count(*) as events, COUNT(*) as "views", SUM("amount" ORDER BY "ts", "event_id", "amount") as "revenue", (ARRAY_AGG("page" ORDER BY "ts", "event_id", "page"))[1] as "entry", AVG("amount" ORDER BY "ts", "event_id", "amount") / 2 as "mean", max("ts") + interval '1800000000 microseconds' < timestamp '2026-01-02 00:00:00.000000' as is_closed, max("ts") + interval '1800000000 microseconds' as closes_at
from _ff_n group by "user_id", "Site", _ff_number;

-- removed
delete from "main"."visits" where session_end >= timestamp '2026-01-01 12:00:00.000000' and session_start <= timestamp '2026-01-02 00:00:00.000000' and exists (select 1 from "_ff_touched" where _ff_key_0 = "user_id" and _ff_key_1 = "Site" and _ff_start = session_start);

-- closed
update "main"."visits" as _ff_t set is_closed = _ff_t.closes_at < timestamp '2026-01-02 00:00:00.000000' where _ff_t.closes_at >= timestamp '2026-01-01 12:00:00.000000' and _ff_t.closes_at <= timestamp '2026-01-02 00:00:00.000000' and _ff_t.is_closed <> (_ff_t.closes_at < timestamp '2026-01-02 00:00:00.000000');

-- ranked
select *, row_number() over (partition by "user_id", "Site", "ts", "event_id" order by _ff_digest, "_ff_partition", "_ff_offset") as _ff_rank, first_value(_ff_digest) over (partition by "user_id", "Site", "ts", "event_id" order by _ff_digest, "_ff_partition", "_ff_offset") as _ff_first
from (select *, md5(array_to_string(array[case when "user_id" is null then '' else concat('=', cast("user_id" as varchar)) end, case when "Site" is null then '' else concat('=', cast("Site" as varchar)) end, case when "ts" is null then '' else concat('=', cast("ts" as varchar)) end, case when "event_id" is null then '' else concat('=', cast("event_id" as varchar)) end, case when "page" is null then '' else concat('=', cast("page" as varchar)) end, case when "amount" is null then '' else concat('=', cast("amount" as varchar)) end], '||')) as _ff_digest from "_ff_given") as _ff_g;

-- met
select _ff_k."user_id", _ff_k."Site", _ff_k."ts", _ff_k."event_id", _ff_g._ff_digest as _ff_given, _ff_k._ff_digest as _ff_kept from (select *, md5(array_to_string(array[case when "user_id" is null then '' else concat('=', cast("user_id" as varchar)) end, case when "Site" is null then '' else concat('=', cast("Site" as varchar)) end, case when "ts" is null then '' else concat('=', cast("ts" as varchar)) end, case when "event_id" is null then '' else concat('=', cast("event_id" as varchar)) end, case when "page" is null then '' else concat('=', cast("page" as varchar)) end, case when "amount" is null then '' else concat('=', cast("amount" as varchar)) end], '||')) as _ff_digest from "main"."visits__events" where "ts" >= timestamp '2026-01-01 12:00:00.000000' and "ts" <= timestamp '2026-01-02 00:00:00.000000') as _ff_k join "_ff_ranked" as _ff_g on _ff_g._ff_rank = 1 and _ff_g."user_id" = _ff_k."user_id" and _ff_g."Site" = _ff_k."Site" and _ff_g."ts" = _ff_k."ts" and _ff_g."event_id" = _ff_k."event_id";

-- repeated
select (select count(*) from "_ff_ranked" where _ff_rank > 1) + (select count(*) from "_ff_met");

-- new
select "user_id", "Site", "ts", "event_id", "page", "amount", "_ff_partition", "_ff_offset", "_ff_received_at" from "_ff_ranked" as _ff_g where _ff_rank = 1 and not exists (select 1 from "_ff_met" as _ff_m where _ff_m."user_id" = _ff_g."user_id" and _ff_m."Site" = _ff_g."Site" and _ff_m."ts" = _ff_g."ts" and _ff_m."event_id" = _ff_g."event_id" and _ff_given >= _ff_kept);

-- refused
select _ff_g._ff_partition, _ff_g._ff_offset, 'another event of this key, time and id is stored already' as _ff_error, array_to_string(array[concat('user_id=', cast(_ff_g."user_id" as varchar)), concat('Site=', cast(_ff_g."Site" as varchar)), concat('ts=', cast(_ff_g."ts" as varchar)), concat('event_id=', cast(_ff_g."event_id" as varchar)), concat('page=', cast(_ff_g."page" as varchar)), concat('amount=', cast(_ff_g."amount" as varchar))], '||') as _ff_bytes from "_ff_ranked" as _ff_g where (_ff_rank > 1 and _ff_digest <> _ff_first) or (_ff_rank = 1 and exists (select 1 from "_ff_met" as _ff_m where _ff_m."user_id" = _ff_g."user_id" and _ff_m."Site" = _ff_g."Site" and _ff_m."ts" = _ff_g."ts" and _ff_m."event_id" = _ff_g."event_id" and _ff_given > _ff_kept));

-- replaced
select _ff_g._ff_partition, _ff_g._ff_offset, 'another event of this key, time and id is stored already' as _ff_error, array_to_string(array[concat('user_id=', cast(_ff_g."user_id" as varchar)), concat('Site=', cast(_ff_g."Site" as varchar)), concat('ts=', cast(_ff_g."ts" as varchar)), concat('event_id=', cast(_ff_g."event_id" as varchar)), concat('page=', cast(_ff_g."page" as varchar)), concat('amount=', cast(_ff_g."amount" as varchar))], '||') as _ff_bytes from "main"."visits__events" as _ff_g where ((_ff_g."ts" >= timestamp '2026-01-01 12:00:00.000000' and _ff_g."ts" <= timestamp '2026-01-02 00:00:00.000000')) and exists (select 1 from "_ff_met" as _ff_m where _ff_m."user_id" = _ff_g."user_id" and _ff_m."Site" = _ff_g."Site" and _ff_m."ts" = _ff_g."ts" and _ff_m."event_id" = _ff_g."event_id" and _ff_given < _ff_kept);

-- deleted
delete from "main"."visits__events" where (("main"."visits__events"."ts" >= timestamp '2026-01-01 12:00:00.000000' and "main"."visits__events"."ts" <= timestamp '2026-01-02 00:00:00.000000')) and exists (select 1 from "_ff_met" as _ff_m where _ff_m."user_id" = "main"."visits__events"."user_id" and _ff_m."Site" = "main"."visits__events"."Site" and _ff_m."ts" = "main"."visits__events"."ts" and _ff_m."event_id" = "main"."visits__events"."event_id" and _ff_given < _ff_kept);

