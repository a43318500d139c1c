-- Batches whose input is a file. Whoever is there (any gateway) takes up what is to be done, under a lease; may be killed at
-- any moment; and the next one goes on.

create or replace function sluice.batch_order(
    p_tenant text, p_file bigint, p_kind sluice.job_kind, p_window text, p_seconds int, p_metadata json default null,
    p_output_kept_seconds int default 2592000, p_key int default null, p_idempotency_key text default null)
returns int language plpgsql as $$
declare
    v_tenant int := sluice.tenant_id_of(p_tenant);
    v_file record;
    v_old sluice.batch_idempotency;
    v_digest text;
    v_id int;
begin
    if p_idempotency_key is not null then
        if octet_length(p_idempotency_key) not between 1 and 256 then
            raise exception using errcode = 'SL003', message = 'The idempotency key must have 1 to 256 bytes.';
        end if;
        v_digest := md5(concat_ws(' ', p_file, p_kind, p_seconds, p_output_kept_seconds, p_metadata));
        -- One at a time, so that whoever comes second finds what the first one made.
        perform pg_advisory_xact_lock(7026, hashtext(v_tenant || ' ' || p_idempotency_key));
        select * into v_old from sluice.batch_idempotency i where i.tenant_id = v_tenant and i.key = p_idempotency_key;
        if found and v_old.digest <> v_digest then
            raise exception using errcode = 'SL004',
                message = 'This idempotency key was used before with a different request.';
        end if;
        -- Also when the file is gone by now: the batch is there.
        if found then return v_old.batch_id; end if;
    end if;
    -- Whoever deletes it waits, and sees the batch then.
    perform from sluice.file f where f.id = p_file for share;
    select * into v_file from sluice.file_get(p_tenant, p_file) f where f.purpose = 'batch';
    if not found then
        raise exception using errcode = 'SL005', message = format('There is no file %s for batches.', p_file);
    end if;
    insert into sluice.batch (tenant_id, state, name, kind, digest, total, input_file_id, completion_window, expires_at,
        metadata, output_kept_seconds, key_id)
    values (v_tenant, 'validating', v_file.filename, p_kind, 'file ' || p_file, 0, p_file, p_window,
        clock_timestamp() + p_seconds * interval '1 second', p_metadata, p_output_kept_seconds, p_key)
    returning id into v_id;
    if p_idempotency_key is not null then
        insert into sluice.batch_idempotency (tenant_id, key, batch_id, digest)
        values (v_tenant, p_idempotency_key, v_id, v_digest);
    end if;
    return v_id;
end $$;
comment on function sluice.batch_order is
    'Opens a batch of the lines of a file, to be done within p_seconds; its lines keep to the limits of p_key. With p_idempotency_key the same order again, within a day, returns the batch there is. SL002: no such tenant. SL004: the idempotency key was used for another order. SL005: it has no such file of the purpose batch.';

create or replace function sluice.claim_batch_work(p_seconds int)
returns table (
    batch_id int, lease bigint, tenant text, kind sluice.job_kind, state sluice.batch_state, loaded int, name text,
    input_file_id bigint, input_pieces int, is_finalizing boolean, key_id int, is_cut boolean, is_cancelled boolean)
language plpgsql as $$
#variable_conflict use_column
declare
    v_id int;
begin
    -- Ends before beginnings, and whoever was worked on longest ago first: a batch that waits for room in the queue, and is
    -- put back, does not keep others from their turn.
    select b.id into v_id from sluice.batch b
    where b.ended_at is null and b.input_file_id is not null
        and (b.state in ('validating', 'loading') or b.finalizing_at is not null)
        and (b.leased_until is null or b.leased_until < clock_timestamp())
    order by b.finalizing_at is null, b.leased_until nulls first, b.id limit 1 for update skip locked;
    if not found then return; end if;
    return query
        update sluice.batch b
        set lease = nextval('sluice.batch_lease'), leased_until = clock_timestamp() + p_seconds * interval '1 second'
        from sluice.tenant t
        where b.id = v_id and t.id = b.tenant_id
        returning b.id, b.lease, t.name, b.kind, b.state, b.loaded, b.name, b.input_file_id,
            coalesce((select f.pieces from sluice.file f where f.id = b.input_file_id), 0), b.finalizing_at is not null,
            b.key_id, b.finalizing_at is not null and b.loaded_at is null, b.cancel_requested_at is not null;
end $$;
comment on function sluice.claim_batch_work(int) is
    'Takes up a batch that is to be read and loaded, or whose files are to be written, and that nobody else works on, for p_seconds. is_cut: it ends before all its lines were loaded. No row: there is none.';

create or replace function sluice.put_back_batch_work(p_batch int, p_lease bigint) returns boolean
language plpgsql as $$
begin
    update sluice.batch b set leased_until = clock_timestamp()
    where b.id = p_batch and b.lease = p_lease and b.state = 'loading';
    return found;
end $$;
comment on function sluice.put_back_batch_work is
    'Gives up the lease of a batch that is still being loaded: it is taken up again after the others that wait. False: the lease was lost, or it is loaded.';

create or replace function sluice.renew_batch_work(p_batch int, p_lease bigint, p_seconds int) returns boolean
language plpgsql as $$
begin
    update sluice.batch b set leased_until = clock_timestamp() + p_seconds * interval '1 second'
    where b.id = p_batch and b.lease = p_lease and b.ended_at is null;
    return found;
end $$;
comment on function sluice.renew_batch_work is 'Keeps a lease for p_seconds more. False: it was lost, or the batch has ended.';

create or replace function sluice.batch_validated(p_batch int, p_lease bigint, p_total int) returns int
language plpgsql as $$
declare
    v_loaded int;
begin
    update sluice.batch b
    set state = 'loading', total = p_total, validated_at = coalesce(b.validated_at, clock_timestamp())
    where b.id = p_batch and b.lease = p_lease and (b.state = 'validating' or (b.state = 'loading' and b.total = p_total))
        and p_total > 0
    returning b.loaded into v_loaded;
    return v_loaded;
end $$;
comment on function sluice.batch_validated is
    'Says that all p_total lines of a batch can be sent. Returns how many are loaded already; null: the lease was lost, or the batch is not to be loaded any more.';

create or replace function sluice.batch_rejected(p_batch int, p_lease bigint, p_errors json) returns boolean
language plpgsql as $$
begin
    update sluice.batch b set state = 'failed', ended_at = clock_timestamp(), leased_until = null, errors = p_errors
    where b.id = p_batch and b.lease = p_lease and b.state = 'validating';
    if not found then return false; end if;
    perform sluice.announce_batch_end(b) from sluice.batch b where b.id = p_batch;
    return true;
end $$;
comment on function sluice.batch_rejected is
    'Ends a batch whose lines cannot be sent, none of which was queued. False: the lease was lost, or it was cancelled.';

create or replace function sluice.batch_file_begin(p_batch int, p_lease bigint) returns bigint language plpgsql as $$
declare
    v_id bigint;
begin
    -- Its tenant may have as many files as it is allowed: what was worked for is not kept from it, and has a time to go.
    insert into sluice.file (tenant_id)
    select b.tenant_id from sluice.batch b
    where b.id = p_batch and b.lease = p_lease and b.finalizing_at is not null and b.ended_at is null
    returning id into v_id;
    if v_id is null then
        raise exception using errcode = 'SL005', message = format('The files of batch %s are written by somebody else.', p_batch);
    end if;
    return v_id;
end $$;
comment on function sluice.batch_file_begin(int, bigint) is
    'Opens a file for the results of a batch, that nobody sees until batch_finalized, however many files its tenant has. SL005: the lease was lost.';

create or replace function sluice.batch_finalized(
    p_batch int, p_lease bigint, p_files bigint[], p_bytes bigint[], p_pieces int[], p_unloaded int default 0)
returns boolean language plpgsql as $$
declare
    v_batch sluice.batch;
begin
    select * into v_batch from sluice.batch b
    where b.id = p_batch and b.lease = p_lease and b.finalizing_at is not null and b.ended_at is null for update;
    if not found then return false; end if;
    -- With its end, so that nobody sees files of a batch that has none, or two.
    for i in 1..2 loop
        continue when p_files[i] is null;
        perform sluice.file_complete(p_files[i], format('batch_%s_%s.jsonl', p_batch, (array['output', 'error'])[i]),
            'batch_output', p_bytes[i], p_pieces[i], v_batch.output_kept_seconds);
    end loop;
    update sluice.file f set deleted_at = clock_timestamp()
    where f.id in (v_batch.output_file_id, v_batch.error_file_id) and f.deleted_at is null;
    select sum(r.prompt_tokens), sum(r.completion_tokens) into v_batch.input_tokens, v_batch.output_tokens
    from sluice.batch_chunk c join sluice.job j on j.id between c.first_id and c.last_id and j.batch_id = c.batch_id
    join sluice.result r on r.id = j.id
    where c.batch_id = p_batch;
    update sluice.batch b
    set state = case when b.state = 'cancelling' then 'cancelled' when b.expired_at is not null then 'expired'
            else 'completed' end::sluice.batch_state,
        ended_at = clock_timestamp(), leased_until = null, output_file_id = p_files[1], error_file_id = p_files[2],
        unloaded = p_unloaded,
        input_tokens = v_batch.input_tokens, output_tokens = v_batch.output_tokens
    where b.id = p_batch
    returning b.* into v_batch;
    perform sluice.announce_batch_end(v_batch);
    return true;
end $$;
comment on function sluice.batch_finalized is
    'Ends a batch with its output and its error file (null: it has none), which were stored but not completed; p_unloaded lines of the error file were never queued. False: the lease was lost, or a job of it was queued again meanwhile.';

create or replace function sluice.tenant_batches(p_tenant text, p_id int, p_after int, p_limit int)
returns table (
    batch_id int, name text, kind sluice.job_kind, state sluice.batch_state, total int, loaded int, succeeded int,
    failed int, cancelled int, expired int, quarantined int, created_at timestamptz, loaded_at timestamptz,
    ended_at timestamptz, input_file_id bigint, output_file_id bigint, error_file_id bigint, completion_window text,
    validated_at timestamptz, expires_at timestamptz, finalizing_at timestamptz, cancel_requested_at timestamptz,
    expired_at timestamptz, input_tokens bigint, output_tokens bigint, errors json, metadata json, unloaded int)
language sql stable as $$
    select p.*, b.input_file_id, b.output_file_id, b.error_file_id, b.completion_window, b.validated_at, b.expires_at,
        b.finalizing_at, b.cancel_requested_at, b.expired_at, b.input_tokens, b.output_tokens, b.errors, b.metadata,
        b.unloaded
    from (
        select b.* from sluice.batch b
        where b.tenant_id = sluice.tenant_id_of(p_tenant) and (p_id is null or b.id = p_id)
            and (p_after is null or b.id < p_after)
        order by b.id desc limit least(greatest(p_limit, 1), 1001)) b
    cross join lateral sluice.batch_progress(b.id) p
    order by b.id desc
$$;
comment on function sluice.tenant_batches is 'Batches of a tenant, newest first, below the id p_after; or the one of the id p_id.';
