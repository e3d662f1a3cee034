-- An outbox that is not there, not mounted or unreadable is a question of its own, not a
-- fault of our system.
alter table holds drop constraint holds_reason_check;
alter table holds add constraint holds_reason_check check (reason in ('connection', 'delivery-unknown', 'conflict',
    'system', 'not-allowed', 'error-rate', 'reconcile', 'report', 'payload', 'upload-by-hand', 'outbox'));
insert into hold_actions (reason, action) values ('outbox', 'retry'), ('outbox', 'drop');

---- create above / drop below ----

update holds set reason = 'system' where reason = 'outbox';
delete from hold_actions where reason = 'outbox';
alter table holds drop constraint holds_reason_check;
alter table holds add constraint holds_reason_check check (reason in ('connection', 'delivery-unknown', 'conflict',
    'system', 'not-allowed', 'error-rate', 'reconcile', 'report', 'payload', 'upload-by-hand'));
