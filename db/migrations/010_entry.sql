-- How practices come in: the checklist before testing, stages that were reached
-- before immtrail was there, and files that were sent before it.

-- The organization's own agreement; sites have theirs.
alter table practices add column agreement_expires date;

-- What persons said of the checklist's items. Items that the data proves have no
-- row. The site is a name, not a reference: sites are replaced as a whole.
create table prerequisites (
    practice    text not null references practices (id),
    key         text not null check (key ~ '^[a-z][a-z0-9-]{1,30}$'),
    site        text not null default '',
    state       text not null check (state in ('open', 'done', 'waived')),
    -- Words and a document; the latter is in the file store.
    evidence    text not null default '' check (length(evidence) <= 500),
    evidence_id text not null default '',
    expires     date,
    reason      text not null default '',
    by_name     text not null check (btrim(by_name) <> ''),
    at          timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (practice, key, site),
    check (state <> 'waived' or btrim(reason) <> ''),
    check (state <> 'done' or evidence <> '' or evidence_id <> '')
);

-- The last test of a connection that passed, with what it logged in.
create table connection_tests (
    connection  text primary key references connections (name) on delete cascade,
    host        text not null,
    port        integer not null,
    username    text not null,
    secret_ref  text not null,
    by_name     text not null check (btrim(by_name) <> ''),
    at          timestamptz not null,
    recorded_at timestamptz not null default now()
);

-- A stage that a person recorded and that nobody here witnessed: it was reached
-- before the practice came to immtrail, or by other ways.
alter table events add column recorded boolean not null default false;

-- Files that were sent before immtrail was there, so that they are never sent
-- again. Digests only.
create table sent_before (
    practice       text not null references practices (id),
    lane           text not null check (lane in ('test', 'production', 'historical')),
    digest         text not null check (digest ~ '^[0-9a-f]{64}$'),
    -- Over the messages alone, as deliveries have it.
    content_digest text not null check (content_digest ~ '^[0-9a-f]{64}$'),
    size           bigint not null check (size > 0),
    messages       integer not null check (messages > 0),
    sent_on        date not null,
    by_name        text not null check (btrim(by_name) <> ''),
    at             timestamptz not null,
    recorded_at    timestamptz not null default now(),
    primary key (practice, lane, digest)
);
create index sent_before_content on sent_before (practice, lane, content_digest);

---- create above / drop below ----

drop table sent_before;
alter table events drop column recorded;
drop table connection_tests, prerequisites;
alter table practices drop column agreement_expires;
