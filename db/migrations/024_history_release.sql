-- The files that a historical load was cut from never leave by themselves, and parts that
-- were given up do not either: their bytes go with the load.
do $$
declare
    name text;
begin
    select conname into strict name from pg_constraint
    where conrelid = 'files'::regclass and contype = 'c' and pg_get_constraintdef(oid) ~ 'released_at IS NULL.*staged';
    execute format('alter table files drop constraint %I', name);
end $$;
alter table files add constraint files_released check (released_at is null or state <> 'staged' or lane = 'historical');

---- create above / drop below ----

alter table files drop constraint files_released;
alter table files add check (released_at is null or state <> 'staged') not valid;
