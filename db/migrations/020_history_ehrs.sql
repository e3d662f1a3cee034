-- The EHRs that a historical load comes from, each with the questions to its
-- vendor, the answer, and the files that are of it.
create table history_ehrs (
    practice      text not null references practices (id),
    ehr           text not null default '', -- empty: the present one
    vendor        text not null default '',
    used_from     date,
    used_to       date,
    -- Whom the questions go to; empty: the practice's contact at the vendor.
    contact_email text not null default '' check (contact_email = '' or position('@' in contact_email) > 1),
    -- Its files, as a pattern of names (path.Match); empty: those that no other has.
    files         text not null default '',
    asked_at      timestamptz,
    can           boolean,
    since         date,
    form          text not null default '',
    size          text not null default '',
    answered_by   text check (btrim(answered_by) <> ''),
    answered_at   timestamptz,
    recorded_at   timestamptz not null default now(),
    primary key (practice, ehr),
    check (num_nulls(can, answered_by, answered_at) in (0, 3)),
    check (since is null or can)
);
alter table history_sources add column ehr text not null default '';

---- create above / drop below ----

alter table history_sources drop column ehr;
drop table history_ehrs;
