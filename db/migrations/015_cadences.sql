-- When a practice's outbox is emptied, where a person set it; the profile says it
-- of all others. The audit keeps what it was before.
create table cadences (
    practice    text primary key references practices (id),
    cadence     jsonb not null check (jsonb_typeof(cadence) = 'object'),
    by_name     text not null check (btrim(by_name) <> ''),
    at          timestamptz not null,
    recorded_at timestamptz not null default now()
);

---- create above / drop below ----

drop table cadences;
