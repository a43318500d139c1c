-- Experiments: arms of a model side by side, each unit of its users with one of them.

create type sluice.experiment_unit as enum ('job', 'tenant');
comment on type sluice.experiment_unit is
    'What is drawn for where a job has no affinity key, which otherwise is the unit: the job itself, or its tenant.';

create type sluice.experiment_state as enum ('running', 'stopped');
comment on type sluice.experiment_state is 'Life of an experiment; the last is terminal.';

create table sluice.experiment (
    id int generated always as identity primary key,
    model_id int not null references sluice.model (id),
    name text not null unique check (name <> '' and octet_length(name) <= 128),
    salt text not null check (octet_length(salt) between 1 and 128),
    unit sluice.experiment_unit not null default 'job',
    state sluice.experiment_state not null default 'running',
    plan jsonb not null default '{}' check (jsonb_typeof(plan) = 'object'),
    reason text not null default '' check (octet_length(reason) <= 1000),
    started_at timestamptz not null default clock_timestamp(),
    stopped_at timestamptz,
    stopped_in xid8,
    closed_at timestamptz,
    check ((state = 'stopped') = (stopped_at is not null)),
    check ((stopped_at is null) = (stopped_in is null)),
    check (closed_at is null or stopped_at is not null)
);
create unique index on sluice.experiment (model_id) where state = 'running';
create index on sluice.experiment (model_id) where closed_at is null;
comment on table sluice.experiment is 'A/B splits of models. A model has one at a time that runs.';
comment on column sluice.experiment.salt is 'What sets its draw apart from others'': another salt, another draw.';
comment on column sluice.experiment.plan is
    'What it is to show, fixed before it starts: primary, guardrails, alpha, minimum_sample, target_sample, indifference, mismatch_limit. What is not there has its default.';
comment on column sluice.experiment.stopped_in is 'The transaction that stopped it: enqueues that began before may still assign jobs.';
comment on column sluice.experiment.closed_at is 'When none of its jobs was left in a lane. Until then its lanes are kept.';

create table sluice.arm (
    id int generated always as identity primary key,
    experiment_id int not null references sluice.experiment (id),
    place smallint not null check (place between 1 and 20),
    name text not null check (name <> '' and octet_length(name) <= 128),
    buckets int not null check (buckets between 1 and 10000),
    is_shadow boolean not null default false,
    deployment_id int references sluice.deployment (id),
    lane smallint generated always as (case when deployment_id is not null then (10000 + id % 20000)::smallint end) stored,
    parameters json check (json_typeof(parameters) = 'object'),
    prompt_prefix text check (octet_length(prompt_prefix) between 1 and 65536),
    prompt_price double precision check (prompt_price between 0 and 1e9),
    completion_price double precision check (completion_price between 0 and 1e9),
    verdict text not null default 'collecting',
    sentence text not null default '' check (octet_length(sentence) <= 4000),
    reported_at timestamptz,
    unique (experiment_id, place),
    unique (experiment_id, name),
    check ((prompt_price is null) = (completion_price is null))
);
comment on table sluice.arm is
    'The sides of experiments. The first that is no shadow is the control. An arm differs by deployment, by parameters, by prompt prefix, or not at all.';
comment on column sluice.arm.buckets is
    'The part of 10,000 of the units that get it; for a shadow, whose requests are copied to it.';
comment on column sluice.arm.is_shadow is 'Nobody is served by it: it gets copies, and its answers are only recorded.';
comment on column sluice.arm.lane is
    'The bucket its jobs wait in, above those of shares, so that only its deployment claims them. Null: they wait where they would without the experiment.';
comment on column sluice.arm.parameters is 'Members its requests get at the top, over those the client sent.';
comment on column sluice.arm.prompt_price is 'Of a million prompt tokens, in any currency; null: cost is not measured.';
comment on column sluice.arm.verdict is 'What the supervisor that leads last made of it beside the control: collecting, undecided, better, worse, equivalent, harmful or mismatch.';

create table sluice.exposure (
    job_id bigint primary key,
    arm_id int not null,
    unit bigint not null,
    copied_from bigint,
    exposed_at timestamptz not null default clock_timestamp()
);
create index on sluice.exposure (arm_id, unit);
comment on table sluice.exposure is 'Which job got which arm, once and for good. Kept as long as the jobs.';
comment on column sluice.exposure.unit is 'A salted hash of the unit: enough to count it once, too little to name anybody.';
comment on column sluice.exposure.copied_from is 'For a copy to a shadow: the job it is a copy of.';

create table sluice.score (
    job_id bigint primary key,
    value double precision not null check (value between -1000000 and 1000000),
    scored_at timestamptz not null default clock_timestamp()
);
comment on table sluice.score is 'What users gave answers; the last word of each counts.';

alter table sluice.model add column experiment_id int references sluice.experiment (id);
comment on column sluice.model.experiment_id is
    'The last experiment of which jobs may be under way; null when there is none, so that nobody pays for it.';

alter table sluice.deployment
    add column lanes int4multirange not null default '{}' check (lanes <@ '{[10000,30000)}'::int4multirange);
comment on column sluice.deployment.lanes is
    'Buckets above those of shares that it may claim, too: those of experiments'' arms. Set by sluice.put_lanes.';

insert into sluice.setting (name, value, description) values
    ('shadow_seconds', 900, 'A copy for a shadow of an experiment that has not run by then is dropped.');

-- Who owns the copies: so nobody sees them in a list, and they count against nobody's limits.
insert into sluice.tenant (name, weight) values ('(shadow)', 1) on conflict (name) do nothing;
