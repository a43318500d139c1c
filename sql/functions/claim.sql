-- Claiming: the hot path.

create or replace function sluice.claim(
    p_worker bigint, p_limit int, p_floors bigint[], p_wait_ms int, p_ceilings bigint[] default null)
returns table (
    id bigint, attempt smallint, failures smallint, crashes smallint, max_attempts smallint, kind sluice.job_kind,
    priority smallint, key bigint, deadline_ms bigint, queued_ms bigint, stream boolean, payload json, floors bigint[],
    stage int, treatment json, rest_ms int, tenant_id int)
language plpgsql
-- Planning was 0.38 of a 0.46 ms call, and one plan is right whatever the statistics of a fresh table say.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set enable_memoize = off set jit = off
as $$
#variable_conflict use_column
declare
    v_model int;
    v_deployment int;
    v_stage int;
    v_limit int := p_limit;
    v_floors bigint[] := coalesce(p_floors, '{0,0,0,0,0}');
    v_ceilings bigint[] := p_ceilings;
    v_is_probe boolean := false;
    v_share int4multirange;
    v_low smallint;
    v_high smallint;
    v_paused boolean;
    v_state sluice.worker_state;
    v_virtual regclass[];
    v_waiter regclass;
    v_version bigint;
    v_experiment int;
    v_is_limited boolean;
    v_spills boolean;
    v_allowed int;
    v_rest int;
    v_full record;
    v_now bigint[];
    v_ids bigint[];
    v_attempts smallint[];
    v_failures smallint[];
    v_crashes smallint[];
    v_priorities smallint[];
    v_keys bigint[];
    v_claimed bigint[];
    v_end constant bigint := 9223372036854775807;
begin
    if p_limit not between 1 and 1000 then
        raise exception using errcode = 'SL003', message = 'A claim takes 1 to 1,000 jobs.';
    end if;
    select d.model_id, case when upper(s.share) - lower(s.share) > 0 and s.share <> int4multirange(range_merge(s.share))
            then s.share end, lower(s.share), upper(s.share), d.paused, w.state, d.virtual_time, m.waiter,
        d.xmin::text::bigint, d.id, d.stage, m.experiment_id, d.is_limited,
        m.has_limits or m.spills_until > clock_timestamp()
    into v_model, v_share, v_low, v_high, v_paused, v_state, v_virtual, v_waiter, v_version, v_deployment, v_stage,
        v_experiment, v_is_limited, v_spills
    from sluice.worker w
    join sluice.deployment d on d.id = w.deployment_id
    join sluice.model m on m.id = d.model_id
    cross join lateral (select case when d.lanes = '{}' then d.share else d.share + d.lanes end as share) s
    where w.id = p_worker;
    if v_state is null or v_state in ('stopped', 'dead') then
        raise exception using errcode = 'SL010', message = 'This worker was declared dead; its process must end.';
    end if;
    -- A lease need not survive a crash of the database: what was leased is ready again then, and whoever ran it meanwhile
    -- is refused by the fence or ends it rightfully. A result does wait for the disk, and takes the lease with it.
    perform set_config('synchronous_commit', 'off', true);
    -- Said before looking, so that whoever commits after this look sees it.
    if p_wait_ms > 0 then
        perform setval(v_waiter, (extract(epoch from clock_timestamp()) * 1000)::bigint + p_wait_ms);
    end if;
    -- Read before looking: a key made after this look lies above these, so they are floors where nothing is found.
    v_now := array[
        coalesce(pg_sequence_last_value(v_virtual[1]), 0), coalesce(pg_sequence_last_value(v_virtual[2]), 0),
        coalesce(pg_sequence_last_value(v_virtual[3]), 0), coalesce(pg_sequence_last_value(v_virtual[4]), 0),
        coalesce(pg_sequence_last_value(v_virtual[5]), 0)];
    if v_low is null and not v_paused then
        -- Without a share it may still have to prove itself by one job. Of two claims at once the second waits here for the
        -- first, and finds that there is none left for it.
        update sluice.deployment_health h set probe_wanted = false, probe_job = null, probe_at = clock_timestamp()
        where h.deployment_id = v_deployment and h.probe_wanted;
        v_is_probe := found;
        if v_is_probe then
            v_low := 0;
            v_high := 10000;
            v_limit := 1;
            v_floors := '{0,0,0,0,0}';
            v_ceilings := null;
        end if;
    end if;
    if v_paused or v_low is null then
        return query select null::bigint, null::smallint, null::smallint, null::smallint, null::smallint,
            null::sluice.job_kind, null::smallint, v_version, null::bigint, null::bigint, null::boolean, null::json, v_now,
            v_stage, null::json, null::int, null::int;
        return;
    end if;
    if v_is_limited then
        select a.jobs, a.rest_ms into v_allowed, v_rest from sluice.allowance(v_deployment, v_limit) a;
        if v_allowed = 0 then
            perform sluice.charge(v_deployment, p_worker, 0, v_rest);
            -- Not looked at: that nothing is there is not said, so the floors stay.
            return query select null::bigint, null::smallint, null::smallint, null::smallint, null::smallint,
                null::sluice.job_kind, null::smallint, v_version, null::bigint, null::bigint, null::boolean, null::json,
                v_floors, v_stage, null::json, v_rest, null::int;
            return;
        end if;
        v_limit := v_allowed;
    end if;

    -- The lateral subquery is pulled lazily: a lower priority is looked at, and locked, only when those above it gave less
    -- than v_limit. Rows are found by place and id: a join on the key could fall into a sequential scan.
    with c as materialized (
        select x.place, x.id
        from unnest(v_floors, coalesce(v_ceilings, array_fill(v_end, array[5])))
            with ordinality f(floor, ceiling, level)
        cross join lateral (
            select r.ctid as place, r.id
            from sluice.ready r
            where r.model_id = v_model and r.priority = (f.level - 1)::smallint and r.key >= f.floor
                and r.key < f.ceiling and r.bucket >= v_low and r.bucket < v_high and (v_share is null or v_share @> r.bucket::int)
            order by r.key, r.id
            limit v_limit
            for update skip locked) x
        limit v_limit
    ), d as (
        delete from sluice.ready r
        where r.ctid = any (array(select c.place from c)) and r.id = any (array(select c.id from c))
        returning r.*
    ), l as (
        insert into sluice.running
            (id, key, worker_id, model_id, tenant_id, batch_id, priority, bucket, attempt, failures, crashes, ring)
        select d.id, d.key, p_worker, d.model_id, d.tenant_id, d.batch_id, d.priority, d.bucket, d.attempt + 1, d.failures,
            d.crashes, pg_sequence_last_value('sluice.ring_running')
        from d
        returning id, attempt, failures, crashes, priority, key
    )
    select array_agg(l.id), array_agg(l.attempt), array_agg(l.failures), array_agg(l.crashes), array_agg(l.priority),
        array_agg(l.key),
        array[max(l.key) filter (where l.priority = 0), max(l.key) filter (where l.priority = 1),
              max(l.key) filter (where l.priority = 2), max(l.key) filter (where l.priority = 3),
              max(l.key) filter (where l.priority = 4)]
    into v_ids, v_attempts, v_failures, v_crashes, v_priorities, v_keys, v_claimed
    from (select l.* from l order by l.priority, l.key, l.id) l;

    if v_is_probe then
        update sluice.deployment_health h set probe_wanted = v_ids is null, probe_job = v_ids[1]
        where h.deployment_id = v_deployment;
    end if;
    if v_is_limited then
        -- With all it was allowed, and it had asked for more, it is full.
        if cardinality(v_ids) is distinct from v_allowed then v_rest := null; end if;
        perform sluice.charge(v_deployment, p_worker, coalesce(cardinality(v_ids), 0), v_rest);
    end if;
    if v_ids is not null then
        for level in 1..5 loop
            -- Read again: of two claims at once the one with the smaller keys may be the last to come here.
            if v_claimed[level] > coalesce(pg_sequence_last_value(v_virtual[level]), 0) then
                perform setval(v_virtual[level], v_claimed[level]);
            end if;
        end loop;
    end if;
    if v_spills and not v_is_probe and coalesce(cardinality(v_ids), 0) < v_limit then
        select array_agg(s.id) as ids, array_agg(s.attempt) as attempts, array_agg(s.failures) as failures,
            array_agg(s.crashes) as crashes, array_agg(s.priority) as priorities, array_agg(0::bigint) as keys
        into v_full from sluice.claim_spilled(p_worker, v_deployment, v_limit - coalesce(cardinality(v_ids), 0)) s;
        v_ids := v_ids || v_full.ids;
        v_attempts := v_attempts || v_full.attempts;
        v_failures := v_failures || v_full.failures;
        v_crashes := v_crashes || v_full.crashes;
        v_priorities := v_priorities || v_full.priorities;
        -- Keys of another's share say nothing of this one's.
        v_keys := v_keys || v_full.keys;
        if v_is_limited then perform sluice.charge(v_deployment, p_worker, coalesce(cardinality(v_full.ids), 0), null); end if;
    end if;
    if v_ids is not null then
        return query
            select l.id, l.attempt, l.failures, l.crashes, j.max_attempts, j.kind, l.priority, l.key,
                least(case when isfinite(j.deadline_at) then (extract(epoch from j.deadline_at - clock_timestamp()) * 1000)::bigint end,
                    j.execution_ms),
                (extract(epoch from clock_timestamp() - sluice.due_since(j.run_at, j.created_at)) * 1000)::bigint,
                j.stream, j.payload, null::bigint[], null::int,
                -- A stand-in answers as the arm of the model that was asked for would have.
                case when v_experiment is not null or j.model_id <> v_model then sluice.treatment(l.id) end, null::int,
                j.tenant_id
            from unnest(v_ids, v_attempts, v_failures, v_crashes, v_priorities, v_keys)
                l(id, attempt, failures, crashes, priority, key)
            join sluice.job j on j.id = l.id;
    end if;
    return query select null::bigint, null::smallint, null::smallint, null::smallint, null::smallint,
        null::sluice.job_kind, null::smallint, v_version, null::bigint, null::bigint, null::boolean, null::json, v_now,
        v_stage, null::json, v_rest, null::int;
end $$;
comment on function sluice.claim is
    'Leases up to p_limit jobs of the worker''s share to it, in order of priority and fair key. p_floors holds, per priority, the key below which the worker found nothing left (null: look from the beginning); p_ceilings, the key from which on it does not look (null: look to the end). p_wait_ms > 0 says the worker will wait that long for a NOTIFY on sluice_model_N when nothing is found. The last row has no id: its floors are, per priority, where a level that was found empty may start next time, and its key changes when the deployment''s share may have changed: floors found before mean nothing then; its stage is the one its jobs are judged in; its rest_ms, when it is there, how long the limits of the deployment allow no more, and then what was not found says nothing. tenant_id is whose it is, 0 for a second attempt. treatment is what the arm of an experiment changes of the request. What is over the limits of another deployment, or overdue there, is claimed with the key 0 where there is room. A deployment without a share gets one job when its health asks for a probe. The leases do not wait for the disk. SL010: the worker was declared dead.';

create or replace function sluice.tenant_names(p_ids int[]) returns table (id int, name text) language sql stable as $$
    select t.id, t.name from sluice.tenant t where t.id = any (p_ids)
$$;
comment on function sluice.tenant_names(int[]) is 'The names of tenants, for the log lines of their attempts.';

create or replace function sluice.claim_suspect(p_worker bigint)
returns table (
    id bigint, attempt smallint, failures smallint, crashes smallint, max_attempts smallint, kind sluice.job_kind,
    priority smallint, key bigint, deadline_ms bigint, queued_ms bigint, stream boolean, payload json, floors bigint[],
    stage int, treatment json, rest_ms int, tenant_id int)
language plpgsql as $$
#variable_conflict use_column
declare
    v_id bigint;
    v_deployment int;
begin
    select d.id into v_deployment from sluice.worker w join sluice.deployment d on d.id = w.deployment_id
    where w.id = p_worker and d.is_limited;
    if found and (select a.jobs from sluice.allowance(v_deployment, 1) a) = 0 then return; end if;
    with c as (
        select s.id from sluice.suspect s
        where s.model_id = (select d.model_id from sluice.worker w join sluice.deployment d on d.id = w.deployment_id
                            where w.id = p_worker and w.ended_at is null)
        order by s.id limit 1 for update skip locked
    ), d as (
        delete from sluice.suspect s using c where s.id = c.id returning s.*
    ), l as (
        insert into sluice.running
            (id, key, worker_id, model_id, tenant_id, batch_id, priority, bucket, attempt, failures, crashes, ring)
        select d.id, 0, p_worker, d.model_id, d.tenant_id, d.batch_id, d.priority, d.bucket, d.attempt + 1, d.failures,
            d.crashes, pg_sequence_last_value('sluice.ring_running')
        from d
        returning id
    )
    select l.id into v_id from l;
    if v_deployment is not null and v_id is not null then perform sluice.charge(v_deployment, p_worker, 1, null); end if;
    return query
        select l.id, l.attempt, l.failures, l.crashes, j.max_attempts, j.kind, l.priority, l.key,
            least(case when isfinite(j.deadline_at) then (extract(epoch from j.deadline_at - l.started_at) * 1000)::bigint end,
                j.execution_ms),
            (extract(epoch from l.started_at - sluice.due_since(j.run_at, j.created_at)) * 1000)::bigint,
            j.stream, j.payload, null::bigint[], null::int, sluice.treatment(l.id), null::int, j.tenant_id
        from sluice.running l join sluice.job j on j.id = l.id where l.id = v_id;
end $$;
comment on function sluice.claim_suspect is
    'Leases one suspect of the worker''s model. The worker must run nothing else until it has finished it.';
