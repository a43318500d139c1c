-- Limits of a deployment: an upstream's quotas, or what its machine can bear. All its workers together keep to them.

alter table sluice.deployment
    add column concurrency int check (concurrency between 1 and 1000000),
    add column requests_per_minute int check (requests_per_minute between 1 and 1000000000),
    add column tokens_per_minute bigint check (tokens_per_minute between 1 and 1000000000000),
    add column is_limited boolean generated always as
        (concurrency is not null or requests_per_minute is not null or tokens_per_minute is not null) stored;
comment on column sluice.deployment.concurrency is 'How many jobs its workers may hold at a time, together; null: no limit.';
comment on column sluice.deployment.requests_per_minute is 'How many attempts may begin in any minute; null: no limit.';
comment on column sluice.deployment.tokens_per_minute is
    'How many tokens, read and written, may be used in any minute; null: no limit. What a job under way will use is taken to be the average.';

alter table sluice.model add column has_limits boolean not null default false;
comment on column sluice.model.has_limits is 'Whether one of its deployments has limits: then others look after what is over them.';

create table sluice.deployment_meter (
    deployment_id int primary key,
    tokens_per_job real check (tokens_per_job >= 1),
    full_until timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table sluice.deployment_meter is 'One row a deployment with limits, which its claims lock one after the other.';
comment on column sluice.deployment_meter.tokens_per_job is
    'What a job of it uses, a moving average; null while none has ended: until then it has one at a time if its tokens are limited.';
comment on column sluice.deployment_meter.full_until is 'Until then other deployments of the model claim in its share what they have room for.';

create table sluice.deployment_minute (
    deployment_id int not null,
    second bigint not null,
    requests int not null default 0,
    tokens bigint not null default 0,
    primary key (deployment_id, second)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table sluice.deployment_minute is
    'What a deployment with limits began and used in each of the last 61 seconds (Unix time): a limit holds for any minute, not only for those of the clock.';

create table sluice.deployment_held (
    worker_id bigint primary key,
    deployment_id int not null,
    jobs int not null check (jobs >= 0)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
create index on sluice.deployment_held (deployment_id);
comment on table sluice.deployment_held is
    'How many jobs each worker of a deployment with limits holds: sluice.running has no index by worker.';
