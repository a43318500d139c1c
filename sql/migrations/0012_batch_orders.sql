-- Batches of files: whose limits their lines keep to, which lines were never queued, and orders that are repeated.
-- Webhooks of the ends of batches. And a scope of keys goes that let do nothing more.

alter table sluice.batch
    add column key_id int,
    add column unloaded int not null default 0 check (unloaded >= 0);
comment on column sluice.batch.key_id is 'The key it was ordered with, whose limits its lines keep to besides their tenant''s; null: none.';
comment on column sluice.batch.unloaded is
    'Lines that were never queued because it was cancelled or its window ended before; not counted in total. Known once it has ended.';

-- Its lines that were not loaded are read once more when it ends.
drop index if exists sluice.batch_input_file_id_idx;
create index batch_input_file on sluice.batch (input_file_id) where ended_at is null;

create table sluice.batch_idempotency (
    tenant_id int not null,
    key text not null check (octet_length(key) between 1 and 256),
    batch_id int not null,
    digest text not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, key)
);
comment on table sluice.batch_idempotency is 'Keys by which a repeated order finds the batch it already made.';

alter table sluice.webhook_endpoint
    add column batch_states sluice.batch_state[] not null default '{}'
        check (batch_states <@ '{completed,failed,expired,cancelled}'::sluice.batch_state[]);
-- Whoever was to be told of everything is.
update sluice.webhook_endpoint set batch_states = '{completed,failed,expired,cancelled}' where cardinality(states) = 5;
alter table sluice.webhook_endpoint drop constraint webhook_endpoint_states_check;
alter table sluice.webhook_endpoint
    add check (states <@ '{succeeded,failed,cancelled,expired,quarantined}'::sluice.job_state[]),
    add check (cardinality(states) + cardinality(batch_states) > 0);
comment on column sluice.webhook_endpoint.states is 'Of which ends of single jobs it is told.';
comment on column sluice.webhook_endpoint.batch_states is 'Of which ends of batches it is told.';

alter table sluice.webhook_delivery
    alter column job_id drop not null,
    alter column job_attempt drop not null,
    alter column job_state drop not null,
    add column batch_id int,
    add column batch_state sluice.batch_state,
    add check (num_nonnulls(job_id, batch_id) = 1),
    add check ((job_id is null) = (job_attempt is null) and (job_id is null) = (job_state is null)),
    add check ((batch_id is null) = (batch_state is null));
create index on sluice.webhook_delivery (batch_id) where batch_id is not null;
comment on column sluice.webhook_delivery.batch_id is 'The batch it tells the end of; null: it tells the end of a job.';
comment on column sluice.webhook_delivery.batch_state is 'How the batch ended; it may have been taken up again since.';

-- No route asked for it: operators have the command line and SQL, where the database's roles say who may do what.
alter table sluice.api_key drop constraint api_key_scopes_check;
update sluice.api_key set scopes = '{submit,read}' where 'admin' = any (scopes);
alter table sluice.api_key
    add constraint api_key_scopes_check check (cardinality(scopes) > 0 and scopes <@ array['submit', 'read']);
comment on column sluice.api_key.scopes is 'What it lets do with its tenant''s jobs: read looks, submit makes and changes.';

-- They take or return more now.
drop function if exists sluice.batch_order(text, bigint, sluice.job_kind, text, int, json, int);
drop function if exists sluice.claim_batch_work(int);
drop function if exists sluice.batch_finalized(int, bigint, bigint[], bigint[], int[]);
drop function if exists sluice.tenant_batches(text, int, int, int);
drop function if exists sluice.claim_webhooks(int, int);
drop function if exists sluice.list_webhooks(text, bigint, bigint, sluice.webhook_state, bigint, int);
drop function if exists sluice.put_webhook_endpoint(text, text, text[]);
drop function if exists sluice.list_webhook_endpoints(text);
