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

---- create above / drop below ----

delete from report_items where kind = 'difference';
alter table report_covers drop column period;
alter table report_items drop constraint report_items_difference, drop constraint report_items_belongs;
alter table report_items add check ((file_id is null) = (message is null));
alter table report_items drop column kind, drop column told_file, drop column position, drop column expected, drop column found;
drop index reports_same;
alter table reports add unique (connection, digest);
alter table reports drop column dated, drop column format, drop column mapping, drop column records, drop column faults, drop column differences;
