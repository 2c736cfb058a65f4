-- migrate:up
create table payments (
    order_id uuid primary key,
    -- All four are unknown in a tombstone: an order that was cancelled before it was charged.
    customer_id uuid,
    amount_minor bigint check (amount_minor > 0),
    currency_code text,
    payment_token text,
    state text not null default 'NONE'
        check (state in ('NONE', 'CHARGING', 'CHARGED', 'DECLINED', 'VOIDED', 'REFUNDED')),
    reason text not null default '',
    decline_code text not null default '',
    cancel_requested boolean not null default false,
    cancel_reason text not null default '',
    charge_started_time timestamptz,
    -- When the sweeper is to look at an open charge; whoever works on it moves it forward first.
    next_attempt_time timestamptz,
    sweeps int not null default 0,
    create_time timestamptz not null default clock_timestamp(),
    update_time timestamptz not null default clock_timestamp(),
    check (state in ('NONE', 'VOIDED') or amount_minor is not null)
);

create index payments_open on payments (next_attempt_time) where state = 'CHARGING';

-- migrate:down
