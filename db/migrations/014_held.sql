-- How messages that are held back end: a person releases or drops them, or a
-- correction replaces them, which nobody has to tell: its doses are found.

create table held_ends (
    file_id     text not null,
    message     integer not null,
    ended       text not null check (ended in ('released', 'dropped')),
    -- The file in which a released message travels.
    into_file   text references files (id),
    by_name     text not null check (btrim(by_name) <> ''),
    reason      text not null check (btrim(reason) <> ''),
    at          timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (file_id, message),
    foreign key (file_id, message) references messages (file_id, ordinal),
    check ((ended = 'released') = (into_file is not null))
);
create index held_ends_into on held_ends (into_file);
create trigger held_ends_kept before update or delete on held_ends
    for each row execute function events_are_kept();
create index messages_held on messages (file_id) where held;

-- A file of which every message is held back is refused as a whole. A correction
-- is a message that went later and has every dose of the one held back.
create view held_messages as
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
  and (f.state in ('delivered', 'answered') or f.state = 'refused' and f.held = f.messages);

---- create above / drop below ----

drop view held_messages;
drop index messages_held;
drop table held_ends;
