-- What keeps the queue in shape: due jobs, deadlines, rings, partitions. Every function may be called by anybody at any time.

create or replace function sluice.promote_due(p_floor timestamptz default '-infinity', p_limit int default 1000)
returns table (promoted int, floor timestamptz, next_ms bigint) language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
#variable_conflict use_column
declare
    v_now timestamptz := clock_timestamp();
    v_job record;
    v_count int := 0;
    v_floor timestamptz := p_floor;
    v_models int[] := '{}';
begin
    for v_job in
        with c as (
            select s.due_at, s.id from sluice.scheduled s
            where s.due_at >= p_floor and s.due_at <= v_now order by s.due_at, s.id limit p_limit for update skip locked
        ), d as (
            delete from sluice.scheduled s using c where s.id = c.id returning s.*
        ) select * from d
    loop
        perform sluice.place(v_job.id, sluice.virtual_time(v_job.model_id, v_job.priority, v_job.bucket), v_job.model_id,
            v_job.tenant_id, v_job.batch_id, v_job.priority, v_job.bucket, v_job.attempt, v_job.failures, v_job.crashes);
        v_count := v_count + 1;
        v_floor := greatest(v_floor, v_job.due_at);
        if not v_job.model_id = any (v_models) then v_models := v_models || v_job.model_id; end if;
    end loop;
    perform sluice.wake(m) from unnest(v_models) m;
    -- Fewer than asked: nothing due is left, so the next look may start at this moment.
    if v_count < p_limit then v_floor := greatest(v_floor, v_now); end if;
    return query select v_count, v_floor, (select greatest(0, ceil(extract(epoch from s.due_at - v_now) * 1000))::bigint
        from sluice.scheduled s where s.due_at >= v_floor and s.due_at < 'infinity' order by s.due_at limit 1);
end $$;
comment on function sluice.promote_due is
    'Queues up to p_limit jobs that have come due at or after p_floor. Returns how many, where to look from next time, and in how many milliseconds the next one is due (null: none). Look from -infinity now and then: an enqueue may commit after the floor has passed its due time.';

create or replace function sluice.expire(p_limit int default 1000) returns int language plpgsql as $$
-- No job may keep the others from their deadlines: what cannot be ended now is looked at again a minute later.
declare
    v_ids bigint[];
    v_id bigint;
    v_count int := 0;
    v_patience text := current_setting('lock_timeout');
    v_until timestamptz;
begin
    with c as (
        select d.deadline_at, d.id from sluice.deadline d where d.deadline_at <= clock_timestamp()
        order by d.deadline_at limit p_limit for update skip locked
    ), e as (
        delete from sluice.deadline d using c where d.deadline_at = c.deadline_at and d.id = c.id returning d.id
    )
    -- In the order in which a finish locks its jobs, or the two could wait for each other. A row without a job just goes.
    select array_agg(e.id order by e.id) into v_ids from e where exists (select from sluice.job j where j.id = e.id);
    if v_ids is null then return 0; end if;
    begin
        foreach v_id in array v_ids loop
            perform sluice.cancel(v_id, 'its deadline passed', 'expired');
        end loop;
        return cardinality(v_ids);
    exception when others then
        -- The server's own trouble: no room, no connection, no time. It is no job's fault.
        if left(sqlstate, 2) in ('53', '57', '58') then raise; end if;
    end;
    -- One of them cannot be ended: one by one, in a subtransaction each, which all of them at all times would be too dear.
    v_until := clock_timestamp() + interval '5 seconds';
    perform set_config('lock_timeout', '100ms', true);
    foreach v_id in array v_ids loop
        begin
            if clock_timestamp() > v_until then
                insert into sluice.deadline (deadline_at, id) values (clock_timestamp(), v_id);
            else
                perform sluice.cancel(v_id, 'its deadline passed', 'expired');
                v_count := v_count + 1;
            end if;
        exception when others then
            if left(sqlstate, 2) in ('53', '57', '58') then raise; end if;
            -- SL005: it was forgotten just now.
            if sqlstate <> 'SL005' then
                raise warning 'Job % could not be ended at its deadline, which is tried again in a minute: %', v_id, sqlerrm;
                insert into sluice.deadline (deadline_at, id) values (clock_timestamp() + interval '1 minute', v_id);
            end if;
        end;
    end loop;
    perform set_config('lock_timeout', v_patience, true);
    return v_count;
end $$;
comment on function sluice.expire(int) is
    'Ends jobs whose deadline has passed before they had a result. A running one is told to stop; its worker ends it as expired. One that cannot be ended now (somebody else''s transaction holds it, say) is tried again in a minute, with a warning.';

create or replace function sluice.sweep_ring(p_table text, p_sequence regclass) returns text language plpgsql as $$
-- Rotation only removes garbage: speed does not depend on it. It waits for no one, since while it waits for its lock every
-- claim would wait behind it.
declare
    v_fill bigint := (select s.value from sluice.setting s where s.name = 'ring_fill_pages') * 8192;
    v_carry bigint := (select s.value from sluice.setting s where s.name = 'ring_carry_rows');
    v_current bigint := pg_sequence_last_value(p_sequence);
    v_columns text := (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
        where a.attrelid = ('sluice.' || p_table)::regclass and a.attnum > 0 and not a.attisdropped and a.attname <> 'ring');
    v_slot text;
    v_live bigint;
    v_did text := '';
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception using errcode = 'SL003', message = 'Rings are swept at the isolation level read committed.';
    end if;
    if not pg_try_advisory_xact_lock(7021, -3) then return 'busy'; end if;
    if pg_relation_size(format('sluice.%I', p_table || '_' || v_current)) > v_fill then
        for slot in 0..2 loop
            if slot <> v_current and pg_relation_size(format('sluice.%I', p_table || '_' || slot)) = 0 then
                perform setval(p_sequence, slot);
                v_did := v_did || format('slot %s left for %s; ', v_current, slot);
                v_current := slot;
                exit;
            end if;
        end loop;
    end if;
    for slot in 0..2 loop
        v_slot := format('sluice.%I', p_table || '_' || slot);
        continue when slot = v_current or pg_relation_size(v_slot) = 0;
        execute format('select count(*) from (select from %s limit %s) x', v_slot, v_carry + 1) into v_live;
        continue when v_live > v_carry;
        begin
            perform set_config('lock_timeout', '20ms', true);
            execute format('lock table %s in access exclusive mode', v_slot);
            -- Counted again under the lock: without it a finish could delete a row that is being carried, and be lost.
            execute format('select count(*) from (select from %s limit %s) x', v_slot, v_carry + 1) into v_live;
            if v_live <= v_carry then
                execute format('insert into sluice.%I (%s, ring) select %s, %s from %s',
                    p_table, v_columns, v_columns, v_current, v_slot);
                execute format('truncate %s', v_slot);
                v_did := v_did || format('slot %s emptied, %s rows carried; ', slot, v_live);
            end if;
        exception when lock_not_available or deadlock_detected then
            v_did := v_did || format('slot %s is in use; ', slot);
        end;
    end loop;
    return v_did;
end $$;
comment on function sluice.sweep_ring(text, regclass) is
    'Empties ring slots of ready or running that are mostly garbage. Gives up after 20 ms of waiting for a lock.';

create or replace function sluice.sweep() returns text language sql as $$
    select sluice.sweep_ring('ready', 'sluice.ring_ready') || sluice.sweep_ring('running', 'sluice.ring_running')
$$;
comment on function sluice.sweep() is 'Sweeps both rings.';

create or replace function sluice.ensure_partitions() returns int language plpgsql as $$
-- Attached ahead of need, so that an enqueue never waits for DDL. Few, since every plan locks each of them.
declare
    v_rows bigint := (select s.value from sluice.setting s where s.name = 'partition_rows');
    v_next bigint := coalesce(pg_sequence_last_value('sluice.job_id'), 0);
    v_from bigint;
    v_name text;
    v_made int := 0;
begin
    if not pg_try_advisory_xact_lock(7021, -4) then return 0; end if;
    for parent in 1..3 loop
        v_name := (array['job', 'result', 'past_attempt'])[parent];
        loop
            -- The bounds continue where the last partition ends, whatever size the setting had then.
            select coalesce(max((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''?(\d+)''?\)'))[1]::bigint), 0)
            into v_from
            from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = ('sluice.' || v_name)::regclass;
            exit when v_from > v_next + v_rows / 2;
            -- Made apart and attached: CREATE TABLE … PARTITION OF takes the parent's lock against everything, so one
            -- open enqueue would make it wait, and all others wait behind it.
            execute format('create table sluice.%I (like sluice.%I including all)', v_name || '_' || v_from, v_name);
            execute format('alter table sluice.%I attach partition sluice.%I for values from (%s) to (%s)',
                v_name, v_name || '_' || v_from, v_from, v_from + v_rows);
            v_made := v_made + 1;
        end loop;
    end loop;
    return v_made;
end $$;
comment on function sluice.ensure_partitions() is
    'Makes the partitions that will be needed next; with the last one half full, the next is there.';

create or replace function sluice.tidy() returns int language plpgsql as $$
declare
    v_count int;
begin
    if not pg_try_advisory_xact_lock(7021, -5) then return 0; end if;
    delete from sluice.placement p where exists (select from sluice.result r where r.id = p.id)
        and p.placed_at < clock_timestamp() - interval '1 minute';
    get diagnostics v_count = row_count;
    delete from sluice.idempotency i where i.created_at < now() - interval '24 hours'
        and exists (select from sluice.result r where r.id = i.job_id);
    delete from sluice.attempt_sample a where a.at < clock_timestamp() - interval '2 minutes';
    delete from sluice.batch_idempotency i where i.created_at < now() - interval '24 hours';
    perform sluice.close_experiments();
    return v_count;
end $$;
comment on function sluice.tidy() is
    'Removes what ended jobs no longer need: placements, and idempotency keys older than a day; and samples no controller took. Closes experiments nothing is left of.';
