-- migrate:up
create table shipments (
    order_id uuid primary key,
    -- Unknown in a tombstone: an order that was cancelled before it was booked.
    customer_id uuid,
    state text not null default 'NONE'
        check (state in ('NONE', 'BOOKED', 'IN_TRANSIT', 'DELIVERED', 'CANCELLED', 'REFUSED')),
    skus text[] not null default '{}',
    quantities int[] not null default '{}',
    reason text not null default '',
    dispatch_time timestamptz,
    -- When it arrives: set when the carrier takes it over.
    deliver_time timestamptz,
    -- How many events were told of it, and who carries its order.
    version bigint not null default 0,
    coordination text not null,
    create_time timestamptz not null default clock_timestamp(),
    update_time timestamptz not null default clock_timestamp(),
    check (state in ('NONE', 'CANCELLED') or customer_id is not null),
    check (state not in ('IN_TRANSIT', 'DELIVERED') or deliver_time is not null)
);
create index shipments_on_their_way on shipments (deliver_time) where state = 'IN_TRANSIT';

-- Events to send; this service hears none, and so has no inbox.
create table outbox (
    event_id uuid primary key,
    topic text not null,
    key uuid not null,
    version bigint not null,
    type text not null,
    coordination text not null,
    traceparent text not null,
    payload bytea not null,
    create_time timestamptz not null default clock_timestamp(),
    sent_time timestamptz
);
create index outbox_unsent on outbox (key, topic, version) where sent_time is null;
create index outbox_sent on outbox (sent_time) where sent_time is not null;

-- migrate:down
