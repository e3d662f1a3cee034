-- What a plan was made from, as a digest: files, settings, rules, and what is left out
-- or held back. As long as that is the same, nothing is cut again.
alter table history_loads add column basis text check (basis ~ '^[0-9a-f]{64}$');

-- A held message is replaced also by a later one of the same chart under its control ID:
-- a test patient that gets a name has other records than before.
create or replace view held_messages as
select m.file_id, m.ordinal as message, f.practice, f.lane, m.site, f.staged_at as since,
    case when e.ended is not null then e.ended when r.file_id is not null then 'replaced' else 'open' end as state,
    coalesce(e.at, r.at) as ended_at, coalesce(e.into_file, r.file_id, '') as into_file,
    coalesce(e.by_name, '') as by_name, coalesce(e.reason, '') as reason
from messages m
join files f on f.id = m.file_id
left join held_ends e on e.file_id = m.file_id and e.message = m.ordinal
left join lateral (
    select f2.id as file_id, f2.settled_at as at
    from doses d
    join doses d2 on d2.record_digest = d.record_digest
    join messages m2 on m2.file_id = d2.file_id and m2.ordinal = d2.message and not m2.held
    join files f2 on f2.id = m2.file_id and f2.practice = f.practice and f2.lane <> 'test'
        and f2.state in ('delivered', 'answered') and f2.staged_at >= f.staged_at and f2.id <> f.id
    where e.file_id is null and d.file_id = m.file_id and d.message = m.ordinal
      and not exists (select 1 from doses o where o.file_id = m.file_id and o.message = m.ordinal
          and (o.record_digest is null or not exists (select 1 from doses n
              where n.file_id = m2.file_id and n.message = m2.ordinal and n.record_digest = o.record_digest)))
    union all
    select f2.id, f2.settled_at
    from sent_messages n
    join messages m2 on m2.file_id = n.file_id and m2.control_key = n.control_key and m2.chart_digest = m.chart_digest and not m2.held
    join files f2 on f2.id = n.file_id and f2.lane <> 'test' and f2.state in ('delivered', 'answered')
    where e.file_id is null and n.control_key = m.control_key and n.file_no > substr(m.file_id, 3)::bigint
    order by 2, 1 limit 1
) r on true
where m.held and f.lane <> 'test'
  and (f.state in ('delivered', 'answered') or f.state = 'refused' and f.held = f.messages)
  and not exists (select 1 from history_left_out o where o.file_id = m.file_id and o.message = m.ordinal);

---- create above / drop below ----

create or replace view held_messages as
select m.file_id, m.ordinal as message, f.practice, f.lane, m.site, f.staged_at as since,
    case when e.ended is not null then e.ended when r.file_id is not null then 'replaced' else 'open' end as state,
    coalesce(e.at, r.at) as ended_at, coalesce(e.into_file, r.file_id, '') as into_file,
    coalesce(e.by_name, '') as by_name, coalesce(e.reason, '') as reason
from messages m
join files f on f.id = m.file_id
left join held_ends e on e.file_id = m.file_id and e.message = m.ordinal
left join lateral (
    select f2.id as file_id, f2.settled_at as at
    from doses d
    join doses d2 on d2.record_digest = d.record_digest
    join messages m2 on m2.file_id = d2.file_id and m2.ordinal = d2.message and not m2.held
    join files f2 on f2.id = m2.file_id and f2.practice = f.practice and f2.lane <> 'test'
        and f2.state in ('delivered', 'answered') and f2.staged_at >= f.staged_at and f2.id <> f.id
    where e.file_id is null and d.file_id = m.file_id and d.message = m.ordinal
      and not exists (select 1 from doses o where o.file_id = m.file_id and o.message = m.ordinal
          and (o.record_digest is null or not exists (select 1 from doses n
              where n.file_id = m2.file_id and n.message = m2.ordinal and n.record_digest = o.record_digest)))
    order by f2.staged_at, f2.id limit 1
) r on true
where m.held and f.lane <> 'test'
  and (f.state in ('delivered', 'answered') or f.state = 'refused' and f.held = f.messages)
  and not exists (select 1 from history_left_out o where o.file_id = m.file_id and o.message = m.ordinal);

alter table history_loads drop column basis;
