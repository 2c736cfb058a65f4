-- Demo accounts, all with the password `ordermesh-demo`: never in a database that others can reach.
-- migrate:up
insert into users (user_id, username, email, display_name, role, password_hash) values
    (
        '00000000-0000-4000-8000-0000000000ad',
        'ada',
        'ada@example.com',
        'Ada Lovelace',
        'customer',
        '$argon2id$v=19$m=19456,t=2,p=1$nf0Iy6fmRv6PxnV6B9j/BQ$KAnUKf/wbTtaZuXI+x2cUpz4nFn18CEDOiYOvTzAFUA'
    ),
    (
        '00000000-0000-4000-8000-000000000b0b',
        'bob',
        'bob@example.com',
        'Bob Becker',
        'customer',
        '$argon2id$v=19$m=19456,t=2,p=1$wVgyoijHiuC6gQ0RydkA1w$C3gjCkc8/IAe5fn/Cgr1RnhN06WZP4cer1O7R5kWZBM'
    ),
    (
        '00000000-0000-4000-8000-000000000136',
        'olga',
        'olga@example.com',
        'Olga Okafor',
        'operator',
        '$argon2id$v=19$m=19456,t=2,p=1$wF7/N252qhJy7iCW9q2DCg$x3bK3D8DDbhoU9thFQv4RtECpxxyGF72j+tHRMjoc0Y'
    )
on conflict do nothing;

-- migrate:down
