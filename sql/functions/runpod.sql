-- What clients of RunPod's serverless endpoints ask for and the queue did not know.

create or replace function sluice.take_chunks(p_id bigint, p_limit int)
returns table (attempt smallint, seq int, body json, state sluice.job_state) language plpgsql as $$
#variable_conflict use_column
declare
    v_place sluice.stream_reader;
begin
    insert into sluice.stream_reader as r (id, attempt, seq) values (p_id, 0, 0)
    on conflict (id) do update set read_at = clock_timestamp() returning * into v_place;
    for attempt, seq, body, state in
        select c.attempt, c.seq, c.body, c.state
        from sluice.read_chunks(p_id, v_place.attempt, v_place.seq, p_limit) c
    loop
        -- It answered without pieces: the whole of it is the one piece.
        if seq is null and state = 'succeeded' and v_place.seq = 0 then
            select r.attempt, 1, r.body, null into attempt, seq, body, state from sluice.result r where r.id = p_id;
        end if;
        if seq is not null then
            v_place.attempt := attempt;
            v_place.seq := seq;
        end if;
        return next;
    end loop;
    update sluice.stream_reader r set attempt = v_place.attempt, seq = v_place.seq where r.id = p_id;
end $$;
comment on function sluice.take_chunks(bigint, int) is
    'The pieces of a job''s answer that were not taken before, as read_chunks gives them, or the whole answer of a job that was not asked for pieces; for clients that cannot say where they are. Taken is taken: whoever may lose an answer reads with read_chunks. SL005: no such job.';

create or replace function sluice.purge_queue(p_tenant text, p_model text, p_limit int default 1000)
returns int language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    v_tenant int := sluice.tenant_id_of(p_tenant);
    v_model int := sluice.model_id_of(p_model);
    v_ready int;
    v_later int;
begin
    if p_limit not between 1 and 10000 then
        raise exception using errcode = 'SL003', message = 'A purge takes 1 to 10,000 jobs.';
    end if;
    with c as materialized (
        select r.ctid as place, r.id from sluice.ready r
        where r.model_id = v_model and r.tenant_id = v_tenant and r.batch_id is null
        limit p_limit for update skip locked
    ), d as (
        delete from sluice.ready r
        where r.ctid = any (array(select c.place from c)) and r.id = any (array(select c.id from c))
        returning r.id, r.attempt
    ), e as (
        insert into sluice.result (id, attempt, state, error_message)
        select d.id, d.attempt, 'cancelled', 'its queue was purged' from d returning 1
    )
    select count(*) into v_ready from e;
    with c as materialized (
        select s.id from sluice.scheduled s
        where s.model_id = v_model and s.tenant_id = v_tenant and s.batch_id is null
        limit greatest(p_limit - v_ready, 0) for update skip locked
    ), d as (
        delete from sluice.scheduled s where s.id = any (array(select c.id from c)) returning s.id, s.attempt
    ), e as (
        insert into sluice.result (id, attempt, state, error_message)
        select d.id, d.attempt, 'cancelled', 'its queue was purged' from d returning 1
    )
    select count(*) into v_later from e;
    return v_ready + v_later;
end $$;
comment on function sluice.purge_queue is
    'Cancels up to p_limit jobs of a tenant and model that wait, but those of batches, which have a cancel of their own. Returns how many; call it again until it is 0.';

create or replace function sluice.endpoint_health(p_tenant text, p_model text)
returns table (
    queued bigint, running bigint, completed bigint, failed bigint, retried bigint, workers_starting bigint,
    workers_idle bigint, workers_busy bigint)
language plpgsql stable as $$
declare
    v_tenant int := sluice.tenant_id_of(p_tenant);
    v_model int := sluice.model_id_of(p_model);
    v_last bigint := coalesce(pg_sequence_last_value('sluice.job_id'), 0);
begin
    return query
    with own as materialized (
        select j.id from sluice.job j
        where j.id > v_last - 10000 and j.model_id = v_model and j.tenant_id = v_tenant
    ), ended as (
        select count(*) filter (where r.state = 'succeeded') as completed,
            count(*) filter (where r.state <> 'succeeded') as failed
        from own join sluice.result r on r.id = own.id
    ), busy as materialized (
        select distinct r.worker_id from sluice.running r where r.model_id = v_model
    ), workers as (
        select w.state, b.worker_id is not null as is_busy
        from sluice.worker w join sluice.deployment d on d.id = w.deployment_id left join busy b on b.worker_id = w.id
        where d.model_id = v_model and w.ended_at is null
    )
    select (select count(*) from (select from sluice.ready r
            where r.model_id = v_model and r.tenant_id = v_tenant limit 10000) x),
        (select count(*) from sluice.running r where r.model_id = v_model and r.tenant_id = v_tenant),
        e.completed, e.failed,
        (select count(distinct p.id) from own join sluice.past_attempt p on p.id = own.id),
        (select count(*) from workers w where w.state = 'starting'),
        (select count(*) from workers w where w.state <> 'starting' and not w.is_busy),
        (select count(*) from workers w where w.state <> 'starting' and w.is_busy)
    from ended e;
end $$;
comment on function sluice.endpoint_health(text, text) is
    'What waits and runs for a tenant and model (10,000 at most are counted), how those of the newest 10,000 jobs ended, and the model''s workers. SL001, SL002.';

create or replace function sluice.job_details(p_ids bigint[])
returns table (id bigint, metadata json, affinity text, execution_ms int, webhook text) language sql stable as $$
    select j.id, j.metadata, j.affinity, j.execution_ms, w.url
    from unnest(p_ids) i(id) join sluice.job j on j.id = i.id left join sluice.job_webhook w on w.id = j.id
$$;
comment on function sluice.job_details(bigint[]) is 'What an owner said of jobs and job_status leaves out; unknown ids are left out.';
