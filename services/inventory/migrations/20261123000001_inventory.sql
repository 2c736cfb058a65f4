-- migrate:up
create table stock (
    sku text primary key,
    initial bigint not null default 0,
    restocked bigint not null default 0,
    on_hand bigint not null default 0 check (on_hand >= 0),
    reserved bigint not null default 0 check (reserved >= 0),
    sold bigint not null default 0 check (sold >= 0),
    constraint stock_adds_up check (initial + restocked = on_hand + reserved + sold)
);

create table reservations (
    order_id uuid primary key,
    state text not null default 'NONE'
        check (state in ('NONE', 'PAID', 'RESERVED', 'FAILED', 'RELEASED', 'COMMITTED')),
    skus text[] not null default '{}',
    quantities int[] not null default '{}',
    short_skus text[] not null default '{}',
    short_wanted int[] not null default '{}',
    short_left bigint[] not null default '{}',
    expire_time timestamptz,
    expiry_told boolean not null default false,
    create_time timestamptz not null default now(),
    update_time timestamptz not null default now()
);

create table requests (
    subject text,
    method text,
    request_id uuid,
    fingerprint bytea not null,
    answer text not null,
    create_time timestamptz not null default now(),
    primary key (subject, method, request_id)
);

-- migrate:down
