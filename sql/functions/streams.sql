-- Streams: the pieces of an answer while it is being made.

create or replace function sluice.append_chunks(p_ids bigint[], p_attempts smallint[], p_seqs int[], p_bodies json[])
returns void language plpgsql
set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    v_ring smallint := pg_sequence_last_value('sluice.ring_chunk');
begin
    -- Pieces need not survive a crash of the database: the attempt they belong to is made again then, or its result, which
    -- is committed after them and does wait for the disk, takes them with it.
    perform set_config('synchronous_commit', 'off', true);
    -- Sent again after a lost connection, they are there already.
    insert into sluice.chunk (id, attempt, seq, body, ring)
    select c.id, c.attempt, c.seq, c.body, v_ring
    from unnest(p_ids, p_attempts, p_seqs, p_bodies) c(id, attempt, seq, body)
    on conflict do nothing;
    if pg_sequence_last_value('sluice.chunk_waiter') > extract(epoch from clock_timestamp()) * 1000 then
        perform sluice.notify_jobs('sluice_chunk', array(select distinct unnest(p_ids)));
    end if;
end $$;
comment on function sluice.append_chunks is
    'Keeps pieces of answers. While somebody waits (see read_chunks), the jobs are named on the channel sluice_chunk. Pieces that are there already are passed over. Does not wait for the disk.';

create or replace function sluice.read_chunks(
    p_id bigint, p_after_attempt smallint, p_after_seq int, p_limit int, p_wait_ms int default 0)
returns table (attempt smallint, seq int, body json, state sluice.job_state) language plpgsql as $$
#variable_conflict use_column
declare
    v_count int := 0;
    v_last smallint;
    v_state sluice.job_state;
begin
    if p_limit not between 1 and 10000 then
        raise exception using errcode = 'SL003', message = 'A read takes 1 to 10,000 pieces.';
    end if;
    -- Said before looking, so that what comes after this look is notified.
    if p_wait_ms > 0 then
        perform setval('sluice.chunk_waiter', (extract(epoch from clock_timestamp()) * 1000)::bigint + p_wait_ms);
    end if;
    loop
        -- Of an attempt that was given up nothing more is of use.
        select max(c.attempt) into v_last from sluice.chunk c where c.id = p_id and c.attempt >= p_after_attempt;
        for attempt, seq, body in
            -- Two slots may hold the same piece, when it was sent again.
            select distinct on (c.seq) c.attempt, c.seq, c.body from sluice.chunk c
            where c.id = p_id and c.attempt = v_last and (c.attempt > p_after_attempt or c.seq > p_after_seq)
            order by c.seq limit p_limit
        loop
            v_count := v_count + 1;
            return next;
        end loop;
        exit when v_count > 0 or v_state is not null;
        -- Only where there is nothing to read is the state worth its price.
        v_state := (select s.state from sluice.job_status(array[p_id]) s);
        if v_state is null then
            raise exception using errcode = 'SL005', message = format('There is no job %s.', p_id);
        end if;
        -- The last pieces are committed before the result: where the result is, they are there now.
        exit when v_state in ('scheduled', 'queued', 'running');
    end loop;
    if v_count < p_limit then
        attempt := null; seq := null; body := null;
        state := case when v_count = 0 then v_state end;
        return next;
    end if;
end $$;
comment on function sluice.read_chunks is
    'The pieces of a job''s answer after (p_after_attempt, p_after_seq), 0 and 0 for all. Where the attempt rises, what was read of the one before is void. A last row without a piece says that there are no more yet; its state is set when there was none at all, and if that is terminal, there never will be any. p_wait_ms > 0 says the caller will wait that long for a NOTIFY on sluice_chunk that names the job, or nothing. SL005: no such job.';

create or replace function sluice.expire_chunks() returns text language plpgsql as $$
-- Three slots, each written to for half of chunk_seconds: a slot is emptied when its last piece is that old, and its first
-- half as old again.
declare
    v_now bigint := extract(epoch from clock_timestamp()) * 1000;
    v_since bigint := pg_sequence_last_value('sluice.ring_chunk_since');
    v_keep bigint := (select s.value from sluice.setting s where s.name = 'chunk_seconds') * 500;
    v_next int := (pg_sequence_last_value('sluice.ring_chunk') + 1) % 3;
begin
    if not pg_try_advisory_xact_lock(7021, -6) then return 'busy'; end if;
    if v_since = 0 then
        perform setval('sluice.ring_chunk_since', v_now);
        return '';
    end if;
    if v_now - v_since < v_keep then return ''; end if;
    begin
        perform set_config('lock_timeout', '20ms', true);
        execute format('truncate sluice.chunk_%s', v_next);
    exception when lock_not_available or deadlock_detected then
        return format('slot %s is in use', v_next);
    end;
    perform setval('sluice.ring_chunk', v_next), setval('sluice.ring_chunk_since', v_now);
    return format('slot %s emptied', v_next);
end $$;
comment on function sluice.expire_chunks() is
    'Forgets the oldest pieces of answers, twice in chunk_seconds. Gives up after 20 ms of waiting for a lock.';
