-- Experiments: who gets which arm, what came of it, and the verbs. Decided where a job is enqueued, when its model has an
-- experiment; a model without one pays for a look at a column that is read anyway.

create or replace function sluice.unit_hash(p_salt text, p_unit text) returns bigint language sql immutable parallel safe as $$
    select hashtextextended(p_unit, hashtextextended(p_salt, 0))
$$;
comment on function sluice.unit_hash(text, text) is 'The salted hash of a unit, by which it is counted and drawn for.';

create or replace function sluice.unit_bucket(p_salt text, p_unit text) returns int language sql immutable parallel safe as $$
    select ((sluice.unit_hash(p_salt, p_unit) & 9223372036854775807) % 10000)::int
$$;
comment on function sluice.unit_bucket(text, text) is 'The bucket of a unit in the experiment of this salt, 0 to 9999: its arm follows from it alone.';

create or replace function sluice.copy_to_shadow(
    p_arm sluice.arm, p_model int, p_job bigint, p_unit bigint, p_kind sluice.job_kind, p_payload json)
returns void language plpgsql as $$
declare
    v_tenant sluice.tenant;
    v_id bigint := nextval('sluice.job_id');
    v_bucket smallint := coalesce(p_arm.lane, sluice.bucket(v_id, null));
    v_deadline timestamptz := clock_timestamp()
        + (select s.value from sluice.setting s where s.name = 'shadow_seconds') * interval '1 second';
    v_key bigint;
begin
    select * into v_tenant from sluice.tenant t where t.name = '(shadow)';
    v_key := sluice.fair_key(p_model, 4::smallint, v_tenant.id, v_tenant.weight, v_bucket, 1);
    insert into sluice.job (id, key, deadline_at, model_id, tenant_id, kind, priority, max_attempts, payload)
    values (v_id, v_key, v_deadline, p_model, v_tenant.id, p_kind, 4, 1, p_payload);
    insert into sluice.ready (key, id, model_id, tenant_id, priority, bucket, ring)
    values (v_key, v_id, p_model, v_tenant.id, 4, v_bucket, pg_sequence_last_value('sluice.ring_ready'));
    -- What there is no room for in time is dropped: copies are the last thing to wait for.
    insert into sluice.deadline (deadline_at, id) values (v_deadline, v_id);
    insert into sluice.exposure (job_id, arm_id, unit, copied_from) values (v_id, p_arm.id, p_unit, p_job);
end $$;
comment on function sluice.copy_to_shadow is
    'Queues a copy of a job for a shadow: a job of its own, of the tenant (shadow), last in priority, tried once, and dropped when it has not run within the setting shadow_seconds.';

create or replace function sluice.assign(
    p_experiment int, p_model int, p_job bigint, p_affinity text, p_tenant int, p_kind sluice.job_kind, p_payload json)
returns smallint language plpgsql as $$
declare
    v_experiment sluice.experiment;
    v_arm sluice.arm;
    v_unit text;
    v_hash bigint;
    v_bucket int;
    v_end int := 0;
    v_is_served boolean := false;
    v_lane smallint;
begin
    select * into v_experiment from sluice.experiment e where e.id = p_experiment and e.state = 'running';
    if not found then return null; end if;
    -- A tenant's keys are its own.
    v_unit := case when p_affinity is not null then p_tenant || '/' || p_affinity
        when v_experiment.unit = 'tenant' then p_tenant::text else '#' || p_job end;
    v_hash := sluice.unit_hash(v_experiment.salt, v_unit);
    v_bucket := sluice.unit_bucket(v_experiment.salt, v_unit);
    for v_arm in select * from sluice.arm a where a.experiment_id = p_experiment order by a.place loop
        if v_arm.is_shadow then
            -- From the upper end, so that a small shadow of a small arm's traffic is not always the same.
            if v_bucket >= 10000 - v_arm.buckets then
                perform sluice.copy_to_shadow(v_arm, p_model, p_job, v_hash, p_kind, p_payload);
            end if;
        else
            v_end := v_end + v_arm.buckets;
            if not v_is_served and v_bucket < v_end then
                insert into sluice.exposure (job_id, arm_id, unit) values (p_job, v_arm.id, v_hash);
                v_is_served := true;
                v_lane := v_arm.lane;
            end if;
        end if;
    end loop;
    return v_lane;
end $$;
comment on function sluice.assign is
    'Gives a job that is being enqueued its arm, queues copies for shadows, and returns the lane it is to wait in; null: it waits where it would without.';

create or replace function sluice.assign_chunk(p_batch int, p_first_id bigint, p_last_id bigint, p_without bigint[])
returns table (id bigint, lane smallint) language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
#variable_conflict use_column
begin
    return query
        select a.id, a.lane
        from (
            select j.id,
                sluice.assign(m.experiment_id, j.model_id, j.id, j.affinity, j.tenant_id, j.kind, j.payload) as lane
            from sluice.job j join sluice.model m on m.id = j.model_id
            where j.id between p_first_id and p_last_id and j.batch_id = p_batch and m.experiment_id is not null
                and j.id <> all (p_without)
            order by j.id) a
        where a.lane is not null;
end $$;
comment on function sluice.assign_chunk(int, bigint, bigint, bigint[]) is
    'Gives the jobs of a chunk that was copied into sluice.job their arms, all but p_without, which are not to run, and queues copies for shadows. Returns those that are to wait in a lane.';

create or replace function sluice.treatment(p_job bigint) returns json language plpgsql stable as $$
begin
    return (select json_build_object('parameters', a.parameters, 'prompt_prefix', a.prompt_prefix)
        from sluice.exposure x join sluice.arm a on a.id = x.arm_id
        where x.job_id = coalesce((select h.job_id from sluice.hedge h where h.twin_id = p_job), p_job)
            and (a.parameters is not null or a.prompt_prefix is not null));
end $$;
comment on function sluice.treatment(bigint) is
    'What the arm of a job, or of the one it is the second attempt of, changes of its request before the backend gets it; null: nothing. The job keeps what the client sent.';

create or replace function sluice.own_lane(p_deployment int) returns int language sql immutable parallel safe as $$
    select -1 - (p_deployment - 1) % 10000
$$;
comment on function sluice.own_lane(int) is
    'The bucket of jobs that only this deployment is to have: those that have failed elsewhere, and second attempts. Next to the buckets of shares, so that a claim of both is still of one range.';

create or replace function sluice.open_bucket(p_job bigint, p_bucket smallint) returns smallint language plpgsql stable as $$
begin
    if p_bucket >= 0 then return p_bucket; end if;
    return (select sluice.bucket(j.id, j.affinity) from sluice.job j where j.id = p_job);
end $$;
comment on function sluice.open_bucket(bigint, smallint) is
    'The bucket of a job that is anybody''s again: its own where it was in the lane of one deployment, else the one it has.';

create or replace function sluice.put_lanes(p_model int) returns void language plpgsql as $$
declare
    m record;
begin
    select o.strategy, coalesce((o.policy ->> 'hedge_percent')::numeric, 0) > 0 as hedges into m
    from sluice.model o where o.id = p_model;
    update sluice.deployment d set lanes = w.lanes, hedges = w.hedges
    from (
        -- Whoever is only partly in the traffic gets none of it: its steps would not be what they say.
        with fit as (
            select i.deployment_id from sluice.in_traffic(p_model) i
            where i.percent > 0 and i.percent = (select max(o.percent) from sluice.in_traffic(p_model) o)
        ), lane as (
            select a.lane::int as bucket, case when e.state = 'running' and a.deployment_id in (select f.deployment_id from fit f)
                then a.deployment_id end as holder
            from sluice.experiment e join sluice.arm a on a.experiment_id = e.id
            where e.model_id = p_model and e.closed_at is null and a.lane is not null
            union all
            -- Where shares do not overlap, what failed with one is given to another by its bucket.
            select sluice.own_lane(o.id), case when o.id in (select f.deployment_id from fit f) then o.id end
            from sluice.deployment o
            where o.model_id = p_model and (m.strategy = 'least_busy' or m.hedges)
                and (select count(*) from sluice.deployment x where x.model_id = p_model) > 1
        )
        select o.id, coalesce(range_agg(int4range(l.bucket, l.bucket + 1)) filter (where l.bucket is not null), '{}') as lanes,
            m.hedges
        from sluice.deployment o
        left join lane l on o.id in (select f.deployment_id from fit f) and coalesce(l.holder, o.id) = o.id
        where o.model_id = p_model group by o.id) w
    where d.id = w.id and (d.lanes <> w.lanes or d.hedges <> w.hedges);
end $$;
comment on function sluice.put_lanes(int) is
    'Gives the lanes of a model''s experiments to the deployments of their arms, and each deployment its own lane if its model needs them; those whose deployment is out of the traffic, and those of an experiment that is over, to all that serve.';

create or replace function sluice.close_experiments() returns int language plpgsql as $$
declare
    v_experiment sluice.experiment;
    v_lanes smallint[];
    v_count int := 0;
begin
    for v_experiment in
        select * from sluice.experiment e
        where e.closed_at is null and e.stopped_in < pg_snapshot_xmin(pg_current_snapshot())
    loop
        v_lanes := array(select a.lane from sluice.arm a where a.experiment_id = v_experiment.id and a.lane is not null);
        continue when v_lanes <> '{}' and exists (
            select from (select r.model_id, r.bucket from sluice.ready r union all select l.model_id, l.bucket from sluice.running l
                union all select s.model_id, s.bucket from sluice.scheduled s union all select s.model_id, s.bucket from sluice.suspect s) q
            where q.model_id = v_experiment.model_id and q.bucket = any (v_lanes));
        perform pg_advisory_xact_lock(7022, v_experiment.model_id);
        update sluice.experiment e set closed_at = clock_timestamp() where e.id = v_experiment.id;
        update sluice.model m set experiment_id = null where m.id = v_experiment.model_id and m.experiment_id = v_experiment.id;
        perform sluice.put_lanes(v_experiment.model_id);
        v_count := v_count + 1;
    end loop;
    return v_count;
end $$;
comment on function sluice.close_experiments() is
    'Gives up the lanes of experiments that are stopped once nothing waits in them, and no enqueue from before can put anything there.';

-- -------------------------------------------------------------------------------------------------------------- verbs

create or replace function sluice.check_plan(p_plan jsonb) returns void language plpgsql as $$
declare
    v_metrics constant text[] := array['success', 'latency', 'tokens', 'cost', 'score'];
    v_key text;
    v_value jsonb;
    v_low numeric;
    v_high numeric;
begin
    if jsonb_typeof(p_plan) is distinct from 'object' then
        raise exception using errcode = 'SL003', message = 'Give the plan as an object, such as {"primary": "score"}.';
    end if;
    for v_key, v_value in select p.key, p.value from jsonb_each(p_plan) p loop
        if v_key = 'primary' then
            if not coalesce(v_value #>> '{}', '') = any (v_metrics) then
                raise exception using errcode = 'SL003', message = 'The primary metric is success, latency, tokens, cost or score.';
            end if;
        elsif v_key = 'guardrails' then
            if jsonb_typeof(v_value) <> 'object' or exists (
                select from jsonb_each(v_value) g where g.key <> all (v_metrics) or jsonb_typeof(g.value) <> 'number'
                    or (g.value #>> '{}')::numeric not between 0 and 10) then
                raise exception using errcode = 'SL003',
                    message = 'Guardrails are metrics with how much worse they may get, 0 to 10, such as {"latency": 0.1}.';
            end if;
        else
            select b.low, b.high into v_low, v_high
            from (values ('alpha', 0.000001, 0.5), ('minimum_sample', 2, 1000000000), ('target_sample', 2, 1000000000),
                ('indifference', 0, 1000000000), ('mismatch_limit', 0, 1)) b(name, low, high)
            where b.name = v_key;
            if not found then
                raise exception using errcode = 'SL003', message = format('A plan has no "%s".', left(v_key, 100)),
                    hint = 'It has primary, guardrails, alpha, minimum_sample, target_sample, indifference, mismatch_limit.';
            end if;
            if jsonb_typeof(v_value) <> 'number' or (v_value #>> '{}')::numeric not between v_low and v_high
                or (v_key like '%sample' and (v_value #>> '{}')::numeric <> trunc((v_value #>> '{}')::numeric)) then
                raise exception using errcode = 'SL003',
                    message = format('"%s" is a number, %s to %s, and whole where it counts units.', v_key, v_low, v_high);
            end if;
        end if;
    end loop;
end $$;
comment on function sluice.check_plan(jsonb) is 'SL003 for a plan of an experiment that cannot be.';

create or replace function sluice.check_arm(p_arm jsonb, p_model int) returns void language plpgsql as $$
declare
    v_name text := p_arm ->> 'name';
    v_bad text;
begin
    if jsonb_typeof(p_arm) is distinct from 'object' or jsonb_typeof(p_arm -> 'name') is distinct from 'string'
        or octet_length(v_name) not between 1 and 128 then
        raise exception using errcode = 'SL003', message = 'An arm is an object with a name of 1 to 128 bytes, such as {"name": "control", "percent": 50}.';
    end if;
    select string_agg(k, ', ') into v_bad from jsonb_object_keys(p_arm) k
    where k not in ('name', 'percent', 'shadow', 'deployment', 'parameters', 'prompt_prefix', 'prompt_price', 'completion_price');
    if v_bad is not null then
        raise exception using errcode = 'SL003', message = format('Arm "%s" has no %s.', v_name, left(v_bad, 200)),
            hint = 'It has name, percent, shadow, deployment, parameters, prompt_prefix, prompt_price, completion_price.';
    end if;
    if jsonb_typeof(p_arm -> 'percent') is distinct from 'number' or (p_arm ->> 'percent')::numeric not between 0.01 and 100
        or (p_arm ->> 'percent')::numeric * 100 <> trunc((p_arm ->> 'percent')::numeric * 100) then
        raise exception using errcode = 'SL003', message = format('The percent of arm "%s" is a number, 0.01 to 100, in hundredths.', v_name);
    end if;
    if jsonb_typeof(coalesce(p_arm -> 'shadow', 'false')) <> 'boolean' then
        raise exception using errcode = 'SL003', message = format('shadow of arm "%s" is true or false.', v_name);
    end if;
    if p_arm ? 'deployment' and not exists (
        select from sluice.deployment d where d.model_id = p_model and d.name = p_arm ->> 'deployment') then
        raise exception using errcode = 'SL008',
            message = format('The model has no deployment "%s", which arm "%s" names.', left(p_arm ->> 'deployment', 200), v_name);
    end if;
    if p_arm ? 'parameters' and (jsonb_typeof(p_arm -> 'parameters') <> 'object'
        or p_arm -> 'parameters' ?| array['model', 'stream', 'messages', 'prompt', 'input']) then
        raise exception using errcode = 'SL003',
            message = format('The parameters of arm "%s" are an object, without model, stream, messages, prompt and input.', v_name);
    end if;
    if p_arm ? 'prompt_prefix' and (jsonb_typeof(p_arm -> 'prompt_prefix') <> 'string'
        or octet_length(p_arm ->> 'prompt_prefix') not between 1 and 65536) then
        raise exception using errcode = 'SL003', message = format('The prompt_prefix of arm "%s" is a text of 1 to 65,536 bytes.', v_name);
    end if;
    if (p_arm ? 'prompt_price') <> (p_arm ? 'completion_price') or exists (
        select from unnest(array[p_arm -> 'prompt_price', p_arm -> 'completion_price']) p
        where jsonb_typeof(p) <> 'number' or (p #>> '{}')::numeric not between 0 and 1000000000) then
        raise exception using errcode = 'SL003',
            message = format('The prices of arm "%s" are prompt_price and completion_price, both, of a million tokens.', v_name);
    end if;
end $$;
comment on function sluice.check_arm(jsonb, int) is 'SL003, or SL008 for its deployment, for an arm that cannot be.';

create or replace function sluice.start_experiment(
    name text, model text, arms jsonb, unit sluice.experiment_unit default 'job', plan jsonb default '{}', salt text default null,
    why text default null)
returns text language plpgsql as $$
#variable_conflict use_column
declare
    v_model int := sluice.model_id_of(start_experiment.model);
    v_id int;
    v_other text;
    v_control text;
begin
    perform pg_advisory_xact_lock(7022, v_model);
    if start_experiment.name is null or octet_length(start_experiment.name) not between 1 and 128 then
        raise exception using errcode = 'SL003', message = 'The name of an experiment has 1 to 128 bytes.';
    end if;
    if exists (select from sluice.experiment e where e.name = start_experiment.name) then
        raise exception using errcode = 'SL006', message = format('There was an experiment "%s" before.', start_experiment.name),
            hint = 'Give each its own name: what one has shown stays under it.';
    end if;
    select e.name into v_other from sluice.experiment e where e.model_id = v_model and e.state = 'running';
    if found then
        raise exception using errcode = 'SL006', message = format('The experiment "%s" of this model is running.', v_other),
            hint = format('Say sluice.stop_experiment(''%s'') first.', v_other);
    end if;
    if octet_length(salt) not between 1 and 128 then
        raise exception using errcode = 'SL003', message = 'The salt has 1 to 128 bytes.';
    end if;
    perform sluice.check_plan(start_experiment.plan);
    if jsonb_typeof(arms) is distinct from 'array' or jsonb_array_length(arms) not between 2 and 20 then
        raise exception using errcode = 'SL003', message = 'Give 2 to 20 arms as a list; the first that is no shadow is the control.';
    end if;
    perform sluice.check_arm(a, v_model) from jsonb_array_elements(arms) a;
    select a ->> 'name' into v_control from jsonb_array_elements(arms) with ordinality x(a, place)
    where not coalesce((a ->> 'shadow')::boolean, false) order by place limit 1;
    if not found then
        raise exception using errcode = 'SL003', message = 'Give it a control: an arm that is no shadow.';
    end if;
    if (select count(distinct a ->> 'name') < count(*) from jsonb_array_elements(arms) a) then
        raise exception using errcode = 'SL003', message = 'Give each arm a name of its own.';
    end if;
    if (select sum((a ->> 'percent')::numeric) from jsonb_array_elements(arms) a
        where not coalesce((a ->> 'shadow')::boolean, false)) > 100 then
        raise exception using errcode = 'SL003', message = 'The arms that serve get at most 100 percent together.';
    end if;
    insert into sluice.experiment (model_id, name, salt, unit, plan, reason)
    values (v_model, start_experiment.name, coalesce(start_experiment.salt, start_experiment.name), start_experiment.unit, start_experiment.plan,
        left(coalesce(why, ''), 300))
    returning id into v_id;
    insert into sluice.arm (experiment_id, place, name, buckets, is_shadow, deployment_id, parameters, prompt_prefix, prompt_price,
        completion_price)
    select v_id, x.place, a ->> 'name', ((a ->> 'percent')::numeric * 100)::int, coalesce((a ->> 'shadow')::boolean, false),
        (select d.id from sluice.deployment d where d.model_id = v_model and d.name = a ->> 'deployment'), (a -> 'parameters')::json,
        a ->> 'prompt_prefix', (a ->> 'prompt_price')::double precision, (a ->> 'completion_price')::double precision
    from jsonb_array_elements(arms) with ordinality x(a, place) order by x.place;
    update sluice.model m set experiment_id = v_id where m.id = v_model;
    perform sluice.put_lanes(v_model);
    perform sluice.wake(v_model);
    return sluice.record_change('start_experiment', 'model ' || start_experiment.model, null,
        jsonb_build_object('experiment', start_experiment.name, 'unit', start_experiment.unit, 'plan', start_experiment.plan, 'arms', arms), why,
        format('Experiment "%s" of "%s" begins: %s; the control is %s.', start_experiment.name, start_experiment.model,
            (select string_agg(format('%s %s%%%s', a ->> 'name', a ->> 'percent',
                case when (a ->> 'shadow')::boolean then ' as a shadow' else '' end), ', ' order by place)
                from jsonb_array_elements(arms) with ordinality x(a, place)), v_control));
end $$;
comment on function sluice.start_experiment is
    'Splits a model between arms from now on. arms: a list of objects with name, percent (of the units), and what differs: deployment, parameters (members of requests), prompt_prefix; shadow: true gets copies, whose answers are only recorded; prompt_price and completion_price of a million tokens have the cost compared. The first that is no shadow is the control. unit: what is drawn for where a job has no affinity key. plan: primary (success), guardrails ({}), alpha (0.05), minimum_sample (100), target_sample (1000), indifference (none), mismatch_limit (0.001). Lines of batches are no part of it. SL006: another runs, or the name was used.';

create or replace function sluice.stop_experiment(name text, why text default null) returns text language plpgsql as $$
#variable_conflict use_column
declare
    v_experiment sluice.experiment;
begin
    select * into v_experiment from sluice.experiment e where e.name = stop_experiment.name;
    if not found then
        raise exception using errcode = 'SL005', message = format('There is no experiment "%s".', left(stop_experiment.name, 200)),
            hint = 'sluice.experiments shows those there are.';
    end if;
    perform pg_advisory_xact_lock(7022, v_experiment.model_id);
    update sluice.experiment e set state = 'stopped', stopped_at = clock_timestamp(), stopped_in = pg_current_xact_id(),
        reason = left(coalesce(why, e.reason), 300)
    where e.id = v_experiment.id and e.state = 'running';
    if not found then return format('Experiment "%s" was stopped already.', stop_experiment.name); end if;
    perform sluice.put_lanes(v_experiment.model_id);
    perform sluice.wake(v_experiment.model_id);
    return sluice.record_change('stop_experiment', 'model ' || (select m.name from sluice.model m where m.id = v_experiment.model_id),
        jsonb_build_object('experiment', stop_experiment.name, 'state', 'running'),
        jsonb_build_object('experiment', stop_experiment.name, 'state', 'stopped'), why,
        format('Experiment "%s" is over: nobody is assigned any more, and what it has shown stays.', stop_experiment.name));
end $$;
comment on function sluice.stop_experiment(text, text) is
    'Ends an experiment: new jobs are no part of it; those that wait keep the arm they have, but any deployment may run them. SL005: there is none of that name.';

create or replace function sluice.score(job bigint, value double precision) returns void language plpgsql as $$
declare
    v_state sluice.job_state := (select r.state from sluice.result r where r.id = job);
begin
    if v_state is null then
        if exists (select from sluice.job j where j.id = job) then
            raise exception using errcode = 'SL006', message = format('Job %s has not ended: there is no answer to score yet.', job);
        end if;
        raise exception using errcode = 'SL005', message = format('There is no job %s.', job);
    end if;
    if v_state <> 'succeeded' then
        raise exception using errcode = 'SL006', message = format('Job %s %s: there is no answer to score.', job, v_state);
    end if;
    if value is null or not value between -1000000 and 1000000 then
        raise exception using errcode = 'SL003', message = 'A score is a number, -1000000 to 1000000.';
    end if;
    insert into sluice.score as s (job_id, value) values (job, score.value)
    on conflict (job_id) do update set value = excluded.value, scored_at = clock_timestamp();
end $$;
comment on function sluice.score(bigint, double precision) is
    'Records what a user gives an answer; the last word counts. SL005: no such job. SL006: it has no answer. SL003: no number from -1000000 to 1000000.';

-- -------------------------------------------------------------------------------------------------------------- report

create or replace function sluice.experiment_tallies(p_experiment int)
returns table (arm text, exposures bigint, metric text, units bigint, total double precision, squares double precision)
language sql stable as $$
    -- By unit first: jobs of one unit are alike, and taken for independent they would make intervals too narrow.
    with u as (
        select a.id as arm_id, a.name, x.unit,
            avg(case when r.state = 'succeeded' then 1.0
                when (r.state in ('failed', 'quarantined') or r.state = 'expired' and not a.is_shadow)
                and coalesce(r.error_class not in ('invalid_request', 'unsupported'), true) then 0.0 end)::double precision as success,
            avg(extract(epoch from r.finished_at - r.started_at)) filter (where r.state = 'succeeded')::double precision as latency,
            avg(r.prompt_tokens + r.completion_tokens) filter (where r.state = 'succeeded')::double precision as tokens,
            avg((r.prompt_tokens * a.prompt_price + r.completion_tokens * a.completion_price) / 1e6)
                filter (where r.state = 'succeeded') as cost,
            avg(s.value) as score
        from sluice.arm a
        join sluice.exposure x on x.arm_id = a.id
        left join sluice.result r on r.id = x.job_id
        left join sluice.score s on s.job_id = x.job_id
        where a.experiment_id = p_experiment group by a.id, a.name, x.unit
    )
    select u.name, count(*), m.metric, count(m.value), coalesce(sum(m.value), 0), coalesce(sum(m.value * m.value), 0)
    from u cross join lateral (values ('success', u.success), ('latency', u.latency), ('tokens', u.tokens), ('cost', u.cost),
        ('score', u.score)) m(metric, value)
    group by u.arm_id, u.name, m.metric
$$;
comment on function sluice.experiment_tallies(int) is
    'What each arm brought so far: of every metric how many units have it, and the sum and the sum of the squares of their means. Faults of callers, what was cancelled, and copies there was no room for count for nothing. Reads every exposure of the experiment.';

create or replace function sluice.reported_experiments()
returns table (id int, name text, model text, state text, unit text, salt text, reason text, started_ms bigint, stopped_ms bigint,
    is_open boolean, plan json, primary_metric text, guardrails text[], tolerances double precision[], alpha double precision,
    minimum_sample int, target_sample int, indifference double precision, mismatch_limit double precision)
language sql stable as $$
    select e.id, e.name, m.name, e.state::text, e.unit::text, e.salt, e.reason, (extract(epoch from e.started_at) * 1000)::bigint,
        (extract(epoch from e.stopped_at) * 1000)::bigint, e.closed_at is null, e.plan::json, e.plan ->> 'primary',
        array(select g.key from jsonb_each(e.plan -> 'guardrails') g order by g.key),
        array(select (g.value #>> '{}')::double precision from jsonb_each(e.plan -> 'guardrails') g order by g.key),
        (e.plan ->> 'alpha')::double precision, (e.plan ->> 'minimum_sample')::int, (e.plan ->> 'target_sample')::int,
        (e.plan ->> 'indifference')::double precision, (e.plan ->> 'mismatch_limit')::double precision
    from sluice.experiment e join sluice.model m on m.id = e.model_id order by e.state, e.id desc limit 1000
$$;
comment on function sluice.reported_experiments() is
    'Experiments with their plans, null being the default; those that run first, then the newest; 1,000 at most.';

create or replace function sluice.reported_arms(p_experiment int)
returns table (name text, buckets int, is_shadow boolean, verdict text, sentence text, declared json) language sql stable as $$
    select a.name, a.buckets, a.is_shadow, a.verdict, a.sentence,
        (jsonb_strip_nulls(jsonb_build_object('name', a.name, 'percent', trim_scale(a.buckets / 100.0),
            'shadow', case when a.is_shadow then true end, 'deployment', d.name, 'prompt_prefix', a.prompt_prefix,
            'prompt_price', a.prompt_price, 'completion_price', a.completion_price))
        || case when a.parameters is null then '{}' else jsonb_build_object('parameters', a.parameters::jsonb) end)::json
    from sluice.arm a left join sluice.deployment d on d.id = a.deployment_id
    where a.experiment_id = p_experiment order by a.place
$$;
comment on function sluice.reported_arms(int) is 'The arms of an experiment in their order; declared is what start_experiment takes.';

create or replace function sluice.put_report(p_experiment int, p_arms text[], p_verdicts text[], p_sentences text[])
returns void language plpgsql as $$
begin
    insert into sluice.event (kind, subject, reason)
    select 'experiment', left('experiment ' || e.name, 500), left(u.sentence, 500)
    from unnest(p_arms, p_verdicts, p_sentences) u(name, verdict, sentence)
    join sluice.arm a on a.experiment_id = p_experiment and a.name = u.name and a.verdict <> u.verdict
    join sluice.experiment e on e.id = p_experiment order by a.place;
    update sluice.arm a set verdict = u.verdict, sentence = left(u.sentence, 1000), reported_at = clock_timestamp()
    from unnest(p_arms, p_verdicts, p_sentences) u(name, verdict, sentence)
    where a.experiment_id = p_experiment and a.name = u.name;
end $$;
comment on function sluice.put_report is
    'What the supervisor that leads makes of each arm now; a verdict that changed is a decision.';

create or replace view sluice.experiments as
    select e.name as experiment, m.name as model, e.state, e.unit, e.salt, e.plan, e.reason, e.started_at, e.stopped_at,
        array(select format('%s %s%%%s', a.name, trim_scale(a.buckets / 100.0), case when a.is_shadow then ' (shadow)' else '' end)
            from sluice.arm a where a.experiment_id = e.id order by a.place) as arms
    from sluice.experiment e join sluice.model m on m.id = e.model_id order by e.state, e.id desc;
comment on view sluice.experiments is 'Experiments, those that run first, then the newest.';

create or replace view sluice.experiment_report as
    select e.name as experiment, a.name as arm, a.verdict, a.sentence, a.reported_at, coalesce(max(t.exposures), 0) as units,
        max(t.total / nullif(t.units, 0)) filter (where t.metric = 'success') as success,
        max(t.total / nullif(t.units, 0)) filter (where t.metric = 'latency') as latency_seconds,
        max(t.total / nullif(t.units, 0)) filter (where t.metric = 'tokens') as tokens,
        max(t.total / nullif(t.units, 0)) filter (where t.metric = 'cost') as cost,
        max(t.total / nullif(t.units, 0)) filter (where t.metric = 'score') as score
    from sluice.experiment e
    join sluice.arm a on a.experiment_id = e.id
    left join lateral sluice.experiment_tallies(e.id) t on t.arm = a.name
    group by e.id, e.name, a.id order by e.id desc, a.place;
comment on view sluice.experiment_report is
    'What the arms of experiments brought, means over units, and what the supervisor that leads last made of them beside the control. Reads every exposure: name the experiment in the where clause.';
