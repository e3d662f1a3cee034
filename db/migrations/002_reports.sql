-- What comes back from the registry, what was written to people, what needs
-- somebody, and the one-time historical load.

create sequence report_numbers;
create table reports (
    id             text primary key default 'r-' || nextval('report_numbers') check (id ~ '^r-[0-9]+$'),
    connection     text not null references connections (name),
    digest         text not null check (digest ~ '^[0-9a-f]{64}$'),
    name           text not null, -- as it lay at the registry, base name only
    size           bigint not null check (size >= 0),
    vault_key      text not null,
    state          text not null default 'fetched' check (state in ('fetched', 'imported', 'quarantined')),
    fetched_at     timestamptz not null,
    imported_at    timestamptz,
    reason         text not null default '', -- why it is quarantined
    recorded_at    timestamptz not null default now(),
    -- What the import came to, so that importing again answers the same.
    items          integer not null default 0 check (items >= 0),
    unmatched      integer not null default 0 check (unmatched between 0 and items),
    not_understood integer not null default 0 check (not_understood >= 0),
    -- What reconciling the errors came to.
    reconciled_at  timestamptz,
    opened         integer not null default 0 check (opened >= 0),
    verified       integer not null default 0 check (verified >= 0),
    new_codes      text[] not null default '{}',
    unique (connection, digest),
    check ((state = 'fetched') = (imported_at is null)),
    check (state <> 'quarantined' or reason <> ''),
    check (reconciled_at is null or state = 'imported')
);

-- Which remote names were fetched, so that a listing shows only what is new.
create table report_files (
    connection text not null references connections (name),
    name       text not null,
    size       bigint not null,
    mtime      timestamptz not null,
    report_id  text not null references reports (id),
    primary key (connection, name, size, mtime)
);

create table report_items (
    report_id   text not null references reports (id),
    ordinal     integer not null check (ordinal > 0),
    control_id  text not null default '',
    ack         text not null default '',
    code        text not null default '',
    family      text not null default '',
    severity    text not null default '' check (severity in ('', 'E', 'W', 'I')),
    location    text not null default '',
    -- What became of the record; a harmless code counts as a warning here.
    outcome     text not null check (outcome in ('accepted', 'accepted-with-warnings', 'dose-rejected',
                'patient-rejected', 'message-rejected', 'file-rejected', 'not-objected-to', 'unknown')),
    text_sealed bytea, -- the registry's sentence: it may name a patient
    file_id     text references files (id),
    message     integer,
    delivery_id text references deliveries (id),
    primary key (report_id, ordinal),
    check ((file_id is null) = (message is null)),
    check (delivery_id is null or file_id is not null)
);
create index report_items_message on report_items (file_id, message);
create index report_items_control on report_items (report_id, control_id);

-- The deliveries that a report speaks of, by name or by one of its messages.
create table report_covers (
    report_id   text not null references reports (id),
    delivery_id text not null references deliveries (id),
    file_id     text not null references files (id),
    -- Found by the file's name, not by a message.
    named       boolean not null,
    primary key (report_id, delivery_id)
);
create index report_covers_file on report_covers (file_id);
create index messages_answer_report on messages (answer_report) where answer_report is not null;

create sequence error_numbers;
create table errors (
    id           text primary key default 'e-' || nextval('error_numbers') check (id ~ '^e-[0-9]+$'),
    practice     text not null references practices (id),
    site         text not null,
    code         text not null, -- empty where the registry gave none
    -- One cause is one error, however often it is reported: a keyed digest.
    cause        bytea not null check (length(cause) = 32),
    owner        text not null check (owner in ('practice', 'ehr-vendor', 'data-team', 'registry', 'nobody')),
    severity     text not null check (severity in ('', 'E', 'W', 'I')),
    state        text not null default 'open' check (state in ('open', 'corrected', 'verified', 'waived')),
    opened_at    timestamptz not null,
    due_at       timestamptz not null,
    times        integer not null check (times > 0),
    first_report text not null,
    first_item   integer not null,
    last_report  text not null,
    last_item    integer not null,
    -- The message that was last refused for it; dose null: as a whole.
    file_id      text not null references files (id),
    message      integer not null check (message > 0),
    dose         integer check (dose > 0),
    verified_by  text references reports (id), -- the report that proves it
    settled_at   timestamptz,
    settled_by   text check (btrim(settled_by) <> ''),
    reason       text check (btrim(reason) <> ''),
    recorded_at  timestamptz not null default now(),
    unique (practice, cause),
    foreign key (first_report, first_item) references report_items (report_id, ordinal),
    foreign key (last_report, last_item) references report_items (report_id, ordinal),
    -- It closes only by proof or by a person's reason.
    check (state <> 'verified' or num_nulls(verified_by, settled_at) = 0),
    check (state <> 'waived' or num_nulls(settled_by, reason, settled_at) = 0),
    check (state <> 'open' or num_nulls(verified_by, settled_at, settled_by, reason) = 4)
);
create index errors_open on errors (practice, due_at) where state in ('open', 'corrected');
create index errors_message on errors (file_id, message);

-- What is open and counts: errors of test files do while the practice tests,
-- those of true patient data afterwards.
create view open_errors as
    select e.*, f.lane from errors e
    join files f on f.id = e.file_id
    join practices p on p.id = e.practice
    where e.state in ('open', 'corrected')
      and (f.lane = 'test') = (p.phase in ('registered', 'testing', 'in_review'));

create table notices (
    event       text primary key,
    kind        text not null,
    practice    text references practices (id), -- null: it concerns a connection
    message_id  text not null unique,
    recipients  text[] not null check (cardinality(recipients) > 0),
    subject     text not null,
    body        text not null,
    state       text not null default 'prepared' check (state in ('prepared', 'sent', 'off')),
    prepared_at timestamptz not null,
    sent_at     timestamptz,
    check ((state = 'sent') = (sent_at is not null))
);
create index notices_practice on notices (practice, prepared_at);

create sequence incident_numbers;
create table incidents (
    id          text primary key default 'i-' || nextval('incident_numbers'),
    practice    text not null references practices (id),
    kind        text not null,
    site        text not null default '',
    level       integer not null default 0,
    words       text not null,
    opened_at   timestamptz not null,
    opened_look text[] not null, -- the look that opened it: repeated, it tells it again
    closed_at   timestamptz,
    closed_look text[],
    -- Ended without an all-clear: a worse one took its place, or production ended.
    silent      boolean not null default false,
    check ((closed_at is null) = (closed_look is null))
);
create unique index incidents_open on incidents (practice, kind, site) where closed_at is null;
create index incidents_practice on incidents (practice, opened_at);

-- One row per practice for ever: a historical load is sent once. That it is
-- closed stands with the practice (practices.history_state).
create table history_loads (
    practice        text primary key references practices (id),
    state           text not null default 'planned' check (state in ('planned', 'loading')),
    digest          text not null check (digest ~ '^[0-9a-f]{64}$'),
    files           integer not null check (files > 0),
    messages        integer not null check (messages > 0),
    doses           integer not null check (doses >= 0),
    parts           integer not null check (parts > 0),
    bytes           bigint not null check (bytes > 0),
    first_year      integer not null,
    last_year       integer not null,
    held            integer not null check (held between 0 and messages),
    errors          integer not null check (errors >= 0),
    warnings        integer not null check (warnings >= 0),
    top             jsonb not null check (jsonb_typeof(top) = 'array'),
    planned_at      timestamptz not null,
    approved_digest text,
    approved_by     text check (btrim(approved_by) <> ''),
    approved_at     timestamptz,
    recorded_at     timestamptz not null default now(),
    check (num_nulls(approved_digest, approved_by, approved_at) in (0, 3)),
    -- Nothing is loaded that nobody approved, and only what was approved.
    check (state = 'planned' or approved_digest is not distinct from digest)
);

create function history_load_is_once() returns trigger language plpgsql as $$
begin
    if old.state = 'loading' and (tg_op = 'DELETE' or new is distinct from old) then
        raise exception 'a historical load that was approved does not change' using errcode = 'IT001';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end $$;
create trigger history_load_once before update or delete on history_loads
    for each row execute function history_load_is_once();

create table history_parts (
    practice text not null references history_loads (practice),
    ordinal  integer not null check (ordinal > 0),
    file_id  text not null unique references files (id),
    messages integer not null check (messages > 0), -- as they were split
    primary key (practice, ordinal)
);

---- create above / drop below ----

drop view open_errors;
drop function history_load_is_once cascade;
drop index messages_answer_report;
drop table history_parts, history_loads, incidents, notices, errors, report_covers, report_items, report_files, reports;
drop sequence report_numbers, error_numbers, incident_numbers;
