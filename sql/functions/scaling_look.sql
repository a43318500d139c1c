-- What the controller looks at once a second, and writes, to decide how many workers there should be and where.

create or replace function sluice.scaled_deployments()
returns table (deployment_id int, deployment text, slots int, rule jsonb, desired int, memory jsonb, cause text, open_to text[])
language sql stable as $$
    select d.id, d.name, d.slots, to_jsonb(s), coalesce(e.workers, s.min_workers), e.memory, coalesce(e.cause, ''),
        array(select h.name from sluice.host h where h.gone_at is null and not h.is_draining and h.labels @> s.host_labels order by h.name)
    from sluice.scaling s join sluice.deployment d on d.id = s.deployment_id left join sluice.desired e on e.deployment_id = d.id
    where s.min_workers is not null and d.state <> 'draining' order by d.id
$$;
comment on function sluice.scaled_deployments() is 'Deployments whose number is not fixed, with their rules, what was last decided and for what cause, and which hosts may have their workers.';

create or replace function sluice.scaling_look(p_epoch bigint, p_since_ms bigint default null, p_after bigint default null)
returns table (deployment_id int, arrivals int, ages_ms bigint[], counts int[], waiting_batch int, running int, running_batch int, ready int, busy int,
    starting_ms bigint[], starts_ms bigint[], starts_failed int, runs_ms bigint[], started_in_time int, started_late int,
    taken_ms bigint, last_job bigint) language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
#variable_conflict use_column
-- Cheap whatever waits: of each model and priority the first 128 in the order of claims are looked at one by one, and if there
-- are more they are counted up to 1,000; beyond that what sluice.queue_depths last counted stands for them.
declare
    v_now timestamptz := clock_timestamp();
    v_since timestamptz := coalesce(to_timestamp(p_since_ms / 1000.0), clock_timestamp() - interval '10 minutes');
    v_last bigint := coalesce(pg_sequence_last_value('sluice.job_id'), 0);
    v_after bigint := greatest(coalesce(p_after, v_last), v_last - 10000000);
    v_model int;
    v_level int;
    v_ids bigint[];
    v_ages bigint[];
    v_owners int[];
    v_batch boolean[];
    v_due boolean[];
    v_more int[];
    v_more_young bigint[];
    v_more_old bigint[];
    v_count int;
    v_age bigint;
    v_new jsonb;
    v_scale double precision;
begin
    perform sluice.check_epoch(p_epoch);
    -- New jobs: by id, at most 5,000 of them one by one. One that commits after a younger one was seen is not counted as an
    -- arrival; it is seen waiting. One for a later time arrives then: of those that fell due since the last look, the ones that
    -- are seen waiting, running or ended are counted.
    select jsonb_object_agg(n.model_id || ' ' || n.is_batch, n.jobs), coalesce(sum(n.seen), 0) into v_new, v_scale
    from (select j.model_id, j.priority >= 3 as is_batch, count(*) as seen,
            count(*) filter (where j.run_at is null or j.run_at <= v_now) as jobs
        from (select j.model_id, j.priority, j.run_at from sluice.job j where j.id > v_after and j.id <= v_last order by j.id limit 5000) j
        group by 1, 2) n;
    v_scale := case when v_scale >= 5000 then (v_last - v_after) / v_scale else 1 end;

    for v_model in
        select distinct d.model_id from sluice.scaling s join sluice.deployment d on d.id = s.deployment_id where s.min_workers is not null
    loop
        v_more := '{0,0,0,0,0}';
        v_more_young := '{0,0,0,0,0}';
        v_more_old := '{0,0,0,0,0}';
        with h as materialized (
            select l.level, x.id, x.bucket from generate_series(0, 4) l(level)
            cross join lateral (
                select r.id, r.bucket from sluice.ready r where r.model_id = v_model and r.priority = l.level::smallint
                order by r.key, r.id limit 128) x
            union all
            select u.priority, u.id, null from (select u.priority, u.id from sluice.suspect u where u.model_id = v_model order by u.id limit 100) u
        ), c as materialized (
            select d.id, d.share + d.lanes as share from sluice.deployment d
            where d.model_id = v_model and not d.paused and d.share <> '{}' order by d.id
        ), a as materialized (
            select h.level, h.id, (extract(epoch from v_now - sluice.due_since(j.run_at, j.created_at)) * 1000)::bigint as age,
                -- Where several may claim it, each counts its part.
                (select (array_agg(c.id))[1 + h.id % count(*)] from c where h.bucket is null or c.share @> h.bucket::int) as owner,
                j.run_at > v_since and j.run_at <= v_now and j.id <= v_after as fell_due
            from h join sluice.job j on j.id = h.id order by age desc
        )
        select array_agg(a.id), array_agg(greatest(a.age, 0)), array_agg(a.owner), array_agg(a.level >= 3),
            array_agg(coalesce(a.fell_due, false))
        into v_ids, v_ages, v_owners, v_batch, v_due from a;
        for v_level in 0..4 loop
            select count(*) into v_count from (select from sluice.ready r where r.model_id = v_model and r.priority = v_level::smallint
                order by r.key, r.id limit 1000) c;
            continue when v_count <= 128;
            if v_count = 1000 then
                select greatest(v_count, least(coalesce(sum(q.waiting), 0), 1000000000))::int into v_count
                from sluice.measured_depth q where q.model_id = v_model and q.priority = v_level;
            end if;
            v_more[v_level + 1] := v_count - 128;
            select (extract(epoch from v_now - sluice.due_since(j.run_at, j.created_at)) * 1000)::bigint into v_age
            from (select r.id from sluice.ready r where r.model_id = v_model and r.priority = v_level::smallint
                order by r.key desc, r.id desc limit 1) r join sluice.job j on j.id = r.id;
            -- What drained since it was counted has no age any more.
            v_more_young[v_level + 1] := greatest(coalesce(v_age, 0), 0);
            select (extract(epoch from v_now - sluice.due_since(j.run_at, j.created_at)) * 1000)::bigint into v_age
            from (select r.id from sluice.ready r where r.model_id = v_model and r.priority = v_level::smallint
                order by r.key, r.id offset 127 limit 1) r join sluice.job j on j.id = r.id;
            v_more_old[v_level + 1] := greatest(coalesce(v_age, 0), v_more_young[v_level + 1]);
        end loop;

        return query
            with d as (
                select d.id, d.slots, s.batch_scales, s.objective_ms, s.spread,
                    case when d.paused or d.share = '{}' then 0 else sluice.bucket_count(d.share) end
                        / greatest(sum(case when d.paused then 0 else sluice.bucket_count(d.share) end) over (), 1)::double precision as part,
                    s.min_workers is not null as is_scaled
                from sluice.deployment d left join sluice.scaling s on s.deployment_id = d.id where d.model_id = v_model
            ), w as (
                select w.id, w.deployment_id, w.started_at, w.ready_at, w.state, w.slots, coalesce(l.jobs, 0) as jobs, coalesce(l.batch, 0) as batch
                from sluice.worker w
                left join (select l.worker_id, count(*) as jobs, count(*) filter (where l.priority >= 3) as batch
                    from sluice.running l group by l.worker_id) l on l.worker_id = w.id
                where w.ended_at is null and w.deployment_id in (select d.id from d)
            ), o as (
                -- Claimed ahead of a free slot: the last a worker claimed, which wait like those that nobody has.
                select w.id as worker, w.deployment_id, l.priority >= 3 as is_batch,
                    (extract(epoch from v_now - coalesce(j.run_at, j.created_at)) * 1000)::bigint as age
                from (select l.id, l.priority, l.worker_id,
                        row_number() over (partition by l.worker_id order by l.started_at desc, l.id desc) as place
                    from sluice.running l where l.worker_id in (select w.id from w where w.jobs > w.slots)) l
                join w on w.id = l.worker_id and l.place <= w.jobs - w.slots
                join sluice.job j on j.id = l.id
            ), g as (
                -- What is waiting, in groups of about the same age.
                select x.owner as id, max(x.age) as age, count(*)::double precision as jobs, x.is_batch
                from (select u.owner, u.age, u.is_batch, ntile(24) over (partition by u.owner, u.is_batch order by u.age desc) as part
                    from unnest(v_owners, v_ages, v_batch) u(owner, age, is_batch)) x group by x.owner, x.is_batch, x.part
                union all
                select d.id, (m.young + (m.old - m.young) * (4 - q) / 4)::bigint, m.jobs * d.part / 4, m.level > 3
                from d cross join unnest(v_more, v_more_young, v_more_old) with ordinality m(jobs, young, old, level)
                cross join generate_series(0, 3) q where m.jobs > 0 and d.part > 0
                union all
                select o.deployment_id, greatest(max(o.age), 0), count(*), o.is_batch from o group by o.worker, o.deployment_id, o.is_batch
            ), t as (
                select r.deployment_id, r.started_at, r.finished_at, r.id, r.attempt
                from (select r.deployment_id, r.started_at, r.finished_at, r.id, r.attempt from sluice.result r order by r.id desc limit 500) r
                where r.started_at is not null
                union all
                select w.deployment_id, l.started_at, null, l.id, l.attempt from sluice.running l join w on w.id = l.worker_id
                where l.started_at > v_since
            ), b as (
                select t.deployment_id, (extract(epoch from t.started_at - sluice.due_since(j.run_at, j.created_at)) * 1000) as wait_ms, j.priority,
                    coalesce(j.run_at > v_since and j.id <= v_after, false) as fell_due
                from t join sluice.job j on j.id = t.id where t.started_at > v_since and t.attempt = 1
            )
            select d.id,
                round((coalesce((v_new ->> (v_model || ' false'))::double precision, 0)
                    + case when d.batch_scales then coalesce((v_new ->> (v_model || ' true'))::double precision, 0) else 0 end) * v_scale * d.part)::int
                    + (select count(*) from unnest(v_owners, v_batch, v_due) u(owner, is_batch, fell_due)
                        where u.fell_due and u.owner = d.id and (d.batch_scales or not u.is_batch))::int
                    + (select count(*) from b where b.fell_due and b.deployment_id = d.id and (d.batch_scales or b.priority < 3))::int,
                coalesce((select array_agg(g.age order by g.age desc) from g where g.id = d.id and (d.batch_scales or not g.is_batch)
                    and ceil(g.jobs) > 0), '{}'),
                coalesce((select array_agg(ceil(g.jobs)::int order by g.age desc) from g where g.id = d.id and (d.batch_scales or not g.is_batch)
                    and ceil(g.jobs) > 0), '{}'),
                coalesce((select sum(g.jobs) from g where g.id = d.id and g.is_batch and not d.batch_scales), 0)::int,
                coalesce((select sum(least(w.jobs, w.slots)) from w where w.deployment_id = d.id), 0)::int,
                case when d.batch_scales then 0 else greatest(coalesce((select sum(w.batch) from w where w.deployment_id = d.id), 0)
                    - (select count(*) from o where o.deployment_id = d.id and o.is_batch), 0) end::int,
                (select count(*) from w where w.deployment_id = d.id and w.ready_at is not null and w.state = 'running')::int,
                (select count(*) from w where w.deployment_id = d.id and w.ready_at is not null and w.state = 'running' and w.jobs > 0)::int,
                array(
                    select (extract(epoch from v_now - s.since) * 1000)::bigint from (
                        select w.started_at as since from w where w.deployment_id = d.id and w.ready_at is null and w.state = 'running'
                        union all
                        -- Asked for, and not a process yet.
                        (select s.opened_at from sluice.worker_slot s where s.deployment_id = d.id and not s.giving_up
                         order by s.id desc limit greatest((select count(*) from sluice.worker_slot s
                                where s.deployment_id = d.id and not s.giving_up)
                             - (select count(*) from w where w.deployment_id = d.id and w.state = 'running'), 0))) s
                    order by s.since),
                array(select (extract(epoch from w.ready_at - w.started_at) * 1000)::bigint from sluice.worker w
                    where w.ready_at > v_since and w.deployment_id = d.id order by w.ready_at desc limit 100),
                (select count(*) from (select from sluice.worker w where w.ended_at > v_since and w.deployment_id = d.id
                    and w.ready_at is null and w.state = 'dead' limit 100) f)::int,
                array(select (extract(epoch from t.finished_at - t.started_at) * 1000)::bigint from t
                    where t.deployment_id = d.id and t.finished_at > v_since limit 500),
                (select count(*) from b where b.deployment_id = d.id and b.wait_ms <= d.objective_ms and (d.batch_scales or b.priority < 3))::int,
                (select count(*) from b where b.deployment_id = d.id and b.wait_ms > d.objective_ms and (d.batch_scales or b.priority < 3))::int,
                (extract(epoch from v_now) * 1000)::bigint, v_last
            from d where d.is_scaled;
    end loop;
end $$;
comment on function sluice.scaling_look is
    'One row for each deployment whose number is not fixed, with what was seen since p_since_ms (milliseconds since 1970) and after the job p_after: arrivals, waiting jobs in groups of an age (those of the priorities 3 and 4 apart where they may not scale), running jobs (how many of them may not scale), workers that are ready, busy and starting, starts that ended well or failed, and a sample of run times and waits. What waits for a model is divided between the deployments that may claim it. SL031: another supervisor leads.';

create or replace function sluice.put_desired(
    p_epoch bigint, p_deployments int[], p_workers int[], p_changed boolean[], p_causes text[], p_reasons text[], p_inputs jsonb[], p_memories jsonb[])
returns void language plpgsql as $$
begin
    perform sluice.check_epoch(p_epoch);
    perform set_config('synchronous_commit', 'off', true);
    insert into sluice.desired as e (deployment_id, workers, cause, reason, inputs, memory)
    select u.* from unnest(p_deployments, p_workers, p_causes, p_reasons, p_inputs, p_memories) u
    on conflict (deployment_id) do update
    set workers = excluded.workers, cause = excluded.cause, reason = left(excluded.reason, 500), inputs = excluded.inputs,
        memory = coalesce(excluded.memory, e.memory), decided_at = clock_timestamp(),
        awake_since = case when e.workers = 0 and excluded.workers > 0 then clock_timestamp() else e.awake_since end;
    insert into sluice.event (kind, subject, reason, detail)
    select 'scaled', 'deployment ' || d.name, left(u.reason, 500), u.inputs
    from unnest(p_deployments, p_changed, p_reasons, p_inputs) with ordinality u(id, changed, reason, inputs, place)
    join sluice.deployment d on d.id = u.id where u.changed order by u.place;
    perform sluice.match_slots();
end $$;
comment on function sluice.put_desired is
    'Writes what the controller decided: how many workers, why, from which figures, and what it has learned (null: as it was). Changes are decisions. SL031: another supervisor leads.';

create or replace function sluice.placed_hosts()
returns table (host text, memory_bytes bigint, labels text, memory_used bigint) language sql stable as $$
    select h.name, h.memory_bytes, h.labels::text, coalesce((select sum(coalesce(r.memory_per_worker, 0))
        from sluice.worker_slot s left join sluice.scaling r on r.deployment_id = s.deployment_id where s.host = h.name), 0)::bigint
    from sluice.host h where h.gone_at is null and not h.is_draining order by h.name
$$;
comment on function sluice.placed_hosts() is 'Hosts that may get workers, and what of their memory is spoken for.';

create or replace function sluice.placed_slots()
returns table (slot bigint, deployment_id int, deployment text, host text, offered_to text, giving_up boolean, memory bigint, priority int,
    spread text, open_to text[]) language sql stable as $$
    select s.id, d.id, d.name, s.host, s.offered_to, s.giving_up, coalesce(r.memory_per_worker, 0), coalesce(r.priority, 0),
        coalesce(r.spread, 'spread')::text,
        array(select h.name from sluice.host h where h.gone_at is null and not h.is_draining and h.labels @> coalesce(r.host_labels, '{}') order by h.name)
    from sluice.worker_slot s join sluice.deployment d on d.id = s.deployment_id left join sluice.scaling r on r.deployment_id = d.id
    order by s.id limit 100000
$$;
comment on function sluice.placed_slots() is 'All slots, who has them, and which hosts may have them.';

create or replace function sluice.place_slots(
    p_epoch bigint, p_slots bigint[], p_hosts text[], p_give_up bigint[], p_reasons text[]) returns void language plpgsql as $$
begin
    perform sluice.check_epoch(p_epoch);
    update sluice.worker_slot s set offered_to = u.host, offered_at = clock_timestamp()
    from unnest(p_slots, p_hosts) u(id, host) where s.id = u.id and s.host is null and s.offered_to is distinct from u.host;
    update sluice.worker_slot s set giving_up = true where s.id = any (p_give_up) and s.host is not null and not s.giving_up;
    insert into sluice.event (kind, subject, reason)
    select 'displaced', 'deployment ' || d.name, left(u.reason, 500)
    from unnest(p_give_up, p_reasons) u(id, reason) join sluice.worker_slot s on s.id = u.id join sluice.deployment d on d.id = s.deployment_id;
    if cardinality(p_give_up) > 0 then perform sluice.match_slots(); end if;
    perform pg_notify('sluice_fleet', '');
end $$;
comment on function sluice.place_slots is
    'Offers open slots to hosts, and has hosts give slots up for deployments of a higher priority, each with its reason. SL031: another supervisor leads.';
