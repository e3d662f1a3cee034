-- A file that the registry's server gave another name is evidence of its own kind.
alter table deliveries drop constraint deliveries_confirmed_how_check;
alter table deliveries add constraint deliveries_confirmed_how_check
    check (confirmed_how in ('stat', 'listing', 'listed-renamed', 'read-back', 'swept', 'person', 'report'));

---- create above / drop below ----

update deliveries set confirmed_how = 'listing' where confirmed_how = 'listed-renamed';
alter table deliveries drop constraint deliveries_confirmed_how_check;
alter table deliveries add constraint deliveries_confirmed_how_check
    check (confirmed_how in ('stat', 'listing', 'read-back', 'swept', 'person', 'report'));
