-- migrate:up
create table clients (
    client_id text primary key,
    user_id uuid not null references users (user_id),
    name text not null,
    scopes text[] not null,
    secret_hash bytea not null check (length(secret_hash) = 32),
    create_time timestamptz not null default now()
);

-- migrate:down
