-- Rollouts of new versions, and how each model is steered, as operators ask for them.

create or replace function sluice.put_rollout(p_rollout int, p_state sluice.rollout_state, p_percent int, p_reason text)
returns void language plpgsql as $$
declare
    v_rollout sluice.rollout;
    v_baseline sluice.deployment;
    v_is_over boolean := p_state in ('promoted', 'rolled_back');
begin
    update sluice.rollout r
    set state = p_state, percent = p_percent, reason = left(p_reason, 300), is_seen = true,
        changed_at = case when (r.state, r.percent) = (p_state, p_percent) then r.changed_at else clock_timestamp() end,
        ended_at = case when v_is_over then clock_timestamp() end
    where r.id = p_rollout and r.ended_at is null
    returning * into v_rollout;
    if not found or not v_is_over then return; end if;
    if p_state = 'rolled_back' then
        update sluice.deployment d set state = 'isolated', ramp_percent = null, state_since = clock_timestamp(),
            state_reason = left('rolled back: ' || p_reason, 300)
        where d.id = v_rollout.candidate_id;
        return;
    end if;
    select * into v_baseline from sluice.deployment d where d.id = v_rollout.baseline_id;
    update sluice.deployment d set state = 'serving', ramp_percent = null, state_since = clock_timestamp(),
        state_reason = left(format('took the place of %s', v_baseline.name), 300), weight = v_baseline.weight,
        tier = v_baseline.tier, share = d.share + v_baseline.share
    where d.id = v_rollout.candidate_id;
    update sluice.deployment d set state = 'isolated', ramp_percent = null, state_since = clock_timestamp(),
        state_reason = 'a new version took its place', share = '{}'
    where d.id = v_rollout.baseline_id;
end $$;
comment on function sluice.put_rollout(int, sluice.rollout_state, int, text) is
    'Where a rollout is now. When it ends, who lost is isolated and keeps its workers, and a new version that won has the weight, the tier and the keys of the old one.';

create or replace function sluice.locked_rollout(p_model text) returns sluice.rollout language plpgsql as $$
declare
    v_model int := sluice.model_id_of(p_model);
    v_found sluice.rollout;
begin
    perform pg_advisory_xact_lock(7022, v_model);
    select * into v_found from sluice.rollout r where r.model_id = v_model and r.ended_at is null for update;
    if not found then
        raise exception using errcode = 'SL005', message = format('No rollout of model "%s" is under way.', left(p_model, 200)),
            hint = 'sluice.rollouts shows those there were.';
    end if;
    return v_found;
end $$;
comment on function sluice.locked_rollout(text) is 'The rollout of a model that is under way, locked with the model''s shares; SL005 when there is none.';

create or replace function sluice.steer_rollout(
    p_model text, p_verb text, p_state sluice.rollout_state, p_why text, p_sentence text)
returns text language plpgsql as $$
declare
    v_rollout sluice.rollout := sluice.locked_rollout(p_model);
    v_candidate text := (select d.name from sluice.deployment d where d.id = v_rollout.candidate_id);
    v_baseline text := (select d.name from sluice.deployment d where d.id = v_rollout.baseline_id);
begin
    if v_rollout.state = p_state then return format('The rollout of "%s" was %s already.', v_candidate, p_state); end if;
    perform sluice.put_rollout(v_rollout.id, p_state, v_rollout.percent, coalesce(p_why, p_verb || ' by ' || sluice.actor()));
    perform sluice.divide(v_rollout.model_id);
    return sluice.record_change(p_verb, 'model ' || p_model, jsonb_build_object('state', v_rollout.state, 'percent', v_rollout.percent),
        jsonb_build_object('state', p_state), p_why, format(p_sentence, v_candidate, v_baseline));
end $$;
comment on function sluice.steer_rollout is 'Changes the state of the rollout under way, divides the traffic anew, and records it.';

create or replace function sluice.rollout(deployment text, over text default null, gates int[] default '{}', why text default null)
returns text language plpgsql as $$
#variable_conflict use_column
declare
    v_candidate sluice.deployment := sluice.locked_deployment(deployment);
    v_baseline sluice.deployment;
    v_next sluice.deployment;
    v_step int := sluice.first_step(v_candidate.model_id);
begin
    if over is null then
        select * into v_baseline from sluice.deployment d
        where d.model_id = v_candidate.model_id and d.id <> v_candidate.id and d.state in ('serving', 'ramping');
        if not found or exists (select from sluice.deployment d where d.model_id = v_candidate.model_id
                and d.id not in (v_candidate.id, v_baseline.id) and d.state in ('serving', 'ramping')) then
            raise exception using errcode = 'SL003', message = format('Whose place is "%s" to take?', deployment),
                hint = format('Say sluice.rollout(''%s'', over => ''…'').', deployment);
        end if;
    else
        v_baseline := sluice.locked_deployment(over);
    end if;
    if v_baseline.id = v_candidate.id or v_baseline.model_id <> v_candidate.model_id then
        raise exception using errcode = 'SL003', message = 'A rollout is between two deployments of one model.';
    end if;
    if exists (select from unnest(gates) g where g is null or g not between 1 and 100) or cardinality(gates) > 20 then
        raise exception using errcode = 'SL003', message = 'A gate is a percentage, 1 to 100; there are at most 20.';
    end if;
    if v_baseline.state not in ('serving', 'ramping') then
        raise exception using errcode = 'SL003', message = format('"%s" does not serve.', v_baseline.name),
            hint = format('Say sluice.restore(''%s'') when nothing is to be compared with.', deployment);
    end if;
    -- As it is about to be: one that drains wants no workers until then.
    v_next := v_candidate;
    v_next.state := 'ramping';
    v_next.ramp_percent := v_step;
    if not sluice.is_manned(v_next) then
        raise exception using errcode = 'SL003',
            message = format('"%s" has no workers and is to have none: the jobs of its steps would wait.', deployment),
            hint = format('Say sluice.scale(''%s'', 1) first.', deployment);
    end if;
    if exists (select from sluice.rollout r where r.model_id = v_candidate.model_id and r.ended_at is null) then
        raise exception using errcode = 'SL006', message = 'Another rollout of this model is under way.',
            hint = 'Say sluice.promote or sluice.rollback with the model''s name first.';
    end if;
    insert into sluice.rollout (model_id, candidate_id, baseline_id, percent, gates, reason)
    values (v_candidate.model_id, v_candidate.id, v_baseline.id, v_step, gates, left(coalesce(why, ''), 300));
    -- Its health of before says nothing of what it is given now.
    delete from sluice.deployment_health h where h.deployment_id = v_candidate.id;
    return sluice.put_state(v_candidate, 'rollout', 'ramping', why,
        format('"%s" takes the place of "%s" step by step, from %s%%.', deployment, v_baseline.name, v_step));
end $$;
comment on function sluice.rollout(text, text, int[], text) is
    'Lets a deployment take the place of another of its model in steps, each judged by the controller against the old one; a bad step rolls it back. At gates it waits for resume_rollout. over may be left out when one other serves. SL006: another rollout of the model is under way. SL003: the new version is to have no workers.';

create or replace function sluice.promote(model text, why text default null) returns text language sql as $$
    select sluice.steer_rollout(model, 'promote', 'promoted', why, '"%s" has everything now; "%s" is isolated, its workers stay.')
$$;
comment on function sluice.promote(text, text) is 'Gives the new version of the rollout under way everything, at once.';

create or replace function sluice.rollback(model text, why text default null) returns text language sql as $$
    select sluice.steer_rollout(model, 'rollback', 'rolled_back', why, '"%s" is out, and "%s" has everything again.')
$$;
comment on function sluice.rollback(text, text) is 'Takes the new version of the rollout under way out, at once.';

create or replace function sluice.pause_rollout(model text, why text default null) returns text language sql as $$
    select sluice.steer_rollout(model, 'pause_rollout', 'paused', why,
        'The rollout of "%s" stays where it is; a bad step still rolls it back.')
$$;
comment on function sluice.pause_rollout(text, text) is 'The rollout under way takes no further step until it is resumed.';

create or replace function sluice.resume_rollout(model text, why text default null) returns text language sql as $$
    select sluice.steer_rollout(model, 'resume_rollout', 'running', why, 'The rollout of "%s" goes on.')
$$;
comment on function sluice.resume_rollout(text, text) is 'Ends a pause of the rollout under way, or lets it pass a gate.';

create or replace function sluice.set_policy(model text, policy jsonb, why text default null) returns text language plpgsql as $$
#variable_conflict use_column
declare
    v_model int := sluice.model_id_of(model);
    v_before jsonb;
    v_after jsonb;
    v_key text;
    v_value jsonb;
    v_low numeric;
    v_high numeric;
begin
    perform pg_advisory_xact_lock(7022, v_model);
    if jsonb_typeof(set_policy.policy) is distinct from 'object' then
        raise exception using errcode = 'SL003', message = 'Give the policy as an object, such as {"open_ms": 60000}.';
    end if;
    for v_key, v_value in select p.key, p.value from jsonb_each(set_policy.policy) p loop
        continue when v_value = 'null';
        if v_key = 'steps' then
            if jsonb_typeof(v_value) <> 'array' or jsonb_array_length(v_value) not between 1 and 20 or exists (
                select from jsonb_array_elements(v_value) with ordinality s(step, place)
                where s.step::text !~ '^[1-9][0-9]?$|^100$') then
                raise exception using errcode = 'SL003', message = 'The steps are 1 to 20 percentages, such as [1, 10, 50].';
            end if;
            continue;
        end if;
        select b.low, b.high into v_low, v_high
        from (values ('window_ms', 1000, 3600000), ('minimum_sample', 1, 100000), ('error_percent', 0, 100),
            ('failures_in_a_row', 0, 100000), ('open_ms', 10, 86400000), ('open_max_ms', 10, 86400000),
            ('forgiveness_ms', 0, 86400000), ('step_ms', 0, 86400000), ('step_sample', 1, 100000),
            ('step_patience_ms', 100, 86400000), ('panic_percent', 0, 100), ('latency_ms', 1, 86400000),
            ('hedge_percent', 0, 20), ('hedge_min_ms', 1, 86400000), ('hedge_sample', 10, 100000),
            ('spill_after_ms', 1, 86400000)) b(name, low, high)
        where b.name = v_key;
        if not found then
            raise exception using errcode = 'SL003', message = format('A policy has no "%s".', left(v_key, 100)),
                hint = 'It has window_ms, minimum_sample, error_percent, failures_in_a_row, open_ms, open_max_ms, forgiveness_ms, steps, step_ms, step_sample, step_patience_ms, panic_percent, latency_ms, hedge_percent, hedge_min_ms, hedge_sample, spill_after_ms.';
        end if;
        if jsonb_typeof(v_value) <> 'number' then
            raise exception using errcode = 'SL003', message = format('"%s" is a number.', v_key);
        end if;
        if v_value::text::numeric not between v_low and v_high
            or v_key not like '%percent' and v_value::text::numeric <> trunc(v_value::text::numeric) then
            raise exception using errcode = 'SL003', message = format('"%s" is %s to %s, a whole number unless it is a percentage.', v_key, v_low, v_high);
        end if;
    end loop;
    select m.policy into v_before from sluice.model m where m.id = v_model;
    v_after := jsonb_strip_nulls(v_before || set_policy.policy);
    update sluice.model m set policy = v_after where m.id = v_model;
    perform sluice.put_lanes(v_model);
    if coalesce((v_after ->> 'hedge_percent')::numeric, 0) = 0 then
        perform sluice.stop_twin(h.twin_id) from sluice.hedge h where h.model_id = v_model and h.ended_at is null;
    end if;
    return sluice.record_change('set_policy', 'model ' || set_policy.model, v_before, v_after, why,
        format('"%s" is steered by %s.', set_policy.model, case v_after when '{}' then 'the defaults' else v_after::text end));
end $$;
comment on function sluice.set_policy(text, jsonb, text) is
    'Changes when deployments of a model are isolated and how they come back; what is not named stays, null is the default again. Times in milliseconds: window_ms (60000), open_ms (30000), open_max_ms (300000), forgiveness_ms (300000), step_ms (10000), step_patience_ms (60000), latency_ms (none: the peers''). Counts: minimum_sample (20), failures_in_a_row (3), step_sample (20). Percentages: error_percent (10), panic_percent (50), steps ([1, 5, 10, 25, 50, 100]). Second attempts for late jobs of priority 0 and 1: hedge_percent, of the model''s attempts at most (0: none), hedge_min_ms (100) and hedge_sample (100), the least wait and the least successes to know the 95th percentile by. Spill-over: spill_after_ms (none: never), after which a job may be claimed outside its share.';
