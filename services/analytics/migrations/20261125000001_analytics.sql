-- migrate:up
-- One row an order, as its events tell it; `version` is that of the last one which had its effect.
create table orders (
    order_id uuid primary key,
    version bigint not null default 0,
    state text not null default 'NONE' check (state in ('NONE', 'PLACED', 'CONFIRMED', 'CANCELLED')),
    currency_code text not null default '',
    place_time timestamptz,
    confirm_time timestamptz
);

-- `hour` is the one in which the order was placed: it stands here too, for the pages are read by it.
create table order_lines (
    order_id uuid not null references orders,
    sku text not null,
    hour timestamptz not null,
    quantity int not null,
    amount_minor bigint not null,
    primary key (order_id, sku)
);
create index order_lines_by_hour on order_lines (hour desc, sku);

create view product_hours as
select hour, sku,
       sum(orders)::bigint as orders,
       sum(confirmed)::bigint as confirmed,
       sum(cancelled)::bigint as cancelled,
       sum(quantity)::bigint as quantity,
       coalesce(array_agg(currency_code order by currency_code) filter (where confirmed > 0), '{}')
           as currency_codes,
       coalesce(array_agg(amount_minor order by currency_code) filter (where confirmed > 0), '{}')
           as amounts,
       sum(waited) as waited
  from (select l.hour, l.sku, o.currency_code,
               count(*) as orders,
               count(*) filter (where o.state = 'CONFIRMED') as confirmed,
               count(*) filter (where o.state = 'CANCELLED') as cancelled,
               coalesce(sum(l.quantity) filter (where o.state = 'CONFIRMED'), 0) as quantity,
               coalesce(sum(l.amount_minor) filter (where o.state = 'CONFIRMED'), 0)::bigint as amount_minor,
               coalesce(sum(o.confirm_time - o.place_time), interval '0') as waited
          from order_lines l join orders o using (order_id)
         group by l.hour, l.sku, o.currency_code) as by_currency
 group by hour, sku;

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

-- migrate:down
