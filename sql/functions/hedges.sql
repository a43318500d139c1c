-- Hedges: a second attempt for a job that is late, on another deployment; the first that answers is the answer. A job has one
-- lease, so the second attempt is a job of its own, its twin, waiting in the lane of its deployment. The row by which a job
-- waits or runs decides between the two, as between a finish and a cancel: who deletes it writes the one result there is.
--
-- Nobody here waits for the row of a job while holding another's: two workers that end each other's twins at the same moment
-- would wait for each other. What is locked is ending by itself, or will be looked at again (tend_hedges).

create or replace function sluice.hedge_late(p_epoch bigint, p_model int, p_after_ms bigint, p_limit int) returns int
language plpgsql set enable_seqscan = off set jit = off as $$
declare
    v_late record;
    v_ids int[];
    v_free int[];
    v_place int;
    v_twin bigint;
    v_bucket smallint;
    v_count int := 0;
begin
    perform sluice.check_epoch(p_epoch);
    -- The next look is due in a tenth of a second.
    perform set_config('lock_timeout', '100ms', true);
    -- Whoever switches it off waits for this, and sees what it began.
    perform from sluice.model m where m.id = p_model and coalesce((m.policy ->> 'hedge_percent')::numeric, 0) > 0 for share;
    if not found then return 0; end if;
    for v_late in
        select l.id, l.priority, w.deployment_id
        from sluice.running l join sluice.worker w on w.id = l.worker_id
        where l.model_id = p_model and l.priority <= 1 and l.tenant_id <> 0 and l.batch_id is null and l.crashes = 0
            -- The arm of an experiment is its deployment's.
            and l.bucket < 10000 and not l.cancel_requested
            and l.started_at <= clock_timestamp() - p_after_ms * interval '1 millisecond'
            and not exists (select from sluice.hedge h where h.job_id = l.id)
            -- Pieces of a streaming answer are with the client already.
            and exists (select from sluice.job j where j.id = l.id and not j.stream
                and coalesce(j.deadline_at > clock_timestamp(), true))
        order by l.started_at limit least(p_limit, 1000)
        -- Its finish waits until the twin is there to be cancelled.
        for update of l skip locked
    loop
        if v_ids is null then
            select array_agg(f.id), array_agg(f.free) into v_ids, v_free
            from (
                select d.id, (sum(w.slots) - coalesce(sum(r.jobs), 0))::int as free
                from sluice.deployment d
                join sluice.worker w on w.deployment_id = d.id and w.ended_at is null and w.state = 'running'
                left join (select l.worker_id, count(*) as jobs from sluice.running l where l.model_id = p_model group by l.worker_id) r
                    on r.worker_id = w.id
                where d.model_id = p_model and not d.paused and d.lanes @> sluice.own_lane(d.id)
                group by d.id
            ) f where f.free > 0;
            exit when v_ids is null;
        end if;
        select u.place into v_place from unnest(v_ids, v_free) with ordinality u(id, free, place)
        where u.free > 0 and u.id <> v_late.deployment_id order by u.free desc, u.place limit 1;
        continue when not found;
        v_free[v_place] := v_free[v_place] - 1;
        v_twin := nextval('sluice.job_id');
        v_bucket := sluice.own_lane(v_ids[v_place]);
        insert into sluice.job (id, key, run_at, deadline_at, model_id, tenant_id, kind, priority, max_attempts, execution_ms, payload)
        select v_twin, 0, null, j.deadline_at, j.model_id, 0, j.kind, v_late.priority, 1, j.execution_ms, j.payload
        from sluice.job j where j.id = v_late.id;
        insert into sluice.hedge (twin_id, job_id, model_id, deployment_id) values (v_twin, v_late.id, p_model, v_ids[v_place]);
        perform sluice.place(v_twin, sluice.virtual_time(p_model, v_late.priority, v_bucket), p_model, 0, null, v_late.priority,
            v_bucket, 0::smallint, 0::smallint, 0::smallint);
        v_count := v_count + 1;
    end loop;
    if v_count > 0 then perform sluice.wake(p_model); end if;
    return v_count;
end $$;
comment on function sluice.hedge_late(bigint, int, bigint, int) is
    'Begins a second attempt, on another deployment with a free slot, for up to p_limit jobs of a model that a worker has held for p_after_ms: of priority 0 and 1, not streaming, not of a batch, each once. Returns how many. Does nothing unless the policy hedge_percent is above 0. SL031: another supervisor leads.';

create or replace function sluice.drop_twin(p_twin bigint, p_outcome sluice.hedge_outcome) returns void language plpgsql as $$
begin
    delete from sluice.result r where r.id = p_twin;
    delete from sluice.past_attempt a where a.id = p_twin;
    delete from sluice.placement p where p.id = p_twin;
    delete from sluice.job j where j.id = p_twin;
    update sluice.hedge h set ended_at = clock_timestamp(), outcome = coalesce(h.outcome, p_outcome)
    where h.twin_id = p_twin and h.ended_at is null;
end $$;
comment on function sluice.drop_twin(bigint, sluice.hedge_outcome) is
    'Removes a twin that waits and runs no more, with its copy of the request. What was decided of it before stands.';

create or replace function sluice.stop_twin(p_twin bigint) returns void language plpgsql
set enable_seqscan = off set jit = off as $$
declare
    v_worker bigint;
begin
    update sluice.hedge h set outcome = 'lost' where h.twin_id = p_twin and h.outcome is null;
    delete from sluice.ready r where (r.ring, r.ctid) in (
        select r.ring, r.ctid from sluice.find_ready(p_twin) f
        join sluice.ready r on r.model_id = f.model_id and r.priority = f.priority and r.key = f.key and r.id = f.id
        for update of r skip locked);
    if not found then
        delete from sluice.scheduled s where s.id in (select s.id from sluice.scheduled s where s.id = p_twin for update skip locked);
    end if;
    if not found then
        delete from sluice.suspect s where s.id in (select s.id from sluice.suspect s where s.id = p_twin for update skip locked);
    end if;
    if found then
        perform sluice.drop_twin(p_twin, 'lost');
        return;
    end if;
    update sluice.running l set cancel_requested = true
    where (l.id, l.ring) in (
        select l.id, l.ring from sluice.running l where l.id = p_twin and not l.cancel_requested for update skip locked)
    returning l.worker_id into v_worker;
    if found then perform pg_notify('sluice_worker_' || v_worker, 'cancel'); end if;
end $$;
comment on function sluice.stop_twin(bigint) is
    'Ends a twin whose job has ended: removes it where it waits, tells its worker where it runs. One that is just being claimed or finished is left alone: its answer finds no job any more.';

create or replace function sluice.stop_twins(p_job bigint) returns void language plpgsql as $$
begin
    perform sluice.stop_twin(h.twin_id) from sluice.hedge h where h.job_id = p_job and h.ended_at is null;
end $$;
comment on function sluice.stop_twins(bigint) is 'Ends the twin of a job that has ended, or is to; does nothing when it has none.';

create or replace function sluice.answer_by_twin(p_hedge sluice.hedge, p_answer sluice.result) returns boolean language plpgsql
set enable_seqscan = off set jit = off as $$
declare
    v_lease sluice.running;
    v_attempt smallint;
    v_deployment int;
begin
    with k as (
        select l.id, l.ring from sluice.running l where l.id = p_hedge.job_id and not l.cancel_requested for update skip locked
    )
    delete from sluice.running l using k where l.id = k.id and l.ring = k.ring returning l.* into v_lease;
    if found then
        v_attempt := v_lease.attempt;
        select w.deployment_id into v_deployment from sluice.worker w where w.id = v_lease.worker_id;
        insert into sluice.past_attempt (id, started_at, worker_id, deployment_id, attempt, outcome, error_message)
        values (v_lease.id, v_lease.started_at, v_lease.worker_id, v_deployment, v_lease.attempt, 'cancelled',
            'its second attempt answered first');
        -- Its finish will be refused, and so not count what it held.
        update sluice.deployment_held h set jobs = greatest(0, h.jobs - 1) where h.worker_id = v_lease.worker_id;
        perform pg_notify('sluice_worker_' || v_lease.worker_id, 'cancel');
    else
        -- It failed meanwhile, or lost its worker, and waits to be run again.
        delete from sluice.ready r where (r.ring, r.ctid) in (
            select r.ring, r.ctid from sluice.find_ready(p_hedge.job_id) f
            join sluice.ready r on r.model_id = f.model_id and r.priority = f.priority and r.key = f.key and r.id = f.id
            for update of r skip locked)
        returning r.attempt into v_attempt;
        if not found then
            delete from sluice.scheduled s where s.id in (
                select s.id from sluice.scheduled s where s.id = p_hedge.job_id for update skip locked)
            returning s.attempt into v_attempt;
        end if;
        if not found then
            delete from sluice.suspect s where s.id in (
                select s.id from sluice.suspect s where s.id = p_hedge.job_id for update skip locked)
            returning s.attempt into v_attempt;
        end if;
        if not found then return false; end if;
    end if;
    insert into sluice.result (id, started_at, worker_id, deployment_id, attempt, state, prompt_tokens, completion_tokens,
        usage_estimated, body, hedged)
    values (p_hedge.job_id, p_answer.started_at, p_answer.worker_id, p_answer.deployment_id, v_attempt + 1, 'succeeded',
        p_answer.prompt_tokens, p_answer.completion_tokens, p_answer.usage_estimated, p_answer.body, true);
    return true;
end $$;
comment on function sluice.answer_by_twin(sluice.hedge, sluice.result) is
    'Gives a job the answer of its twin, as its next attempt, wherever it waits or runs; whoever runs it is told to stop, and refused. False when it has ended, is to be cancelled, or is just being ended or claimed by somebody: then the answer is dropped.';

create or replace function sluice.settle_hedges(p_done bigint[]) returns bigint[] language plpgsql
set enable_seqscan = off set jit = off as $$
declare
    v_hedge sluice.hedge;
    v_answer sluice.result;
    v_answered bigint[] := '{}';
begin
    for v_hedge in
        select h.* from sluice.hedge h
        where h.twin_id in (
            select o.twin_id from sluice.hedge o where o.twin_id = any (p_done) and o.ended_at is null
            union all select o.twin_id from sluice.hedge o where o.job_id = any (p_done) and o.ended_at is null)
        order by h.twin_id
    loop
        select * into v_answer from sluice.result r where r.id = v_hedge.twin_id;
        if found then
            if v_answer.state <> 'succeeded' then
                perform sluice.drop_twin(v_hedge.twin_id, 'failed');
            elsif sluice.answer_by_twin(v_hedge, v_answer) then
                v_answered := v_answered || v_hedge.job_id;
                update sluice.hedge h set outcome = 'won' where h.twin_id = v_hedge.twin_id;
                perform sluice.drop_twin(v_hedge.twin_id, 'won');
            else
                perform sluice.drop_twin(v_hedge.twin_id, 'lost');
            end if;
        elsif exists (select from sluice.result r where r.id = v_hedge.job_id) then
            perform sluice.stop_twin(v_hedge.twin_id);
        end if;
    end loop;
    return v_answered;
end $$;
comment on function sluice.settle_hedges(bigint[]) is
    'After a finish of these jobs: ends the twins of those that have ended, and gives the jobs of twins that have answered their answer. Returns those that got one. Whoever failed, or was given back, goes on as if alone: the other may still answer.';

create or replace function sluice.tend_hedges(p_limit int default 1000) returns int language plpgsql as $$
declare
    v_hedge sluice.hedge;
    v_answered bigint[];
    v_count int := 0;
begin
    for v_hedge in select * from sluice.hedge h where h.ended_at is null order by h.twin_id limit p_limit for update skip locked loop
        if not exists (select from sluice.job j where j.id = v_hedge.twin_id) then
            perform sluice.drop_twin(v_hedge.twin_id, 'failed');
        elsif exists (select from sluice.result r where r.id = v_hedge.twin_id) then
            v_answered := v_answered || sluice.settle_hedges(array[v_hedge.twin_id]);
        elsif exists (select from sluice.result r where r.id = v_hedge.job_id)
            or not exists (select from sluice.job j where j.id = v_hedge.job_id) then
            perform sluice.stop_twin(v_hedge.twin_id);
        else
            continue;
        end if;
        v_count := v_count + 1;
    end loop;
    if v_answered <> '{}' then perform sluice.notify_jobs('sluice_result', v_answered); end if;
    delete from sluice.hedge h where h.ended_at < clock_timestamp() - interval '1 hour';
    return v_count;
end $$;
comment on function sluice.tend_hedges(int) is
    'Ends twins that were just moving when their jobs ended. Returns how many it saw to. Forgets hedges that ended an hour ago.';

create or replace function sluice.overtaken(p_worker bigint, p_in_flight bigint[]) returns bigint[] language plpgsql stable
set enable_seqscan = off set jit = off as $$
begin
    return array(select h.job_id from sluice.hedge h
        where h.job_id = any (p_in_flight) and h.outcome = 'won'
            and not exists (select from sluice.running l where l.id = h.job_id and l.worker_id = p_worker));
end $$;
comment on function sluice.overtaken(bigint, bigint[]) is
    'Jobs a worker still runs whose second attempt has answered: it may stop them.';

create or replace view sluice.hedging as
    select m.name as model, (m.policy ->> 'hedge_percent')::numeric as hedge_percent, count(h.twin_id) as begun,
        count(*) filter (where h.twin_id is not null and h.ended_at is null) as open,
        count(*) filter (where h.outcome = 'won') as won, count(*) filter (where h.outcome = 'lost') as lost,
        count(*) filter (where h.outcome = 'failed') as failed
    from sluice.model m left join sluice.hedge h on h.model_id = m.id
    where m.policy ? 'hedge_percent' or h.twin_id is not null
    group by m.id order by m.name;
comment on view sluice.hedging is 'What second attempts of each model came to in the last hour.';

-- Databases from before they had lanes.
do $$
begin
    perform sluice.put_lanes(m.id) from sluice.model m;
end $$;
