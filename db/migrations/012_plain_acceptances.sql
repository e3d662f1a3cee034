-- Plain acceptances are nearly all that large reports hold. They are kept many to
-- a row, both as items of a report and as the standing answers of messages.

-- Items that accept a message of ours, found by its control ID, and say nothing
-- else: the n-th of each list belong together. The ordinals of a report's items
-- that are kept so leave no gap below the highest of them, whatever else the
-- report says between them (see db.ReportItems).
create table accepted_items (
    report_id   text not null,
    first       integer not null check (first > 0),
    last        integer not null,
    to_app      text not null,
    to_facility text not null,
    ack         text not null,
    told_file   text not null,
    file_id     text not null,
    delivery_id text not null,
    ordinals    integer[] not null,
    messages    integer[] not null check (cardinality(messages) = cardinality(ordinals)),
    control_ids text[] not null check (cardinality(control_ids) = cardinality(ordinals)),
    primary key (report_id, first)
);
alter table accepted_items alter ordinals set storage external, alter messages set storage external,
    alter control_ids set storage external;

create view plain_items as
    select a.report_id, i.ordinal, i.control_id, a.ack, a.file_id, i.message, a.delivery_id, a.told_file, a.to_app, a.to_facility,
        a.first, a.last
    from accepted_items a cross join lateral unnest(a.ordinals, a.messages, a.control_ids) i (ordinal, message, control_id);

-- Every item of a report.
create view told_items as
    select report_id, ordinal, control_id, ack, code, family, severity, location, outcome, text_sealed, file_id, message,
        delivery_id, kind, told_file, position, expected, found, to_app, to_facility
    from report_items
    union all
    select report_id, ordinal, control_id, ack, '', '', '', '', 'accepted', null, file_id, message,
        delivery_id, 'answer', told_file, null, null, null, to_app, to_facility
    from plain_items;

create or replace function report_with_items_stays() returns trigger language plpgsql as $$
begin
    if exists (select 1 from report_items where report_id = old.id)
            or exists (select 1 from accepted_items where report_id = old.id) then
        raise exception 'a report that was imported is kept' using errcode = 'IT001';
    end if;
    return old;
end $$;

-- Answers that tell no item: plain acceptances, and what a report says by its
-- silence. A row is 1,024 messages of a file: bit n of page p is message
-- 1024 p + n. No message has its bit in two rows, or in one and a row of answers.
create table answer_pages (
    file_id       text not null,
    page          integer not null check (page >= 0),
    answer        text not null check (answer in ('accepted', 'not-objected-to')),
    answer_report text not null,
    answered_at   timestamptz not null,
    messages      bit(1024) not null,
    primary key (file_id, page, answer_report, answer)
);

drop view answered;
create view answered as
    select m.*, coalesce(a.answer, p.answer) as answer, coalesce(a.answer_report, p.answer_report) as answer_report,
        a.answer_item, coalesce(a.answered_at, p.answered_at) as answered_at
    from messages m
    left join answers a on a.file_id = m.file_id and a.message = m.ordinal
    left join answer_pages p on p.file_id = m.file_id and p.page = m.ordinal / 1024
        and get_bit(p.messages, m.ordinal % 1024) = 1;

create or replace function message_takes_answer() returns trigger language plpgsql as $$
begin
    delete from answers a using gone g where a.file_id = g.file_id and a.message = g.ordinal;
    update answer_pages p set messages = p.messages & ~g.bits
    from (select file_id, ordinal / 1024 as page, bit_or(set_bit(0::bit(1024), ordinal % 1024, 1)) as bits
        from gone group by 1, 2) g
    where p.file_id = g.file_id and p.page = g.page;
    return null;
end $$;

-- What the registry said of our messages, and the errors that it found, are
-- written a hundred thousand at once. Their files and reports cannot go, nor the
-- practices of these: report_covers and files refer to them.
alter table predictions drop constraint predictions_file_id_fkey, drop constraint predictions_report_id_fkey;
drop index predictions_report;
alter table errors drop constraint errors_practice_fkey, drop constraint errors_file_id_fkey;

---- create above / drop below ----

alter table errors add foreign key (practice) references practices (id), add foreign key (file_id) references files (id);
create index predictions_report on predictions (report_id);
alter table predictions add foreign key (file_id) references files (id), add foreign key (report_id) references reports (id);

drop view answered;
create view answered as
    select m.*, a.answer, a.answer_report, a.answer_item, a.answered_at
    from messages m left join answers a on a.file_id = m.file_id and a.message = m.ordinal;
insert into answers (file_id, message, answer, answer_report, answered_at)
    select p.file_id, p.page * 1024 + n, p.answer, p.answer_report, p.answered_at
    from answer_pages p cross join generate_series(0, 1023) n where get_bit(p.messages, n) = 1;
create or replace function message_takes_answer() returns trigger language plpgsql as $$
begin
    delete from answers a using gone g where a.file_id = g.file_id and a.message = g.ordinal;
    return null;
end $$;
drop table answer_pages;
insert into report_items (report_id, ordinal, control_id, ack, outcome, file_id, message, delivery_id, told_file, to_app, to_facility)
    select report_id, ordinal, control_id, ack, 'accepted', file_id, message, delivery_id, told_file, to_app, to_facility
    from plain_items;
drop view told_items, plain_items;
drop table accepted_items;
create or replace function report_with_items_stays() returns trigger language plpgsql as $$
begin
    if exists (select 1 from report_items where report_id = old.id) then
        raise exception 'a report that was imported is kept' using errcode = 'IT001';
    end if;
    return old;
end $$;
