-- Connections as people live with them: who waits for a turn at a registry's
-- server, what holds a connection, when its credentials end, and files that a
-- person uploads.

-- Whoever wants to log in at a registry's server. A row goes when its visit is
-- over. Who may go in is decided by the workflow host/<host> alone.
create sequence permit_turns;
create table permits (
    workflow_id text primary key check (workflow_id <> ''),
    -- Counts the visits of that workflow, so that the end of one does not take
    -- the next one's place.
    ask         integer not null check (ask > 0),
    host        text not null check (host <> ''),
    connection  text not null references connections (name),
    practice    text references practices (id), -- null: reports of the connection
    file_id     text references files (id),
    turn        bigint not null default nextval('permit_turns'),
    asked_at    timestamptz not null,
    recorded_at timestamptz not null default now()
);
create index permits_turns on permits (host, turn);
create index permits_connection on permits (connection);

-- When each of those that share a server was served last: the one that waited
-- longest goes first.
create table host_turns (
    host      text not null,
    whose     text not null, -- a practice, or "reports of <connection>"
    served_at timestamptz not null,
    primary key (host, whose)
);

-- A connection is held once, whoever meets what is wrong with it.
alter table holds add column connection text references connections (name);
-- What ends this hold, where that is less than its reason allows.
alter table holds add column actions text[] check (cardinality(actions) > 0);
create unique index holds_one_a_connection on holds (connection) where closed_at is null;

-- When a connection's credentials end, on somebody's word.
create table credential_dates (
    connection  text not null references connections (name),
    what        text not null check (what in ('password', 'key', 'certificate', 'host-key')),
    expires     date not null,
    at          timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (connection, what)
);

-- A file that a person uploaded is confirmed by the report that answers it.
alter table deliveries drop constraint deliveries_confirmed_how_check;
alter table deliveries add constraint deliveries_confirmed_how_check
    check (confirmed_how in ('stat', 'listing', 'read-back', 'swept', 'person', 'report'));

-- A file that waits for a person to upload it.
alter table holds drop constraint holds_reason_check;
alter table holds add constraint holds_reason_check check (reason in ('connection', 'delivery-unknown', 'conflict',
    'system', 'not-allowed', 'error-rate', 'reconcile', 'report', 'payload', 'upload-by-hand'));
insert into hold_actions (reason, action) values ('upload-by-hand', 'arrived'), ('upload-by-hand', 'drop');

---- create above / drop below ----

delete from hold_actions where reason = 'upload-by-hand';

alter table deliveries drop constraint deliveries_confirmed_how_check;
alter table deliveries add constraint deliveries_confirmed_how_check
    check (confirmed_how in ('stat', 'listing', 'read-back', 'swept', 'person'));
drop table credential_dates;
drop index holds_one_a_connection;
alter table holds drop column connection, drop column actions;
drop table host_turns, permits;
drop sequence permit_turns;
