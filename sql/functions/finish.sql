-- Finishing: every outcome of every attempt, in batches, fenced by (job, attempt, worker).

create or replace function sluice.failover_bucket(p_id bigint, p_model int, p_deployment int) returns smallint
language plpgsql as $$
-- Only buckets that none of the tried may claim: where shares overlap, the one that failed would be the first to take the
-- job again.
declare
    v_tried int[] := array(select a.deployment_id from sluice.past_attempt a where a.id = p_id and a.outcome = 'retried')
        || p_deployment;
    v_open int4multirange := '{}';
    v_share int4multirange;
    v_range int4range;
    v_place int;
begin
    for v_share in
        select d.share from sluice.deployment d
        where d.model_id = p_model and d.share <> '{}' and not d.paused and d.id <> all (v_tried)
            and exists (select from sluice.worker w where w.deployment_id = d.id and w.ended_at is null and w.state = 'running')
    loop
        v_open := v_open + v_share;
    end loop;
    for v_share in select d.share from sluice.deployment d where d.model_id = p_model and d.id = any (v_tried) loop
        v_open := v_open - v_share;
    end loop;
    v_place := floor(random() * (select coalesce(sum(upper(r) - lower(r)), 0) from unnest(v_open) r));
    for v_range in select r from unnest(v_open) r loop
        if v_place < upper(v_range) - lower(v_range) then return lower(v_range) + v_place; end if;
        v_place := v_place - (upper(v_range) - lower(v_range));
    end loop;
    -- Where shares overlap no bucket is another's alone, but a lane is.
    return (select sluice.own_lane(d.id) from sluice.deployment d
        where d.model_id = p_model and d.id <> all (v_tried) and not d.paused and d.share <> '{}' and d.lanes @> sluice.own_lane(d.id)
            and exists (select from sluice.worker w where w.deployment_id = d.id and w.ended_at is null and w.state = 'running')
        order by random() limit 1);
end $$;
comment on function sluice.failover_bucket(bigint, int, int) is
    'A bucket that only deployments in service may claim which the job has not been tried on, drawn by their parts, or the lane of one; null when there is none.';

create or replace function sluice.finish(
    p_worker bigint,
    p_ids bigint[],
    p_attempts smallint[],
    p_outcomes text[],
    p_bodies json[],
    p_error_classes sluice.error_class[],
    p_error_messages text[],
    p_delays_ms bigint[],
    p_prompt_tokens int[],
    p_completion_tokens int[],
    p_usage_estimated boolean[] default null)
returns table (id bigint, attempt smallint)
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set enable_memoize = off set jit = off
as $$
#variable_conflict use_column
declare
    v_done bigint[];
    v_attempts smallint[];
    v_again int;
    v_model int;
    v_deployment int;
    v_is_limited boolean;
    v_hedges boolean;
    v_stand_ins int[];
    v_delays_ms bigint[] := p_delays_ms;
    v_waits boolean[];
    v_answered bigint[];
begin
    select w.deployment_id, d.model_id, d.is_limited, d.hedges into v_deployment, v_model, v_is_limited, v_hedges
    from sluice.worker w join sluice.deployment d on d.id = w.deployment_id where w.id = p_worker;
    -- Before any job is locked: who waits for the budget keeps nobody else waiting.
    if 'retried' = any (p_outcomes) then
        select p.delays_ms, p.waits into v_delays_ms, v_waits from sluice.pay_retries(v_model, p_outcomes, p_delays_ms) p;
    end if;
    -- Rows are locked in the order of the ids given; callers sort them, so two finishes cannot deadlock.
    with i as materialized (
        select u.* from unnest(p_ids, p_attempts, p_outcomes, p_bodies, p_error_classes, p_error_messages, v_delays_ms,
            p_prompt_tokens, p_completion_tokens, p_usage_estimated, v_waits)
            as u(id, attempt, outcome, body, error_class, error_message, delay_ms, prompt_tokens, completion_tokens, estimated,
                waits)
    ), d as (
        delete from sluice.running r using i
        where r.id = i.id and r.attempt = i.attempt and r.worker_id = p_worker
        returning r.id, r.attempt, r.started_at, r.batch_id, r.model_id, r.tenant_id, r.priority, r.bucket, r.failures,
            r.crashes, i.body, i.error_class, i.error_message, i.delay_ms, i.prompt_tokens, i.completion_tokens,
            i.prompt_tokens is not null and coalesce(i.estimated, false) as estimated,
            -- A worker is told to stop, not why: whether it was the deadline is for the database's clock to say.
            case when i.outcome = 'failed' and i.error_class not in ('invalid_request', 'unsupported')
                    and sluice.stand_in(r.id, r.model_id) is not null and not r.cancel_requested then 'retried'
                when not r.cancel_requested or i.outcome not in ('cancelled', 'retried', 'released') then i.outcome
                when exists (select from sluice.job j where j.id = r.id and j.deadline_at <= clock_timestamp())
                then 'expired' else 'cancelled' end as outcome,
            case when i.outcome = 'retried' and not r.cancel_requested
                then sluice.failover_bucket(r.id, r.model_id, v_deployment) end as other_bucket,
            case when i.outcome = 'failed' and i.error_class not in ('invalid_request', 'unsupported') and not r.cancel_requested
                then sluice.stand_in(r.id, r.model_id) end as stand_in,
            coalesce(i.waits, false) and i.delay_ms > 0 as waits
    ), e as (
        insert into sluice.result (id, started_at, worker_id, deployment_id, attempt, state, error_class, prompt_tokens,
            completion_tokens, usage_estimated, error_message, body)
        select d.id, d.started_at, p_worker, v_deployment, d.attempt, d.outcome::sluice.job_state, d.error_class,
            d.prompt_tokens, d.completion_tokens, d.estimated,
            case when d.outcome = 'expired' then 'its deadline passed while it ran' else d.error_message end, d.body
        from d where d.outcome not in ('retried', 'released')
    ), b as (
        insert into sluice.batch_delta (batch_id, state, jobs)
        select d.batch_id, d.outcome::sluice.job_state, count(*)
        from d where d.batch_id is not null and d.outcome not in ('retried', 'released')
        group by d.batch_id, d.outcome
    ), p as (
        insert into sluice.past_attempt
            (id, started_at, worker_id, deployment_id, attempt, outcome, error_class, error_message)
        select d.id, d.started_at, p_worker, v_deployment, d.attempt, d.outcome::sluice.attempt_outcome, d.error_class,
            d.error_message
        from d where d.outcome in ('retried', 'released')
    ), s as (
        insert into sluice.scheduled
            (due_at, id, model_id, tenant_id, batch_id, priority, bucket, attempt, failures, crashes)
        select clock_timestamp() + d.delay_ms * interval '1 millisecond', d.id, d.model_id, d.tenant_id, d.batch_id,
            d.priority, coalesce(d.other_bucket,
                -- Nobody is left that has not tried it. A twin stays where it is.
                case when d.tenant_id = 0 then d.bucket else sluice.open_bucket(d.id, d.bucket) end),
            d.attempt, d.failures + 1, d.crashes
        from d where d.outcome = 'retried' and d.delay_ms > 0 and (d.other_bucket is null or d.waits) and d.stand_in is null
    ), u as (
        -- Given back without a try: a suspect is as suspect as before.
        insert into sluice.suspect (id, model_id, tenant_id, batch_id, priority, bucket, attempt, failures, crashes)
        select d.id, d.model_id, d.tenant_id, d.batch_id, d.priority, d.bucket, d.attempt, d.failures, d.crashes
        from d where d.outcome = 'released' and d.crashes > 0
    ), q as (
        -- Not count(place(…)): it returns void, which counts as nothing.
        select count(*) as again
        from d
        cross join lateral (select coalesce(d.stand_in, d.model_id) as model_id,
            case when d.stand_in is not null and d.bucket not between 0 and 9999 then sluice.bucket(d.id, null)
                else coalesce(d.other_bucket, d.bucket) end as bucket,
            case when d.stand_in is not null then 0 when d.outcome = 'retried' then d.failures + 1 else d.failures end as failures) n
        cross join lateral sluice.place(
            d.id, sluice.virtual_time(n.model_id, d.priority, n.bucket), n.model_id, d.tenant_id, d.batch_id, d.priority, n.bucket,
            d.attempt, n.failures::smallint, d.crashes)
        where (d.outcome = 'released' and d.crashes = 0) or (d.outcome = 'retried'
            and (coalesce(d.delay_ms, 0) <= 0 or d.stand_in is not null or d.other_bucket is not null and not d.waits))
    )
    select array_agg(d.id), array_agg(d.attempt), array_agg(d.stand_in) filter (where d.stand_in is not null),
        (select q.again from q)
    into v_done, v_attempts, v_stand_ins, v_again from d;

    if v_hedges and v_done is not null then v_answered := sluice.settle_hedges(v_done); end if;
    if v_again > 0 then perform sluice.wake(v_model); end if;
    if v_stand_ins is not null then perform sluice.wake(m) from (select distinct unnest(v_stand_ins)) s(m); end if;
    if v_is_limited and v_done is not null then
        perform sluice.settle(v_deployment, p_worker, cardinality(v_done), u.counted, u.tokens)
        from (
            select count(i.prompt_tokens)::int as counted,
                coalesce(sum(i.prompt_tokens + coalesce(i.completion_tokens, 0)), 0)::bigint as tokens
            from unnest(p_ids, p_prompt_tokens, p_completion_tokens) i(id, prompt_tokens, completion_tokens)
            where i.id = any (v_done)) u;
    end if;
    if v_done is not null and pg_sequence_last_value('sluice.result_waiter') > extract(epoch from clock_timestamp()) * 1000 then
        perform sluice.notify_jobs('sluice_result', v_done || v_answered);
    end if;
    if coalesce(cardinality(v_done), 0) < cardinality(p_ids) then
        return query select u.id, u.attempt from unnest(p_ids, p_attempts) u(id, attempt)
        where not exists (
            select from unnest(v_done, v_attempts) d(id, attempt) where d.id = u.id and d.attempt = u.attempt);
    end if;
end $$;
comment on function sluice.finish is
    'Ends attempts. Outcomes: succeeded, failed, cancelled, expired end the job; retried counts a failure and queues it again: at once in the share of a deployment it has not been tried on, or, when there is none, or the model''s budget of retries is used up, after its delay; failed queues it again, too, when another model stands in for one that cannot (set_fallbacks), unless it is the caller''s fault; released queues it again and counts nothing. A job that was told to stop is not queued again: it ends as expired if its deadline has passed, else as cancelled. While somebody waits for results (see announce_waiting) the jobs are named on the channel sluice_result. Returns what was refused because the lease is no longer the caller''s: not an error, the job runs or ended elsewhere. Callers sort the arrays by id.';
