-- The controller: what it is told, what it decided so that another can go on from there, and the rollouts it drives.

alter table sluice.deployment add column stage int not null default 0;
comment on column sluice.deployment.stage is
    'Rises with every step of its traffic that is judged by itself. Attempts are told apart by the stage they were claimed in.';

alter table sluice.model add column policy jsonb not null default '{}';
comment on column sluice.model.policy is 'What sluice.set_policy set; what is not there has its default.';

alter table sluice.worker_heartbeat
    add column memory real,
    add column is_well boolean;
comment on column sluice.worker_heartbeat.memory is 'Resident memory as a part of the limit; null without a limit.';
comment on column sluice.worker_heartbeat.is_well is 'What its backend says of itself.';

create table sluice.controller (
    id int primary key default 1 check (id = 1),
    epoch bigint not null default 0,
    name text not null default '',
    led_since timestamptz,
    beat_at timestamptz
) with (fillfactor = 50);
insert into sluice.controller default values;
comment on table sluice.controller is
    'The one row of who steers the fleet. Its epoch rises with every leader; what an older one writes is refused.';
comment on column sluice.controller.beat_at is
    'When it last took in what workers had told, and had written what follows from it.';

create type sluice.breaker_state as enum ('closed', 'open', 'probing', 'ramping', 'isolated');
comment on type sluice.breaker_state is
    'closed: it gets its part. open: nothing until a time. probing: one job. ramping: a part that grows in judged steps. isolated: an operator said so.';

create type sluice.restore_way as enum ('at_once', 'by_ramp');
comment on type sluice.restore_way is 'How an operator wants a deployment back.';

create table sluice.deployment_health (
    deployment_id int primary key,
    breaker sluice.breaker_state not null default 'closed',
    since timestamptz not null default clock_timestamp(),
    open_until timestamptz,
    ramp_percent smallint check (ramp_percent between 1 and 100),
    openings int not null default 0,
    is_kept boolean not null default false,
    score real not null default 1,
    reason text not null default '',
    probe_wanted boolean not null default false,
    probe_job bigint,
    probe_at timestamptz,
    health_wanted boolean not null default false,
    restore_wanted sluice.restore_way,
    check ((breaker = 'open') = (open_until is not null)),
    check ((breaker = 'ramping') = (ramp_percent is not null))
) with (fillfactor = 50);
comment on table sluice.deployment_health is
    'What the controller made of each deployment: the next controller goes on from here. Not in deployment, where every change makes workers look at the queue anew.';
comment on column sluice.deployment_health.openings is 'How many openings its open time has been doubled for, plus one.';
comment on column sluice.deployment_health.is_kept is
    'Whether it is kept in service although its breaker is open, since too little of the model would be left.';
comment on column sluice.deployment_health.probe_wanted is 'One job may be claimed for it, whatever its share.';
comment on column sluice.deployment_health.health_wanted is
    'There is too little traffic to judge it by: its workers are to ask their backends how they are.';
comment on column sluice.deployment_health.restore_wanted is 'An operator wants it back, and no controller has seen to it yet.';

-- Lost in a crash of the server, which loses nothing: what is judged is the last minute.
create unlogged table sluice.attempt_sample (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    deployment_id int not null,
    worker_id bigint not null,
    stage int not null,
    succeeded int not null,
    failed_classes sluice.error_class[] not null,
    failed_counts int[] not null,
    run int[] not null,
    latency_bins int[] not null,
    latency_counts int[] not null,
    retry_after_ms bigint
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table sluice.attempt_sample is
    'What became of attempts since a worker last told, until the controller takes it: a row a heartbeat of a worker that did something. Nothing is written while no controller takes it.';
comment on column sluice.attempt_sample.run is
    'Of the outcomes in their order: how many there were, failures at the beginning, failures at the end, and the longest run of failures.';
comment on column sluice.attempt_sample.latency_bins is 'Bins of the histogram of the successes'' latencies, with latency_counts.';

create type sluice.rollout_state as enum ('running', 'paused', 'promoted', 'rolled_back');
comment on type sluice.rollout_state is 'Life of a rollout; the last two are terminal.';

create table sluice.rollout (
    id int generated always as identity primary key,
    model_id int not null,
    candidate_id int not null,
    baseline_id int not null,
    state sluice.rollout_state not null default 'running',
    percent smallint not null check (percent between 1 and 100),
    gates int[] not null default '{}',
    reason text not null default '',
    is_seen boolean not null default false,
    started_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    check (candidate_id <> baseline_id),
    check ((ended_at is not null) = (state in ('promoted', 'rolled_back')))
);
create unique index on sluice.rollout (model_id) where ended_at is null;
create index on sluice.rollout (model_id, id);
comment on table sluice.rollout is 'New versions that took, or take, the place of old ones, step by step.';
comment on column sluice.rollout.gates is 'Percentages at which it waits for an operator once the step has passed.';
comment on column sluice.rollout.is_seen is 'Whether a controller has taken it up.';
