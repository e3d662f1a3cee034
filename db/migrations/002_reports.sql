-- What comes back from the registry, what was written to people, what needs
-- somebody, and the one-time historical load.

create sequence report_seq;
create table reports (
    id             text primary key default 'r-' || nextval('report_seq'),
    connection     text not null references connections (name),
    digest         text not null check (digest ~ '^[0-9a-f]{64}$'),
    name           text not null, -- as it lay at the registry, base name only
    size           bigint not null check (size >= 0),
    vault_key      text not null,
    state          text not null default 'fetched' check (state in ('fetched', 'imported', 'quarantined')),
    fetched_at     timestamptz not null,
    imported_at    timestamptz,
    -- What the import came to, so that importing again answers the same.
    items          int not null default 0 check (items >= 0),
    unmatched      int not null default 0 check (unmatched between 0 and items),
    not_understood int not null default 0 check (not_understood >= 0),
    -- What reconciling the errors came to.
    reconciled_at  timestamptz,
    opened         int not null default 0 check (opened >= 0),
    verified       int not null default 0 check (verified >= 0),
    new_codes      text[] not null default '{}',
    unique (connection, digest),
    check ((state = 'fetched') = (imported_at is null)),
    check (reconciled_at is null or state <> 'fetched')
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
    ordinal     int not null check (ordinal > 0),
    control_id  text not null default '',
    ack         text not null default '',
    code        text not null default '',
    family      text not null default '',
    severity    text not null default '' check (severity in ('', 'E', 'W', 'I')),
    location    text not null default '',
    -- What became of the record; a harmless code counts as a warning here.
    outcome     text not null,
    text_sealed bytea, -- the registry's sentence: it may name a patient
    file_id     text,
    message     int,
    delivery_id text references deliveries (id),
    primary key (report_id, ordinal),
    foreign key (file_id, message) references messages (file_id, ordinal),
    check ((file_id is null) = (message is null)),
    check (delivery_id is null or file_id is not null)
);
create index report_items_message on report_items (file_id, message);
create index report_items_control on report_items (report_id, control_id);

create sequence recorderror_seq;
create table errors (
    id           text primary key default 'e-' || nextval('recorderror_seq'),
    practice     text not null references practices (id),
    site         text not null default '',
    code         text not null,
    -- One cause is one error, however often it is reported.
    cause        text not null,
    owner        text not null check (owner in ('practice', 'ehr-vendor', 'data-team', 'registry', 'nobody')),
    severity     text not null default '',
    state        text not null default 'open' check (state in ('open', 'corrected', 'verified', 'waived')),
    opened_at    timestamptz not null,
    due_at       timestamptz not null,
    times        int not null default 1 check (times > 0),
    first_report text not null references reports (id),
    first_item   int not null,
    last_report  text not null references reports (id),
    last_item    int not null,
    file_id      text not null references files (id),
    message      int not null check (message > 0),
    dose         int check (dose > 0), -- null: the message as a whole
    verified_by  text references reports (id), -- the report that proves it
    settled_at   timestamptz,
    settled_by   text,
    reason       text,
    unique (practice, cause),
    foreign key (first_report, first_item) references report_items (report_id, ordinal),
    foreign key (last_report, last_item) references report_items (report_id, ordinal),
    check (state <> 'verified' or (verified_by is not null and settled_at is not null)),
    check (state <> 'waived' or (settled_by <> '' and settled_by is not null
                                 and reason <> '' and reason is not null and settled_at is not null)),
    check (state not in ('open') or settled_at is null)
);
create index errors_open on errors (practice, due_at) where state in ('open', 'corrected');
create index errors_message on errors (file_id, message);

create table notices (
    event       text primary key,
    kind        text not null,
    practice    text not null references practices (id),
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

create sequence incident_seq;
create table incidents (
    id          text primary key default 'i-' || nextval('incident_seq'),
    practice    text not null references practices (id),
    kind        text not null,
    site        text not null default '',
    level       int not null default 0,
    words       text not null,
    opened_at   timestamptz not null,
    opened_look text not null, -- the look that opened it: repeated, it tells it again
    closed_at   timestamptz,
    closed_look text,
    -- Ended without an all-clear: a worse one took its place, or production ended.
    silent      boolean not null default false,
    check ((closed_at is null) = (closed_look is null))
);
create unique index incidents_open on incidents (practice, kind, site) where closed_at is null;
create index incidents_looks on incidents (practice, opened_look);

-- One row per practice for ever: a historical load is sent once.
create table history_loads (
    practice    text primary key references practices (id),
    state       text not null default 'planned' check (state in ('planned', 'loading', 'closed')),
    digest      text not null,
    files       int not null check (files > 0),
    messages    int not null check (messages > 0),
    doses       int not null,
    parts       int not null check (parts > 0),
    bytes       bigint not null,
    first_year  int not null,
    last_year   int not null,
    held        int not null,
    errors      int not null,
    warnings    int not null,
    top         jsonb not null default '[]',
    planned_at  timestamptz not null,
    approved_digest text,
    approved_by text,
    approved_via text,
    approved_at timestamptz,
    approval_key text,
    closed_at   timestamptz,
    -- Nothing is loaded that nobody approved, and only what was approved.
    check (state = 'planned' or (approved_digest = digest and approved_digest is not null
           and approved_by <> '' and approved_by is not null and approved_at is not null)),
    check ((state = 'closed') = (closed_at is not null))
);

create table history_parts (
    practice text not null references history_loads (practice),
    ordinal  int not null check (ordinal > 0),
    file_id  text not null unique references files (id),
    messages int not null check (messages > 0),
    primary key (practice, ordinal)
);

---- create above / drop below ----

drop table history_parts, history_loads, incidents, notices, errors, report_items, report_files, reports;
drop sequence report_seq, recorderror_seq, incident_seq;
