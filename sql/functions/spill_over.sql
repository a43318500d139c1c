-- Spill-over: jobs that are claimed outside the share they lie in. Nobody moves them; a worker with a free slot, whose own
-- claim came back short, takes them from the head of another deployment's share.

create or replace function sluice.claim_spilled(p_worker bigint, p_deployment int, p_limit int)
returns table (id bigint, attempt smallint, failures smallint, crashes smallint, priority smallint) language plpgsql as $$
#variable_conflict use_column
declare
    v_full record;
    v_left int := p_limit;
    v_share int4multirange;
    v_low smallint;
    v_high smallint;
    v_claimed bigint[];
    v_found record;
begin
    for v_full in
        select d.id, d.share - me.share as share, d.model_id, d.virtual_time,
            case when m.deployment_id is null then o.last_id else 9223372036854775807 end as last_id
        from sluice.deployment me
        join sluice.deployment d on d.model_id = me.model_id and d.id <> me.id and not d.paused
        left join sluice.deployment_meter m on m.deployment_id = d.id and d.is_limited and m.full_until > clock_timestamp()
        -- On a ramp it is judged by the jobs of its share, and takes no others.
        left join sluice.overdue o on o.deployment_id = d.id and o.until > clock_timestamp() and me.state = 'serving'
        where me.id = p_deployment and (m.deployment_id is not null or o.deployment_id is not null)
            and d.share - me.share <> '{}'
        order by m.full_until desc nulls last
    loop
        exit when v_left <= 0;
        v_share := v_full.share;
        v_low := lower(v_share);
        v_high := upper(v_share);
        -- From where the full one claims: what it has left behind is its own to find.
        with c as materialized (
            select x.place, x.id
            from unnest(v_full.virtual_time) with ordinality f(register, level)
            cross join lateral (
                select r.ctid as place, r.id
                from sluice.ready r
                where r.model_id = v_full.model_id and r.priority = (f.level - 1)::smallint
                    and r.key >= coalesce(pg_sequence_last_value(f.register), 0)
                    and r.bucket >= v_low and r.bucket < v_high and v_share @> r.bucket::int and r.id <= v_full.last_id
                order by r.key, r.id
                limit v_left
                for update skip locked) x
            limit v_left
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
        select array_agg(l.id) as ids, array_agg(l.attempt) as attempts, array_agg(l.failures) as failures,
            array_agg(l.crashes) as crashes, array_agg(l.priority) as priorities,
            array[max(l.key) filter (where l.priority = 0), max(l.key) filter (where l.priority = 1),
                  max(l.key) filter (where l.priority = 2), max(l.key) filter (where l.priority = 3),
                  max(l.key) filter (where l.priority = 4)] as claimed
        into v_found from (select l.* from l order by l.priority, l.key, l.id) l;
        continue when v_found.ids is null;
        v_left := v_left - cardinality(v_found.ids);
        -- As its own claims would, or the next of these would step over what this one took.
        for level in 1..5 loop
            if v_found.claimed[level] > coalesce(pg_sequence_last_value(v_full.virtual_time[level]), 0) then
                perform setval(v_full.virtual_time[level], v_found.claimed[level]);
            end if;
        end loop;
        return query select * from unnest(v_found.ids, v_found.attempts, v_found.failures, v_found.crashes, v_found.priorities);
    end loop;
end $$;
comment on function sluice.claim_spilled(bigint, int, int) is
    'Leases up to p_limit jobs of the shares of other deployments of the model: of those that are at their limits any, of others what is overdue. A claim that came back short asks for them.';

create or replace function sluice.find_overdue() returns int language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
    v_deployment record;
    v_last bigint;
    v_count int := 0;
begin
    for v_deployment in
        select d.id, d.model_id, d.share, d.virtual_time, (m.policy ->> 'spill_after_ms')::int * interval '1 millisecond' as after
        from sluice.model m
        join sluice.deployment d on d.model_id = m.id and not d.paused and d.share <> '{}'
        where m.policy ? 'spill_after_ms' and exists (
            select from sluice.deployment o
            where o.model_id = m.id and o.id <> d.id and not o.paused and o.state = 'serving' and d.share - o.share <> '{}')
    loop
        select max(x.id) into v_last
        from unnest(v_deployment.virtual_time) with ordinality f(register, level)
        cross join lateral (
            select h.id
            from (
                select r.id, r.bucket from sluice.ready r
                where r.model_id = v_deployment.model_id and r.priority = (f.level - 1)::smallint
                    and r.key >= coalesce(pg_sequence_last_value(f.register), 0)
                order by r.key, r.id
                limit 100) h
            join sluice.job j on j.id = h.id
            where v_deployment.share @> h.bucket::int
                and coalesce(j.run_at, j.created_at) < clock_timestamp() - v_deployment.after) x;
        continue when v_last is null;
        insert into sluice.overdue as o (deployment_id, last_id, until)
        values (v_deployment.id, v_last, clock_timestamp() + interval '2 seconds')
        on conflict (deployment_id) do update set last_id = excluded.last_id, until = excluded.until;
        update sluice.model m set spills_until = clock_timestamp() + interval '2 seconds' where m.id = v_deployment.model_id;
        perform sluice.wake(v_deployment.model_id);
        v_count := v_count + 1;
    end loop;
    return v_count;
end $$;
comment on function sluice.find_overdue() is
    'Looks at the head of each share (100 rows a priority) of the models that have spill_after_ms in their policy, and where jobs have waited longer says so to the workers of the other deployments, for two seconds. Returns how many shares that were.';
