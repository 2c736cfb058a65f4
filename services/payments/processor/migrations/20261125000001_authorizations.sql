-- migrate:up
-- An authorisation sets money aside: it has no entry until it is captured. The card is kept for that moment.
-- squawk-ignore ban-drop-constraint -- it is replaced by one that allows more
alter table charges drop constraint charges_state_check;
-- squawk-ignore constraint-missing-not-valid -- dbmate migrates in a transaction; nobody writes meanwhile
alter table charges add constraint charges_state_check
    check (state in ('NONE', 'AUTHORIZED', 'APPROVED', 'DECLINED', 'VOIDED', 'REFUNDED'));
alter table charges add column payment_token text not null default '';
alter table charges add column capture_attempts int not null default 0;

-- migrate:down
