-- In whose name a letter to somebody outside goes, and to whom its answer: the practice's
-- coordinator. Empty: whoever the settings name.
alter table notices
    add column sender_name  text not null default '',
    add column sender_email text not null default '',
    add constraint notices_sender check (sender_name = '' or sender_email <> '');

---- create above / drop below ----

alter table notices drop constraint notices_sender, drop column sender_name, drop column sender_email;
