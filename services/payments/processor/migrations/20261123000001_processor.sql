-- migrate:up
create table charges (
    key text primary key,
    state text not null default 'NONE'
        check (state in ('NONE', 'APPROVED', 'DECLINED', 'VOIDED', 'REFUNDED')),
    amount_minor bigint check (amount_minor > 0),
    currency_code text,
    decline_code text not null default '',
    attempts int not null default 0,
    create_time timestamptz not null default now(),
    update_time timestamptz not null default now()
);

-- Every movement of money, for ever: an auditor sums CHARGE minus REFUND.
create table entries (
    entry_id bigint generated always as identity primary key,
    key text not null references charges (key),
    kind text not null check (kind in ('CHARGE', 'REFUND')),
    amount_minor bigint not null check (amount_minor > 0),
    currency_code text not null,
    time timestamptz not null default clock_timestamp(),
    unique (key, kind)
);

-- migrate:down
