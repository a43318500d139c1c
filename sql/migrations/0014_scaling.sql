-- Scaling: rules, desired numbers, hosts, and the slots of workers that hosts claim.

create type sluice.scaler as enum ('queue_delay', 'request_count', 'utilization', 'sql', 'schedule');
comment on type sluice.scaler is
    'What the number of workers follows. queue_delay: jobs start within an objective. request_count: jobs per worker. utilization: busy slots. sql: the operator''s own number. schedule: the open windows alone.';

create type sluice.spread_rule as enum ('spread', 'pack', 'external');
comment on type sluice.spread_rule is
    'Which hosts get the workers of a deployment. spread: as many hosts as there are, so that the loss of one takes few. pack: as few as there need be. external: none; somebody else, such as Kubernetes, reads sluice.desired_workers and starts them.';

create table sluice.scaling (
    deployment_id int primary key,
    min_workers int check (min_workers between 0 and 1000),
    max_workers int check (max_workers between 0 and 1000),
    scaler sluice.scaler not null default 'queue_delay',
    objective_ms int not null default 30000 check (objective_ms between 0 and 86400000),
    per_worker double precision not null default 1 check (per_worker > 0 and per_worker <= 1e9),
    utilization double precision not null default 0.7 check (utilization > 0 and utilization <= 1),
    query text check (octet_length(query) between 1 and 4000),
    query_timeout_ms int not null default 1000 check (query_timeout_ms between 10 and 10000),
    schedule jsonb not null default '[]' check (jsonb_typeof(schedule) = 'array'),
    up_stabilisation_ms int not null default 0 check (up_stabilisation_ms between 0 and 86400000),
    down_stabilisation_ms int not null default 0 check (down_stabilisation_ms between 0 and 86400000),
    idle_timeout_ms int check (idle_timeout_ms between 0 and 86400000),
    memory_per_worker bigint check (memory_per_worker > 0),
    priority int not null default 0 check (priority between -1000 and 1000),
    budget double precision check (budget > 0 and budget <= 1e9),
    batch_scales boolean not null default true,
    attainment double precision not null default 0.995 check (attainment > 0 and attainment <= 1),
    miss_price double precision not null default 1800 check (miss_price >= 0 and miss_price <= 1e9),
    forecast boolean not null default true,
    spread sluice.spread_rule not null default 'spread',
    host_labels jsonb not null default '{}' check (jsonb_typeof(host_labels) = 'object'),
    preload boolean not null default false,
    check ((min_workers is null) = (max_workers is null)),
    check (min_workers <= max_workers),
    check (scaler <> 'sql' or query is not null),
    check (scaler <> 'schedule' or schedule <> '[]')
);
comment on table sluice.scaling is
    'How many workers a deployment may have and what their number follows. Without a row, or without min_workers, the number is the fixed one of the deployment. Not in deployment, where every change makes workers look at the queue anew.';
comment on column sluice.scaling.objective_ms is 'For queue_delay: jobs start within this time.';
comment on column sluice.scaling.per_worker is 'For request_count, jobs for one worker; for sql, so much of its number for one worker.';
comment on column sluice.scaling.query is 'For sql: a query that returns one number, run read-only as the role sluice_scaler.';
comment on column sluice.scaling.schedule is
    'Windows: [{"minutes": "* 8-17 * * mon-fri", "min_workers": 2, "max_workers": 8}], patterns of cron in UTC.';
comment on column sluice.scaling.idle_timeout_ms is 'Null: learned.';
comment on column sluice.scaling.memory_per_worker is 'Bytes a worker takes of its host''s memory. Null: not counted.';
comment on column sluice.scaling.priority is 'Who gets a full host: the higher first.';
comment on column sluice.scaling.budget is 'The most worker-seconds an hour; null: unbounded.';
comment on column sluice.scaling.batch_scales is 'Whether waiting jobs of the priorities 3 and 4, batch and low, ask for workers.';
comment on column sluice.scaling.preload is
    'Whether a worker may stay when there is nothing to do, in memory of a host that nobody else wants, while what its start would cost is worth it.';
comment on column sluice.scaling.host_labels is 'Only hosts with these labels get its workers.';

create table sluice.desired (
    deployment_id int primary key,
    workers int not null check (workers between 0 and 1000),
    awake_since timestamptz not null default clock_timestamp(),
    decided_at timestamptz not null default clock_timestamp(),
    cause text not null default '',
    reason text not null default '',
    inputs jsonb not null default '{}',
    memory jsonb
) with (fillfactor = 50);
comment on table sluice.desired is
    'How many workers the controller last decided on, for deployments whose number is not fixed. sluice.desired_workers holds it within the rule''s bounds.';
comment on column sluice.desired.awake_since is 'When the number last rose from zero.';
comment on column sluice.desired.memory is 'What the autoscaler has learned, for the next controller.';

create table sluice.host (
    name text primary key check (name <> '' and octet_length(name) <= 200),
    incarnation bigint not null default 1,
    pid int not null,
    memory_bytes bigint check (memory_bytes > 0),
    labels jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
    is_draining boolean not null default false,
    started_at timestamptz not null default clock_timestamp(),
    beat_at timestamptz not null default clock_timestamp(),
    gone_at timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table sluice.host is 'Hosts and the supervisors that keep them, one each.';
comment on column sluice.host.incarnation is 'Rises with every supervisor that takes the host: what an older one says is refused.';
comment on column sluice.host.memory_bytes is 'What its workers may take in all; null: not counted.';
comment on column sluice.host.gone_at is 'When its slots were taken from it; null while it is there.';

create table sluice.worker_slot (
    id bigint generated always as identity primary key,
    deployment_id int not null,
    opened_at timestamptz not null default clock_timestamp(),
    offered_to text,
    offered_at timestamptz,
    host text,
    claimed_at timestamptz,
    giving_up boolean not null default false,
    check ((host is null) = (claimed_at is null)),
    check ((offered_to is null) = (offered_at is null)),
    check (not giving_up or host is not null)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
create index on sluice.worker_slot (deployment_id);
create index on sluice.worker_slot (host);
comment on table sluice.worker_slot is
    'One row for each worker there should be. A host claims it and then keeps one process for it; one that is given up is deleted when its process has ended.';
comment on column sluice.worker_slot.offered_to is 'The host that the controller would have claim it. Others may when it does not.';

alter table sluice.worker add column ready_at timestamptz;
create index on sluice.worker (ready_at) where ready_at is not null;
comment on column sluice.worker.ready_at is 'When it had loaded its backend; null before. started_at to ready_at is its cold start.';
-- Those that were there have been ready for long.
update sluice.worker set ready_at = started_at where ended_at is null;

insert into sluice.setting (name, value, description) values
    ('host_seconds', 15, 'A host whose supervisor was not heard of for this long is gone, and its slots are free.'),
    ('host_grace_ms', 2000, 'How long a supervisor may be without its connection lock before its host is gone.'),
    ('offer_ms', 2000, 'A slot that was open this long may be claimed by any host, whomever it was offered to.');
