-- What the past and what people have to say about a file: what was sent before,
-- which rules were graded anew, what was sent anyway, and how right we were.

-- Keyed digests: of sending system and control ID, and of what a message says.
-- Null where there is no control ID, or the file was checked by an older build.
alter table messages
    add column control_key bytea check (length(control_key) = 32),
    add column content_key bytea check (length(content_key) = 32);

-- What was sent, as long as the bytes of the file are kept.
create table sent_messages (
    control_key bytea not null check (length(control_key) = 32),
    file_id     text not null references files (id),
    -- Only files that were staged before another one count as earlier.
    file_no     bigint not null generated always as (substr(file_id, 3)::bigint) stored,
    content_key bytea not null check (length(content_key) = 32),
    primary key (control_key, file_no, content_key)
);
create index sent_messages_file on sent_messages (file_id);

-- Rules that a person graded anew for a practice; who did what before is in the audit.
create table rule_grades (
    practice    text not null references practices (id),
    rule        text not null check (rule <> ''), -- an ID or a family
    grade       text not null check (grade in ('off', 'info', 'warning', 'error')),
    set_by      text not null check (btrim(set_by) <> ''),
    reason      text not null check (btrim(reason) <> ''),
    at          timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (practice, rule)
);

alter table files
    -- The rules graded anew under which the last check judged.
    add column rules_changed jsonb not null default '[]' check (jsonb_typeof(rules_changed) = 'array'),
    -- A named person sends it in spite of our verdict.
    add column anyway_by     text check (btrim(anyway_by) <> ''),
    add column anyway_reason text check (btrim(anyway_reason) <> ''),
    add column anyway_at     timestamptz,
    add check (num_nulls(anyway_by, anyway_reason, anyway_at) in (0, 3));

-- Where a report and our verdict can be compared: one row for each thing that
-- the registry said of a message ("hit" where we said it too, "miss" where not)
-- and for each of our findings that the registry did not share ("false-alarm").
create table predictions (
    file_id   text not null references files (id),
    message   integer not null check (message > 0),
    kind      text not null check (kind in ('hit', 'miss', 'false-alarm')),
    code      text not null, -- of the registry; empty where it gave none
    place     text not null, -- segment and field: RXA-5
    rule      text not null, -- ours; empty for a miss
    report_id text not null references reports (id),
    at        timestamptz not null,
    primary key (file_id, message, code, place, rule),
    check ((kind = 'miss') = (rule = ''))
);
create index predictions_at on predictions (at);
create index predictions_report on predictions (report_id);

---- create above / drop below ----

drop table predictions;
alter table files
    drop column rules_changed, drop column anyway_by, drop column anyway_reason, drop column anyway_at;
drop table rule_grades, sent_messages;
alter table messages drop column control_key, drop column content_key;
