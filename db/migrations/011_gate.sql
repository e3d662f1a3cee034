-- The gate, the review and the decision: what the registry says of a test file
-- by email, the covering words of a review, who decided and on whose word, and
-- letters with an attachment or given up.

-- What the registry said of a whole file by email. The last word counts; a
-- report that finds an error counts more.
create table file_answers (
    id          bigint generated always as identity primary key,
    file_id     text not null references files (id),
    verdict     text not null check (verdict in ('clean', 'errors')),
    evidence    text not null check (evidence <> ''), -- the email in the file store
    sender      text not null,
    dated       date not null,
    message_id  text not null default '',
    said_by     text not null check (btrim(said_by) <> ''), -- who of ours recorded it
    at          timestamptz not null,
    recorded_at timestamptz not null default now(),
    unique (file_id, evidence, verdict)
);
create index file_answers_evidence on file_answers (evidence);

-- What the coordinator adds to the next review letter.
create table review_words (
    practice    text primary key references practices (id),
    words       text not null,
    written_by  text not null,
    at          timestamptz not null,
    recorded_at timestamptz not null default now()
);

alter table approvals
    add column sender          text not null default '',
    add column override_by     text not null default '',
    add column override_reason text not null default '',
    add check ((override_by = '') = (override_reason = ''));

alter table notices
    add column attachment_name text not null default '',
    add column attachment      text not null default '',
    add column given_up_by     text not null default '';
alter table notices drop constraint notices_state_check;
alter table notices add constraint notices_state_check check (state in ('prepared', 'sent', 'off', 'given-up')),
    add constraint notices_given_up check ((state = 'given-up') = (given_up_by <> ''));

---- create above / drop below ----

update notices set state = 'off', given_up_by = '' where state = 'given-up';
alter table notices drop constraint notices_given_up, drop constraint notices_state_check;
alter table notices add constraint notices_state_check check (state in ('prepared', 'sent', 'off')),
    drop column attachment_name, drop column attachment, drop column given_up_by;
alter table approvals drop column sender, drop column override_by, drop column override_reason;
drop table review_words, file_answers;
