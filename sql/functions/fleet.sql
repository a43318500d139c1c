-- Steering the fleet. Every verb checks its arguments, does one thing in the caller's transaction, writes it to audit and
-- event, and returns it as a sentence.

create or replace function sluice.first_buckets(p_share int4multirange, p_count int) returns int4multirange
language plpgsql immutable as $$
declare
    v_range int4range;
    v_left int := p_count;
    v_taken int4multirange := '{}';
begin
    foreach v_range in array array(select r from unnest(p_share) r) loop
        exit when v_left <= 0;
        v_range := int4range(lower(v_range), least(upper(v_range), lower(v_range) + v_left));
        v_left := v_left - (upper(v_range) - lower(v_range));
        v_taken := v_taken + int4multirange(v_range);
    end loop;
    return v_taken;
end $$;
comment on function sluice.first_buckets(int4multirange, int) is 'The lowest p_count buckets of a share, or all it has.';

create or replace function sluice.bucket_count(p_share int4multirange) returns int language sql immutable as $$
    select coalesce(sum(upper(r) - lower(r)), 0)::int from unnest(p_share) r
$$;
comment on function sluice.bucket_count(int4multirange) is 'How many buckets a share has.';

create or replace function sluice.in_traffic(p_model int) returns table (deployment_id int, percent int) language sql stable as $$
    with s as (
        select d.id, case d.state when 'serving' then 100 when 'ramping' then d.ramp_percent else 0 end as percent,
            coalesce(h.breaker in ('open', 'probing') and not h.is_kept, false) or not sluice.is_manned(d) as is_out
        from sluice.deployment d left join sluice.deployment_health h on h.deployment_id = d.id
        where d.model_id = p_model
    )
    select s.id, case when s.is_out and exists (select from s o where o.percent > 0 and not o.is_out) then 0 else s.percent end
    from s
$$;
comment on function sluice.in_traffic(int) is
    'Which part of its traffic each deployment of a model may have, in percent, by its state. One whose breaker is open, or that has no workers and is to have none, has none as long as another serves.';

create or replace function sluice.first_step(p_model int) returns int language sql stable as $$
    select coalesce((m.policy -> 'steps' ->> 0)::int, 1) from sluice.model m where m.id = p_model
$$;
comment on function sluice.first_step(int) is 'The percentage at which the ramps of a model begin.';

create or replace function sluice.traffic(p_model int) returns table (deployment_id int, buckets int) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_strategy sluice.routing_strategy := (select m.strategy from sluice.model m where m.id = p_model);
    v_left int := 10000;
    v_tier record;
    v_part int;
begin
    if v_strategy = 'least_busy' then
        return query select i.deployment_id, i.percent * 100 from sluice.in_traffic(p_model) i;
        return;
    end if;
    -- Tiers one after the other; all deployments are in one unless the strategy is priority. A tier that only ramps takes
    -- its percentage and leaves the rest to the next. The last that has anybody takes what is left.
    for v_tier in
        with t as (
            select case v_strategy when 'priority' then d.tier else 0 end as tier, d.id,
                i.percent * case v_strategy when 'round_robin' then 1 else d.weight end as points, i.percent
            from sluice.deployment d join sluice.in_traffic(p_model) i on i.deployment_id = d.id
        )
        select t.tier, array_agg(t.id order by t.id) as ids, array_agg(t.points order by t.id) as points,
            sum(t.points) as total, max(t.percent) as percent, t.tier = max(t.tier) over () as is_last
        from t where t.points > 0 group by t.tier order by t.tier
    loop
        v_part := case when v_tier.is_last then v_left else round(v_left * v_tier.percent / 100.0) end;
        -- Largest remainders, so that the parts add up.
        return query
            with p as (
                select u.id, floor(v_part * u.points / v_tier.total::numeric)::int as whole,
                    row_number() over (order by mod(v_part * u.points::numeric, v_tier.total) desc, u.id) as place
                from unnest(v_tier.ids, v_tier.points) u(id, points)
            )
            select p.id, p.whole + case when p.place <= v_part - sum(p.whole) over () then 1 else 0 end from p;
        v_left := v_left - v_part;
        exit when v_left = 0;
    end loop;
end $$;
comment on function sluice.traffic(int) is
    'How many of the 10,000 buckets each deployment of a model should have, by strategy, weight and state. Deployments that get none may be left out. With least_busy shares overlap, else they add up to 10,000 while anybody serves.';

create or replace function sluice.divide(p_model int) returns void language plpgsql as $$
-- A key stays where it is unless its bucket must move: who has too much gives up its highest buckets, who has too little
-- takes the lowest that are free. So a change of x percent moves at most x percent of the keys.
declare
    v_overlap boolean := (select m.strategy = 'least_busy' from sluice.model m where m.id = p_model);
    v_free int4multirange := '{[0,10000)}';
    v_share int4multirange;
    v_shares int4multirange[] := '{}';
    v_ids int[];
    v_sizes int[];
begin
    select array_agg(d.id order by d.id), array_agg(coalesce(t.buckets, 0) order by d.id) into v_ids, v_sizes
    from sluice.deployment d left join sluice.traffic(p_model) t on t.deployment_id = d.id where d.model_id = p_model;
    for place in 1..coalesce(cardinality(v_ids), 0) loop
        if v_overlap then
            v_share := sluice.first_buckets(v_free, v_sizes[place]);
        else
            v_share := sluice.first_buckets(
                (select d.share from sluice.deployment d where d.id = v_ids[place]) * v_free, v_sizes[place]);
            v_free := v_free - v_share;
        end if;
        v_shares := v_shares || v_share;
    end loop;
    for place in 1..coalesce(cardinality(v_ids), 0) loop
        if not v_overlap then
            v_share := sluice.first_buckets(v_free, v_sizes[place] - sluice.bucket_count(v_shares[place]));
            v_free := v_free - v_share;
            v_shares[place] := v_shares[place] + v_share;
        end if;
        update sluice.deployment d set share = v_shares[place] where d.id = v_ids[place] and d.share <> v_shares[place];
    end loop;
    perform sluice.put_lanes(p_model);
    -- Those who gained buckets may be waiting for jobs that are there.
    perform sluice.wake(p_model);
end $$;
comment on function sluice.divide(int) is
    'Gives every deployment of a model the buckets it should have by what is declared, moving as few as possible. Claims see it at once. For verbs, which must work without a controller; a controller that knows better divides anew.';

create or replace function sluice.actor() returns text language sql stable as $$
    select left(coalesce(nullif(current_setting('sluice.actor', true), ''), session_user::text), 200)
$$;
comment on function sluice.actor() is 'Who asks: the setting sluice.actor of the session, else the database user.';

create or replace function sluice.record_change(
    p_verb text, p_subject text, p_before jsonb, p_after jsonb, p_why text, p_sentence text)
returns text language plpgsql as $$
begin
    insert into sluice.audit (actor, verb, subject, before, after, why)
    values (sluice.actor(), p_verb, left(p_subject, 500), p_before, p_after, left(p_why, 300));
    insert into sluice.event (kind, subject, reason)
    values (p_verb, left(p_subject, 500), left(p_sentence || coalesce(' (' || nullif(p_why, '') || ')', ''), 500));
    perform pg_notify('sluice_fleet', '');
    return p_sentence;
end $$;
comment on function sluice.record_change is 'Writes what a verb did to audit and event, tells the supervisors, and returns the sentence.';

create or replace function sluice.locked_deployment(p_name text) returns sluice.deployment language plpgsql as $$
declare
    v_found sluice.deployment;
    v_model int := (select d.model_id from sluice.deployment d where d.name = p_name);
begin
    if v_model is null then
        raise exception using errcode = 'SL008', message = format('There is no deployment named "%s".', left(p_name, 200)),
            hint = coalesce('Known deployments: ' || (select string_agg(d.name, ', ' order by d.name)
                from (select name from sluice.deployment order by name limit 20) d), 'Add one with sluice.put_deployment.');
    end if;
    perform pg_advisory_xact_lock(7022, v_model);
    select * into v_found from sluice.deployment d where d.name = p_name for update;
    return v_found;
end $$;
comment on function sluice.locked_deployment(text) is
    'The deployment, locked with its model''s shares until the transaction ends; SL008 names those there are.';

create or replace function sluice.check_others_serve(p_deployment sluice.deployment, p_verb text) returns void
language plpgsql as $$
begin
    if not exists (select from sluice.deployment d where d.model_id = p_deployment.model_id and d.id <> p_deployment.id
            and d.state in ('serving', 'ramping') and not d.paused and sluice.is_manned(d)) then
        raise exception using errcode = 'SL030',
            message = format('No other deployment of this model serves: with "%s" out, its jobs would wait.', p_deployment.name),
            hint = format('If that is meant, say sluice.%s(''%s'', force => true).', p_verb, p_deployment.name);
    end if;
end $$;
comment on function sluice.check_others_serve(sluice.deployment, text) is 'SL030 unless another deployment of the model would take the traffic.';

create or replace function sluice.put_state(
    p_deployment sluice.deployment, p_verb text, p_state sluice.deployment_state, p_why text, p_sentence text)
returns text language plpgsql as $$
begin
    update sluice.deployment d
    set state = p_state, ramp_percent = case p_state when 'ramping' then sluice.first_step(d.model_id) end, state_since = clock_timestamp(),
        state_reason = left(coalesce(p_why, p_verb || ' by ' || sluice.actor()), 300)
    where d.id = p_deployment.id;
    perform sluice.divide(p_deployment.model_id);
    return sluice.record_change(p_verb, 'deployment ' || p_deployment.name,
        jsonb_build_object('state', p_deployment.state, 'share', p_deployment.share::text),
        (select jsonb_build_object('state', d.state, 'share', d.share::text) from sluice.deployment d where d.id = p_deployment.id),
        p_why, p_sentence);
end $$;
comment on function sluice.put_state is 'Changes the state of a deployment, divides the traffic anew, and records it.';

create or replace function sluice.end_rollout_of(p_deployment sluice.deployment, p_verb text, p_why text, p_force boolean)
returns text language plpgsql as $$
declare
    v_rollout sluice.rollout;
    v_candidate text;
    v_model text;
    v_reason text := format('%s by %s%s', p_verb, sluice.actor(), coalesce(': ' || nullif(p_why, ''), ''));
begin
    select * into v_rollout from sluice.rollout r
    where p_deployment.id in (r.candidate_id, r.baseline_id) and r.ended_at is null for update;
    if not found then return ''; end if;
    if v_rollout.candidate_id = p_deployment.id then
        perform sluice.put_rollout(v_rollout.id, 'rolled_back', v_rollout.percent, v_reason);
        return ' Its rollout is over: rolled back.';
    end if;
    -- Without the old version there is nothing to go back to: at the next bad step nobody would serve.
    select d.name into v_candidate from sluice.deployment d where d.id = v_rollout.candidate_id;
    select m.name into v_model from sluice.model m where m.id = v_rollout.model_id;
    if not p_force then
        raise exception using errcode = 'SL030',
            message = format('"%s" is what the rollout of "%s", now at %s%%, goes back to: promote that or roll it back first.',
                p_deployment.name, v_candidate, v_rollout.percent),
            hint = format('Say sluice.promote(''%s'') to give "%s" everything, or sluice.rollback(''%s'') to take that out. sluice.%s(''%s'', force => true) promotes it, too.',
                v_model, v_candidate, v_model, p_verb, p_deployment.name);
    end if;
    perform sluice.put_rollout(v_rollout.id, 'promoted', v_rollout.percent, v_reason);
    return format(' The rollout of "%s" is over: it has everything now.', v_candidate);
end $$;
comment on function sluice.end_rollout_of(sluice.deployment, text, text, boolean) is
    'Ends the rollout one of whose two versions an operator takes out of the traffic, and says so; nothing when there is none. Without the new version it is rolled back. Without the old one it is promoted if that is forced, else SL030.';

create or replace function sluice.isolate(deployment text, why text default null, force boolean default false)
returns text language plpgsql as $$
declare
    v_deployment sluice.deployment := sluice.locked_deployment(deployment);
    v_rollout text;
begin
    if v_deployment.state = 'isolated' then return format('"%s" was isolated already.', deployment); end if;
    if not force then perform sluice.check_others_serve(v_deployment, 'isolate'); end if;
    v_rollout := sluice.end_rollout_of(v_deployment, 'isolate', why, force);
    return sluice.put_state(v_deployment, 'isolate', 'isolated', why,
        format('"%s" is isolated: it claims nothing until sluice.restore(''%s''). What it runs goes on.%s', deployment, deployment, v_rollout));
end $$;
comment on function sluice.isolate(text, text, boolean) is
    'Takes a deployment out of the traffic; its workers stay and finish what they hold. Its part moves to the others in the same transaction; a rollout of it is rolled back. SL030 when no other serves, or when it is what a rollout goes back to, unless forced: then the new version has everything.';

create or replace function sluice.drain(deployment text, why text default null, force boolean default false)
returns text language plpgsql as $$
declare
    v_deployment sluice.deployment := sluice.locked_deployment(deployment);
    v_rollout text;
begin
    if v_deployment.state = 'draining' then return format('"%s" was draining already.', deployment); end if;
    if not force then perform sluice.check_others_serve(v_deployment, 'drain'); end if;
    v_rollout := sluice.end_rollout_of(v_deployment, 'drain', why, force);
    return sluice.put_state(v_deployment, 'drain', 'draining', why,
        format('"%s" drains: its workers finish what they hold and end. sluice.restore(''%s'') brings them back.%s', deployment, deployment,
            v_rollout));
end $$;
comment on function sluice.drain(text, text, boolean) is
    'Takes a deployment out of the traffic and ends its workers once they have finished what they hold; a rollout of it is rolled back. SL030 when no other serves, or when it is what a rollout goes back to, unless forced: then the new version has everything.';

create or replace function sluice.restore(deployment text, why text default null, ramp boolean default false)
returns text language plpgsql as $$
declare
    v_deployment sluice.deployment := sluice.locked_deployment(deployment);
begin
    if v_deployment.state = 'serving' and not exists (
        select from sluice.deployment_health h where h.deployment_id = v_deployment.id and h.breaker <> 'closed') then
        return format('"%s" served already.', deployment);
    end if;
    insert into sluice.deployment_health as h (deployment_id, restore_wanted)
    values (v_deployment.id, case when ramp then 'by_ramp' else 'at_once' end::sluice.restore_way)
    on conflict (deployment_id) do update
    set restore_wanted = excluded.restore_wanted, breaker = 'closed', open_until = null, ramp_percent = null,
        since = clock_timestamp(), reason = 'restored by an operator', probe_wanted = false;
    if ramp then
        return sluice.put_state(v_deployment, 'restore', 'ramping', why,
            format('"%s" comes back step by step, from %s%%.', deployment, sluice.first_step(v_deployment.model_id)));
    end if;
    return sluice.put_state(v_deployment, 'restore', 'serving', why, format('"%s" serves again, with its whole part.', deployment));
end $$;
comment on function sluice.restore(text, text, boolean) is
    'Gives a deployment that was isolated, by an operator or by its breaker, or drained, its part of the traffic back: at once, or by the judged steps of the controller.';

create or replace function sluice.put_paused(p_deployment sluice.deployment, p_verb text, p_paused boolean, p_why text, p_sentence text)
returns text language plpgsql as $$
begin
    update sluice.deployment d set paused = p_paused where d.id = p_deployment.id;
    perform sluice.wake(p_deployment.model_id);
    return sluice.record_change(p_verb, 'deployment ' || p_deployment.name,
        jsonb_build_object('paused', p_deployment.paused), jsonb_build_object('paused', p_paused), p_why, p_sentence);
end $$;
comment on function sluice.put_paused is 'Pauses or resumes a deployment, and records it.';

create or replace function sluice.pause(deployment text, why text default null) returns text language plpgsql as $$
declare
    v_deployment sluice.deployment := sluice.locked_deployment(deployment);
begin
    if v_deployment.paused then return format('"%s" was paused already.', deployment); end if;
    return sluice.put_paused(v_deployment, 'pause', true, why,
        format('"%s" is paused: it claims nothing, and the jobs of its part wait for sluice.resume(''%s'').', deployment, deployment));
end $$;
comment on function sluice.pause(text, text) is 'A deployment claims nothing for a while; unlike isolate, the jobs of its part wait for it.';

create or replace function sluice.resume(deployment text, why text default null) returns text language plpgsql as $$
declare
    v_deployment sluice.deployment := sluice.locked_deployment(deployment);
begin
    if not v_deployment.paused then return format('"%s" was not paused.', deployment); end if;
    return sluice.put_paused(v_deployment, 'resume', false, why, format('"%s" claims again.', deployment));
end $$;
comment on function sluice.resume(text, text) is 'Ends a pause.';

create or replace function sluice.set_weights(model text, weights jsonb, why text default null) returns text language plpgsql as $$
declare
    v_model int := sluice.model_id_of(model);
    v_before jsonb;
    v_bad text;
begin
    perform pg_advisory_xact_lock(7022, v_model);
    if jsonb_typeof(weights) is distinct from 'object' or weights = '{}' then
        raise exception using errcode = 'SL003', message = 'Give the weights as an object, such as {"a": 60, "b": 40}.';
    end if;
    select string_agg(w.key, ', ') into v_bad from jsonb_each(weights) w
    where not exists (select from sluice.deployment d where d.model_id = v_model and d.name = w.key);
    if v_bad is not null then
        raise exception using errcode = 'SL008', message = format('Model "%s" has no deployment named %s.', left(model, 200), left(v_bad, 500)),
            hint = 'Its deployments: ' || coalesce((select string_agg(d.name, ', ' order by d.name) from sluice.deployment d
                where d.model_id = v_model), 'none');
    end if;
    select string_agg(w.key, ', ') into v_bad from jsonb_each(weights) w
    where jsonb_typeof(w.value) <> 'number' or w.value::text !~ '^[0-9]{1,5}$' or w.value::text::int > 10000;
    if v_bad is not null then
        raise exception using errcode = 'SL003', message = format('A weight is a whole number, 0 to 10000; that of %s is not.', left(v_bad, 500));
    end if;
    select jsonb_object_agg(d.name, d.weight) into v_before from sluice.deployment d where d.model_id = v_model;
    if (select sum(coalesce((weights ->> d.name)::int, d.weight)) from sluice.deployment d where d.model_id = v_model) = 0 then
        raise exception using errcode = 'SL003', message = 'One weight at least has to be above zero; to stop all work pause the deployments.';
    end if;
    update sluice.deployment d set weight = (weights ->> d.name)::int where d.model_id = v_model and weights ? d.name;
    -- Somebody who sets weights wants them to count.
    update sluice.model m set strategy = 'weighted' where m.id = v_model and m.strategy in ('least_busy', 'round_robin');
    perform sluice.divide(v_model);
    return sluice.record_change('set_weights', 'model ' || model, v_before,
        (select jsonb_object_agg(d.name, d.weight) from sluice.deployment d where d.model_id = v_model), why,
        (select format('"%s" is divided %s.', model, string_agg(
                format('%s %s%%', d.name, trim_scale(round(sluice.bucket_count(d.share) / 100.0, 2))), ', ' order by d.name))
            from sluice.deployment d where d.model_id = v_model));
end $$;
comment on function sluice.set_weights(text, jsonb, text) is
    'Sets weights of deployments by name; those not named keep theirs. A strategy that knows no weights becomes weighted.';

create or replace function sluice.set_strategy(model text, strategy sluice.routing_strategy, why text default null)
returns text language plpgsql as $$
#variable_conflict use_column
declare
    v_model int := sluice.model_id_of(model);
    v_before sluice.routing_strategy;
begin
    perform pg_advisory_xact_lock(7022, v_model);
    select m.strategy into v_before from sluice.model m where m.id = v_model;
    update sluice.model m set strategy = set_strategy.strategy where m.id = v_model;
    perform sluice.divide(v_model);
    return sluice.record_change('set_strategy', 'model ' || set_strategy.model, to_jsonb(v_before), to_jsonb(set_strategy.strategy), why,
        format('"%s" is divided by %s.', set_strategy.model, set_strategy.strategy));
end $$;
comment on function sluice.set_strategy(text, sluice.routing_strategy, text) is 'How a model''s traffic is divided between its deployments.';

create or replace function sluice.set_tier(deployment text, tier int, why text default null) returns text language plpgsql as $$
#variable_conflict use_column
declare
    v_deployment sluice.deployment := sluice.locked_deployment(deployment);
begin
    if tier not between 0 and 100 then
        raise exception using errcode = 'SL003', message = 'A tier is 0 to 100.';
    end if;
    update sluice.deployment d set tier = set_tier.tier where d.id = v_deployment.id;
    perform sluice.divide(v_deployment.model_id);
    return sluice.record_change('set_tier', 'deployment ' || v_deployment.name, to_jsonb(v_deployment.tier), to_jsonb(set_tier.tier),
        why, format('"%s" is in tier %s.', v_deployment.name, set_tier.tier));
end $$;
comment on function sluice.set_tier(text, int, text) is 'Which tier a deployment is in, for the strategy priority.';

create or replace function sluice.swap(old text, new text, why text default null, force boolean default false)
returns text language plpgsql as $$
declare
    v_old sluice.deployment := sluice.locked_deployment(old);
    v_new sluice.deployment := sluice.locked_deployment(new);
begin
    if v_old.id = v_new.id or v_old.model_id <> v_new.model_id then
        raise exception using errcode = 'SL003', message = 'A swap is between two deployments of one model.';
    end if;
    if exists (select from sluice.rollout r where r.ended_at is null
            and (r.candidate_id in (v_old.id, v_new.id) or r.baseline_id in (v_old.id, v_new.id))) then
        raise exception using errcode = 'SL006', message = 'A rollout of one of them is under way.',
            hint = 'Say sluice.promote or sluice.rollback with the model''s name first.';
    end if;
    if not force and not exists (select from sluice.worker w where w.deployment_id = v_new.id and w.state = 'running') then
        raise exception using errcode = 'SL030', message = format('"%s" has no running worker yet.', new),
            hint = format('Wait until sluice.deployment_status shows one, or say sluice.swap(''%s'', ''%s'', force => true).', old, new);
    end if;
    -- The new one takes exactly the old one's keys; the old one stays, so that the way back is one call.
    update sluice.deployment d
    set state = 'serving', ramp_percent = null, state_since = clock_timestamp(), state_reason = format('swapped in for %s', old),
        weight = v_old.weight, tier = v_old.tier, share = v_new.share + v_old.share
    where d.id = v_new.id;
    update sluice.deployment d
    set state = 'isolated', ramp_percent = null, state_since = clock_timestamp(), state_reason = format('swapped out for %s', new),
        share = '{}'
    where d.id = v_old.id;
    perform sluice.divide(v_old.model_id);
    return sluice.record_change('swap', 'deployment ' || old, jsonb_build_object('serving', old), jsonb_build_object('serving', new), why,
        format('"%s" serves in place of "%s", which is isolated; its workers stay.', new, old));
end $$;
comment on function sluice.swap(text, text, text, boolean) is
    'Gives the traffic of one deployment to another of the same model, in one moment. SL030 while the new one has no running worker, unless forced. SL006 while a rollout of one of them is under way.';

create or replace function sluice.retry_dead(model text default null, at_most int default 1000, why text default null)
returns text language plpgsql as $$
declare
    v_model int := case when model is not null then sluice.model_id_of(model) end;
    v_id bigint;
    v_count int := 0;
begin
    if at_most is null or at_most not between 1 and 100000 then
        raise exception using errcode = 'SL003', message = 'at_most is 1 to 100000.';
    end if;
    for v_id in
        select r.id from sluice.result r join sluice.job j on j.id = r.id
        -- What was refused before it was queued has no attempt, and nothing to try again.
        where r.state in ('failed', 'quarantined') and (r.attempt > 0 or r.state <> 'failed') and (v_model is null or j.model_id = v_model)
        order by r.id limit at_most
    loop
        begin
            perform sluice.retry(v_id);
            v_count := v_count + 1;
        exception when sqlstate 'SL005' or sqlstate 'SL006' or sqlstate 'SL007' then
            continue;
        end;
    end loop;
    return sluice.record_change('retry_dead', coalesce('model ' || model, 'all models'), null, jsonb_build_object('jobs', v_count), why,
        format('%s dead jobs are queued again.', v_count));
end $$;
comment on function sluice.retry_dead(text, int, text) is
    'Queues up to at_most failed and quarantined jobs again, the oldest first; of all models unless one is named.';

create or replace function sluice.cancel_where(
    model text default null, tenant text default null, batch int default null, older_than interval default null,
    including_running boolean default false, at_most int default 1000, why text default null)
returns text language plpgsql as $$
#variable_conflict use_column
declare
    v_model int := case when cancel_where.model is not null then sluice.model_id_of(cancel_where.model) end;
    v_tenant int := case when cancel_where.tenant is not null then sluice.tenant_id_of(cancel_where.tenant) end;
    v_id bigint;
    v_waiting int := 0;
    v_running int := 0;
begin
    if coalesce(cancel_where.model, cancel_where.tenant, cancel_where.batch::text, older_than::text) is null then
        raise exception using errcode = 'SL003', message = 'Say which jobs: a model, a tenant, a batch, or older_than.';
    end if;
    if at_most is null or at_most not between 1 and 100000 then
        raise exception using errcode = 'SL003', message = 'at_most is 1 to 100000.';
    end if;
    for v_id in
        with q as (
            select r.id, r.model_id, r.tenant_id, r.batch_id from sluice.ready r
            union all select s.id, s.model_id, s.tenant_id, s.batch_id from sluice.scheduled s
            union all select s.id, s.model_id, s.tenant_id, s.batch_id from sluice.suspect s
            union all select l.id, l.model_id, l.tenant_id, l.batch_id from sluice.running l
                where including_running and not l.cancel_requested)
        select q.id from q
        where q.tenant_id <> 0 and (v_model is null or q.model_id = v_model) and (v_tenant is null or q.tenant_id = v_tenant)
            and (cancel_where.batch is null or q.batch_id = cancel_where.batch)
            and (older_than is null or exists (
                select from sluice.job j where j.id = q.id and j.created_at < clock_timestamp() - older_than))
        order by q.id limit at_most
    loop
        if sluice.cancel(v_id, coalesce(why, 'cancelled by ' || sluice.actor())) = 'running' then
            v_running := v_running + 1;
        else
            v_waiting := v_waiting + 1;
        end if;
    end loop;
    return sluice.record_change('cancel_where', 'jobs', null,
        jsonb_strip_nulls(jsonb_build_object('model', cancel_where.model, 'tenant', cancel_where.tenant, 'batch', cancel_where.batch,
            'older_than', older_than, 'cancelled', v_waiting, 'stopping', v_running)), why,
        format('%s waiting jobs are cancelled, %s running ones told to stop.', v_waiting, v_running));
end $$;
comment on function sluice.cancel_where is
    'Cancels up to at_most jobs that match everything given, the oldest first. Running ones only when including_running. SL003 when nothing is given: all jobs is never a default.';

create or replace view sluice.deployment_status as
    select d.name as deployment, m.name as model, d.state, d.paused, d.ramp_percent,
        round(sluice.bucket_count(d.share) / 100.0, 2) as share_percent, d.weight, d.tier, d.version, d.backend,
        sluice.desired_count(d) as workers_wanted, coalesce(w.live, 0) as workers_live, d.slots, coalesce(l.jobs, 0) as running,
        d.state_since, d.state_reason, coalesce(h.breaker, 'closed') as breaker, coalesce(h.score, 1) as score,
        coalesce(h.reason, '') as health_reason, h.open_until, coalesce(h.is_kept, false) as is_kept,
        d.concurrency, d.requests_per_minute, d.tokens_per_minute, coalesce(t.full_until > clock_timestamp(), false) as is_full
    from sluice.deployment d
    join sluice.model m on m.id = d.model_id
    left join sluice.deployment_health h on h.deployment_id = d.id
    left join sluice.deployment_meter t on t.deployment_id = d.id and d.is_limited
    left join (select w.deployment_id, count(*) as live from sluice.worker w where w.ended_at is null group by 1) w
        on w.deployment_id = d.id
    left join (select w.deployment_id, count(*) as jobs from sluice.running r join sluice.worker w on w.id = r.worker_id group by 1) l
        on l.deployment_id = d.id
    order by m.name, d.name;
comment on view sluice.deployment_status is 'One row a deployment: state, share, workers, what it runs, why it is so, and what the controller makes of its health.';

create or replace view sluice.model_status as
    select m.name as model, m.strategy, count(d.id) as deployments,
        count(d.id) filter (where d.state in ('serving', 'ramping') and not d.paused) as serving,
        coalesce(sum((select count(*) from sluice.worker w where w.deployment_id = d.id and w.ended_at is null)), 0)::bigint as workers_live,
        (select count(*) from sluice.ready r where r.model_id = m.id) as ready,
        (select count(*) from sluice.running r where r.model_id = m.id) as running,
        (select count(*) from sluice.scheduled s where s.model_id = m.id) as scheduled,
        m.max_attempts, m.attempt_timeout_ms,
        array(select o.name from unnest(m.fallbacks) with ordinality f(id, place) join sluice.model o on o.id = f.id order by f.place)
            as fallbacks, m.unserved_since
    from sluice.model m left join sluice.deployment d on d.model_id = m.id
    group by m.id order by m.name;
comment on view sluice.model_status is 'One row a model. Counts every waiting row: for people, not for every second.';

create or replace view sluice.worker_status as
    select w.id as worker, d.name as deployment, w.host, w.pid,
        case when w.state = 'running' and w.ready_at is null then 'starting' else w.state end::sluice.worker_state as state, w.slots,
        (select count(*) from sluice.running r where r.worker_id = w.id) as running,
        w.started_at, clock_timestamp() - h.beat_at as heartbeat_age, w.ended_at, w.cause, w.exit_status, w.signal, w.refused_ends
    from sluice.worker w
    join sluice.deployment d on d.id = w.deployment_id
    left join sluice.worker_heartbeat h on h.worker_id = w.id
    order by w.ended_at nulls first, w.id desc;
comment on view sluice.worker_status is 'Worker processes, the living first, then the newest endings.';

create or replace view sluice.queue_depth as
    select m.name as model, q.state, q.priority, t.name as tenant, count(*) as jobs
    from (
        select r.model_id, r.tenant_id, r.priority, 'queued'::sluice.job_state as state from sluice.ready r
        union all select r.model_id, r.tenant_id, r.priority, 'running' from sluice.running r
        union all select s.model_id, s.tenant_id, s.priority, 'scheduled' from sluice.scheduled s
        union all select s.model_id, s.tenant_id, s.priority, 'queued' from sluice.suspect s) q
    join sluice.model m on m.id = q.model_id
    join sluice.tenant t on t.id = q.tenant_id
    group by m.name, q.state, q.priority, t.name order by m.name, q.state, q.priority, t.name;
comment on view sluice.queue_depth is 'What waits and runs, by model, state, priority and tenant. Counts every row.';

create or replace view sluice.decisions as
    select e.at, e.kind, e.subject, e.reason, e.detail as inputs from sluice.event e order by e.id desc limit 1000;
comment on view sluice.decisions is 'The last 1,000 decisions, the newest first, each with its reason in a line and, where there are any, the figures it was made from.';

create or replace view sluice.overview as select * from sluice.overview();
comment on view sluice.overview is 'sluice.overview() as a view.';

create or replace view sluice.rollouts as
    select m.name as model, c.name as candidate, b.name as baseline, r.state, r.percent, r.gates, r.reason, r.started_at,
        r.changed_at, r.ended_at
    from sluice.rollout r
    join sluice.model m on m.id = r.model_id
    join sluice.deployment c on c.id = r.candidate_id
    join sluice.deployment b on b.id = r.baseline_id
    order by r.ended_at desc nulls first, r.id desc;
comment on view sluice.rollouts is 'Rollouts, those under way first, then the newest.';

create or replace view sluice.controller_status as
    select c.name as supervisor, c.epoch, c.led_since, c.beat_at, clock_timestamp() - c.beat_at as age from sluice.controller c;
comment on view sluice.controller_status is 'Which supervisor steers the fleet, and when it last did.';
