-- migrate:up
create table requests (
    subject text,
    method text,
    request_id uuid,
    fingerprint bytea not null,
    answer text not null,
    create_time timestamptz not null default now(),
    primary key (subject, method, request_id)
);

create table webhook_endpoints (
    endpoint_id uuid primary key,
    account_id uuid not null,
    url text not null,
    event_types text[] not null,
    state text not null default 'UNVERIFIED' check (state in ('UNVERIFIED', 'ACTIVE', 'DISABLED')),
    disable_reason text not null default '',
    create_time timestamptz not null default clock_timestamp(),
    verify_time timestamptz,
    failure_time timestamptz,
    failure_reason text not null default ''
);
create index webhook_endpoints_of_account on webhook_endpoints (account_id, create_time, endpoint_id);

-- What messages are signed with: the newest, and those replaced that have not expired.
create table webhook_secrets (
    secret_id uuid primary key,
    endpoint_id uuid not null references webhook_endpoints on delete cascade,
    secret text not null,
    create_time timestamptz not null default clock_timestamp(),
    expire_time timestamptz
);
create index webhook_secrets_of_endpoint on webhook_secrets (endpoint_id, create_time desc);

-- Whose an order is: only its first event says so.
create table webhook_orders (
    order_id uuid primary key,
    customer_id uuid not null,
    version bigint not null,
    state text not null
);

create table webhook_deliveries (
    delivery_id uuid primary key default gen_random_uuid(),
    endpoint_id uuid not null references webhook_endpoints on delete cascade,
    event_id uuid not null,
    event_type text not null,
    order_id uuid not null,
    version bigint not null,
    payload text not null,
    state text not null default 'PENDING' check (state in ('PENDING', 'SUCCEEDED', 'FAILED')),
    attempts int not null default 0,
    last_status_code int not null default 0,
    last_failure_reason text not null default '',
    create_time timestamptz not null default clock_timestamp(),
    next_attempt_time timestamptz default clock_timestamp(),
    settle_time timestamptz,
    -- Whose attempt is under way, and until when nobody else tries.
    lease_id uuid,
    lease_time timestamptz,
    unique (endpoint_id, order_id, version),
    check ((state = 'PENDING') = (next_attempt_time is not null))
);
create index webhook_deliveries_pending on webhook_deliveries (next_attempt_time) where state = 'PENDING';
create index webhook_deliveries_waiting on webhook_deliveries (endpoint_id, order_id, version)
    where state = 'PENDING';
create index webhook_deliveries_newest on webhook_deliveries (endpoint_id, create_time desc, delivery_id desc);

-- migrate:down
