-- Who is told of what waits. What waits is read from where it stands: the lines of
-- practices, holds, errors.

-- Which of the policy's reminders a line has; see registry.WaitKind.
alter table progress add column wait text not null default '';

-- The policy by which a practice's waits are told of, as its watch holds it; null
-- until the watch has run: the profile's.
alter table practices add column policy jsonb check (jsonb_typeof(policy) = 'object');

-- The reader's zone; empty: the practice's.
alter table contacts add column zone text not null default '';

-- What a letter reminded of. A wait is known by its key and its begin, so that one
-- that begins anew is told of anew. Of a letter that did not go out (yet) it does
-- not count.
create table reminders (
    event   text not null references notices (event),
    wait    text not null check (wait <> ''),
    since   timestamptz not null,
    step    integer not null check (step >= 0), -- how many reminders had come
    late    boolean not null,                   -- it was told as late
    amount  integer not null check (amount >= 0), -- errors that it was of
    reader  text not null check (reader ~ '^[0-9a-f]{16}$'), -- digest of the address
    primary key (event, wait, since)
);
create index reminders_of on reminders (reader, wait, since);

-- What one person has in hand, over all practices.
create index errors_in_hand on errors (practice, assignee)
    where assignee <> '' and state in ('open', 'assigned', 'fix-sent');

---- create above / drop below ----

drop index errors_in_hand;
drop table reminders;
alter table contacts drop column zone;
alter table practices drop column policy;
alter table progress drop column wait;
