-- Lanes of deployments, second attempts for what is late, and the budget of retries.

alter table sluice.deployment drop constraint deployment_lanes_check,
    add constraint deployment_lanes_check check (lanes <@ '{[-10000,0),[10000,30000)}'::int4multirange),
    add column hedges boolean not null default false;
comment on column sluice.deployment.lanes is
    'Buckets outside those of shares that it may claim, too: from 10000 those of experiments'' arms, below 0 those of jobs only one deployment is to have. Set by sluice.put_lanes.';
comment on column sluice.deployment.hedges is
    'Whether late jobs of its model get a second attempt: then its finishes look after them. Set by sluice.put_lanes.';

create type sluice.hedge_outcome as enum ('won', 'lost', 'failed');
comment on type sluice.hedge_outcome is
    'What a second attempt came to. won: it answered first. lost: its job ended before it. failed: it ended without an answer.';

create table sluice.hedge (
    twin_id bigint primary key,
    job_id bigint not null unique,
    model_id int not null,
    deployment_id int not null,
    begun_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    outcome sluice.hedge_outcome,
    check (twin_id <> job_id),
    check (ended_at is null or outcome is not null)
);
create index on sluice.hedge (twin_id) where ended_at is null;
create index on sluice.hedge (ended_at) where ended_at is not null;
comment on table sluice.hedge is
    'Second attempts of late jobs. The twin is a job of its own until it has ended, of the tenant 0, which there is not: so no list, limit or webhook knows it. Kept for an hour after its end.';
comment on column sluice.hedge.deployment_id is 'Who was asked for the second attempt.';
comment on column sluice.hedge.outcome is 'Known as soon as it is decided; ended_at says when the twin was gone.';

alter table sluice.result add column hedged boolean not null default false;
comment on column sluice.result.hedged is
    'Whether it is the answer of a second attempt, begun because the first was late; that one''s end was refused.';

-- Lost in a crash of the server, which costs nothing: it begins with its allowance again.
create unlogged table sluice.retry_budget (
    model_id int primary key,
    earned double precision not null default 0 check (earned >= 0),
    allowance double precision not null check (allowance >= 0),
    at timestamptz not null default clock_timestamp()
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table sluice.retry_budget is
    'How many retries each model may make at once, whatever the worker, so that they cannot multiply an overload. A row a model that had retries.';
comment on column sluice.retry_budget.earned is 'What successes earned, a part of a retry each; it fades over the window.';
comment on column sluice.retry_budget.allowance is 'What time earned, so that models with little traffic can retry, too.';

insert into sluice.setting (name, value, description) values
    ('retries_per_second', 10, 'So many retries at once a model may make in a second whatever its traffic, and save up for ten; more have to wait.'),
    ('retries_percent', 20, 'So many retries at once a hundred successes of a model earn.');

-- They take or return something else now.
drop function if exists sluice.finish(bigint, bigint[], smallint[], text[], json[], sluice.error_class[], text[], bigint[], int[],
    int[], boolean[], boolean[]);
drop function if exists sluice.steered_models();
drop function if exists sluice.results_of(bigint[]);
drop function if exists sluice.list_jobs(sluice.job_state, text, int, bigint, int, text);
drop function if exists sluice.job_status(bigint[]);
drop view if exists sluice.known_job;
