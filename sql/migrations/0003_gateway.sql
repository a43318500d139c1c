-- The gateway: who may come in, and who waits for results.

create table sluice.api_key (
    id int generated always as identity primary key,
    tenant_id int not null references sluice.tenant (id),
    name text not null check (octet_length(name) between 1 and 128),
    prefix text not null,
    sha256 bytea not null unique check (octet_length(sha256) = 32),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
comment on table sluice.api_key is 'Keys of the HTTP gateway. Only the hash is kept: a key has 256 random bits, so it needs no salt.';
comment on column sluice.api_key.prefix is 'The beginning of the key, by which people tell it from others.';

create sequence sluice.result_waiter minvalue 0 start 0;
select setval('sluice.result_waiter', 0);
comment on sequence sluice.result_waiter is
    'Register outside transactions: until when, in Unix milliseconds, somebody waits for results.';
