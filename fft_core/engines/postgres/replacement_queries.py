"""Queries of Postgres' catalog about a relation that is to be replaced."""

from __future__ import annotations

OTHERS = """
    select classid, objid, objsubid from pg_depend
    where refclassid = 'pg_class'::regclass and refobjid = {oid} and deptype <> 'i'
    union
    select d.classid, d.objid, d.objsubid from pg_depend as d join pg_class as c on c.reltype = d.refobjid
    where d.refclassid = 'pg_type'::regclass and c.oid = {oid} and d.deptype <> 'i'"""

# Whether a table has no dependent objects or settings that a new table of the same name would lack; whether rules,
# triggers or policies affect its rows; whether its rows cannot be deleted, because all tables are published and this
# one has no key; how many bytes both tables take.
SITUATION = f"""
select not exists ({OTHERS})
    and old.relkind = 'r' and old.relpersistence = new.relpersistence
    and old.relowner = new.relowner and old.relacl is not distinct from new.relacl
    and old.reloptions is not distinct from new.reloptions and old.reltablespace = new.reltablespace
    and old.relreplident = new.relreplident and not (old.relrowsecurity or old.relforcerowsecurity)
    and not (old.relhasindex or old.relhasrules or old.relhastriggers or old.relispartition)
    and not exists (
        select from pg_attribute where attrelid = old.oid and attnum > 0 and not attisdropped
        and (attacl is not null or attnotnull or attidentity <> '' or attoptions is not null)
    )
    and not exists (select from pg_inherits where old.oid in (inhrelid, inhparent))
    and not exists (
        select from pg_description
        where classoid = 'pg_class'::regclass and objoid = old.oid and objsubid > 0
    )
    and not exists (select from pg_seclabel where classoid = 'pg_class'::regclass and objoid = old.oid)
    and not exists (select from pg_publication_rel where prrelid = old.oid) as is_plain,
    old.relhasrules or old.relhastriggers or old.relrowsecurity as is_guarded,
    old.relpersistence = 'p' and old.relreplident = 'd'
        and not exists (select from pg_index where indrelid = old.oid and indisprimary)
        and exists (
            select from pg_publication as p where (p.pubdelete or p.pubupdate) and (p.puballtables or exists (
                select from pg_publication_namespace where pnpubid = p.oid and pnnspid = old.relnamespace
            ))
        ) as is_published,
    pg_table_size(old.oid) as old_bytes, pg_table_size(new.oid) as new_bytes
from pg_class as old, pg_class as new
where old.oid = {{oid}} and new.oid = {{stage}}::regclass"""

# Objects that would be dropped with a relation, and whether each is a view, which can be created again.
HANGING_ON = f"""
select pg_describe_object(others.classid, others.objid, others.objsubid), r.oid is not null and c.relkind in ('v', 'm')
from ({OTHERS}) as others
left join pg_rewrite as r on others.classid = 'pg_rewrite'::regclass and r.oid = others.objid and r.ev_class <> {{oid}}
left join pg_class as c on c.oid = r.ev_class
where not exists (  -- a view's own rule
    select from pg_rewrite as own where others.classid = 'pg_rewrite'::regclass and own.oid = others.objid
    and own.ev_class = {{oid}} and own.rulename = '_RETURN'
)
order by 1"""

# Views over views, with the longest path to each. Functions and the like have the kind '?': they cause an error.
DEPENDENTS = """
with recursive used as (
    select {oid}::oid as oid, 0 as depth
    union
    select case when d.classid = 'pg_rewrite'::regclass then r.ev_class else 0 end, used.depth + 1
    from used
    join pg_depend as d on d.refclassid = 'pg_class'::regclass and d.refobjid = used.oid and d.deptype = 'n'
    join pg_rewrite as r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid and r.ev_class <> used.oid
)
select c.oid::bigint, n.nspname, c.relname, case
        when c.relkind in ('v', 'm') and not exists (select from pg_trigger where tgrelid = c.oid)
        and not exists (select from pg_rewrite where ev_class = c.oid and rulename <> '_RETURN')
        and not exists (
            select from pg_depend as f where f.refclassid = 'pg_class'::regclass and f.refobjid = c.oid
            and f.deptype = 'n' and f.classid <> 'pg_rewrite'::regclass
        ) then c.relkind::text else '?' end,
    max(used.depth), obj_description(c.oid, 'pg_class')
from used join pg_class as c on c.oid = used.oid join pg_namespace as n on n.oid = c.relnamespace
where used.depth > 0
group by c.oid, n.nspname, c.relname, c.relkind"""

VIEW_STATEMENTS = """
select number, statement from pg_class as c join pg_namespace as n on n.oid = c.relnamespace,
lateral (select case c.relkind when 'm' then 'materialized view' else 'view' end as word) as kind,
lateral (values
    (1, format('create %s %I.%I %s as %s %s', word, n.nspname, c.relname,
        'with (' || array_to_string(c.reloptions, ', ') || ')', rtrim(pg_get_viewdef(c.oid), ';'),
        case when not c.relispopulated then 'with no data' end)),
    (2, case when c.relowner <> current_user::regrole then
        format('alter %s %I.%I owner to %s', word, n.nspname, c.relname, c.relowner::regrole) end),
    (3, format('comment on %s %I.%I is %L', word, n.nspname, c.relname, obj_description(c.oid, 'pg_class')))
) as made(number, statement)
where c.oid = {oid} and statement is not null
union all
select 4, pg_get_indexdef(indexrelid) from pg_index where indrelid = {oid}
order by 1"""

GRANTS_AND_COMMENTS = """
select format('grant %s on %s to %s%s', a.privilege_type, {relation},
    case when a.grantee = 0 then 'public' else a.grantee::regrole::text end,
    case when a.is_grantable then ' with grant option' else '' end), null
from pg_class as c, lateral aclexplode(c.relacl) as a
where c.oid = {oid} and a.grantee <> c.relowner
    and (c.relkind not in ('v', 'm') or a.privilege_type <> 'MAINTAIN')
union all
select format('grant %s (%I) on %s to %s%s', a.privilege_type, t.attname, {relation},
    case when a.grantee = 0 then 'public' else a.grantee::regrole::text end,
    case when a.is_grantable then ' with grant option' else '' end), t.attname
from pg_attribute as t, lateral aclexplode(t.attacl) as a
where t.attrelid = {oid} and t.attnum > 0 and not t.attisdropped
union all
select format('comment on column %s.%I is %L', {relation}, t.attname, d.description), t.attname
from pg_description as d join pg_attribute as t on t.attrelid = d.objoid and t.attnum = d.objsubid
where d.classoid = 'pg_class'::regclass and d.objoid = {oid} and d.objsubid > 0"""

ATTACHED = f"""
select pg_describe_object(others.classid, others.objid, others.objsubid),
    case when i.indexrelid is not null then pg_get_indexdef(i.indexrelid) end
from ({OTHERS}) as others
left join pg_index as i on others.classid = 'pg_class'::regclass and i.indexrelid = others.objid
where others.classid not in ('pg_rewrite'::regclass, 'pg_attrdef'::regclass)"""

# Whether a view uses one of these columns of a table, or its whole rows.
USED_BY_VIEWS = """
select exists (
    select from pg_depend as d left join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = {oid}
    and (d.refobjsubid = 0 or a.attname in ({names}))
)"""
