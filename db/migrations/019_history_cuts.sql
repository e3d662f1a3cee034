-- A part of a historical load is judged with its source: what was found of the
-- source's messages is copied to the part, as long as it was judged by the same.

-- By what the last check judged besides the rules themselves: settings and sites.
-- Null where nobody asked, or an older build judged.
alter table files add column basis text check (basis ~ '^[0-9a-f]{64}$');

-- What a part was cut from: the n-th of each list belong together.
create table history_cuts (
    part     text primary key references files (id),
    source   text not null references files (id),
    ordinals integer[] not null check (cardinality(ordinals) > 0), -- of the source's messages
    offsets  bigint[] not null check (cardinality(offsets) = cardinality(ordinals)), -- in the part
    lengths  integer[] not null check (cardinality(lengths) = cardinality(ordinals)),
    lines    integer[] not null check (cardinality(lines) = cardinality(ordinals)), -- in the part, less those in the source
    check (part <> source)
);
create index history_cuts_source on history_cuts (source);

-- Keyed: what a message says, but for its time and control ID. A daily message
-- that says word for word what the load said of the same records is not sent.
alter table messages add column says_key bytea check (length(says_key) = 32);
alter table history_left_out drop constraint history_left_out_why_check;
alter table history_left_out add constraint history_left_out_why_check
    check (why in ('repeated', 'sent-before', 'sent-since', 'sent-with-load'));

---- create above / drop below ----

delete from history_left_out where why = 'sent-with-load';
alter table history_left_out drop constraint history_left_out_why_check;
alter table history_left_out add constraint history_left_out_why_check check (why in ('repeated', 'sent-before', 'sent-since'));
alter table messages drop column says_key;
drop table history_cuts;
alter table files drop column basis;
