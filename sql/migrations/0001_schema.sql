-- The schema of the queue.
--
-- What is wide is written once and never rewritten (job, result, past_attempt). What changes is narrow and hot: ready
-- (what may be claimed now), running (leases), scheduled (due later). A job is in exactly one of ready, running,
-- scheduled and suspect while it lives, and in none of them once it has its one row in result.
-- No foreign keys on hot tables: the functions in ../functions are the only writers.

create schema sluice;
comment on schema sluice is 'Sluice: a job queue for AI inference. Functions are the interface; tables may change.';

create table sluice.schema_version (
    version int primary key,
    name text not null,
    digest text not null,
    applied_at timestamptz not null default now()
);
comment on table sluice.schema_version is
    'Migrations that were applied; version 0 stands for the functions, which are replaced as a whole.';

-- ---------------------------------------------------------------------------------------------------------- vocabulary

create type sluice.job_state as enum
    ('scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired', 'quarantined');
comment on type sluice.job_state is 'Where a job is in its life; the last five are terminal.';

create type sluice.job_kind as enum ('chat', 'completion', 'embedding');
comment on type sluice.job_kind is 'Which of the OpenAI-shaped requests a job carries.';

create type sluice.error_class as enum
    ('retryable', 'rate_limited', 'invalid_request', 'auth', 'unsupported', 'overloaded', 'fatal', 'timeout',
     'worker_lost', 'crash');
comment on type sluice.error_class is 'Why an attempt failed, as far as it decides what happens next.';

create type sluice.attempt_outcome as enum
    ('succeeded', 'failed', 'retried', 'released', 'cancelled', 'expired', 'worker_lost', 'crashed');
comment on type sluice.attempt_outcome is
    'How one attempt ended. released: handed back unharmed by a draining worker, counts against nothing.';

create type sluice.worker_state as enum ('starting', 'running', 'draining', 'stopped', 'dead');
comment on type sluice.worker_state is 'Life of a worker process; stopped is an orderly end, dead is any other.';

create type sluice.batch_state as enum ('loading', 'running', 'cancelling', 'completed', 'cancelled');
comment on type sluice.batch_state is 'Life of a batch; the last two are terminal.';

-- ------------------------------------------------------------------------------------------------------- configuration

create table sluice.setting (
    name text primary key,
    value bigint not null,
    description text not null
);
comment on table sluice.setting is 'Bounds of the queue that an operator may change; read by the functions at each use.';

insert into sluice.setting (name, value, description) values
    ('payload_bytes_max', 16777216, 'A request larger than this is refused at enqueue.'),
    ('fair_lead_max', 10000, 'How many jobs a tenant may be ahead of the virtual time before a new burst starts anew.'),
    ('crash_budget', 2, 'A job that took this many workers down is quarantined.'),
    ('lease_seconds', 15, 'A worker whose heartbeat is older than this is dead.'),
    ('lock_grace_ms', 2000, 'How long a worker may be without its connection lock before it is dead.'),
    ('restart_grace_ms', 15000, 'After a start of the database no worker is declared dead for this long.'),
    ('ring_fill_pages', 4096, 'A ring slot larger than this (8 KiB pages) is left for an empty one.'),
    ('ring_carry_rows', 1000, 'At most this many live rows are carried over when a ring slot is emptied.'),
    ('partition_rows', 10000000, 'Ids per partition of job, result and past_attempt.');

create table sluice.tenant (
    id int generated always as identity primary key,
    name text not null unique check (name <> '' and octet_length(name) <= 128),
    weight int not null default 100 check (weight between 1 and 10000),
    created_at timestamptz not null default now()
);
comment on table sluice.tenant is 'Owners of jobs. A tenant of weight 200 gets twice the turns of one of weight 100.';
insert into sluice.tenant (name) values ('default');

create table sluice.model (
    id int generated always as identity primary key,
    name text not null unique check (name <> '' and octet_length(name) <= 256),
    max_attempts smallint not null default 5 check (max_attempts between 1 and 100),
    attempt_timeout_ms int not null default 600000 check (attempt_timeout_ms between 1 and 86400000),
    retry_base_ms int not null default 1000 check (retry_base_ms between 1 and 3600000),
    retry_cap_ms int not null default 300000 check (retry_cap_ms >= retry_base_ms and retry_cap_ms <= 86400000),
    waiter regclass not null,
    created_at timestamptz not null default now()
);
comment on table sluice.model is 'Public names clients ask for.';
comment on column sluice.model.waiter is
    'A sequence used as a register outside transactions: until when (milliseconds since 1970) some worker of this model waits for a NOTIFY.';
comment on column sluice.model.max_attempts is 'How often a job may fail before it is failed for good; releases and lost workers do not count.';

create table sluice.deployment (
    id int generated always as identity primary key,
    model_id int not null references sluice.model (id),
    name text not null unique check (name <> '' and octet_length(name) <= 256),
    backend text not null check (backend <> ''),
    config json not null default '{}',
    version text not null default '1',
    slots int not null default 8 check (slots between 1 and 4096),
    workers int not null default 1 check (workers between 0 and 1000),
    paused boolean not null default false,
    share int4multirange not null default '{[0,10000)}'
        check (share <@ '{[0,10000)}'::int4multirange),
    virtual_time regclass[] not null check (cardinality(virtual_time) = 5),
    revision int not null default 1,
    created_at timestamptz not null default now()
);
create index on sluice.deployment (model_id);
comment on table sluice.deployment is 'A version of a model on one backend with one configuration.';
comment on column sluice.deployment.share is 'The hash buckets, 0 to 9999, whose jobs this deployment may claim.';
comment on column sluice.deployment.virtual_time is
    'One sequence per priority, used as a register outside transactions: the largest fair key claimed so far.';
comment on column sluice.deployment.workers is 'How many worker processes there should be.';
comment on column sluice.deployment.revision is 'Rises with every change that a worker must be restarted for.';

create table sluice.backend (
    name text primary key,
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    version text not null,
    abi text not null,
    capabilities text[] not null,
    recorded_at timestamptz not null default now()
);
comment on table sluice.backend is 'Backend files that may be loaded, by the SHA-256 of the file.';

create table sluice.event (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    kind text not null,
    subject text not null,
    reason text not null,
    detail jsonb
);
create index on sluice.event (subject, id);
comment on table sluice.event is 'Every decision of the system with its one-line reason.';

-- ------------------------------------------------------------------------------------------------ workers and leases

create table sluice.worker (
    id bigint generated always as identity primary key check (id < 2147483648),
    deployment_id int not null references sluice.deployment (id),
    host text not null,
    pid int not null,
    slots int not null,
    state sluice.worker_state not null default 'running',
    direct boolean not null,
    revision int not null,
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    lock_lost_at timestamptz,
    reaped_at timestamptz,
    cause text,
    exit_status int,
    signal int,
    last_words text check (octet_length(last_words) <= 16384),
    check ((ended_at is not null) = (state in ('stopped', 'dead')))
);
create index on sluice.worker (deployment_id) where ended_at is null;
create index on sluice.worker (ended_at) where ended_at is not null;
comment on table sluice.worker is 'Worker processes, living and gone. Ids are never reused.';
comment on column sluice.worker.direct is
    'Whether it holds an advisory lock on its own connection (not so behind a transaction pooler).';
comment on column sluice.worker.reaped_at is
    'When its leases were last looked for after its end. Reaping repeats: a claim may have overlapped the first pass.';
comment on column sluice.worker.last_words is 'The end of what it wrote to standard error.';

create table sluice.worker_heartbeat (
    worker_id bigint primary key,
    beat_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table sluice.worker_heartbeat is 'One row a worker, the lease of everything it runs.';

-- ----------------------------------------------------------------------------------------------------------- payloads

create sequence sluice.job_id;
comment on sequence sluice.job_id is 'Ids of jobs; gaps are normal.';

-- The bucket is generated so that COPY, SQL and HTTP cannot disagree about it.
create table sluice.job (
    id bigint not null default nextval('sluice.job_id'),
    key bigint not null,
    created_at timestamptz not null default clock_timestamp(),
    run_at timestamptz,
    deadline_at timestamptz,
    model_id int not null,
    tenant_id int not null,
    batch_id int,
    kind sluice.job_kind not null default 'chat',
    priority smallint not null check (priority between 0 and 4),
    max_attempts smallint not null check (max_attempts between 1 and 100),
    bucket smallint not null generated always as
        ((case when affinity is null then hashint8(id) else hashtext(affinity) end & 2147483647) % 10000) stored,
    custom_id text check (octet_length(custom_id) <= 512),
    affinity text check (octet_length(affinity) <= 512),
    metadata json,
    payload json not null,
    primary key (id)
) partition by range (id);
comment on table sluice.job is 'The request as it was accepted; written once, never updated.';
comment on column sluice.job.key is 'The fair key it was first queued under; with model and priority it finds the ready row.';
comment on column sluice.job.bucket is 'hash(affinity or id) mod 10000; a deployment claims the buckets of its share.';

create table sluice.result (
    id bigint not null,
    started_at timestamptz,
    finished_at timestamptz not null default clock_timestamp(),
    worker_id bigint,
    deployment_id int,
    attempt smallint not null,
    state sluice.job_state not null
        check (state in ('succeeded', 'failed', 'cancelled', 'expired', 'quarantined')),
    error_class sluice.error_class,
    prompt_tokens int,
    completion_tokens int,
    error_message text check (octet_length(error_message) <= 8192),
    body json,
    primary key (id),
    check (state <> 'succeeded' or (body is not null and error_class is null and started_at is not null))
) partition by range (id);
create index result_dead on sluice.result (state, id) where state <> 'succeeded';
comment on table sluice.result is 'How a job ended, once: the primary key is what makes a second result impossible.';

create table sluice.past_attempt (
    id bigint not null,
    started_at timestamptz not null,
    ended_at timestamptz not null default clock_timestamp(),
    worker_id bigint not null,
    deployment_id int not null,
    attempt smallint not null,
    outcome sluice.attempt_outcome not null,
    error_class sluice.error_class,
    error_message text check (octet_length(error_message) <= 8192),
    primary key (id, attempt)
) partition by range (id);
comment on table sluice.past_attempt is
    'Attempts that did not end their job. The one that did is in result, so that the usual job costs one row less; the view attempt shows all.';

create view sluice.attempt as
    select id, attempt, worker_id, deployment_id, started_at, ended_at, outcome, error_class, error_message
    from sluice.past_attempt
    union all
    select id, attempt, worker_id, deployment_id, started_at, finished_at,
           case state when 'quarantined' then 'crashed' else state::text end::sluice.attempt_outcome, error_class, error_message
    from sluice.result where started_at is not null;
comment on view sluice.attempt is 'Every try of every job.';

create table sluice.idempotency (
    tenant_id int not null,
    key text not null check (octet_length(key) between 1 and 256),
    job_id bigint not null,
    digest text not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, key)
);
comment on table sluice.idempotency is 'Keys by which a repeated enqueue finds the job it already made.';

-- ---------------------------------------------------------------------------------------------------------- hot tables
-- Rings of three slots. Rows are written to the current slot (the register ring_*); a slot is emptied by TRUNCATE when
-- it has grown and is nearly empty. Nothing depends on that happening: claims start at a floor.

create sequence sluice.ring_ready minvalue 0 start 0;
create sequence sluice.ring_running minvalue 0 start 0;
select setval('sluice.ring_ready', 0), setval('sluice.ring_running', 0);
comment on sequence sluice.ring_ready is 'Register outside transactions: the slot of ready that new rows go to.';
comment on sequence sluice.ring_running is 'Register outside transactions: the slot of running that new rows go to.';

create table sluice.ready (
    key bigint not null,
    id bigint not null,
    model_id int not null,
    tenant_id int not null,
    batch_id int,
    priority smallint not null,
    bucket smallint not null,
    attempt smallint not null default 0,
    failures smallint not null default 0,
    crashes smallint not null default 0,
    ring smallint not null
) partition by list (ring);
-- The order of claims, then the bucket, so that other deployments' jobs are stepped over inside the index.
create index ready_order on sluice.ready (model_id, priority, key, id, bucket);
comment on table sluice.ready is 'Jobs that may be claimed now.';
comment on column sluice.ready.attempt is 'Attempts made so far: the fence. Rises with every claim.';
comment on column sluice.ready.failures is 'Attempts that count against max_attempts.';
comment on column sluice.ready.crashes is 'Workers this job took down: counts against the crash budget.';

create table sluice.running (
    id bigint not null,
    key bigint not null,
    worker_id bigint not null,
    started_at timestamptz not null default clock_timestamp(),
    model_id int not null,
    tenant_id int not null,
    batch_id int,
    priority smallint not null,
    bucket smallint not null,
    attempt smallint not null,
    failures smallint not null,
    crashes smallint not null,
    ring smallint not null,
    cancel_requested boolean not null default false,
    primary key (id, ring)
) partition by list (ring);
comment on table sluice.running is 'Leases: which worker runs which attempt of which job.';
comment on column sluice.running.cancel_requested is
    'A column, not a table of requests: a finish that waits for a cancel then reads the row as it is, not as its snapshot had it.';

-- No autovacuum: TRUNCATE removes the garbage. And statistics taken in an empty moment would tell the planner that an index
-- has one entry, so that reading all of it costs no more than looking one up; without statistics it expects ten pages.
do $$
begin
    for slot in 0..2 loop
        execute format('create table sluice.ready_%s partition of sluice.ready for values in (%s)
            with (autovacuum_enabled = off)', slot, slot);
        execute format('create table sluice.running_%s partition of sluice.running for values in (%s)
            with (autovacuum_enabled = off)', slot, slot);
    end loop;
end $$;

create table sluice.scheduled (
    due_at timestamptz not null,
    id bigint primary key,
    model_id int not null,
    tenant_id int not null,
    batch_id int,
    priority smallint not null,
    bucket smallint not null,
    attempt smallint not null default 0,
    failures smallint not null default 0,
    crashes smallint not null default 0
);
create index scheduled_order on sluice.scheduled (due_at, id);
comment on table sluice.scheduled is 'Jobs that are due later, or back off after a failed attempt.';

create table sluice.suspect (
    id bigint primary key,
    model_id int not null,
    tenant_id int not null,
    batch_id int,
    priority smallint not null,
    bucket smallint not null,
    attempt smallint not null,
    failures smallint not null,
    crashes smallint not null
);
create index on sluice.suspect (model_id, id);
comment on table sluice.suspect is
    'Jobs that were running when their worker crashed. They run one at a time, alone in a worker, until cleared or quarantined.';

create table sluice.placement (
    id bigint not null,
    placed_at timestamptz not null default clock_timestamp(),
    key bigint not null,
    priority smallint not null,
    primary key (id, placed_at)
);
comment on table sluice.placement is
    'The keys of ready rows that were not made at enqueue (retries, promotions, returns), so that a job is found by id without an index on the hot table.';

create table sluice.deadline (
    deadline_at timestamptz not null,
    id bigint not null,
    primary key (deadline_at, id)
);
comment on table sluice.deadline is 'Jobs that must end by a moment; removed when it has come.';

-- ------------------------------------------------------------------------------------------------------------- batches

create table sluice.batch (
    id int generated always as identity primary key,
    tenant_id int not null,
    state sluice.batch_state not null default 'loading',
    name text not null check (octet_length(name) <= 1024),
    kind sluice.job_kind not null,
    digest text not null,
    total int not null check (total >= 0),
    loaded int not null default 0,
    succeeded int not null default 0,
    failed int not null default 0,
    cancelled int not null default 0,
    expired int not null default 0,
    quarantined int not null default 0,
    created_at timestamptz not null default clock_timestamp(),
    loaded_at timestamptz,
    cancel_requested_at timestamptz,
    ended_at timestamptz,
    check (loaded <= total),
    check (succeeded + failed + cancelled + expired + quarantined <= total),
    check ((ended_at is not null) = (state in ('completed', 'cancelled')))
);
create index on sluice.batch (tenant_id, digest);
create index on sluice.batch (id) where ended_at is null;
comment on table sluice.batch is
    'Batches. The counters are folded from batch_delta by maintenance, not by the workers; batch_progress adds what is not folded yet.';
comment on column sluice.batch.digest is 'SHA-256 of the input, by which a submission that was interrupted is taken up again.';

create table sluice.batch_chunk (
    batch_id int not null,
    first_line int not null,
    lines int not null check (lines > 0),
    first_id bigint not null,
    last_id bigint not null,
    primary key (batch_id, first_line)
);
comment on table sluice.batch_chunk is
    'The parts a batch was loaded in. Between first_id and last_id are the jobs of this part, and perhaps some of others.';

create table sluice.batch_delta (
    batch_id int not null,
    state sluice.job_state not null,
    jobs int not null
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
create index on sluice.batch_delta (batch_id);
comment on table sluice.batch_delta is 'Counts appended by every finish, folded into batch by maintenance.';

-- ----------------------------------------------------------------------------------------------------------- registers
-- Fair queuing needs the last key of each tenant. In a row, its lock would be held until the caller's own commit. A fixed
-- set of sequences, read and set outside transactions, is free of locks: two registers by two hashes, the smaller counts
-- (a count-min sketch), so that two busy tenants would have to collide in both.
do $$
begin
    for register in 0..255 loop
        execute format('create sequence sluice.tenant_key_a_%s minvalue 0 start 0', register);
        execute format('create sequence sluice.tenant_key_b_%s minvalue 0 start 0', register);
    end loop;
end $$;
