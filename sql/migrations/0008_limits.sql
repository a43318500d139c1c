-- Limits: what a key may do, how much a key and a tenant may ask for, how many jobs may wait, and what a model's requests may
-- look like.

alter table sluice.api_key
    add column scopes text[] not null default '{submit,read}'
        check (cardinality(scopes) > 0 and scopes <@ array['submit', 'read', 'admin']),
    add column line_id int references sluice.api_key (id);
comment on column sluice.api_key.scopes is
    'What it lets do: read looks, submit makes and changes jobs, admin does both and what concerns everybody''s.';
comment on column sluice.api_key.line_id is
    'The first key of a line of rotations; null for that one itself. A line has one set of limits, whichever of its keys is used.';

create table sluice.rate_limit (
    id int generated always as identity primary key,
    tenant_id int unique references sluice.tenant (id),
    key_id int unique references sluice.api_key (id),
    requests_per_minute int check (requests_per_minute between 1 and 1000000000),
    tokens_per_minute bigint check (tokens_per_minute between 1 and 1000000000000),
    concurrency int check (concurrency between 1 and 1000000),
    requests_left double precision,
    tokens_left double precision,
    refilled_at timestamptz not null default clock_timestamp(),
    check ((tenant_id is null) <> (key_id is null))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table sluice.rate_limit is
    'What a tenant, or a line of keys, may ask for, with its token buckets: a bucket holds a minute''s worth and fills evenly. A null limit does not limit.';
comment on column sluice.rate_limit.requests_left is 'What the bucket held at refilled_at; null: it was full.';
comment on column sluice.rate_limit.tokens_left is
    'What the bucket held at refilled_at; null: it was full. Below zero when answers were longer than estimated.';

create table sluice.rate_lease (
    limit_id int not null references sluice.rate_limit (id) on delete cascade,
    gateway bigint not null,
    slots int not null check (slots > 0),
    until timestamptz not null,
    primary key (limit_id, gateway)
);
comment on table sluice.rate_lease is
    'How many requests at a time each gateway may serve under a limit of concurrency. A gateway that is gone renews no more.';

create table sluice.queue_bound (
    id int generated always as identity primary key,
    tenant_id int references sluice.tenant (id),
    model_id int references sluice.model (id),
    waiting int not null check (waiting >= 0),
    unique nulls not distinct (tenant_id, model_id)
);
comment on table sluice.queue_bound is
    'How many jobs of a tenant (null: of each) may wait for a model (null: for each) before gateways take no more. The most specific row counts, a tenant before a model; without any, the setting waiting_max.';

create unlogged table sluice.measured_depth (
    model_id int not null,
    tenant_id int not null,
    priority smallint not null,
    waiting bigint not null,
    primary key (model_id, tenant_id, priority)
);
comment on table sluice.measured_depth is
    'How many jobs wait, counted at the moment the register depth_sampled says. Unlogged: a crash costs one count.';

create unlogged table sluice.drain_rate (
    model_id int primary key,
    per_second double precision not null
);
comment on table sluice.drain_rate is 'How fast a model''s jobs end, measured when measured_depth was.';

create sequence sluice.depth_sampled minvalue 0 start 0;
create sequence sluice.depth_cost minvalue 0 start 0;
select setval('sluice.depth_sampled', 0), setval('sluice.depth_cost', 0);
comment on sequence sluice.depth_sampled is 'Register outside transactions: when, in Unix milliseconds, measured_depth was counted.';
comment on sequence sluice.depth_cost is 'Register outside transactions: how many milliseconds that took.';

insert into sluice.setting (name, value, description) values
    ('waiting_max', 100000, 'So many jobs of a tenant may wait for a model before gateways take no more; queue_bound has exceptions.');

create table sluice.model_guard (
    model_id int primary key references sluice.model (id),
    body_bytes_max int check (body_bytes_max > 0),
    json_depth_max int check (json_depth_max between 1 and 1000),
    prompt_characters_max int check (prompt_characters_max > 0),
    max_tokens_min int not null default 1 check (max_tokens_min >= 1),
    max_tokens_max int check (max_tokens_max >= max_tokens_min),
    control_characters text not null default 'pass' check (control_characters in ('pass', 'strip', 'refuse')),
    unknown_fields text not null default 'pass' check (unknown_fields in ('pass', 'strip', 'refuse')),
    extra_fields text[] not null default '{}'
);
comment on table sluice.model_guard is
    'What gateways check, and change, of a model''s requests before they are queued. A model without a row has the gateway''s own bounds only.';
comment on column sluice.model_guard.max_tokens_max is
    'Longer answers are not asked for: max_tokens is clamped to it, and set to it where a request says nothing.';
comment on column sluice.model_guard.extra_fields is 'Fields that are known for this model besides those of the OpenAI API.';

-- They return more, or take more, now.
drop function if exists sluice.find_key(bytea);
drop function if exists sluice.list_keys();
drop function if exists sluice.create_key(text, text, text, bytea, timestamptz);
