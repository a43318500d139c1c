-- Life of workers: registration, heartbeat, end, and what becomes of their leases.

create or replace function sluice.worker_start(
    p_deployment text, p_host text, p_pid int, p_direct boolean, p_backend_sha256 text default null)
returns table (
    worker_id bigint, deployment_id int, model_id int, model text, backend text, config json, slots int,
    attempt_timeout_ms int, retry_base_ms int, retry_cap_ms int, revision int, backend_sha256 text, lease_seconds int)
language plpgsql as $$
#variable_conflict use_column
declare
    v_deployment sluice.deployment;
    v_worker bigint;
begin
    select * into v_deployment from sluice.deployment d where d.name = p_deployment;
    if not found then
        raise exception using errcode = 'SL008', message = format('There is no deployment named "%s".', left(p_deployment, 200)),
            hint = coalesce('Known deployments: ' || (select string_agg(d.name, ', ' order by d.name)
                from (select name from sluice.deployment order by name limit 20) d), 'Add one with sluice.put_deployment.');
    end if;
    insert into sluice.worker (deployment_id, host, pid, slots, direct, revision)
    values (v_deployment.id, p_host, p_pid, v_deployment.slots, p_direct, v_deployment.revision)
    returning id into v_worker;
    insert into sluice.worker_heartbeat (worker_id, beat_at) values (v_worker, clock_timestamp());
    if p_direct then perform pg_advisory_lock(7021, v_worker::int); end if;
    insert into sluice.event (kind, subject, reason)
    values ('worker_started', 'worker ' || v_worker, format('pid %s on %s for deployment %s', p_pid, p_host, p_deployment));
    return query
        select v_worker, d.id, m.id, m.name, d.backend, d.config, d.slots, m.attempt_timeout_ms, m.retry_base_ms,
            m.retry_cap_ms, d.revision, b.sha256, (select s.value from sluice.setting s where s.name = 'lease_seconds')::int
        from sluice.deployment d join sluice.model m on m.id = d.model_id
        left join sluice.backend b on b.name = d.backend
        where d.id = v_deployment.id;
end $$;
comment on function sluice.worker_start is
    'Registers a worker process and returns what it hosts. With p_direct the caller''s connection holds an advisory lock (7021, worker id) from now on, whose loss is noticed at once.';

create or replace function sluice.heartbeat(
    p_worker bigint,
    p_in_flight bigint[],
    p_memory real default null,
    p_is_well boolean default null,
    p_stage int default null,
    p_succeeded int default null,
    p_failed_classes sluice.error_class[] default null,
    p_failed_counts int[] default null,
    p_run int[] default null,
    p_latency_bins int[] default null,
    p_latency_counts int[] default null,
    p_retry_after_ms bigint default null)
returns table (wanted text, cancelled bigint[], suspects boolean, decided_ms bigint, guards boolean, health_wanted boolean,
    error_percent double precision, failures_in_a_row int, overtaken bigint[])
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    v_worker sluice.worker;
    v_deployment sluice.deployment;
    v_health sluice.deployment_health;
    v_decided timestamptz;
    v_overtaken bigint[] := '{}';
begin
    select * into v_worker from sluice.worker w where w.id = p_worker;
    if not found or v_worker.ended_at is not null then
        return query select 'exit', '{}'::bigint[], false, null::bigint, false, false, null::double precision, null::int,
            '{}'::bigint[];
        return;
    end if;
    -- Like a claim, a heartbeat that is lost in a crash of the database is no loss.
    perform set_config('synchronous_commit', 'off', true);
    update sluice.worker_heartbeat h
    set beat_at = clock_timestamp(), memory = coalesce(p_memory, h.memory), is_well = coalesce(p_is_well, h.is_well)
    where h.worker_id = p_worker;
    select * into v_deployment from sluice.deployment d where d.id = v_worker.deployment_id;
    select * into v_health from sluice.deployment_health h where h.deployment_id = v_deployment.id;
    select c.beat_at into v_decided from sluice.controller c where c.id = 1;
    if p_succeeded > 0 then perform sluice.earn_retries(v_deployment.model_id, p_succeeded); end if;
    -- With nobody to take them, samples would pile up.
    if p_stage is not null and v_decided > clock_timestamp() - interval '1 minute' then
        insert into sluice.attempt_sample (deployment_id, worker_id, stage, succeeded, failed_classes, failed_counts, run,
            latency_bins, latency_counts, retry_after_ms)
        values (v_deployment.id, p_worker, p_stage, coalesce(p_succeeded, 0), coalesce(p_failed_classes, '{}'),
            coalesce(p_failed_counts, '{}'), coalesce(p_run, '{0,0,0,0}'), coalesce(p_latency_bins, '{}'),
            coalesce(p_latency_counts, '{}'), p_retry_after_ms);
        if p_failed_classes <> '{}' or v_deployment.share = '{}' then perform pg_notify('sluice_sample', ''); end if;
    end if;
    if v_deployment.hedges then v_overtaken := sluice.overtaken(p_worker, p_in_flight); end if;
    return query select
        case when v_worker.state = 'draining' then 'drain' else 'run' end,
        coalesce((select array_agg(l.id) from sluice.running l
            where l.id = any (p_in_flight) and l.worker_id = p_worker and l.cancel_requested), '{}') || v_overtaken,
        -- One worker of the model looks after suspects: the one that has lived longest.
        exists (select from sluice.suspect s where s.model_id = v_deployment.model_id)
            and p_worker = (select min(w.id) from sluice.worker w join sluice.deployment d on d.id = w.deployment_id
                where w.ended_at is null and w.state = 'running' and d.model_id = v_deployment.model_id and not d.paused
                    and d.state in ('serving', 'ramping')),
        (extract(epoch from clock_timestamp() - v_decided) * 1000)::bigint,
        -- Alone, or kept in service by the controller, it has to go on whatever comes of it.
        exists (select from sluice.deployment d where d.model_id = v_deployment.model_id and d.id <> v_deployment.id
                and d.share <> '{}' and not d.paused and exists (
                    select from sluice.worker w where w.deployment_id = d.id and w.ended_at is null and w.state = 'running'))
            and v_health.is_kept is not true,
        v_health.health_wanted is true,
        (m.policy ->> 'error_percent')::double precision, (m.policy ->> 'failures_in_a_row')::int,
        v_overtaken
    from sluice.model m where m.id = v_deployment.model_id;
end $$;
comment on function sluice.heartbeat is
    'Renews the lease of everything a worker runs, and takes what became of its attempts since the last one: those claimed in the stage p_stage, for the controller. Tells what it should do (run, drain, exit), which of p_in_flight are to be cancelled (and which of these because their second attempt has answered), whether it is the one to run suspects, how long ago the controller last decided (null: never), whether its local breaker may hold it back, whether it is to ask its backend how it is, and what opens a breaker of the model (null: the default).';

create or replace function sluice.ends_refused(p_worker bigint, p_count int) returns void language sql as $$
    update sluice.worker set refused_ends = refused_ends + p_count where id = p_worker
$$;
comment on function sluice.ends_refused(bigint, int) is
    'So many answers of a worker were refused by sluice.finish. A call of its own: a finish holds locks of jobs, and who ends a worker locks those after the worker.';

create or replace function sluice.worker_draining(p_worker bigint) returns void language sql as $$
    update sluice.worker w set state = 'draining' where w.id = p_worker and w.state in ('starting', 'running')
$$;
comment on function sluice.worker_draining(bigint) is 'The worker claims no more; it finishes what it holds and ends.';

create or replace function sluice.return_leases(p_worker bigint, p_started bigint[], p_class sluice.error_class,
    p_message text, p_keep bigint[] default null)
returns table (returned int, suspected int, quarantined int) language plpgsql as $$
#variable_conflict use_column
-- Looks through running without an index: it is small, and an index by worker would cost every claim.
declare
    v_budget bigint := (select s.value from sluice.setting s where s.name = 'crash_budget');
    v_deployment int := (select w.deployment_id from sluice.worker w where w.id = p_worker);
    v_model int := (select d.model_id from sluice.deployment d where d.id = v_deployment);
    v_lease record;
    v_state sluice.job_state;
    v_returned int := 0;
    v_suspected int := 0;
    v_quarantined int := 0;
    v_count int := 0;
    v_twins int := 0;
    v_bucket smallint;
begin
    for v_lease in
        with k as materialized (
            -- In the order in which a finish locks its jobs, or a zombie's and this could wait for each other.
            select l.id, l.ring from sluice.running l
            where l.worker_id = p_worker and (p_keep is null or l.id <> all (p_keep)) order by l.id for update
        ), d as (
            delete from sluice.running l using k where l.id = k.id and l.ring = k.ring returning l.*
        )
        select d.*, d.id = any (coalesce(p_started, '{}')) as charged from d order by d.id
    loop
        v_count := v_count + 1;
        if v_lease.tenant_id = 0 then
            -- A second attempt is not made a third time.
            perform sluice.drop_twin(v_lease.id, 'failed');
            v_twins := v_twins + case when v_lease.charged then 1 else 0 end;
            continue;
        end if;
        v_bucket := sluice.open_bucket(v_lease.id, v_lease.bucket);
        if v_lease.cancel_requested then
            v_state := case when exists (
                select from sluice.job j where j.id = v_lease.id and j.deadline_at <= clock_timestamp())
                then 'expired' else 'cancelled' end;
            insert into sluice.result (id, started_at, worker_id, deployment_id, attempt, state, error_message)
            values (v_lease.id, v_lease.started_at, p_worker, v_deployment, v_lease.attempt, v_state, p_message);
            if v_lease.batch_id is not null then
                insert into sluice.batch_delta (batch_id, state, jobs) values (v_lease.batch_id, v_state, 1);
            end if;
        elsif v_lease.charged and v_lease.crashes + 1 >= v_budget then
            insert into sluice.result
                (id, started_at, worker_id, deployment_id, attempt, state, error_class, error_message)
            values (v_lease.id, v_lease.started_at, p_worker, v_deployment, v_lease.attempt, 'quarantined', 'crash',
                format('took %s workers down; last: %s', v_lease.crashes + 1, p_message));
            if v_lease.batch_id is not null then
                insert into sluice.batch_delta (batch_id, state, jobs) values (v_lease.batch_id, 'quarantined', 1);
            end if;
            insert into sluice.event (kind, subject, reason)
            values ('job_quarantined', 'job ' || v_lease.id,
                format('took %s workers down, the crash budget; last: %s', v_lease.crashes + 1, p_message));
            v_quarantined := v_quarantined + 1;
        else
            insert into sluice.past_attempt
                (id, started_at, worker_id, deployment_id, attempt, outcome, error_class, error_message)
            values (v_lease.id, v_lease.started_at, p_worker, v_deployment, v_lease.attempt,
                case when v_lease.charged then 'crashed' else 'worker_lost' end::sluice.attempt_outcome, p_class, p_message);
            -- One that was suspect before and is not charged now is as suspect as before.
            if v_lease.charged or v_lease.crashes > 0 then
                insert into sluice.suspect
                    (id, model_id, tenant_id, batch_id, priority, bucket, attempt, failures, crashes)
                values (v_lease.id, v_lease.model_id, v_lease.tenant_id, v_lease.batch_id, v_lease.priority,
                    v_bucket, v_lease.attempt, v_lease.failures,
                    v_lease.crashes + case when v_lease.charged then 1 else 0 end);
                v_suspected := v_suspected + case when v_lease.charged then 1 else 0 end;
                v_returned := v_returned + case when v_lease.charged then 0 else 1 end;
            else
                perform sluice.place(v_lease.id,
                    sluice.virtual_time(v_lease.model_id, v_lease.priority, v_bucket), v_lease.model_id,
                    v_lease.tenant_id, v_lease.batch_id, v_lease.priority, v_bucket, v_lease.attempt,
                    v_lease.failures, v_lease.crashes);
                v_returned := v_returned + 1;
            end if;
        end if;
    end loop;
    if p_keep is null then
        delete from sluice.deployment_held h where h.worker_id = p_worker;
    else
        update sluice.deployment_held h set jobs = greatest(0, h.jobs - v_count) where h.worker_id = p_worker;
    end if;
    if v_returned > 0 then perform sluice.wake(v_model); end if;
    -- The worker cannot tell of these any more.
    if v_suspected + v_quarantined + v_twins > 0
        and exists (select from sluice.controller c where c.beat_at > clock_timestamp() - interval '1 minute') then
        insert into sluice.attempt_sample (deployment_id, worker_id, stage, succeeded, failed_classes, failed_counts, run,
            latency_bins, latency_counts)
        select d.id, p_worker, d.stage, 0, '{crash}', array[v_suspected + v_quarantined + v_twins],
            array_fill(v_suspected + v_quarantined + v_twins, array[4]), '{}', '{}'
        from sluice.deployment d where d.id = v_deployment;
        perform pg_notify('sluice_sample', '');
    end if;
    update sluice.worker w set reaped_at = clock_timestamp() where w.id = p_worker and w.ended_at is not null;
    return query select v_returned, v_suspected, v_quarantined;
end $$;
comment on function sluice.return_leases is
    'Takes every lease but those in p_keep from a worker. Jobs in p_started are charged with a crash and become suspects, or are quarantined past the crash budget; the others are queued again and charged nothing. Second attempts end.';

create or replace function sluice.worker_attach(p_worker bigint, p_direct boolean, p_held bigint[]) returns boolean
language plpgsql as $$
begin
    if not exists (select from sluice.worker w where w.id = p_worker and w.ended_at is null) then return false; end if;
    if p_direct then perform pg_advisory_lock(7021, p_worker::int); end if;
    update sluice.worker_heartbeat h set beat_at = clock_timestamp() where h.worker_id = p_worker;
    update sluice.worker w set lock_lost_at = null where w.id = p_worker and w.lock_lost_at is not null;
    -- A claim may have committed whose answer was lost with the old connection.
    perform sluice.return_leases(p_worker, null, 'worker_lost', 'the answer to its claim was lost', p_held);
    return true;
end $$;
comment on function sluice.worker_attach(bigint, boolean, bigint[]) is
    'Takes up a worker''s life on a new connection; leases it does not know it holds are queued again. False: it was declared dead meanwhile and must end.';

create or replace function sluice.worker_ended(
    p_worker bigint, p_orderly boolean, p_cause text, p_exit_status int default null, p_signal int default null,
    p_last_words text default null, p_started bigint[] default null)
returns table (returned int, suspected int, quarantined int) language plpgsql as $$
#variable_conflict use_column
declare
    v_class sluice.error_class := case when p_started is not null then 'crash' else 'worker_lost' end;
    v_is_first boolean;
begin
    select w.ended_at is null into v_is_first from sluice.worker w where w.id = p_worker for update;
    -- The first word stands: a worker may report its own end, and its parent again with the exit status.
    update sluice.worker w
    set state = case when v_is_first then case when p_orderly then 'stopped' else 'dead' end::sluice.worker_state else w.state end,
        ended_at = coalesce(w.ended_at, clock_timestamp()),
        cause = coalesce(w.cause, left(p_cause, 500)), exit_status = coalesce(p_exit_status, w.exit_status),
        signal = coalesce(p_signal, w.signal),
        last_words = coalesce(right(p_last_words, 4000), w.last_words)
    where w.id = p_worker;
    if not found then
        raise exception using errcode = 'SL009', message = format('There is no worker %s.', p_worker);
    end if;
    delete from sluice.worker_heartbeat h where h.worker_id = p_worker;
    if v_is_first then
        insert into sluice.event (kind, subject, reason)
        values ('worker_ended', 'worker ' || p_worker, left(p_cause, 500));
    end if;
    return query select * from sluice.return_leases(p_worker, p_started, v_class, left(p_cause, 500));
end $$;
comment on function sluice.worker_ended is
    'Records the end of a worker and takes its leases back. p_started names the jobs that were running when it crashed by itself; null when it was ended from outside, which charges nobody. May be called again: the first word about the end stands.';

create or replace function sluice.reap() returns table (worker_id bigint, cause text, returned int) language plpgsql as $$
#variable_conflict use_column
-- Three witnesses: the parent reports an exit (worker_ended), the connection lock vanishes, the heartbeat expires. A lost
-- lock is only a suspicion (the worker may be reconnecting); just after a restart of the database everybody has lost it.
declare
    v_lease interval := (select s.value from sluice.setting s where s.name = 'lease_seconds') * interval '1 second';
    v_grace interval := (select s.value from sluice.setting s where s.name = 'lock_grace_ms') * interval '1 millisecond';
    v_restart interval := (select s.value from sluice.setting s where s.name = 'restart_grace_ms') * interval '1 millisecond';
    v_now timestamptz := clock_timestamp();
    v_life timestamptz;
    v_dead record;
    v_count int;
begin
    if not pg_try_advisory_xact_lock(7021, -1) then return; end if;
    select l.began_at into v_life from sluice.database_life l;
    if not found then
        insert into sluice.database_life (began_at) values (v_now) returning began_at into v_life;
    end if;
    if greatest(v_life, pg_postmaster_start_time()) > v_now - v_restart then
        update sluice.worker w set lock_lost_at = null where w.lock_lost_at is not null and w.ended_at is null;
    else
        update sluice.worker w set lock_lost_at = case when h.held then null else v_now end
        from (
            select w.id, exists (
                select from pg_locks l where l.locktype = 'advisory' and l.classid = 7021 and l.objsubid = 2
                    and l.objid = w.id::int::oid and l.database = (select d.oid from pg_database d where d.datname = current_database())
                    and l.granted) as held
            from sluice.worker w where w.ended_at is null and w.direct
        ) h
        where w.id = h.id and (w.lock_lost_at is null) is distinct from h.held;
        for v_dead in
            select w.id, case when w.lock_lost_at < v_now - v_grace then 'lost its database connection'
                else 'sent no heartbeat' end as cause
            from sluice.worker w left join sluice.worker_heartbeat h on h.worker_id = w.id
            where w.ended_at is null
                and (w.lock_lost_at < v_now - v_grace or h.beat_at is null or h.beat_at < v_now - v_lease)
        loop
            select e.returned into v_count from sluice.worker_ended(v_dead.id, false, v_dead.cause) e;
            return query select v_dead.id, v_dead.cause, v_count;
        end loop;
    end if;
    -- A claim of the dead may have committed after the first pass.
    for v_dead in
        select w.id, w.cause from sluice.worker w
        where w.ended_at > v_now - interval '10 minutes' and (w.reaped_at is null or w.reaped_at < w.ended_at + interval '1 minute')
            and coalesce(w.reaped_at, '-infinity') < v_now - interval '1 second'
    loop
        select r.returned into v_count
        from sluice.return_leases(v_dead.id, null, 'worker_lost', coalesce(v_dead.cause, 'worker ended')) r;
        if v_count > 0 then return query select v_dead.id, 'late lease'::text, v_count; end if;
    end loop;
end $$;
comment on function sluice.reap() is
    'Declares workers dead that lost their connection or stopped their heartbeat, and takes their leases back. One caller at a time; others return at once.';
