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

-- `version` counts the events told of a reservation; `coordination` is who carries its order.
alter table reservations add column version bigint not null default 0;
alter table reservations add column coordination text not null default 'SYNC';
-- squawk-ignore require-concurrent-index-creation -- dbmate migrates in a transaction; the table is small
create index reservations_to_expire on reservations (expire_time)
    where state = 'RESERVED' and not expiry_told;

-- migrate:down
