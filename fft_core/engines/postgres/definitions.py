"""Functions, types, operators and casts that users and extensions made in a Postgres database and SQL can use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fft_core.engines.protocol import Row
from fft_core.names.functions import Definition

_OURS = 16384  # lower oids are those of initdb
_RETURN = "RETURN "  # the start of the body of a function that has no quotes around it
_NOT_IN_SQL = "which is not written in SQL"

# Kind, name, text, body, defaults, doubt, is_implicit, types, used_as, columns_in. For an object of an
# extension, the text has the version of the extension, and a function counts as immutable if the extension says so.
_DEFINITIONS = f"""\
with recursive extended as (
    select d.classid, d.objid, e.extname || ' ' || e.extversion as extension
    from pg_catalog.pg_depend as d
    join pg_catalog.pg_extension as e on e.oid = d.refobjid
    where d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'e' and d.objid >= {_OURS}
), functions as (
    select p.oid, p.proname, p.pronamespace, p.prokind, p.provolatile, l.lanname, e.extension, p.prosrc, p.pronargs,
        p.proargtypes, p.prorettype, p.pronargdefaults,
        pg_catalog.pg_get_expr(p.proargdefaults, 0) as defaults,
        pg_catalog.pg_get_function_arguments(p.oid) as arguments,
        case when e.extension is null and p.prokind in ('f', 'w') then pg_catalog.pg_get_functiondef(p.oid) end as text,
        pg_catalog.pg_get_function_sqlbody(p.oid) as sqlbody
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_language as l on l.oid = p.prolang
    left join extended as e on e.classid = 'pg_catalog.pg_proc'::regclass and e.objid = p.oid
    where p.oid >= {_OURS} and p.prokind <> 'p'
        and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
), parts as (
    select typelem as part, oid as whole from pg_catalog.pg_type where typcategory = 'A'
    union all select typbasetype, oid from pg_catalog.pg_type where typtype = 'd'
    union all select rngsubtype, rngtypid from pg_catalog.pg_range
    union all select rngsubtype, rngmultitypid from pg_catalog.pg_range
    union all
    select a.atttypid, c.reltype
    from pg_catalog.pg_attribute as a join pg_catalog.pg_class as c on c.oid = a.attrelid
    where a.attnum > 0 and a.atttypid >= {_OURS} and c.reltype <> 0
), casts as (
    select c.*, case
        when c.castcontext = 'e' and c.casttarget >= {_OURS} then array[c.casttarget]
        else array[c.castsource, c.casttarget]
    end as sides
    from pg_catalog.pg_cast as c
    where c.oid >= {_OURS}
), wholes as (
    select c.oid as "cast", s.side as type
    from casts as c cross join unnest(c.sides) as s(side) where s.side >= {_OURS}
    union
    select w."cast", p.whole from wholes as w join parts as p on p.part = w.type
)
select 'function', case when n.nspname = any(current_schemas(true)) then '' else n.nspname || '.' end || f.proname,
    n.nspname || '.' || f.proname || '(' || f.arguments || ') ' || coalesce(f.extension, f.text, ''),
    case when f.extension is null and f.lanname = 'sql' then coalesce(f.sqlbody, f.prosrc) end,
    case when f.extension is null then 'RETURN ' || f.defaults end,
    case
        when f.extension is not null then
            case when f.provolatile = 'i' then '' else 'which its extension does not call immutable' end
        when f.lanname = 'sql' and f.prokind in ('f', 'w') then ''
        else '{_NOT_IN_SQL}'
    end,
    false,
    array(
        select case when tn.nspname = any(current_schemas(true)) then '' else tn.nspname || '.' end || t.typname
        from pg_catalog.pg_type as t join pg_catalog.pg_namespace as tn on tn.oid = t.typnamespace
        where t.oid = any(array_append(f.proargtypes::oid[], f.prorettype)) and t.oid >= {_OURS}
    ),
    array(
        select 'field ' || f.proname
        from pg_catalog.pg_type as t
        where n.nspname = any(current_schemas(true)) and f.pronargs - f.pronargdefaults <= 1
            and t.oid = f.proargtypes[0] and t.typtype in ('c', 'd', 'p')
    ),
    array[]::text[]
from functions as f
join pg_catalog.pg_namespace as n on n.oid = f.pronamespace
union all
select 'type', case when n.nspname = any(current_schemas(true)) then '' else n.nspname || '.' end || t.typname,
    n.nspname || '.' || t.typname || ' ' || coalesce(
        e.extension,
        concat_ws(
            ' ', t.typtype, pg_catalog.format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
            (
                select string_agg(v.enumlabel, ',' order by v.enumsortorder)
                from pg_catalog.pg_enum as v where v.enumtypid = t.oid
            ),
            (
                select string_agg(pg_catalog.pg_get_constraintdef(c.oid), ',' order by c.conname)
                from pg_catalog.pg_constraint as c where c.contypid = t.oid
            ),
            (
                select string_agg(
                    a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod), ',' order by a.attnum
                )
                from pg_catalog.pg_attribute as a
                where a.attrelid = t.typrelid and t.typrelid <> 0 and a.attnum > 0 and not a.attisdropped
            ),
            (
                select concat_ws(' ', pg_catalog.format_type(r.rngsubtype, null), r.rngcollation, r.rngcanonical::text)
                from pg_catalog.pg_range as r where r.rngtypid = t.oid
            )
        )
    ),
    null,
    null,
    case when e.extension is null and t.typtype = 'b' then '{_NOT_IN_SQL}' else '' end,
    false,
    array(
        select case when un.nspname = any(current_schemas(true)) then '' else un.nspname || '.' end || u.typname
        from pg_catalog.pg_type as u join pg_catalog.pg_namespace as un on un.oid = u.typnamespace
        where u.oid >= {_OURS} and (
            u.oid = t.typbasetype or u.oid in (
                select a.atttypid from pg_catalog.pg_attribute as a
                where a.attrelid = t.typrelid and t.typrelid <> 0 and a.attnum > 0
            )
        )
    ),
    array[]::text[],
    array[]::text[]
from pg_catalog.pg_type as t
join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
left join extended as e on e.classid = 'pg_catalog.pg_type'::regclass and e.objid = t.oid
where t.oid >= {_OURS} and t.typcategory <> 'A'
    and (t.typrelid = 0 or exists (select from pg_catalog.pg_class as c where c.oid = t.typrelid and c.relkind = 'c'))
union all
select 'operator', o.oprname::text,
    concat_ws(' ', n.nspname, o.oprname, o.oprleft::regtype, o.oprright::regtype, e.extension, f.text),
    case when e.extension is null and f.lanname = 'sql' then coalesce(f.sqlbody, f.prosrc) end,
    null,
    case
        when e.extension is not null then
            case when p.provolatile = 'i' then '' else 'which its extension does not call immutable' end
        when f.lanname = 'sql' or p.oid < {_OURS} and p.provolatile = 'i' then ''
        else '{_NOT_IN_SQL}'
    end,
    false,
    array(
        select case when tn.nspname = any(current_schemas(true)) then '' else tn.nspname || '.' end || t.typname
        from pg_catalog.pg_type as t join pg_catalog.pg_namespace as tn on tn.oid = t.typnamespace
        where t.oid in (o.oprleft, o.oprright, o.oprresult) and t.oid >= {_OURS}
    ),
    array[]::text[],
    array[]::text[]
from pg_catalog.pg_operator as o
join pg_catalog.pg_namespace as n on n.oid = o.oprnamespace
join pg_catalog.pg_proc as p on p.oid = o.oprcode
left join functions as f on f.oid = p.oid
left join extended as e on e.classid = 'pg_catalog.pg_operator'::regclass and e.objid = o.oid
where o.oid >= {_OURS}
union all
select 'cast', concat_ws(' ', c.castsource::regtype, 'to', c.casttarget::regtype),
    concat_ws(' ', c.castcontext, c.castmethod, c.castfunc::regprocedure, f.text),
    case when f.lanname = 'sql' then coalesce(f.sqlbody, f.prosrc) end,
    null,
    case when c.castfunc < {_OURS} or f.lanname = 'sql' then '' else '{_NOT_IN_SQL}' end,
    c.castsource < {_OURS} and c.casttarget < {_OURS},
    array[]::text[],
    array(
        select 'type ' || case when tn.nspname = any(current_schemas(true)) then '' else tn.nspname || '.' end
            || t.typname
        from wholes as w
        join pg_catalog.pg_type as t on t.oid = w.type
        join pg_catalog.pg_namespace as tn on tn.oid = t.typnamespace
        where w."cast" = c.oid
    ),
    array(
        select rn.nspname || '.' || r.relname
        from wholes as w
        join pg_catalog.pg_class as r on r.reltype = w.type and r.relkind <> 'c'
        join pg_catalog.pg_namespace as rn on rn.oid = r.relnamespace
        where w."cast" = c.oid and not (c.castcontext = 'e' and c.casttarget >= {_OURS})
    )
from casts as c
left join functions as f on f.oid = c.castfunc
left join extended as e on e.classid = 'pg_catalog.pg_cast'::regclass and e.objid = c.oid
where e.extension is null"""


def definitions(fetch: Callable[[str], Sequence[Row]]) -> tuple[Definition, ...]:
    """Read the definitions. `fetch` runs a query."""
    return tuple(
        Definition(
            kind=kind,
            name=name,
            text=text,
            queries=tuple(_query(part) for part in (body, defaults) if part),
            doubt=doubt,
            is_implicit=is_implicit,
            types=tuple(types),
            used_as=tuple(used_as),
            columns_in=tuple(columns_in),
        )
        for kind, name, text, body, defaults, doubt, is_implicit, types, used_as, columns_in in fetch(_DEFINITIONS)
    )


def _query(body: str) -> str:
    """Return a body as a query: a body without quotes around it, `RETURN x + 1`, is an expression."""
    return f"select {body.removeprefix(_RETURN)}" if body.startswith(_RETURN) else body
