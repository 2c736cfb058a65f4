-- migrate:up
-- Authorised first, captured later: `authorize_first` says that a payment goes that way.
-- squawk-ignore ban-drop-constraint -- it is replaced by one that allows more
alter table payments drop constraint payments_state_check;
-- squawk-ignore constraint-missing-not-valid -- dbmate migrates in a transaction; nobody writes meanwhile
alter table payments add constraint payments_state_check check (state in (
    'NONE', 'CHARGING', 'AUTHORIZING', 'AUTHORIZED', 'CAPTURING', 'CHARGED', 'DECLINED', 'VOIDED', 'REFUNDED'));
alter table payments add column authorize_first boolean not null default false;

-- Open: the card processor is to be asked for something. An authorisation is when it is to be voided.
-- squawk-ignore require-concurrent-index-deletion -- the same
drop index payments_open;
-- squawk-ignore require-concurrent-index-creation -- the same
create index payments_open on payments (next_attempt_time)
    where state in ('CHARGING', 'AUTHORIZING', 'CAPTURING') or (state = 'AUTHORIZED' and cancel_requested);

-- migrate:down
