-- Declaring models, deployments and tenants.

create or replace function sluice.put_tenant(p_name text, p_weight int default 100, why text default null)
returns int language plpgsql as $$
declare
    v_before int := (select t.weight from sluice.tenant t where t.name = p_name);
    v_id int;
begin
    insert into sluice.tenant (name, weight) values (p_name, p_weight)
    on conflict (name) do update set weight = excluded.weight
    returning id into v_id;
    if v_before is distinct from p_weight then
        perform sluice.record_change('put_tenant', 'tenant ' || p_name, to_jsonb(v_before), to_jsonb(p_weight), why,
            format('"%s" has the weight %s.', p_name, p_weight));
    end if;
    return v_id;
end $$;
comment on function sluice.put_tenant is 'Adds a tenant, or changes its weight.';

create or replace function sluice.put_model(p_name text, p_max_attempts int default 5, p_attempt_timeout_ms int default 600000,
    p_retry_base_ms int default 1000, p_retry_cap_ms int default 300000, why text default null)
returns int language plpgsql as $$
declare
    v_before sluice.model;
    v_after jsonb := jsonb_build_object('max_attempts', p_max_attempts, 'attempt_timeout_ms', p_attempt_timeout_ms,
        'retry_base_ms', p_retry_base_ms, 'retry_cap_ms', p_retry_cap_ms);
    v_was jsonb;
    v_id int;
begin
    perform pg_advisory_xact_lock(7022, -1);
    select * into v_before from sluice.model m where m.name = p_name;
    if found then
        v_id := v_before.id;
        v_was := jsonb_build_object('max_attempts', v_before.max_attempts, 'attempt_timeout_ms', v_before.attempt_timeout_ms,
            'retry_base_ms', v_before.retry_base_ms, 'retry_cap_ms', v_before.retry_cap_ms);
        if v_was = v_after then return v_id; end if;
        update sluice.model m
        set max_attempts = p_max_attempts, attempt_timeout_ms = p_attempt_timeout_ms, retry_base_ms = p_retry_base_ms,
            retry_cap_ms = p_retry_cap_ms
        where m.id = v_id;
    else
        v_id := nextval(pg_get_serial_sequence('sluice.model', 'id'));
        execute format('create sequence sluice.waiter_%s minvalue 0 start 0', v_id);
        insert into sluice.model (id, name, max_attempts, attempt_timeout_ms, retry_base_ms, retry_cap_ms, waiter)
        overriding system value
        values (v_id, p_name, p_max_attempts, p_attempt_timeout_ms, p_retry_base_ms, p_retry_cap_ms,
            format('sluice.waiter_%s', v_id)::regclass);
    end if;
    perform sluice.record_change('put_model', 'model ' || p_name, v_was, v_after, why,
        format('Jobs of "%s" are tried %s times at most, each for %s ms at most, with pauses of %s to %s ms.', p_name,
            p_max_attempts, p_attempt_timeout_ms, p_retry_base_ms, p_retry_cap_ms));
    return v_id;
end $$;
comment on function sluice.put_model is 'Adds a model, or changes its limits.';

create or replace function sluice.desired_count(p_deployment sluice.deployment) returns int language plpgsql stable as $$
declare
    v_rule sluice.scaling;
    v_least int;
    v_most int;
    v_count int;
begin
    if p_deployment.state = 'draining' then return 0; end if;
    select * into v_rule from sluice.scaling s where s.deployment_id = p_deployment.id;
    if v_rule.min_workers is null then return p_deployment.workers; end if;
    -- Windows of the schedule may lie beyond the bounds outside them: the controller knows which is open.
    select least(v_rule.min_workers, min((w ->> 'min_workers')::int)),
        greatest(v_rule.max_workers, max((w ->> 'max_workers')::int), max((w ->> 'min_workers')::int)) into v_least, v_most
    from jsonb_array_elements(v_rule.schedule) w;
    v_count := least(greatest(v_least, coalesce((select e.workers from sluice.desired e
        where e.deployment_id = p_deployment.id), v_rule.min_workers)), v_most);
    -- Without a worker nothing would show that it is well again.
    if v_count = 0 and v_rule.max_workers > 0 and exists (select from sluice.deployment_health h
        where h.deployment_id = p_deployment.id and h.breaker in ('open', 'probing', 'ramping')) then
        return 1;
    end if;
    return v_count;
end $$;
comment on function sluice.desired_count(sluice.deployment) is 'sluice.desired_workers for who has read the row already.';

create or replace function sluice.is_manned(p_deployment sluice.deployment) returns boolean language sql stable as $$
    select sluice.desired_count(p_deployment) > 0
        -- One that is at zero comes back with the jobs it gets, or at its hour.
        or exists (select from sluice.scaling s where s.deployment_id = p_deployment.id and s.min_workers is not null
            and (s.max_workers > 0 or exists (
                select from jsonb_array_elements(s.schedule) w
                where greatest((w ->> 'max_workers')::int, (w ->> 'min_workers')::int) > 0)))
        -- Somebody may have started one by hand.
        or exists (select from sluice.worker w where w.deployment_id = p_deployment.id and w.ended_at is null
            and w.state in ('starting', 'running'))
$$;
comment on function sluice.is_manned(sluice.deployment) is
    'Whether anybody runs the jobs of a deployment: it has workers, is to have some, or gets some when jobs ask for them. One that is not gets no part of the traffic while another can serve.';

create or replace function sluice.put_deployment(p_model text, p_name text, p_backend text, p_config json default '{}',
    p_workers int default 1, p_slots int default 8, p_version text default '1', p_isolated boolean default false,
    why text default null)
returns int language plpgsql as $$
declare
    v_model int := sluice.model_id_of(p_model);
    v_was jsonb;
    v_now jsonb;
    v_id int;
    v_virtual regclass[] := '{}';
begin
    perform pg_advisory_xact_lock(7022, -1);
    select jsonb_build_object('backend', d.backend, 'config', d.config, 'workers', d.workers, 'slots', d.slots,
        'version', d.version) into v_was from sluice.deployment d where d.name = p_name;
    update sluice.deployment d
    set backend = p_backend, config = p_config, workers = p_workers, slots = p_slots, version = p_version,
        revision = d.revision + case when (d.backend, d.config::text, d.slots, d.version)
            is distinct from (p_backend, p_config::text, p_slots, p_version) then 1 else 0 end
    where d.name = p_name and d.model_id = v_model returning d.id into v_id;
    if not found then
        if exists (select from sluice.deployment d where d.name = p_name) then
            raise exception using errcode = 'SL003',
                message = format('Deployment "%s" belongs to another model; choose another name.', left(p_name, 200));
        end if;
        v_id := nextval(pg_get_serial_sequence('sluice.deployment', 'id'));
        for priority in 0..4 loop
            execute format('create sequence sluice.virtual_time_%s_%s minvalue 0 start 0', v_id, priority);
            v_virtual := v_virtual || format('sluice.virtual_time_%s_%s', v_id, priority)::regclass;
        end loop;
        -- Where weights count, a newcomer gets no traffic until it is given some.
        insert into sluice.deployment
            (id, model_id, name, backend, config, workers, slots, version, virtual_time, share, weight, state, state_reason)
        overriding system value
        select v_id, v_model, p_name, p_backend, p_config, p_workers, p_slots, p_version, v_virtual, '{}',
            case when m.strategy in ('weighted', 'health_weighted', 'fastest') then 0 else 100 end,
            case when p_isolated then 'isolated' else 'serving' end::sluice.deployment_state,
            case when p_isolated then 'declared so' else '' end
        from sluice.model m where m.id = v_model;
        perform pg_advisory_xact_lock(7022, v_model);
        perform sluice.divide(v_model);
    end if;
    v_now := jsonb_build_object('backend', p_backend, 'config', p_config, 'workers', p_workers, 'slots', p_slots,
        'version', p_version);
    if v_was is distinct from v_now then
        perform sluice.record_change('put_deployment', 'deployment ' || p_name, v_was, v_now, why,
            format('"%s" serves "%s" by backend %s, with %s workers of %s slots, version %s.', p_name, p_model, p_backend,
                p_workers, p_slots, p_version));
    end if;
    return v_id;
end $$;
comment on function sluice.put_deployment is
    'Adds a deployment of a model, or changes it; its workers are replaced where the change needs it. A new one that is isolated gets no traffic until it is restored or rolled out.';

create or replace function sluice.desired_workers(deployment text) returns int language plpgsql stable as $$
#variable_conflict use_column
declare
    v_deployment sluice.deployment;
begin
    select * into v_deployment from sluice.deployment d where d.name = deployment;
    if not found then
        raise exception using errcode = 'SL008', message = format('There is no deployment named "%s".', left(deployment, 200));
    end if;
    return sluice.desired_count(v_deployment);
end $$;
comment on function sluice.desired_workers(text) is
    'How many workers a deployment should have at this moment: the fixed number, or what the controller decided, within the bounds of its rule. Looks up three rows: for asking as often as anybody likes. SL008: there is no such deployment.';

create or replace function sluice.set_share(p_deployment text, p_share int4multirange, why text default null)
returns void language plpgsql as $$
declare
    v_before int4multirange := (select d.share from sluice.deployment d where d.name = p_deployment);
begin
    update sluice.deployment d set share = p_share where d.name = p_deployment;
    if not found then
        raise exception using errcode = 'SL008', message = format('There is no deployment named "%s".', left(p_deployment, 200));
    end if;
    perform sluice.record_change('set_share', 'deployment ' || p_deployment, to_jsonb(v_before::text), to_jsonb(p_share::text), why,
        format('"%s" has the buckets %s.', p_deployment, p_share));
end $$;
comment on function sluice.set_share(text, int4multirange, text) is
    'Sets the hash buckets a deployment may claim, until the model''s traffic is next divided (sluice.divide). Its workers forget their floors at their next claim, and so find the jobs that became theirs.';

create or replace function sluice.overview()
returns table (
    model text, deployment text, backend text, paused boolean, workers_wanted int, workers_live int, slots int,
    running bigint, ready bigint, scheduled bigint, suspects bigint, oldest_ready_seconds double precision)
language sql stable as $$
    with l as (select w.deployment_id, count(*) as jobs from sluice.running r join sluice.worker w on w.id = r.worker_id
            group by w.deployment_id),
        w as (select w.deployment_id, count(*) as live from sluice.worker w where w.ended_at is null group by w.deployment_id),
        q as (select r.model_id, count(*) as jobs, min(r.id) as oldest from sluice.ready r group by r.model_id),
        s as (select s.model_id, count(*) as jobs from sluice.scheduled s group by s.model_id),
        u as (select s.model_id, count(*) as jobs from sluice.suspect s group by s.model_id)
    select m.name, d.name, d.backend, coalesce(d.paused, false),
        case when d.id is null then 0 else sluice.desired_count(d) end, coalesce(w.live, 0)::int,
        coalesce(d.slots, 0), coalesce(l.jobs, 0), coalesce(q.jobs, 0), coalesce(s.jobs, 0), coalesce(u.jobs, 0),
        extract(epoch from clock_timestamp() - (select sluice.due_since(j.run_at, j.created_at) from sluice.job j where j.id = q.oldest))
    from sluice.model m
    left join sluice.deployment d on d.model_id = m.id
    left join l on l.deployment_id = d.id
    left join w on w.deployment_id = d.id
    left join q on q.model_id = m.id
    left join s on s.model_id = m.id
    left join u on u.model_id = m.id
    order by m.name, d.name
$$;
comment on function sluice.overview() is
    'One row a deployment with what waits for its model. Counts every waiting row: for people, not for every second.';

create or replace function sluice.note(p_kind text, p_subject text, p_reason text) returns void language sql as $$
    insert into sluice.event (kind, subject, reason) values (p_kind, left(p_subject, 500), left(p_reason, 500))
$$;
comment on function sluice.note(text, text, text) is 'Records a decision that changes no other row, with its one-line reason.';
