-- migrate:up
-- squawk-ignore ban-drop-constraint -- it is replaced by one that allows more
alter table orders drop constraint orders_state_check;
-- squawk-ignore constraint-missing-not-valid -- dbmate migrates in a transaction; nobody writes meanwhile
alter table orders add constraint orders_state_check check (
    state in ('PENDING', 'AWAITING_APPROVAL', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED'));

-- Workflows to start, and signals to give them: written with the order's own change, sent after it.
create table orchestrations (
    order_id uuid primary key references orders (order_id),
    payment_token text not null,
    traceparent text not null,
    create_time timestamptz not null default clock_timestamp(),
    start_time timestamptz,
    refused text not null default ''
);
create index orchestrations_to_start on orchestrations (create_time) where start_time is null and refused = '';

create table signals (
    signal_id uuid primary key default gen_random_uuid(),
    order_id uuid not null references orchestrations (order_id),
    name text not null check (name in ('cancel', 'delivered')),
    reason text not null,
    create_time timestamptz not null default clock_timestamp(),
    send_time timestamptz
);
create index signals_to_send on signals (create_time) where send_time is null;

-- migrate:down
