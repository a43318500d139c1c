-- Webhooks: who is told when a job has ended, and what became of telling them. And a bound on how long a job may run.

alter table sluice.job add column execution_ms int check (execution_ms between 1 and 604800000);
comment on column sluice.job.execution_ms is
    'How long one attempt may run; longer ends the job as expired. Null: what its model says, and another attempt.';

create type sluice.webhook_form as enum ('standard', 'runpod');
comment on type sluice.webhook_form is
    'What a webhook carries: an event as Standard Webhooks has it, or a job''s status as RunPod''s clients know it.';

create type sluice.webhook_state as enum ('waiting', 'delivered', 'failed');
comment on type sluice.webhook_state is 'Life of a delivery; the last two are terminal until it is redelivered.';

create table sluice.webhook_secret (
    tenant_id int primary key references sluice.tenant (id),
    secret bytea not null check (octet_length(secret) between 24 and 64),
    previous bytea,
    previous_until timestamptz,
    check ((previous is null) = (previous_until is null))
);
comment on table sluice.webhook_secret is
    'What signs the webhooks that single jobs ask for. It is kept as it is, since a signature needs it: whoever reads this table can sign as Sluice.';
comment on column sluice.webhook_secret.previous is 'Signs as well until previous_until, so that receivers have time to change.';

create table sluice.webhook_endpoint (
    id int generated always as identity primary key,
    tenant_id int not null references sluice.tenant (id),
    url text not null check (octet_length(url) between 8 and 2048),
    states sluice.job_state[] not null
        check (cardinality(states) > 0
            and states <@ '{succeeded,failed,cancelled,expired,quarantined}'::sluice.job_state[]),
    secret bytea not null check (octet_length(secret) between 24 and 64),
    created_at timestamptz not null default clock_timestamp(),
    disabled_at timestamptz,
    disabled_reason text
);
create index on sluice.webhook_endpoint (tenant_id) where disabled_at is null;
comment on table sluice.webhook_endpoint is 'Addresses that are told of every job of their tenant that ends in one of their states.';

create table sluice.job_webhook (
    id bigint primary key,
    form sluice.webhook_form not null,
    url text not null check (octet_length(url) between 8 and 2048)
);
comment on table sluice.job_webhook is 'Addresses that are told of the end of one job.';

create table sluice.webhook_delivery (
    id bigint generated always as identity primary key,
    job_id bigint not null,
    tenant_id int not null,
    endpoint_id int,
    job_attempt smallint not null,
    attempt smallint not null default 0,
    attempts_max smallint not null check (attempts_max > 0),
    job_state sluice.job_state not null,
    form sluice.webhook_form not null,
    state sluice.webhook_state not null default 'waiting',
    created_at timestamptz not null default clock_timestamp(),
    due_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    url text not null,
    check ((ended_at is null) = (state = 'waiting'))
);
create index webhook_delivery_due on sluice.webhook_delivery (due_at, id) where state = 'waiting';
create index on sluice.webhook_delivery (tenant_id, id);
create index on sluice.webhook_delivery (job_id);
comment on table sluice.webhook_delivery is
    'One message to one address. A gateway claims it by moving due_at on, so that one whose gateway was killed comes due again.';
comment on column sluice.webhook_delivery.attempt is 'Tries so far: the fence.';
comment on column sluice.webhook_delivery.job_attempt is 'The attempt that ended the job, by which a job that was retried is told from this end of it.';

create table sluice.webhook_try (
    delivery_id bigint not null,
    attempt smallint not null,
    ended_at timestamptz not null default clock_timestamp(),
    took_ms int not null,
    status_code smallint,
    error text check (octet_length(error) <= 2048),
    primary key (delivery_id, attempt)
);
comment on table sluice.webhook_try is 'The log of deliveries: what each try came to.';

create sequence sluice.webhooks_wanted minvalue 0 start 0;
select setval('sluice.webhooks_wanted', 0);
comment on sequence sluice.webhooks_wanted is
    'Register outside transactions: 1 once anybody has asked for a webhook, so that until then an end of a job costs nothing more.';

create table sluice.stream_reader (
    id bigint primary key,
    attempt smallint not null,
    seq int not null,
    read_at timestamptz not null default clock_timestamp()
);
create index on sluice.stream_reader (read_at);
comment on table sluice.stream_reader is
    'How far the pieces of an answer were taken by clients that cannot say where they are (take_chunks).';

-- It has more parameters now.
drop function if exists sluice.enqueue(
    text, json, sluice.job_kind, int, timestamptz, timestamptz, text, text, text, int, json, boolean);
drop function if exists sluice.enqueue_many(text, json[], sluice.job_kind, int, text);

insert into sluice.setting (name, value, description) values
    ('webhook_tries_max', 11, 'How often a webhook is tried before its delivery has failed.'),
    ('webhook_seconds', 2592000, 'Deliveries that have ended are kept this long.');
