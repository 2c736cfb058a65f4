-- migrate:up
create table orders (
    order_id uuid primary key,
    customer_id uuid not null,
    state text not null check (state in ('PENDING', 'CONFIRMED', 'CANCELLED')),
    version bigint not null,
    skus text[] not null,
    titles text[] not null,
    quantities int[] not null,
    unit_prices bigint[] not null,
    total bigint not null,
    currency_code text not null,
    coordination text not null,
    coordination_reason text not null,
    flow text not null,
    reason text not null default '',
    cancel_requested boolean not null default false,
    create_time timestamptz not null default clock_timestamp(),
    update_time timestamptz not null default clock_timestamp()
);
create index orders_by_customer on orders (customer_id, create_time desc, order_id desc);
create index orders_by_time on orders (create_time desc, order_id desc);

create table order_history (
    order_id uuid not null references orders (order_id),
    version bigint not null,
    state text not null,
    reason text not null,
    cancel_requested boolean not null,
    change_time timestamptz not null default clock_timestamp(),
    primary key (order_id, version)
);

create table journal (
    order_id uuid primary key references orders (order_id),
    step text not null
        check (step in ('RESERVE', 'CHARGE', 'GIVE_UP', 'VOID', 'RELEASE', 'FINISH', 'DONE')),
    version bigint not null,
    lease_until timestamptz not null,
    attempts int not null default 0,
    payment_token text not null,
    reason text not null default '',
    details jsonb not null default '{}',
    create_time timestamptz not null default now(),
    update_time timestamptz not null default now()
);
create index journal_open on journal (lease_until) where step <> 'DONE';

create table requests (
    subject text,
    method text,
    request_id uuid,
    fingerprint bytea not null,
    answer text not null,
    create_time timestamptz not null default now(),
    primary key (subject, method, request_id)
);
create index requests_by_answer on requests (answer);

-- migrate:down
