-- migrate:up
create table products (
    -- The order of pages must be that of the page token's cursor, whatever the database's locale.
    sku text collate "C" primary key,
    title text not null,
    description text not null,
    category text not null,
    price_minor bigint not null check (price_minor > 0),
    currency_code text not null check (currency_code ~ '^[A-Z]{3}$'),
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
