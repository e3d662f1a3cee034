-- What is wrong before anybody logs in is wrong for everybody at that server,
-- whatever their login: it is held once.

-- "host:port", set where a server is what is held.
alter table holds add column server text check (server <> '');
alter table holds add constraint holds_connection_or_server check (connection is null or server is null);
create unique index holds_one_a_server on holds (server) where closed_at is null;

-- A date that the server showed by itself, as FTPS does of its certificate,
-- rather than one on somebody's word.
alter table credential_dates add column seen boolean not null default false;

---- create above / drop below ----

alter table credential_dates drop column seen;
drop index holds_one_a_server;
alter table holds drop constraint holds_connection_or_server;
alter table holds drop column server;
