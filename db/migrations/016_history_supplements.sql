-- A historical load is followed by numbered supplements, each with a plan and an
-- approval of its own, until a named person closes it. Every message that came
-- is accounted for: in a part, or left out for a reason that is kept.

alter table practices drop constraint practices_history_state_check;
alter table practices add constraint practices_history_state_check check (history_state in
    ('not_asked', 'asked', 'none', 'planned', 'loading', 'sent', 'closed'));
delete from history_moves where from_state = 'loading' and to_state = 'closed';
insert into history_moves (from_state, to_state) values
    ('loading', 'sent'), ('sent', 'loading'), ('sent', 'closed');

alter table history_parts drop constraint history_parts_practice_fkey;
alter table history_loads drop constraint history_loads_pkey;
alter table history_loads
    -- 0 is the load itself, 1 and so on its supplements.
    add column number      integer not null default 0 check (number >= 0),
    -- Messages of the sources, and those of them that go into no part.
    add column came        integer not null default 0 check (came >= 0),
    add column repeated    integer not null default 0 check (repeated >= 0),
    add column sent_before integer not null default 0 check (sent_before >= 0),
    add constraint history_loads_pkey primary key (practice, number);
alter table history_loads disable trigger history_load_once;
update history_loads set came = messages;
alter table history_loads enable trigger history_load_once;
-- Ordinals of parts go on over the supplements.
alter table history_parts
    add column number integer not null default 0,
    add constraint history_parts_load foreign key (practice, number) references history_loads (practice, number);

-- What a load was planned from. A file is a source of one load.
create table history_sources (
    practice text not null,
    number   integer not null,
    file_id  text not null unique references files (id),
    ordinal  integer not null check (ordinal > 0),
    primary key (practice, number, ordinal),
    foreign key (practice, number) references history_loads (practice, number)
);

-- Messages that go into no part, or stay behind when their part is sent.
create table history_left_out (
    file_id text not null references files (id),
    message integer not null check (message > 0),
    why     text not null check (why in ('repeated', 'sent-before', 'sent-since')),
    primary key (file_id, message)
);

-- MSH-7 as a day, and doses that take back or change one (RXA-21 D or U).
alter table messages add column sent_on date;
alter table doses add column corrects boolean not null default false;

-- What stays behind because it was sent already is not held back: nobody has to
-- decide on it.
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
  and (f.state in ('delivered', 'answered') or f.state = 'refused' and f.held = f.messages);

alter table doses drop column corrects;
alter table messages drop column sent_on;
drop table history_left_out, history_sources;
alter table history_parts drop constraint history_parts_load;
delete from history_parts where number > 0;
alter table history_parts drop column number;
alter table history_loads disable trigger history_load_once;
delete from history_loads where number > 0;
alter table history_loads enable trigger history_load_once;
alter table history_loads drop constraint history_loads_pkey,
    drop column number, drop column came, drop column repeated, drop column sent_before,
    add constraint history_loads_pkey primary key (practice);
alter table history_parts add constraint history_parts_practice_fkey foreign key (practice) references history_loads (practice);
delete from history_moves where 'sent' in (from_state, to_state);
insert into history_moves (from_state, to_state) values ('loading', 'closed');
