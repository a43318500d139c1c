-- Finishing: every outcome of every attempt, in batches, fenced by (job, attempt, worker).

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
begin
    select w.deployment_id, d.model_id into v_deployment, v_model
    from sluice.worker w join sluice.deployment d on d.id = w.deployment_id where w.id = p_worker;
    -- Rows are locked in the order of the ids given; callers sort them, so two finishes cannot deadlock.
    with i as materialized (
        select u.* from unnest(p_ids, p_attempts, p_outcomes, p_bodies, p_error_classes, p_error_messages, p_delays_ms,
            p_prompt_tokens, p_completion_tokens, p_usage_estimated)
            as u(id, attempt, outcome, body, error_class, error_message, delay_ms, prompt_tokens, completion_tokens, estimated)
    ), d as (
        delete from sluice.running r using i
        where r.id = i.id and r.attempt = i.attempt and r.worker_id = p_worker
        returning r.id, r.attempt, r.started_at, r.batch_id, r.model_id, r.tenant_id, r.priority, r.bucket, r.failures,
            r.crashes, i.body, i.error_class, i.error_message, i.delay_ms, i.prompt_tokens, i.completion_tokens,
            i.prompt_tokens is not null and coalesce(i.estimated, false) as estimated,
            -- A worker is told to stop, not why: whether it was the deadline is for the database's clock to say.
            case when not r.cancel_requested or i.outcome not in ('cancelled', 'retried', 'released') then i.outcome
                when exists (select from sluice.job j where j.id = r.id and j.deadline_at <= clock_timestamp())
                then 'expired' else 'cancelled' end as outcome
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
            d.priority, d.bucket, d.attempt, d.failures + 1, d.crashes
        from d where d.outcome = 'retried' and d.delay_ms > 0
    ), u as (
        -- Given back without a try: a suspect is as suspect as before.
        insert into sluice.suspect (id, model_id, tenant_id, batch_id, priority, bucket, attempt, failures, crashes)
        select d.id, d.model_id, d.tenant_id, d.batch_id, d.priority, d.bucket, d.attempt, d.failures, d.crashes
        from d where d.outcome = 'released' and d.crashes > 0
    ), q as (
        -- Not count(place(…)): it returns void, which counts as nothing.
        select count(*) as again
        from d cross join lateral sluice.place(
            d.id, sluice.virtual_time(d.model_id, d.priority, d.bucket), d.model_id, d.tenant_id, d.batch_id, d.priority,
            d.bucket, d.attempt, (d.failures + case d.outcome when 'retried' then 1 else 0 end)::smallint, d.crashes)
        where (d.outcome = 'released' and d.crashes = 0) or (d.outcome = 'retried' and coalesce(d.delay_ms, 0) <= 0)
    )
    select array_agg(d.id), array_agg(d.attempt), (select q.again from q) into v_done, v_attempts, v_again from d;

    if v_again > 0 then perform sluice.wake(v_model); end if;
    if v_done is not null and pg_sequence_last_value('sluice.result_waiter') > extract(epoch from clock_timestamp()) * 1000 then
        perform sluice.notify_jobs('sluice_result', v_done);
    end if;
    if coalesce(cardinality(v_done), 0) < cardinality(p_ids) then
        return query select u.id, u.attempt from unnest(p_ids, p_attempts) u(id, attempt)
        where not exists (
            select from unnest(v_done, v_attempts) d(id, attempt) where d.id = u.id and d.attempt = u.attempt);
    end if;
end $$;
comment on function sluice.finish is
    'Ends attempts. Outcomes: succeeded, failed, cancelled, expired end the job; retried counts a failure and queues it again after its delay; released queues it again and counts nothing. A job that was told to stop is not queued again: it ends as expired if its deadline has passed, else as cancelled. While somebody waits for results (see announce_waiting) the jobs are named on the channel sluice_result. Returns what was refused because the lease is no longer the caller''s: not an error, the job runs or ended elsewhere. Callers sort the arrays by id.';
