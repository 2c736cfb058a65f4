-- migrate:up
create table users (
    user_id uuid primary key,
    username text not null unique,
    email text not null,
    display_name text not null,
    role text not null check (role in ('customer', 'operator')),
    password_hash text not null check (password_hash like '$argon2id$%'),
    create_time timestamptz not null default now()
);

create table signing_keys (
    kid text primary key,
    public_jwk text not null,
    private_pem text not null,
    create_time timestamptz not null default now(),
    sign_from timestamptz not null,
    sign_until timestamptz not null,
    check (sign_from < sign_until)
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
