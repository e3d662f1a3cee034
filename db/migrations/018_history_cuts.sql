-- A part of a historical load is judged with its source: what was found of the
-- source's messages is copied to the part, as long as it was judged by the same.

-- By what the last check judged besides the rules themselves: settings and sites.
-- Null where nobody asked, or an older build judged.
alter table files add column basis bytea check (length(basis) = 32);

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

---- create above / drop below ----

drop table history_cuts;
alter table files drop column basis;
