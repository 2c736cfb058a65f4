-- migrate:up
create table notifications (
    notification_id uuid primary key,
    order_id uuid not null,
    kind text not null check (kind in ('CONFIRMATION')),
    customer_id uuid,
    state text not null default 'NONE' check (state in ('NONE', 'PENDING', 'SENT')),
    total_minor bigint,
    currency_code text,
    attempts int not null default 0,
    -- When a pending message is to be tried; whoever tries moves it forward first.
    next_attempt_time timestamptz,
    create_time timestamptz not null default clock_timestamp(),
    send_time timestamptz,
    unique (order_id, kind),
    check (state = 'NONE' or (customer_id is not null and total_minor is not null))
);

create index notifications_pending on notifications (next_attempt_time) where state = 'PENDING';
create index notifications_newest on notifications (create_time desc, notification_id desc);
create index notifications_of_customer
    on notifications (customer_id, create_time desc, notification_id desc);

-- migrate:down
