-- One job, by its id: where it is, cancel it, redrive it.

create or replace function sluice.find_ready(p_id bigint) returns setof sluice.ready language plpgsql stable as $$
-- The job row, or for one that was queued again its last placement, holds the key that leads to the ready row.
declare
    v_job sluice.job;
    v_place sluice.placement;
begin
    select * into v_job from sluice.job j where j.id = p_id;
    if not found then return; end if;
    select * into v_place from sluice.placement p where p.id = p_id order by p.placed_at desc limit 1;
    return query select r.* from sluice.ready r
        where r.model_id = coalesce(v_place.model_id, v_job.model_id) and r.priority = coalesce(v_place.priority, v_job.priority)
            and r.key = coalesce(v_place.key, v_job.key) and r.id = p_id;
end $$;
comment on function sluice.find_ready(bigint) is 'The ready row of a job, by index, without an index on id.';

-- A migration that removes a column it shows has to drop it, and what returns its rows, first.
create or replace view sluice.known_job as
    select j.id,
        case when r.id is not null then r.state when l.id is not null then 'running'
             when s.id is not null then 'scheduled' else 'queued' end::sluice.job_state as state,
        m.name as model, j.kind, t.name as tenant, j.priority, j.batch_id, j.custom_id,
        coalesce(r.attempt, l.attempt, s.attempt, u.attempt,
            (select max(p.attempt) from sluice.past_attempt p where p.id = j.id), 0::smallint) as attempt,
        coalesce(l.failures, s.failures, u.failures) as failures, coalesce(l.crashes, s.crashes, u.crashes) as crashes,
        j.max_attempts, j.created_at, coalesce(s.due_at, j.run_at) as due_at, j.deadline_at,
        coalesce(r.started_at, l.started_at) as started_at, r.finished_at, coalesce(r.worker_id, l.worker_id) as worker_id,
        d.name as deployment, r.error_class, r.error_message, r.prompt_tokens, r.completion_tokens,
        case when r.prompt_tokens is not null then r.usage_estimated end as usage_estimated,
        case when r.id is not null and d.model_id <> j.model_id then o.name end as served_by, coalesce(r.hedged, false) as hedged
    from sluice.job j
    join sluice.model m on m.id = j.model_id
    join sluice.tenant t on t.id = j.tenant_id
    left join lateral (select * from sluice.result r where r.id = j.id) r on true
    left join lateral (select * from sluice.running l where l.id = j.id limit 1) l on true
    left join lateral (select * from sluice.scheduled s where s.id = j.id) s on true
    left join lateral (select * from sluice.suspect u where u.id = j.id) u on true
    left join sluice.deployment d on d.id = coalesce(r.deployment_id,
        (select w.deployment_id from sluice.worker w where w.id = l.worker_id))
    left join sluice.model o on o.id = d.model_id;
comment on view sluice.known_job is
    'What is known of every job; served_by is the model that answered in place of the one that was asked for; hedged says that its second attempt answered, begun because the first was late. One between two tables is reported as queued, which it is or is about to be. Ask it by id: it looks into every table.';

-- The view has more tables than the planner moves by itself: without the limits it would begin with all jobs there are.
create or replace function sluice.job_status(p_ids bigint[]) returns setof sluice.known_job language plpgsql stable
set join_collapse_limit = 16 set from_collapse_limit = 16 set plan_cache_mode = force_generic_plan as $$
begin
    return query
        select k.* from unnest(p_ids) with ordinality i(id, ord) join sluice.known_job k on k.id = i.id order by i.ord;
end $$;
comment on function sluice.job_status(bigint[]) is
    'What is known of jobs, in the order asked; unknown ids are left out.';

create or replace function sluice.cancel(p_id bigint, p_reason text default 'cancelled by request',
    p_outcome sluice.job_state default 'cancelled')
returns sluice.job_state language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
-- The job may move while it is looked for (claimed, finished, queued again, carried to another ring slot), so look until it
-- was found somewhere. The row locks of the deletes make each look either find it or see it gone.
declare
    v_row record;
    v_state sluice.job_state;
    v_worker bigint;
begin
    if p_outcome not in ('cancelled', 'expired') then
        raise exception using errcode = 'SL003', message = 'A job is ended by cancel as cancelled or expired.';
    end if;
    if not exists (select from sluice.job j where j.id = p_id) then
        raise exception using errcode = 'SL005', message = format('There is no job %s.', p_id);
    end if;
    for try in 1..200 loop
        select r.state into v_state from sluice.result r where r.id = p_id;
        if found then return v_state; end if;

        delete from sluice.ready r using sluice.find_ready(p_id) f
        where r.model_id = f.model_id and r.priority = f.priority and r.key = f.key and r.id = f.id
        returning r.attempt, r.batch_id into v_row;
        if not found then
            delete from sluice.scheduled s where s.id = p_id returning s.attempt, s.batch_id into v_row;
        end if;
        if not found then
            delete from sluice.suspect s where s.id = p_id returning s.attempt, s.batch_id into v_row;
        end if;
        if found then
            insert into sluice.result (id, attempt, state, error_message)
            values (p_id, v_row.attempt, p_outcome, left(p_reason, 2000));
            perform sluice.stop_twins(p_id);
            if v_row.batch_id is not null then
                insert into sluice.batch_delta (batch_id, state, jobs) values (v_row.batch_id, p_outcome, 1);
            end if;
            return p_outcome;
        end if;

        update sluice.running l set cancel_requested = true where l.id = p_id returning l.worker_id into v_worker;
        if found then
            perform pg_notify('sluice_worker_' || v_worker, 'cancel');
            perform sluice.stop_twins(p_id);
            return 'running';
        end if;
        perform pg_sleep(least(0.001 * try, 0.02));
    end loop;
    raise exception using errcode = 'SL006', message = format('Job %s could not be caught; try again.', p_id);
end $$;
comment on function sluice.cancel is
    'Cancels a job. Returns its state: cancelled if it had not started, running if its worker was told to stop it (the worker ends it as cancelled), or the terminal state it already had. SL005: no such job.';

create or replace function sluice.retry(p_id bigint) returns void language plpgsql as $$
declare
    v_job sluice.job;
    v_result sluice.result;
    v_bucket smallint;
begin
    select * into v_job from sluice.job j where j.id = p_id;
    if not found then
        raise exception using errcode = 'SL005', message = format('There is no job %s.', p_id);
    end if;
    delete from sluice.result r where r.id = p_id and r.state in ('failed', 'quarantined', 'expired', 'cancelled')
    returning * into v_result;
    if not found then
        raise exception using errcode = 'SL007',
            message = format('Job %s has not failed, so there is nothing to retry.', p_id),
            hint = 'Failed, quarantined, expired and cancelled jobs can be retried.';
    end if;
    if v_result.attempt = 0 and v_result.state = 'failed' then
        raise exception using errcode = 'SL007', message = format('Job %s was refused before it was queued.', p_id),
            hint = 'Mend the request, and submit it again.';
    end if;
    if v_job.deadline_at <= clock_timestamp() then
        raise exception using errcode = 'SL007', message = format('The deadline of job %s has passed.', p_id),
            hint = 'Enqueue the request again with a later deadline.';
    end if;
    if v_result.started_at is not null and v_result.worker_id is not null then
        insert into sluice.past_attempt
            (id, started_at, ended_at, worker_id, deployment_id, attempt, outcome, error_class, error_message)
        values (p_id, v_result.started_at, v_result.finished_at, v_result.worker_id, v_result.deployment_id,
            v_result.attempt, case v_result.state when 'quarantined' then 'crashed' else v_result.state::text end::sluice.attempt_outcome,
            v_result.error_class, v_result.error_message)
        on conflict do nothing;
    end if;
    if v_job.batch_id is not null then
        insert into sluice.batch_delta (batch_id, state, jobs) values (v_job.batch_id, v_result.state, -1);
        update sluice.batch b set state = 'running', ended_at = null, finalizing_at = null
        where b.id = v_job.batch_id and coalesce(b.ended_at, b.finalizing_at) is not null;
    end if;
    v_bucket := sluice.bucket(p_id, v_job.affinity);
    perform sluice.place(p_id, sluice.virtual_time(v_job.model_id, v_job.priority, v_bucket), v_job.model_id,
        v_job.tenant_id, v_job.batch_id, v_job.priority, v_bucket, v_result.attempt, 0::smallint, 0::smallint);
    perform sluice.wake(v_job.model_id);
    insert into sluice.event (kind, subject, reason)
    values ('job_retried', 'job ' || p_id, format('was %s, queued again by request', v_result.state));
end $$;
comment on function sluice.retry(bigint) is
    'Redrives a job that ended without success, with a new budget of attempts. SL005: no such job. SL007: it did not end so, or was refused before it was queued.';

create or replace function sluice.forget_job(p_id bigint) returns void language plpgsql as $$
declare
    v_job sluice.job;
begin
    select * into v_job from sluice.job j where j.id = p_id;
    if not found then
        raise exception using errcode = 'SL005', message = format('There is no job %s.', p_id);
    end if;
    if v_job.batch_id is not null then
        raise exception using errcode = 'SL006', message = format('Job %s belongs to a batch.', p_id);
    end if;
    -- Whoever retries it deletes this row, too: one of the two finds it gone.
    delete from sluice.result r where r.id = p_id;
    if not found then
        raise exception using errcode = 'SL006', message = format('Job %s has not ended.', p_id), hint = 'Cancel it first.';
    end if;
    delete from sluice.job j where j.id = p_id;
    delete from sluice.past_attempt a where a.id = p_id;
    delete from sluice.chunk c where c.id = p_id;
    delete from sluice.placement p where p.id = p_id;
    delete from sluice.deadline d where d.deadline_at = v_job.deadline_at and d.id = p_id;
    delete from sluice.idempotency i where i.tenant_id = v_job.tenant_id and i.job_id = p_id;
end $$;
comment on function sluice.forget_job(bigint) is
    'Removes a job that has ended, with its request and its answer. SL005: no such job. SL006: it has not ended, or belongs to a batch.';

create or replace function sluice.list_jobs(
    p_state sluice.job_state, p_model text, p_batch int, p_before bigint, p_limit int, p_tenant text default null)
returns setof sluice.known_job language plpgsql stable as $$
#variable_conflict use_column
declare
    v_model int := case when p_model is not null then sluice.model_id_of(p_model) end;
    v_tenant int := case when p_tenant is not null then sluice.tenant_id_of(p_tenant) end;
    v_source text := case
        -- The twins of late jobs, of the tenant 0, are nobody's.
        when p_state is null then '(select id from sluice.job where tenant_id <> 0)'
        when p_state = 'queued' then
            '(select id from sluice.ready where tenant_id <> 0 union all select id from sluice.suspect where tenant_id <> 0)'
        when p_state = 'running' then '(select id from sluice.running where tenant_id <> 0)'
        when p_state = 'scheduled' then '(select id from sluice.scheduled where tenant_id <> 0)'
        else format('(select id from sluice.result where state = %L and (%s))', p_state,
            -- Says what the partial index of the dead letters needs to hear.
            case when p_state = 'succeeded' then 'true' else 'state <> ''succeeded''' end) end;
    v_ids bigint[];
begin
    if p_limit is null or p_limit not between 1 and 1000 then
        raise exception using errcode = 'SL003', message = 'A list holds 1 to 1,000 jobs.';
    end if;
    execute format('select array_agg(x.id) from (select s.id from %s s %s where s.id < $1 %s %s %s order by s.id desc limit $2) x',
        v_source,
        case when v_model is not null or v_tenant is not null or p_batch is not null then 'join sluice.job j on j.id = s.id' else '' end,
        case when v_model is not null then format('and j.model_id = %s', v_model) else '' end,
        case when v_tenant is not null then format('and j.tenant_id = %s', v_tenant) else '' end,
        case when p_batch is not null then format('and j.batch_id = %s', p_batch) else '' end)
    into v_ids using coalesce(p_before, 9223372036854775807), p_limit;
    return query select * from sluice.job_status(coalesce(v_ids, '{}'));
end $$;
comment on function sluice.list_jobs is 'Jobs of a state, model, batch and tenant (null: any), newest first, below the id p_before.';
