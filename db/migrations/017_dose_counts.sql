-- What a production file says was given, by site and vaccine, without any record:
-- the pattern of a site, and the doses that went later than the 30 days of
-- 25 TAC 100.6. Doses that were sent before are not late; messages that are held
-- back are not counted. Files from before this migration have no rows.

create table dose_counts (
    file_id text not null references files (id),
    site    text not null,
    vaccine text not null check (vaccine ~ '^[0-9]{0,4}$'), -- CVX; empty: no such code
    given   integer not null check (given > 0),
    late    integer not null check (late between 0 and given),
    primary key (file_id, site, vaccine)
);

---- create above / drop below ----

drop table dose_counts;
