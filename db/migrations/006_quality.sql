-- Counters of what the registry said, by file and site, so that acceptance by
-- week and month takes no counting of messages. They follow the messages: a
-- check and an import count the files that they touch anew.
create table answer_counts (
    file_id  text not null references files (id),
    site     text not null,
    answer   text not null, -- as in messages; empty: not answered, or not understood
    messages integer not null check (messages > 0),
    primary key (file_id, site, answer)
);

-- By code: how many messages whose standing answer tells it, and in how many of
-- them something was kept out for it.
create table cause_counts (
    file_id  text not null references files (id),
    site     text not null,
    code     text not null check (code <> ''),
    messages integer not null check (messages > 0),
    refused  integer not null check (refused between 0 and messages),
    primary key (file_id, site, code)
);

insert into answer_counts
    select file_id, site, case when answer = 'unknown' then '' else coalesce(answer, '') end, count(*)
    from messages where not held group by 1, 2, 3;
insert into cause_counts
    select file_id, site, code, count(*), count(*) filter (where refused) from (
        select i.file_id, m.site, i.code, i.message,
            bool_or(i.outcome in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')) as refused
        from report_items i join messages m on m.file_id = i.file_id and m.ordinal = i.message and m.answer_report = i.report_id
        where i.kind = 'answer' and i.code <> '' and not m.held
        group by 1, 2, 3, 4
    ) told group by 1, 2, 3;

---- create above / drop below ----

drop table answer_counts, cause_counts;
