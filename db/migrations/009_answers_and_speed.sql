-- Large reports: what a report says of messages is written as rows of their own
-- and set by set, and errors find their cause in the database.

-- What the registry said of a message last; no row until a report does. It was
-- a part of messages, whose rows are wide and whose every change wrote five
-- indexes. Rows come from one statement that reads messages, so that no row is
-- looked up again for a reference.
create table answers (
    file_id       text not null,
    message       integer not null,
    answer        text not null check (answer in ('accepted', 'accepted-with-warnings', 'dose-rejected',
                  'patient-rejected', 'message-rejected', 'file-rejected', 'not-objected-to', 'unknown')),
    answer_report text not null,
    answer_item   integer, -- null: the report says it by its silence
    answered_at   timestamptz not null,
    primary key (file_id, message)
);
insert into answers (file_id, message, answer, answer_report, answer_item, answered_at)
    select file_id, ordinal, answer, answer_report, answer_item, answered_at from messages where answer is not null;
drop index messages_answer_report;
alter table messages drop column answer, drop column answer_report, drop column answer_item, drop column answered_at;

-- Who the patient is, keyed: name, birth date and sex, as records are told
-- apart. Null where the file was checked by an older build.
alter table messages add column patient_digest bytea check (length(patient_digest) = 32);

-- Messages with what was said of them.
create view answered as
    select m.*, a.answer, a.answer_report, a.answer_item, a.answered_at
    from messages m left join answers a on a.file_id = m.file_id and a.message = m.ordinal;

-- A message goes with its answer.
create function message_takes_answer() returns trigger language plpgsql as $$
begin
    delete from answers a using gone g where a.file_id = g.file_id and a.message = g.ordinal;
    return null;
end $$;
create trigger messages_gone after delete on messages
    referencing old table as gone for each statement execute function message_takes_answer();

-- Items are a million at once. What they refer to is read by the statement that
-- writes them, and looking each up again took longer than all the rest. Files and
-- deliveries that are answered cannot go (report_covers refers to them); reports
-- with items cannot either.
alter table report_items drop constraint report_items_report_id_fkey,
    drop constraint report_items_file_id_fkey, drop constraint report_items_delivery_id_fkey;
create function report_with_items_stays() returns trigger language plpgsql as $$
begin
    if exists (select 1 from report_items where report_id = old.id) then
        raise exception 'a report that was imported is kept' using errcode = 'IT001';
    end if;
    return old;
end $$;
create trigger reports_stay before delete on reports for each row execute function report_with_items_stays();

drop index report_items_control;
drop index report_items_message;
create index report_items_message on report_items (file_id, message) where code <> '';

-- To which system the acknowledgement of a message went (MSH-5 and MSH-6).
alter table report_items add column to_app text not null default '', add column to_facility text not null default '';

-- Errors need not hold their items row by row: an item of which one tells stays.
alter table errors drop constraint errors_first_report_first_item_fkey, drop constraint errors_last_report_last_item_fkey;
create function item_of_error_stays() returns trigger language plpgsql as $$
begin
    if exists (select 1 from errors where (first_report, first_item) = (old.report_id, old.ordinal)
            or (last_report, last_item) = (old.report_id, old.ordinal)) then
        raise exception 'an item of which an error tells is kept' using errcode = 'IT001';
    end if;
    return old;
end $$;
create trigger report_items_stay before delete on report_items for each row execute function item_of_error_stays();

-- Lists show what is due first, of a practice, a code or an owner, without
-- sorting all of them.
alter table errors add column number bigint not null generated always as (substr(id, 3)::bigint) stored;
drop index errors_open, errors_due, errors_cause;
create index errors_due on errors (due_at, number) where state in ('open', 'assigned', 'fix-sent');
create index errors_open on errors (practice, due_at, number) where state in ('open', 'assigned', 'fix-sent');
create index errors_code on errors (code, due_at, number) where state in ('open', 'assigned', 'fix-sent');
create index errors_owner on errors (owner, due_at, number) where state in ('open', 'assigned', 'fix-sent');

-- Whose the errors of a practice are, where the catalogue's word is not to hold:
-- for a site, a code or both; empty is every one. The most particular rule counts.
create table owner_rules (
    practice    text not null references practices (id),
    site        text not null default '',
    code        text not null default '',
    owner       text not null check (owner in ('practice', 'ehr-vendor', 'data-team', 'registry', 'nobody')),
    assignee    text not null default '', -- who has them in hand from the start
    set_by      text not null check (btrim(set_by) <> ''),
    reason      text not null check (btrim(reason) <> ''),
    at          timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (practice, site, code)
);

-- From the worst to the best that can be said of a record.
create function outcome_rank(outcome text) returns integer language sql immutable parallel safe as $$
    select case outcome when 'file-rejected' then 1 when 'message-rejected' then 2 when 'patient-rejected' then 3
        when 'dose-rejected' then 4 when 'unknown' then 5 when 'accepted-with-warnings' then 6
        when 'not-objected-to' then 7 else 8 end
$$;

---- create above / drop below ----

drop function outcome_rank;
drop table owner_rules;
drop index errors_due, errors_open, errors_code, errors_owner;
alter table errors drop column number;
create index errors_open on errors (practice, due_at) where state in ('open', 'assigned', 'fix-sent');
create index errors_due on errors (due_at, id) where state in ('open', 'assigned', 'fix-sent');
create index errors_cause on errors (practice, code, due_at) where state in ('open', 'assigned', 'fix-sent');
drop function item_of_error_stays cascade;
alter table errors add foreign key (first_report, first_item) references report_items (report_id, ordinal),
    add foreign key (last_report, last_item) references report_items (report_id, ordinal);
alter table report_items drop column to_app, drop column to_facility;
drop index report_items_message;
create index report_items_message on report_items (file_id, message);
create index report_items_control on report_items (report_id, control_id);
drop function report_with_items_stays cascade;
alter table report_items add foreign key (report_id) references reports (id),
    add foreign key (file_id) references files (id), add foreign key (delivery_id) references deliveries (id);
drop function message_takes_answer cascade;
drop view answered;
alter table messages drop column patient_digest,
    add column answer text check (answer in ('accepted', 'accepted-with-warnings', 'dose-rejected',
        'patient-rejected', 'message-rejected', 'file-rejected', 'not-objected-to', 'unknown')),
    add column answer_report text, add column answer_item integer, add column answered_at timestamptz;
update messages m set (answer, answer_report, answer_item, answered_at) = (a.answer, a.answer_report, a.answer_item, a.answered_at)
    from answers a where a.file_id = m.file_id and a.message = m.ordinal;
create index messages_answer_report on messages (answer_report) where answer_report is not null;
drop table answers;
