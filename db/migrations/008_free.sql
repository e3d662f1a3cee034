-- A number that is handed out: whoever brings migration 008 deletes this file.
select 1;
