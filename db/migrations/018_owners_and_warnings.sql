-- Since when an error is whose it is: with its owner, and in its assignee's hands.
-- Null: since it was opened.
alter table errors add column owner_since timestamptz;

drop view open_errors;
create view open_errors as
    select e.*, f.lane from errors e
    join files f on f.id = e.file_id
    join practices p on p.id = e.practice
    where e.state in ('open', 'assigned', 'fix-sent')
      and (f.lane = 'test') = (p.phase in ('registered', 'testing', 'in_review'));

-- What ends soon, as the last look at a practice saw it. Whose it is to renew is told
-- with that person's next morning letter; it is a line there, not a letter.
create table warnings (
    event      text primary key check (btrim(event) <> ''),
    practice   text references practices (id),
    connection text references connections (name),
    words      text not null check (btrim(words) <> ''),
    move       text not null check (btrim(move) <> ''), -- the command that settles it
    page       text not null check (btrim(page) <> ''), -- the section of the runbook
    at         timestamptz not null,
    check (num_nonnulls(practice, connection) = 1)
);
create index warnings_practice on warnings (practice);
create index warnings_connection on warnings (connection);

---- create above / drop below ----

drop table warnings;
drop view open_errors;
alter table errors drop column owner_since;
create view open_errors as
    select e.*, f.lane from errors e
    join files f on f.id = e.file_id
    join practices p on p.id = e.practice
    where e.state in ('open', 'assigned', 'fix-sent')
      and (f.lane = 'test') = (p.phase in ('registered', 'testing', 'in_review'));
