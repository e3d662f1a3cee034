-- Practices, their files and what was sent. Every column named "at" or "…_at"
-- is a date of the calendar, given by the caller; recorded_at is the wall
-- clock of this server. Triggers raise IT001 for "a rule of the process forbids
-- it" and IT002 for "this cannot be"; db/fault.go knows both.

create table connections (
    name        text primary key check (name ~ '^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$'),
    protocol    text not null check (protocol in ('sftp', 'ftps', 'byhand')),
    host        text not null,
    port        integer not null check (port between 0 and 65535),
    username    text not null,
    -- A reference such as env:NAME or file:/path; never the secret itself.
    secret_ref  text not null check (secret_ref = '' or secret_ref ~ '^(env|file):.+'),
    host_keys   text[] not null default '{}',
    settings    jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
    at          timestamptz not null,
    recorded_at timestamptz not null default now(),
    check (protocol = 'byhand' or (host <> '' and port > 0))
);

create table practices (
    id               text primary key check (id ~ '^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$'),
    name             text not null check (btrim(name) <> ''),
    registry         text not null check (registry <> ''),
    org_code         text not null check (org_code ~ '^[A-Z]{4}[0-9]{4}$'),
    iis_id           text not null default '' check (iis_id = '' or iis_id ~ '^[0-9]{10}$'),
    zone             text not null,
    connection       text not null references connections (name),
    phase            text not null check (phase in ('registered', 'testing', 'in_review', 'production', 'withdrawn')),
    history_state    text not null check (history_state in ('not_asked', 'asked', 'none', 'planned', 'loading', 'closed')),
    submission_state text not null check (submission_state in ('off', 'on', 'paused')),
    -- What the EHR vendor said about a historical load.
    history_can      boolean,
    history_since    date,
    at               timestamptz not null,
    recorded_at      timestamptz not null default now(),
    unique (registry, org_code),
    check (history_since is null or history_can)
);

create table sites (
    practice          text not null references practices (id),
    id                text not null check (id ~ '^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$'),
    ordinal           integer not null,
    name              text not null,
    prescribers       text[] not null default '{}',
    agreement_expires date,
    from_date         date,
    until_date        date,
    primary key (practice, id),
    check (until_date is null or from_date is null or until_date >= from_date)
);

-- A facility identifier names one site of a practice, never two.
create table site_facilities (
    practice text not null,
    facility text not null check (facility <> ''),
    site     text not null,
    ordinal  integer not null,
    primary key (practice, facility),
    foreign key (practice, site) references sites (practice, id) on delete cascade
);

create table contacts (
    practice text not null references practices (id),
    ordinal  integer not null,
    role     text not null check (role in ('practice', 'ehr-vendor', 'registry', 'coordinator')),
    name     text not null,
    email    text not null check (position('@' in email) > 1),
    phone    text not null default '',
    primary key (practice, ordinal)
);

-- The Production email, one per practice.
create table approvals (
    practice    text primary key references practices (id),
    approved_by text not null check (btrim(approved_by) <> ''),
    email_date  date not null,
    message_id  text not null default '',
    evidence_id text not null default '',
    at          timestamptz not null,
    recorded_at timestamptz not null default now()
);

-- The audit. Nothing here is ever changed or removed.
create table events (
    id            bigint generated always as identity primary key,
    -- Makes a repeated write harmless.
    key           text not null unique check (key <> ''),
    practice      text references practices (id),
    site          text not null default '',
    kind          text not null check (kind ~ '^[a-z][a-z0-9-]*$'),
    from_state    text,
    to_state      text,
    actor_name    text not null check (btrim(actor_name) <> ''),
    actor_via     text not null check (actor_via <> ''),
    actor_claimed boolean not null,
    reason        text not null default '',
    detail        jsonb not null default '{}' check (jsonb_typeof(detail) = 'object'),
    at            timestamptz not null,
    txid          xid8 not null default pg_current_xact_id(),
    recorded_at   timestamptz not null default now()
);
create index events_practice on events (practice, kind, id);

create function events_are_kept() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is append-only' using errcode = 'IT001';
end $$;
create trigger events_kept before update or delete on events
    for each row execute function events_are_kept();
create trigger events_kept_whole before truncate on events
    for each statement execute function events_are_kept();

-- The diagrams of package registry, as rows; a test compares every pair.
create table phase_moves (
    from_phase text not null,
    event      text not null,
    to_phase   text not null,
    primary key (from_phase, event)
);
insert into phase_moves (from_phase, event, to_phase) values
    ('registered', 'prerequisites-done', 'testing'),
    ('testing',    'review-requested',   'in_review'),
    ('in_review',  'changes-needed',     'testing'),
    ('in_review',  'approved',           'production'),
    ('registered', 'withdrawn',          'withdrawn'),
    ('testing',    'withdrawn',          'withdrawn'),
    ('in_review',  'withdrawn',          'withdrawn'),
    ('production', 'withdrawn',          'withdrawn');

create table history_moves (
    from_state text not null,
    to_state   text not null,
    primary key (from_state, to_state)
);
insert into history_moves (from_state, to_state) values
    ('not_asked', 'asked'), ('not_asked', 'none'), ('not_asked', 'closed'),
    ('asked', 'none'), ('asked', 'planned'),
    ('none', 'asked'),
    ('planned', 'loading'), ('planned', 'none'),
    ('loading', 'closed');

create function practice_moves_legally() returns trigger language plpgsql as $$
begin
    if new.phase <> old.phase and not exists (
        select 1 from phase_moves where from_phase = old.phase and to_phase = new.phase) then
        raise exception 'a practice cannot go from % to %', old.phase, new.phase using errcode = 'IT001';
    end if;
    if new.phase = 'production' and old.phase <> 'production' and not exists (
        select 1 from approvals where practice = new.id) then
        raise exception 'no practice is in production without an approval' using errcode = 'IT001';
    end if;
    if new.history_state <> old.history_state and not exists (
        select 1 from history_moves where from_state = old.history_state and to_state = new.history_state) then
        raise exception 'a historical load cannot go from % to %', old.history_state, new.history_state
            using errcode = 'IT001';
    end if;
    return new;
end $$;
create trigger practice_moves before update on practices
    for each row execute function practice_moves_legally();

-- Whoever moves a practice writes the audit in the same transaction: looked at
-- when it commits.
create function practice_move_is_audited() returns trigger language plpgsql as $$
declare
    kinds  text[] := '{}';
    states text[] := '{}';
begin
    if tg_op = 'INSERT' then
        kinds := '{practice-added}'; states := array[new.phase];
    else
        if new.phase <> old.phase then
            kinds := kinds || 'phase'::text; states := states || new.phase;
        end if;
        if new.history_state <> old.history_state then
            kinds := kinds || 'history'::text; states := states || new.history_state;
        end if;
        if new.submission_state <> old.submission_state then
            kinds := kinds || 'submission'::text; states := states || new.submission_state;
        end if;
    end if;
    for i in 1 .. coalesce(array_length(kinds, 1), 0) loop
        if not exists (select 1 from events
            where practice = new.id and kind = kinds[i] and to_state = states[i]
              and txid = pg_current_xact_id()) then
            raise exception 'a change of % must be written to the audit', kinds[i] using errcode = 'IT001';
        end if;
    end loop;
    return null;
end $$;
create constraint trigger practice_audited after insert or update on practices
    deferrable initially deferred for each row execute function practice_move_is_audited();

create sequence file_numbers;
create table files (
    id          text primary key default 'f-' || nextval('file_numbers') check (id ~ '^f-[0-9]+$'),
    practice    text not null references practices (id),
    lane        text not null check (lane in ('test', 'production', 'historical')),
    -- SHA-256 of the bytes as they came, and where the file store keeps them.
    digest      text not null check (digest ~ '^[0-9a-f]{64}$'),
    size        bigint not null check (size >= 0),
    vault_key   text not null check (vault_key <> ''),
    state       text not null default 'staged'
                check (state in ('staged', 'refused', 'delivered', 'answered', 'dropped')),
    staged_at   timestamptz not null,
    settled_at  timestamptz,
    released_at timestamptz,
    -- The last check; all or nothing.
    checked_at  timestamptz,
    outcome     text check (outcome in ('accepted', 'accepted-with-warnings', 'dose-rejected',
                'patient-rejected', 'message-rejected', 'file-rejected')),
    error_free  boolean,
    hold_file   boolean,
    messages    integer check (messages >= 0),
    doses       integer check (doses >= 0),
    held        integer check (held between 0 and messages),
    errors      integer check (errors >= 0),
    warnings    integer check (warnings >= 0),
    infos       integer check (infos >= 0),
    top         jsonb,
    rule_set    text,
    recorded_at timestamptz not null default now(),
    unique (practice, lane, digest),
    unique (id, practice, lane),
    check (num_nulls(checked_at, outcome, error_free, hold_file, messages, doses, held, errors,
        warnings, infos, top, rule_set) in (0, 12)),
    check (error_free = (errors = 0)),
    check ((state = 'staged') = (settled_at is null)),
    check (released_at is null or state <> 'staged')
);
create index files_state on files (practice, lane, state);
create index files_vault_key on files (vault_key);

create function file_moves_forward() returns trigger language plpgsql as $$
begin
    if new.state <> old.state and (
        old.state = 'answered'
        or (old.state = 'delivered' and new.state <> 'answered')
        or new.state = 'staged') then
        raise exception 'a file cannot go from % to %', old.state, new.state using errcode = 'IT001';
    end if;
    return new;
end $$;
create trigger file_moves before update of state on files
    for each row execute function file_moves_forward();

-- How files came out of the outbox. The token stands for name, size and time
-- of the file there; the name is sealed, for an EHR may put a patient into it.
create table arrivals (
    practice    text not null references practices (id),
    lane        text not null,
    token       text not null check (token ~ '^n-[0-9a-f]{32}$'),
    file_id     text not null,
    -- The same bytes had come before under another token.
    known       boolean not null,
    source_name bytea not null,
    at          timestamptz not null,
    left_at     timestamptz,
    recorded_at timestamptz not null default now(),
    primary key (practice, lane, token),
    foreign key (file_id, practice, lane) references files (id, practice, lane)
);
create index arrivals_file on arrivals (file_id);

create table messages (
    file_id          text not null references files (id),
    ordinal          integer not null check (ordinal > 0),
    control_id       text not null,
    sending_app      text not null,
    sending_facility text not null,
    site             text not null,
    -- What our checker expects, and whether the message may be sent.
    outcome          text not null check (outcome in ('accepted', 'accepted-with-warnings', 'dose-rejected',
                     'patient-rejected', 'message-rejected', 'file-rejected')),
    held             boolean not null,
    -- Sealed: what staff need to find the patient.
    patient          bytea,
    byte_offset      bigint not null check (byte_offset >= 0),
    byte_length      bigint not null check (byte_length > 0),
    -- What the registry said; empty until a report does.
    answer           text check (answer in ('accepted', 'accepted-with-warnings', 'dose-rejected',
                     'patient-rejected', 'message-rejected', 'file-rejected', 'not-objected-to', 'unknown')),
    answer_report    text,
    answer_item      integer,
    answered_at      timestamptz,
    primary key (file_id, ordinal),
    check (num_nulls(answer, answer_report, answered_at) in (0, 3)),
    check (answer_item is null or answer is not null)
);
create index messages_control_id on messages (control_id);

-- One row per dose; the digest is keyed, so that the same record is found
-- again without its patient being known. It is missing where the dose has no
-- date or the patient no chart number.
create table doses (
    file_id       text not null,
    message       integer not null,
    ordinal       integer not null check (ordinal > 0),
    record_digest bytea check (length(record_digest) = 32),
    given_year    smallint,
    primary key (file_id, message, ordinal),
    foreign key (file_id, message) references messages (file_id, ordinal) on delete cascade
);
create index doses_record on doses (record_digest);

create table findings (
    file_id     text not null references files (id),
    ordinal     integer not null check (ordinal > 0),
    rule        text not null check (rule <> ''),
    severity    text not null check (severity in ('E', 'W', 'I')),
    message     integer not null check (message >= 0),
    path        text not null,
    byte_offset bigint not null check (byte_offset >= 0),
    line        integer not null check (line >= 0),
    primary key (file_id, ordinal)
);

create table rule_counts (
    file_id  text not null references files (id),
    rule     text not null,
    severity text not null check (severity in ('E', 'W', 'I')),
    count    integer not null check (count > 0),
    primary key (file_id, rule, severity)
);

create sequence delivery_numbers;
create table deliveries (
    id             text primary key check (id ~ '^d-[0-9]+$'),
    file_id        text not null,
    practice       text not null,
    lane           text not null,
    attempt        integer not null check (attempt >= 1),
    connection     text not null references connections (name),
    folder         text not null,
    remote_name    text not null check (remote_name ~ '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$'),
    -- Over the messages alone, without our envelope.
    content_digest text not null check (content_digest ~ '^[0-9a-f]{64}$'),
    -- Of the file as it travels.
    digest         text not null check (digest ~ '^[0-9a-f]{64}$'),
    vault_key      text not null check (vault_key <> ''),
    size           bigint not null check (size > 0),
    messages       integer not null check (messages > 0),
    held           integer not null check (held >= 0),
    state          text not null default 'prepared' check (state in
                   ('prepared', 'uploading', 'uploaded', 'renamed', 'confirmed', 'unknown', 'abandoned')),
    prepared_at    timestamptz not null,
    sent_at        timestamptz,
    confirmed_how  text check (confirmed_how in ('stat', 'listing', 'read-back', 'swept', 'person')),
    confirmed_at   timestamptz,
    confirmed_by   text,
    -- The practice's first confirmed production file.
    first          boolean not null default false,
    recorded_at    timestamptz not null default now(),
    foreign key (file_id, practice, lane) references files (id, practice, lane),
    unique (file_id, attempt),
    unique (connection, folder, remote_name),
    check (num_nulls(confirmed_how, confirmed_at, confirmed_by) in (0, 3)),
    check ((state = 'confirmed') = (confirmed_at is not null)),
    check (state not in ('renamed', 'confirmed') or sent_at is not null or confirmed_how = 'person'),
    check (not first or (state = 'confirmed' and lane = 'production'))
);
-- The same bytes are never on their way twice in the same lane.
create unique index deliveries_same_content on deliveries (practice, lane, content_digest)
    where state <> 'abandoned';
create unique index deliveries_first on deliveries (practice) where first;
create index deliveries_practice on deliveries (practice, lane, confirmed_at);
create index deliveries_vault_key on deliveries (vault_key);

create table delivery_moves (
    from_state text not null,
    to_state   text not null,
    primary key (from_state, to_state)
);
insert into delivery_moves (from_state, to_state) values
    ('prepared', 'uploading'), ('prepared', 'abandoned'),
    ('uploading', 'uploaded'), ('uploading', 'renamed'), ('uploading', 'unknown'), ('uploading', 'abandoned'),
    ('uploading', 'confirmed'),
    ('uploaded', 'uploading'), ('uploaded', 'renamed'), ('uploaded', 'unknown'), ('uploaded', 'abandoned'),
    ('uploaded', 'confirmed'),
    ('renamed', 'uploading'), ('renamed', 'confirmed'), ('renamed', 'unknown'), ('renamed', 'abandoned'),
    ('unknown', 'uploading'), ('unknown', 'renamed'), ('unknown', 'confirmed'), ('unknown', 'abandoned');

-- registry.Lane.OpenIn as SQL; a test compares every pair.
create function lane_is_open(lane text, phase text) returns boolean language sql immutable as $$
    select case lane
        when 'test' then phase in ('testing', 'in_review')
        when 'production' then phase = 'production'
        when 'historical' then phase = 'production'
        else false
    end
$$;

-- No production or historical file before the Production email. Facts about
-- what was sent are recorded in any phase; beginning to send is not.
create function delivery_moves_legally() returns trigger language plpgsql as $$
declare
    now_in text;
begin
    if tg_op = 'INSERT' and new.state <> 'prepared' then
        raise exception 'a delivery begins as prepared' using errcode = 'IT002';
    end if;
    if tg_op = 'UPDATE' then
        if (new.id, new.file_id, new.attempt, new.connection, new.folder, new.remote_name, new.content_digest,
            new.digest, new.size, new.messages, new.held)
           is distinct from
           (old.id, old.file_id, old.attempt, old.connection, old.folder, old.remote_name, old.content_digest,
            old.digest, old.size, old.messages, old.held) then
            raise exception 'what a delivery consists of is fixed when it is prepared' using errcode = 'IT002';
        end if;
        if new.state = old.state then
            return new;
        end if;
        if not exists (select 1 from delivery_moves where from_state = old.state and to_state = new.state) then
            raise exception 'a delivery cannot go from % to %', old.state, new.state using errcode = 'IT001';
        end if;
    end if;
    if new.state in ('prepared', 'uploading') then
        select phase into now_in from practices where id = new.practice for share;
        if not lane_is_open(new.lane, now_in) then
            raise exception 'no % file is sent while the practice is in phase %', new.lane, now_in
                using errcode = 'IT001';
        end if;
    end if;
    return new;
end $$;
create trigger delivery_moves before insert or update on deliveries
    for each row execute function delivery_moves_legally();

-- registry.HoldReason.Allows as rows; a test compares every pair.
create table hold_actions (
    reason text not null,
    action text not null,
    primary key (reason, action)
);
insert into hold_actions (reason, action) values
    ('connection', 'retry'), ('connection', 'drop'),
    ('delivery-unknown', 'retry'), ('delivery-unknown', 'arrived'), ('delivery-unknown', 'resend'),
    ('delivery-unknown', 'drop'),
    ('conflict', 'retry'), ('conflict', 'resend'), ('conflict', 'drop'),
    ('system', 'retry'), ('system', 'drop'),
    ('not-allowed', 'retry'), ('not-allowed', 'drop'),
    ('error-rate', 'continue'), ('error-rate', 'drop'),
    ('reconcile', 'retry'), ('reconcile', 'continue'),
    ('report', 'retry'), ('report', 'drop'),
    ('payload', 'retry'), ('payload', 'drop');

create table holds (
    id           text primary key check (id <> ''),
    practice     text references practices (id),
    workflow_id  text not null check (workflow_id <> ''),
    reason       text not null check (reason in ('connection', 'delivery-unknown', 'conflict', 'system',
                 'not-allowed', 'error-rate', 'reconcile', 'report', 'payload')),
    what         text not null,
    words        text not null default '',
    opened_at    timestamptz not null,
    closed_at    timestamptz,
    action       text,
    closed_by    text,
    close_reason text,
    recorded_at  timestamptz not null default now(),
    foreign key (reason, action) references hold_actions (reason, action),
    check (num_nulls(closed_at, action, closed_by, close_reason) in (0, 4))
);
create index holds_open on holds (practice) where closed_at is null;

-- A practice's lines in the list of who has to do what next.
create table progress (
    practice    text not null references practices (id),
    source      text not null check (source <> ''),
    stage       text not null,
    next        text not null,
    whose       text not null,
    since       timestamptz,
    move        text not null,
    attention   boolean not null,
    due         timestamptz,
    ended       boolean not null,
    at          timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (practice, source)
);
