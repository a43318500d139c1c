-- Batches: loaded in chunks by COPY, counted by deltas.

create or replace function sluice.batch_create(
    p_name text, p_kind sluice.job_kind, p_digest text, p_total int, p_tenant text default 'default')
returns table (batch_id int, loaded int, state sluice.batch_state, resumed boolean) language plpgsql as $$
#variable_conflict use_column
declare
    v_tenant int := sluice.tenant_id_of(p_tenant);
begin
    -- Two submissions of one file at a time would both find nothing to resume.
    perform pg_advisory_xact_lock(7022, hashtext(v_tenant || p_digest));
    return query select b.id, b.loaded, b.state, true from sluice.batch b
        where b.tenant_id = v_tenant and b.digest = p_digest and b.state in ('loading', 'running')
        order by b.id desc limit 1;
    if found then return; end if;
    -- One without lines has nothing to load: it would never leave that state.
    return query
        insert into sluice.batch as b (tenant_id, name, kind, digest, total, state, loaded_at)
        values (v_tenant, p_name, p_kind, p_digest, p_total,
            case when p_total > 0 then 'loading' else 'running' end::sluice.batch_state,
            case when p_total = 0 then clock_timestamp() end)
        returning b.id, b.loaded, b.state, false;
end $$;
comment on function sluice.batch_create is
    'Opens a batch of p_total jobs, or takes up the unfinished one of the same digest: loading goes on after the lines loaded.';

create or replace function sluice.unknown_models(p_names text[])
returns table (names text[], known text[]) language sql stable as $$
    select
        coalesce((select array_agg(n order by n) from unnest(p_names) n
            where not exists (select from sluice.model m where m.name = n)), '{}'),
        coalesce((select array_agg(m.name order by m.name)
            from (select m.name from sluice.model m order by m.name limit 20) m), '{}')
$$;
comment on function sluice.unknown_models(text[]) is 'Which of some names are no models, and models there are (20 at most).';

create or replace function sluice.batch_chunk_begin(p_batch int, p_models text[], p_counts int[], p_priority int default 3)
returns table (
    model text, model_id int, tenant_id int, max_attempts smallint, key bigint, key_step bigint, deadline_at timestamptz,
    has_experiment boolean)
language plpgsql as $$
#variable_conflict use_column
declare
    v_batch sluice.batch;
    v_tenant sluice.tenant;
begin
    -- No lock: a loader copies a chunk while the one before is being ended on its other connection.
    select * into v_batch from sluice.batch b where b.id = p_batch;
    if v_batch.state is distinct from 'loading' then
        raise exception using errcode = 'SL011', message = format('Batch %s is not being loaded any more.', p_batch);
    end if;
    select * into v_tenant from sluice.tenant t where t.id = v_batch.tenant_id;
    return query
        select m.name, m.id, v_tenant.id, m.max_attempts,
            -- Behind what is loaded of this batch: chunks with the same keys would have a long batch take more than its
            -- tenant's part, and every row of them would go into the middle of the index.
            sluice.fair_key(m.id, p_priority::smallint, v_tenant.id, v_tenant.weight, null, i.jobs, v_batch.loaded),
            sluice.key_step(v_tenant.weight), v_batch.expires_at, m.experiment_id is not null
        from unnest(p_models, p_counts) i(name, jobs)
        cross join lateral (select sluice.model_id_of(i.name) as id) k
        join sluice.model m on m.id = k.id;
end $$;
comment on function sluice.batch_chunk_begin is
    'Opens a chunk inside the caller''s transaction: per model the fair keys and the deadline its jobs get (maintenance ends them together, so they need no row in deadline), and whether an experiment draws for them: then assign_chunk follows on the copy into sluice.job. The caller takes ids from reserve_jobs, COPYs a row a line into sluice.job and into sluice.ready, and calls batch_chunk_end. SL011: the batch is not being loaded. SL001: no such model.';

create or replace function sluice.reserve_jobs(
    p_count int, out ids bigint[], out buckets smallint[], out ring smallint, out created_at timestamptz)
language sql as $$
    select array_agg(i.id), array_agg(sluice.bucket(i.id, null)), pg_sequence_last_value('sluice.ring_ready')::smallint,
        clock_timestamp()
    from (select nextval('sluice.job_id') as id, generate_series(1, p_count)) i
$$;
comment on function sluice.reserve_jobs(int) is
    'Ids for p_count jobs the caller is about to COPY, rising and above all ids handed out before, with their buckets, the slot of ready to write to, and the time for created_at: a default that reads the clock would have COPY insert row by row.';

create or replace function sluice.batch_chunk_end(
    p_batch int, p_first_line int, p_lines int, p_first_id bigint, p_last_id bigint, p_model_ids int[])
returns int language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_loaded int;
begin
    -- A batch that counts a line it does not have would never end. The loader compares what each COPY took with what it sent;
    -- reading every row again would cost a tenth of storing it.
    if p_last_id - p_first_id + 1 < p_lines or (
        select count(*) from sluice.job j where j.id in (p_first_id, p_last_id) and j.batch_id = p_batch
    ) <> least(p_lines, 2) then
        raise exception using errcode = 'SL011', message = 'The chunk does not hold the jobs it said.';
    end if;
    insert into sluice.batch_chunk (batch_id, first_line, lines, first_id, last_id)
    values (p_batch, p_first_line, p_lines, p_first_id, p_last_id)
    on conflict do nothing;
    -- Two loaders of one batch meet here: the second waits for the first, finds its lines loaded, and is rolled back.
    update sluice.batch b
    set loaded = b.loaded + p_lines,
        state = case when b.loaded + p_lines = b.total then 'running' else b.state end,
        loaded_at = case when b.loaded + p_lines = b.total then clock_timestamp() end
    where b.id = p_batch and b.state = 'loading' and b.loaded = p_first_line
    returning b.loaded into v_loaded;
    if not found then
        raise exception using errcode = 'SL011', message = format('Batch %s was loaded by somebody else meanwhile.', p_batch);
    end if;
    perform sluice.wake(m) from unnest(p_model_ids) m;
    return v_loaded;
end $$;
comment on function sluice.batch_chunk_end is
    'Records a chunk that was copied; its jobs run when the transaction commits, while later chunks are still being loaded. p_first_line counts loaded jobs from 0. The ids of a chunk lie above those of the chunk before. SL011: its lines are loaded already, or the batch is closed.';

create or replace function sluice.batch_chunk_refuse(
    p_batch int, p_ids bigint[], p_classes text[], p_messages text[], p_bodies json[])
returns void language plpgsql as $$
declare
    v_count int;
begin
    insert into sluice.result (id, attempt, state, error_class, error_message, body)
    select j.id, 0, 'failed', u.class::sluice.error_class, left(u.message, 2000), u.body
    from unnest(p_ids, p_classes, p_messages, p_bodies) u(id, class, message, body)
    join sluice.job j on j.id = u.id and j.batch_id = p_batch;
    get diagnostics v_count = row_count;
    if v_count <> cardinality(p_ids) then
        raise exception using errcode = 'SL011', message = 'The chunk does not hold the jobs that were refused.';
    end if;
    insert into sluice.batch_delta (batch_id, state, jobs) values (p_batch, 'failed', v_count);
end $$;
comment on function sluice.batch_chunk_refuse is
    'Ends jobs of a chunk that is being copied which are not to run: they have a row in sluice.job and none in sluice.ready, and were never tried (attempt 0), so that nobody can have them retried. Inside the transaction of the chunk.';

create or replace function sluice.batch_progress(p_batch int)
returns table (
    batch_id int, name text, kind sluice.job_kind, state sluice.batch_state, total int, loaded int, succeeded int,
    failed int, cancelled int, expired int, quarantined int, created_at timestamptz, loaded_at timestamptz,
    ended_at timestamptz)
language sql stable as $$
    select b.id, b.name, b.kind, b.state, b.total, b.loaded,
        b.succeeded + coalesce(d.succeeded, 0)::int, b.failed + coalesce(d.failed, 0)::int,
        b.cancelled + coalesce(d.cancelled, 0)::int, b.expired + coalesce(d.expired, 0)::int,
        b.quarantined + coalesce(d.quarantined, 0)::int, b.created_at, b.loaded_at, b.ended_at
    from sluice.batch b
    left join lateral (
        select sum(d.jobs) filter (where d.state = 'succeeded') as succeeded,
            sum(d.jobs) filter (where d.state = 'failed') as failed,
            sum(d.jobs) filter (where d.state = 'cancelled') as cancelled,
            sum(d.jobs) filter (where d.state = 'expired') as expired,
            sum(d.jobs) filter (where d.state = 'quarantined') as quarantined
        from sluice.batch_delta d where d.batch_id = b.id) d on true
    where b.id = p_batch
$$;
comment on function sluice.batch_progress(int) is 'A batch with its counts as of now. No row: no such batch.';

create or replace function sluice.batch_jobs(p_batch int)
returns table (id bigint, line int, custom_id text) language sql stable as $$
    select j.id, (c.first_line + row_number() over (partition by c.first_line order by j.id))::int, j.custom_id
    from sluice.batch_chunk c join sluice.job j on j.id between c.first_id and c.last_id and j.batch_id = c.batch_id
    where c.batch_id = p_batch
    order by j.id
$$;
comment on function sluice.batch_jobs(int) is 'The jobs of a batch in the order of its lines, counted from 1.';

create or replace function sluice.batch_results(p_batch int, p_after bigint, p_limit int)
returns table (
    id bigint, custom_id text, state sluice.job_state, attempt smallint, error_class sluice.error_class, error_message text,
    body json)
language plpgsql stable as $$
#variable_conflict use_column
declare
    v_chunk sluice.batch_chunk;
    v_count int;
    v_left int := p_limit;
begin
    for v_chunk in
        select * from sluice.batch_chunk c where c.batch_id = p_batch and c.last_id > p_after order by c.first_line
    loop
        return query
            select j.id, j.custom_id, r.state, r.attempt, r.error_class, r.error_message, r.body
            from (
                select j.id, j.custom_id from sluice.job j
                where j.id > p_after and j.id >= v_chunk.first_id and j.id <= v_chunk.last_id and j.batch_id = p_batch
                order by j.id limit v_left) j
            left join lateral (select * from sluice.result r where r.id = j.id) r on true
            order by j.id;
        get diagnostics v_count = row_count;
        v_left := v_left - v_count;
        exit when v_left <= 0;
    end loop;
end $$;
comment on function sluice.batch_results is
    'A page of a batch in the order of its lines: the jobs after the id p_after with their results; state is null where there is none yet.';

create or replace function sluice.list_batches(p_limit int)
returns table (
    batch_id int, name text, kind sluice.job_kind, state sluice.batch_state, total int, loaded int, succeeded int,
    failed int, cancelled int, expired int, quarantined int, created_at timestamptz, loaded_at timestamptz,
    ended_at timestamptz)
language sql stable as $$
    select p.* from (select b.id from sluice.batch b order by b.id desc limit least(greatest(p_limit, 1), 1000)) b
    cross join lateral sluice.batch_progress(b.id) p order by p.batch_id desc
$$;
comment on function sluice.list_batches(int) is 'Batches, newest first.';

create or replace function sluice.batch_withdraw(p_batch int, p_outcome sluice.job_state, p_reason text) returns int
language plpgsql as $$
-- Jobs move from ready to running and back while they are looked for, so one pass may miss some: maintenance repeats this
-- until the batch has ended.
declare
    v_count int := 0;
    v_worker bigint;
begin
    with d as (
        delete from sluice.ready r where r.batch_id = p_batch returning r.id, r.attempt
    ), s as (
        delete from sluice.scheduled s where s.batch_id = p_batch returning s.id, s.attempt
    ), u as (
        delete from sluice.suspect s where s.batch_id = p_batch returning s.id, s.attempt
    ), e as (
        insert into sluice.result (id, attempt, state, error_message)
        select a.id, a.attempt, p_outcome, p_reason
        from (select * from d union all select * from s union all select * from u) a
        returning 1
    )
    select count(*) into v_count from e;
    if v_count > 0 then
        insert into sluice.batch_delta (batch_id, state, jobs) values (p_batch, p_outcome, v_count);
    end if;
    for v_worker in
        with k as materialized (
            -- In the order in which a finish locks its jobs, or the two could wait for each other.
            select l.id, l.ring from sluice.running l
            where l.batch_id = p_batch and not l.cancel_requested order by l.id for update
        ), l as (
            update sluice.running l set cancel_requested = true from k where l.id = k.id and l.ring = k.ring
            returning l.worker_id
        ) select distinct l.worker_id from l
    loop
        perform pg_notify('sluice_worker_' || v_worker, 'cancel');
    end loop;
    return v_count;
end $$;
comment on function sluice.batch_withdraw is
    'Ends what of a batch waits, as cancelled or expired, and tells running jobs to stop. Returns how many waited.';

create or replace function sluice.batch_cancel(p_batch int) returns int language plpgsql as $$
begin
    if not exists (select from sluice.batch b where b.id = p_batch) then
        raise exception using errcode = 'SL005', message = format('There is no batch %s.', p_batch);
    end if;
    update sluice.batch b
    set state = 'cancelling', cancel_requested_at = coalesce(b.cancel_requested_at, clock_timestamp()), total = b.loaded
    where b.id = p_batch and b.state in ('validating', 'loading', 'running');
    if not exists (select from sluice.batch b where b.id = p_batch and b.state = 'cancelling') then return 0; end if;
    return sluice.batch_withdraw(p_batch, 'cancelled', 'its batch was cancelled');
end $$;
comment on function sluice.batch_cancel(int) is
    'Cancels what of a batch has not ended; running jobs are told to stop. Returns how many had not started. Lines that were not loaded yet are given up; those of a file come into its error file. SL005: no such batch.';

create or replace function sluice.announce_batch_end(p_batch sluice.batch) returns void language plpgsql as $$
begin
    insert into sluice.event (kind, subject, reason) values ('batch_ended', 'batch ' || p_batch.id,
        format('%s: %s succeeded, %s failed, %s cancelled, %s expired, %s quarantined', p_batch.state,
            p_batch.succeeded, p_batch.failed, p_batch.cancelled, p_batch.expired, p_batch.quarantined));
    perform pg_notify('sluice_batch_' || p_batch.id, p_batch.state::text);
    perform sluice.note_batch_end(p_batch);
end $$;
comment on function sluice.announce_batch_end(sluice.batch) is
    'Records that a batch has ended, and tells whoever waits for it, webhooks included.';

create or replace function sluice.settle_batches() returns int language plpgsql as $$
declare
    v_batch sluice.batch;
    v_ended int := 0;
begin
    -- One at a time, or two would fold one delta twice.
    if not pg_try_advisory_xact_lock(7021, -2) then return 0; end if;
    with d as (
        delete from sluice.batch_delta returning *
    ), s as (
        select d.batch_id, sum(d.jobs) as jobs,
            coalesce(sum(d.jobs) filter (where d.state = 'succeeded'), 0) as succeeded,
            coalesce(sum(d.jobs) filter (where d.state = 'failed'), 0) as failed,
            coalesce(sum(d.jobs) filter (where d.state = 'cancelled'), 0) as cancelled,
            coalesce(sum(d.jobs) filter (where d.state = 'expired'), 0) as expired,
            coalesce(sum(d.jobs) filter (where d.state = 'quarantined'), 0) as quarantined
        from d group by d.batch_id
    )
    update sluice.batch b
    set succeeded = b.succeeded + s.succeeded, failed = b.failed + s.failed, cancelled = b.cancelled + s.cancelled,
        expired = b.expired + s.expired, quarantined = b.quarantined + s.quarantined,
        -- A line was run again while the batch was being ended: retry did not see the end, so it is taken back here.
        state = case when coalesce(b.ended_at, b.finalizing_at) is not null and s.jobs < 0 then 'running' else b.state end,
        ended_at = case when s.jobs >= 0 then b.ended_at end,
        finalizing_at = case when s.jobs >= 0 then b.finalizing_at end
    from s where s.batch_id = b.id;
    for v_batch in
        update sluice.batch b
        -- One with a file has files to be written before it ends.
        set state = case when b.state = 'cancelling' then case when b.input_file_id is null then 'cancelled' else 'cancelling' end
                when b.input_file_id is null then 'completed' else 'finalizing' end::sluice.batch_state,
            ended_at = case when b.input_file_id is null then clock_timestamp() end,
            finalizing_at = case when b.input_file_id is not null then clock_timestamp() end,
            -- Its jobs have the window's end as their deadline, and may all have met it before this looked.
            expired_at = case when b.input_file_id is not null and b.expired > 0 and b.expires_at <= clock_timestamp()
                then coalesce(b.expired_at, clock_timestamp()) else b.expired_at end,
            leased_until = null
        where b.ended_at is null and b.finalizing_at is null and b.state in ('running', 'cancelling', 'finalizing')
            and b.succeeded + b.failed + b.cancelled + b.expired + b.quarantined = b.total
        returning b.*
    loop
        v_ended := v_ended + 1;
        if v_batch.ended_at is not null then perform sluice.announce_batch_end(v_batch); end if;
    end loop;
    update sluice.batch b set state = 'finalizing', expired_at = clock_timestamp(), total = b.loaded
    where b.ended_at is null and b.state in ('validating', 'loading', 'running') and b.expires_at <= clock_timestamp();
    perform case b.state when 'cancelling' then sluice.batch_cancel(b.id)
        else sluice.batch_withdraw(b.id, 'expired', 'the window of its batch ended') end
    from sluice.batch b
    where b.ended_at is null and b.finalizing_at is null and b.state in ('cancelling', 'finalizing');
    return v_ended;
end $$;
comment on function sluice.settle_batches() is
    'Folds the counts appended by finishes into the batches, ends those that are complete, or lets their files be written, and withdraws what is left of those whose window has ended. One caller at a time; others return at once.';
