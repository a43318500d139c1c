-- Who may do what. Four roles that a login is made a member of, and one that operators'
-- own queries run as; the owner of the schema may do everything. Each role may
-- call some functions, which act with the owner's rights, and sees no table. Applied last, since replacing a function
-- resets its rights.

do $$
declare
    v_role text;
begin
    foreach v_role in array array['sluice_reader', 'sluice_submitter', 'sluice_operator', 'sluice_worker', 'sluice_scaler'] loop
        continue when exists (select from pg_roles r where r.rolname = v_role);
        begin
            execute format('create role %I nologin', v_role);
        exception
            -- Roles belong to the whole server: another database may be migrated at this moment.
            when duplicate_object or unique_violation then null;
            when insufficient_privilege then
                raise notice 'The role % is missing: an administrator has to create it, then run sluice migrate again.', v_role;
        end;
    end loop;
end $$;

create or replace function sluice.granted() returns table (role text, name text) language sql immutable as $$
    select 'sluice_reader', unnest(array['overview', 'bucket_count', 'job_status', 'backends', 'batch_progress', 'list_batches',
        'check_invariants', 'desired_workers', 'desired_count', 'scaling_of', 'scaling_defaults', 'experiment_tallies'])
    union all
    select 'sluice_submitter', unnest(array['enqueue', 'enqueue_many', 'job_status', 'results_of', 'cancel', 'read_chunks', 'batch_progress',
        'score'])
    union all
    select 'sluice_operator', unnest(array['isolate', 'restore', 'drain', 'pause', 'resume', 'set_weights', 'set_strategy', 'set_tier',
        'swap', 'scale', 'set_scaling', 'drain_host', 'restore_host', 'rollout', 'promote', 'rollback', 'pause_rollout', 'resume_rollout', 'set_policy', 'set_deployment_limits', 'set_fallbacks', 'start_experiment', 'stop_experiment', 'score', 'retry_dead', 'cancel_where', 'cancel', 'retry', 'put_tenant', 'put_model', 'put_deployment', 'set_guard', 'guards',
        'set_queue_bound', 'queue_bounds', 'set_limits', 'list_keys', 'revoke_key',
        'redeliver', 'list_webhooks', 'webhook_tries'])
    union all
    select 'sluice_worker', unnest(array['worker_start', 'worker_attach', 'worker_draining', 'worker_ended', 'heartbeat', 'claim',
        'claim_suspect', 'tenant_names', 'finish', 'ends_refused', 'append_chunks', 'record_backend', 'backend_loaded', 'backend_refused', 'note'])
$$;
comment on function sluice.granted() is 'Which functions each role may call. sluice_operator is a member of sluice_reader as well.';

do $$
declare
    v_right record;
begin
    revoke all on all tables in schema sluice from public;
    revoke all on all sequences in schema sluice from public;
    revoke execute on all functions in schema sluice from public;
    -- The trigger that tells waiting workers of new jobs runs at the end of the submitter's own transaction.
    alter function sluice.wake_for_job() security definer set search_path = pg_catalog, pg_temp;
    for v_right in
        select g.role, p.oid::regprocedure as signature from sluice.granted() g
        join pg_proc p on p.proname = g.name and p.pronamespace = 'sluice'::regnamespace
        where exists (select from pg_roles r where r.rolname = g.role)
    loop
        execute format('alter function %s security definer set search_path = pg_catalog, pg_temp', v_right.signature);
        execute format('grant execute on function %s to %I', v_right.signature, v_right.role);
        execute format('grant usage on schema sluice to %I', v_right.role);
    end loop;
    if exists (select from pg_roles r where r.rolname = 'sluice_reader') then
        grant select on sluice.deployment_status, sluice.model_status, sluice.worker_status, sluice.queue_depth,
            sluice.decisions, sluice.overview, sluice.audit, sluice.rollouts, sluice.controller_status, sluice.scaling_status,
            sluice.host_status, sluice.cold_starts, sluice.experiments, sluice.experiment_report, sluice.hedging to sluice_reader;
        if exists (select from pg_roles r where r.rolname = 'sluice_operator')
            and not pg_has_role('sluice_operator', 'sluice_reader', 'member') then
            grant sluice_reader to sluice_operator;
        end if;
    end if;
end $$;

-- The role that queries of the scaler sql run as reads what sluice_reader reads, and what operators grant it; it owns the one
-- function that runs them, so that nothing more can be read by them whoever the controller logs in as.
do $$
begin
    if not exists (select from pg_roles r where r.rolname = 'sluice_scaler') then return; end if;
    if not pg_has_role('sluice_scaler', 'sluice_reader', 'member') then grant sluice_reader to sluice_scaler; end if;
    if not pg_has_role(current_user, 'sluice_scaler', 'member') then execute format('grant sluice_scaler to %I', current_user); end if;
    grant usage, create on schema sluice to sluice_scaler;
    alter function sluice.run_query(text) owner to sluice_scaler;
    revoke create on schema sluice from sluice_scaler;
    alter function sluice.run_query(text) security definer;
    revoke execute on function sluice.run_query(text) from public;
    execute format('grant execute on function sluice.run_query(text) to %I', current_user);
exception when insufficient_privilege or invalid_grant_operation then
    raise notice 'The scaler sql cannot be used: an administrator has to run sluice migrate.';
end $$;
