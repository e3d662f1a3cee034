-- Letters that a mail server took and could not deliver later, as it says in a bounce.
create table bounces (
    event    text not null references notices (event),
    address  text not null check (btrim(address) <> ''),
    status   text not null check (status ~ '^([245]\.[0-9]{1,3}\.[0-9]{1,3})?$'), -- RFC 3463
    at       timestamptz not null,
    by_name  text not null check (btrim(by_name) <> ''),
    told_at  timestamptz, -- somebody else was told
    primary key (event, address)
);
create index bounces_untold on bounces (at) where told_at is null;
create index bounces_address on bounces (lower(address), at);

-- Every mailbox of the letter failed: nobody got it.
alter table notices drop constraint notices_state_check;
alter table notices add constraint notices_state_check check (state in ('prepared', 'sent', 'off', 'given-up', 'undelivered'));
alter table notices drop constraint notices_check;
alter table notices add constraint notices_sent check ((state in ('sent', 'undelivered')) = (sent_at is not null));

---- create above / drop below ----

update notices set state = 'sent' where state = 'undelivered';
alter table notices drop constraint notices_sent;
alter table notices add constraint notices_check check ((state = 'sent') = (sent_at is not null));
alter table notices drop constraint notices_state_check;
alter table notices add constraint notices_state_check check (state in ('prepared', 'sent', 'off', 'given-up'));
drop table bounces;
