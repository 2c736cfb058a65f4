-- migrate:up
-- Events: those to send, those that had their effect, those that could not be used.
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

create table inbox (
    consumer text not null,
    event_id uuid not null,
    create_time timestamptz not null default now(),
    primary key (consumer, event_id)
);

create table dead_letters (
    dead_letter_id uuid primary key,
    consumer text not null,
    topic text not null,
    partition_number int not null,
    record_offset bigint not null,
    key bytea,
    value bytea,
    header_names text[] not null,
    header_values bytea[] not null,
    reason text not null,
    error text not null,
    attempts int not null,
    state text not null default 'PARKED' check (state in ('PARKED', 'REDRIVEN', 'DROPPED')),
    create_time timestamptz not null default clock_timestamp(),
    settle_time timestamptz,
    settled_by uuid
);
create index dead_letters_parked on dead_letters (topic, key, record_offset) where state = 'PARKED';

-- `version` counts the events told of a payment; `coordination` is who carries its order;
-- `stock_reserved` is what a choreographed saga has told of an order that is not charged yet.
alter table payments add column version bigint not null default 0;
alter table payments add column coordination text not null default 'SYNC';
alter table payments add column stock_reserved boolean not null default false;

-- migrate:down
