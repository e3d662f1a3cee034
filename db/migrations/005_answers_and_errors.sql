-- How reports answer files: their date, what they came to, items that name a
-- file and a position instead of a control ID, lines that nobody understands
-- and counts that do not agree.

alter table reports
    add column dated   timestamptz, -- the day that the report is of: in its name, or when it was written
    add column format  text not null default '',
    add column mapping text not null default '', -- the layout it was read with
    add column records integer not null default 0 check (records >= 0),
    add column faults  text[] not null default '{}', -- what shows that it is not whole
    add column differences integer not null default 0 check (differences >= 0);
update reports set dated = fetched_at;
alter table reports alter column dated set not null;

-- A list without entries is the same bytes every day: name and day tell such
-- reports apart. Which others are the same is decided by db.AddReport.
alter table reports drop constraint reports_connection_digest_key;
create unique index reports_same on reports (connection, digest, name, dated);

alter table report_items
    add column kind      text not null default 'answer' check (kind in ('answer', 'line', 'difference')),
    add column told_file text not null default '', -- our file as the report names it
    add column position  integer check (position > 0), -- which message of it
    -- Of a difference: how many messages of the delivery were sent, and how many
    -- the report answers.
    add column expected  integer check (expected >= 0),
    add column found     integer check (found >= 0);
update report_items set kind = 'line' where outcome = 'unknown' and code = '' and control_id = '';
alter table report_items drop constraint report_items_check;
alter table report_items add constraint report_items_belongs
    check (kind = 'difference' or (file_id is null) = (message is null));
alter table report_items add constraint report_items_difference
    check ((kind = 'difference') = (expected is not null) and (expected is null) = (found is null));

-- Of a daily or weekly report: the delivery lies in the days that it tells of.
alter table report_covers add column period boolean not null default false;

-- What staff need to find a dose, sealed; and by which a patient's messages are
-- found again, keyed: the chart number.
alter table doses add column details bytea;
alter table messages add column chart_digest bytea check (length(chart_digest) = 32);
create index messages_chart on messages (chart_digest) where chart_digest is not null;

-- The life of an error: open, assigned, fix sent; and three ends, counted apart:
-- verified by a report, corrected at the registry by a person, waived.
alter table errors
    add column assignee text not null default '', -- who has it in hand
    add column fix_file text references files (id), -- a later file that holds the record: a claim
    add column reopened integer not null default 0 check (reopened >= 0);
drop view open_errors;
alter table errors drop constraint errors_state_check, drop constraint errors_check2;
alter table errors
    add check (state in ('open', 'assigned', 'fix-sent', 'verified', 'corrected', 'waived')),
    add constraint errors_unsettled check (state in ('verified', 'corrected', 'waived')
        or num_nulls(verified_by, settled_at, settled_by, reason) = 4),
    add constraint errors_corrected check (state <> 'corrected' or num_nulls(settled_by, reason, settled_at) = 0),
    add constraint errors_assigned check (state <> 'assigned' or assignee <> ''),
    add constraint errors_fix check (state <> 'fix-sent' or fix_file is not null);
drop index errors_open;
create index errors_open on errors (practice, due_at) where state in ('open', 'assigned', 'fix-sent');
create index errors_due on errors (due_at, id) where state in ('open', 'assigned', 'fix-sent');
create index errors_cause on errors (practice, code, due_at) where state in ('open', 'assigned', 'fix-sent');
create view open_errors as
    select e.*, f.lane from errors e
    join files f on f.id = e.file_id
    join practices p on p.id = e.practice
    where e.state in ('open', 'assigned', 'fix-sent')
      and (f.lane = 'test') = (p.phase in ('registered', 'testing', 'in_review'));

-- Counters of errors, so that a list of a million takes no counting.
create table error_counts (
    practice text not null references practices (id),
    site     text not null,
    code     text not null,
    owner    text not null,
    state    text not null,
    errors   bigint not null check (errors >= 0),
    times    bigint not null,
    primary key (practice, code, site, owner, state)
);
create function count_errors() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        update error_counts c set errors = c.errors - o.n, times = c.times - o.times
        from (select practice, site, code, owner, state, count(*) as n, sum(times) as times from gone
              group by practice, site, code, owner, state) o
        where (c.practice, c.site, c.code, c.owner, c.state) = (o.practice, o.site, o.code, o.owner, o.state);
    end if;
    if tg_op <> 'DELETE' then
        insert into error_counts as c (practice, site, code, owner, state, errors, times)
        select practice, site, code, owner, state, count(*), sum(times) from come
        group by practice, site, code, owner, state
        on conflict (practice, code, site, owner, state)
            do update set errors = c.errors + excluded.errors, times = c.times + excluded.times;
    end if;
    return null;
end $$;
create trigger errors_come after insert on errors
    referencing new table as come for each statement execute function count_errors();
create trigger errors_go after delete on errors
    referencing old table as gone for each statement execute function count_errors();
create trigger errors_change after update on errors
    referencing old table as gone new table as come for each statement execute function count_errors();
insert into error_counts select practice, site, code, owner, state, count(*), sum(times) from errors
    group by practice, site, code, owner, state;

---- create above / drop below ----

drop view open_errors;
drop function count_errors cascade;
drop table error_counts;
update errors set state = 'open' where state in ('assigned', 'fix-sent');
drop index errors_open, errors_due, errors_cause;
alter table errors drop constraint errors_state_check, drop constraint errors_unsettled, drop constraint errors_corrected,
    drop constraint errors_assigned, drop constraint errors_fix,
    drop column assignee, drop column fix_file, drop column reopened;
alter table errors add check (state in ('open', 'corrected', 'verified', 'waived')),
    add constraint errors_check2 check (state <> 'open' or num_nulls(verified_by, settled_at, settled_by, reason) = 4);
create index errors_open on errors (practice, due_at) where state in ('open', 'corrected');
create view open_errors as
    select e.*, f.lane from errors e
    join files f on f.id = e.file_id
    join practices p on p.id = e.practice
    where e.state in ('open', 'corrected')
      and (f.lane = 'test') = (p.phase in ('registered', 'testing', 'in_review'));
alter table messages drop column chart_digest;
alter table doses drop column details;
delete from report_items where kind = 'difference';
alter table report_covers drop column period;
alter table report_items drop constraint report_items_difference, drop constraint report_items_belongs;
alter table report_items add check ((file_id is null) = (message is null));
alter table report_items drop column kind, drop column told_file, drop column position, drop column expected, drop column found;
drop index reports_same;
alter table reports add unique (connection, digest);
alter table reports drop column dated, drop column format, drop column mapping, drop column records, drop column faults, drop column differences;
