-- Batches whose input is a file: read and loaded by whoever takes them up, ended with files of their own.

-- They return the type below, and are made again by functions/batches.sql.
drop function if exists sluice.batch_create(text, sluice.job_kind, text, int, text);
drop function if exists sluice.list_batches(int);
drop function if exists sluice.batch_progress(int);

-- Values added to a type cannot be used in the transaction that adds them, so it is made anew.
alter table sluice.batch drop constraint batch_check2;
alter type sluice.batch_state rename to batch_state_before;
create type sluice.batch_state as enum
    ('validating', 'loading', 'running', 'cancelling', 'finalizing', 'completed', 'cancelled', 'failed', 'expired');
comment on type sluice.batch_state is
    'Life of a batch; the last four are terminal. A batch of a file begins as validating, fails if a line of the file cannot be sent, and is finalizing, or still cancelling, while its files are written.';
alter table sluice.batch
    alter column state drop default,
    alter column state type sluice.batch_state using state::text::sluice.batch_state,
    alter column state set default 'loading';
drop type sluice.batch_state_before;

alter table sluice.batch
    add column input_file_id bigint,
    add column output_file_id bigint,
    add column error_file_id bigint,
    add column completion_window text check (octet_length(completion_window) <= 16),
    add column output_kept_seconds int check (output_kept_seconds > 0),
    add column validated_at timestamptz,
    add column expires_at timestamptz,
    add column finalizing_at timestamptz,
    add column expired_at timestamptz,
    add column input_tokens bigint,
    add column output_tokens bigint,
    add column lease bigint,
    add column leased_until timestamptz,
    add column errors json,
    add column metadata json,
    add check ((ended_at is not null) = (state in ('completed', 'cancelled', 'failed', 'expired'))),
    add check (input_file_id is not null or state not in ('validating', 'finalizing', 'failed', 'expired'));
create index on sluice.batch (tenant_id, id);
create index on sluice.batch (input_file_id) where state in ('validating', 'loading');
comment on column sluice.batch.input_file_id is 'Where its lines are; null: whoever submitted it loads it.';
comment on column sluice.batch.expires_at is 'When its window ends: what has no result then expires.';
comment on column sluice.batch.expired_at is 'When its window ended before it did.';
comment on column sluice.batch.finalizing_at is 'Since when all its jobs have ended and its files are being written.';
comment on column sluice.batch.lease is 'Of whoever reads, loads or ends it at the moment, until leased_until.';
comment on column sluice.batch.errors is 'Why it failed: an array of {code, line, message, param}.';
comment on column sluice.batch.input_tokens is 'Tokens of all its answers, counted when it ended.';

create sequence sluice.batch_lease;
comment on sequence sluice.batch_lease is 'Numbers of leases: one that was lost is recognised by its number.';
