-- Limits of deployments. A claim of one that has limits locks its meter, so that all its workers together keep to them; every
-- other claim pays for a look at a column that is read anyway.

create or replace function sluice.allowance(p_deployment int, p_asked int, out jobs int, out rest_ms int) language plpgsql as $$
declare
    v_deployment sluice.deployment;
    v_meter sluice.deployment_meter;
    v_now_ms bigint;
    v_held bigint;
    v_requests bigint;
    v_tokens bigint;
    v_oldest bigint;
    v_free bigint;
    v_slice_ms bigint;
begin
    select * into v_meter from sluice.deployment_meter m where m.deployment_id = p_deployment for update;
    -- Read behind the lock: what the claim before took counts.
    v_now_ms := (extract(epoch from clock_timestamp()) * 1000)::bigint;
    select * into v_deployment from sluice.deployment d where d.id = p_deployment;
    select coalesce(sum(h.jobs), 0) into v_held from sluice.deployment_held h where h.deployment_id = p_deployment;
    select coalesce(sum(m.requests), 0), coalesce(sum(m.tokens), 0), min(m.second) into v_requests, v_tokens, v_oldest
    from sluice.deployment_minute m where m.deployment_id = p_deployment and m.second > v_now_ms / 1000 - 61;
    v_slice_ms := coalesce((v_oldest + 61) * 1000 - v_now_ms, 0);
    jobs := p_asked;
    if v_deployment.concurrency - v_held < jobs then
        jobs := greatest(0, v_deployment.concurrency - v_held);
        rest_ms := 250;
    end if;
    if v_deployment.requests_per_minute - v_requests < jobs then
        jobs := greatest(0, v_deployment.requests_per_minute - v_requests);
        rest_ms := v_slice_ms;
    end if;
    if v_deployment.tokens_per_minute is not null then
        v_free := case when v_meter.tokens_per_job is null then 1 - v_held
            else greatest(floor((v_deployment.tokens_per_minute - v_tokens) / v_meter.tokens_per_job::numeric) - v_held,
                -- One that is larger than the limit would never be served otherwise.
                case when v_tokens = 0 then 1 - v_held else 0 end) end;
        if v_free < jobs then
            jobs := greatest(0, v_free);
            rest_ms := case when v_held > 0 then 250 else v_slice_ms end;
        end if;
    end if;
    -- Not for long: an operator may raise the limit.
    rest_ms := case when jobs < p_asked then least(greatest(rest_ms, 20), 2000) end;
end $$;
comment on function sluice.allowance(int, int) is
    'How many jobs, p_asked at most, the limits of a deployment let its workers claim now; when fewer, in how many milliseconds to ask again. Locks its meter until the transaction ends. Reads 61 rows and one a worker at most.';

create or replace function sluice.charge(p_deployment int, p_worker bigint, p_jobs int, p_rest_ms int) returns void
language plpgsql as $$
declare
    v_second bigint := floor(extract(epoch from clock_timestamp()));
    v_was_full boolean;
begin
    if p_jobs > 0 then
        insert into sluice.deployment_minute as m (deployment_id, second, requests) values (p_deployment, v_second, p_jobs)
        on conflict (deployment_id, second) do update set requests = m.requests + excluded.requests;
        delete from sluice.deployment_minute m where m.deployment_id = p_deployment and m.second <= v_second - 61;
        insert into sluice.deployment_held as h (worker_id, deployment_id, jobs) values (p_worker, p_deployment, p_jobs)
        on conflict (worker_id) do update set jobs = h.jobs + excluded.jobs;
    end if;
    if p_rest_ms is not null then
        v_was_full := (select m.full_until > clock_timestamp() from sluice.deployment_meter m where m.deployment_id = p_deployment);
        update sluice.deployment_meter m
        set full_until = clock_timestamp() + (p_rest_ms + 500) * interval '1 millisecond' where m.deployment_id = p_deployment;
        -- Others may have room for what waits here.
        if v_was_full is not true then
            perform sluice.wake(d.model_id) from sluice.deployment d where d.id = p_deployment;
        end if;
    end if;
end $$;
comment on function sluice.charge(int, bigint, int, int) is
    'Counts jobs a worker of a deployment with limits claimed; with p_rest_ms it is full for about so long, and others look after its share.';

create or replace function sluice.settle(p_deployment int, p_worker bigint, p_jobs int, p_counted int, p_tokens bigint) returns void
language plpgsql as $$
declare
    v_second bigint := floor(extract(epoch from clock_timestamp()));
begin
    -- The meter first, as a claim does.
    update sluice.deployment_meter m
    set tokens_per_job = case when p_counted = 0 then m.tokens_per_job
        else greatest(1, coalesce(m.tokens_per_job, p_tokens::real / p_counted)
            + least(1, 0.1 * p_counted) * (p_tokens::real / p_counted - coalesce(m.tokens_per_job, p_tokens::real / p_counted))) end
    where m.deployment_id = p_deployment;
    if p_tokens > 0 then
        insert into sluice.deployment_minute as m (deployment_id, second, tokens) values (p_deployment, v_second, p_tokens)
        on conflict (deployment_id, second) do update set tokens = m.tokens + excluded.tokens;
    end if;
    update sluice.deployment_held h set jobs = greatest(0, h.jobs - p_jobs) where h.worker_id = p_worker;
    perform sluice.wake(d.model_id) from sluice.deployment d where d.id = p_deployment;
end $$;
comment on function sluice.settle(int, bigint, int, int, bigint) is
    'Counts jobs a worker of a deployment with limits has ended or given back, and the tokens p_counted of them used; whoever waits for room looks again.';

create or replace function sluice.set_deployment_limits(deployment text, limits jsonb, why text default null) returns text
language plpgsql as $$
#variable_conflict use_column
declare
    v_deployment sluice.deployment := sluice.locked_deployment(deployment);
    v_key text;
    v_value jsonb;
    v_high bigint;
    v_after jsonb := jsonb_build_object('concurrency', v_deployment.concurrency,
        'requests_per_minute', v_deployment.requests_per_minute, 'tokens_per_minute', v_deployment.tokens_per_minute);
    v_before jsonb := jsonb_strip_nulls(v_after);
begin
    if jsonb_typeof(limits) is distinct from 'object' then
        raise exception using errcode = 'SL003', message = 'Give the limits as an object, such as {"requests_per_minute": 600}.';
    end if;
    for v_key, v_value in select l.key, l.value from jsonb_each(limits) l loop
        select b.high into v_high
        from (values ('concurrency', 1000000), ('requests_per_minute', 1000000000), ('tokens_per_minute', 1000000000000)) b(name, high)
        where b.name = v_key;
        if not found then
            raise exception using errcode = 'SL003', message = format('A deployment has no limit "%s".', left(v_key, 100)),
                hint = 'It has concurrency, requests_per_minute, tokens_per_minute.';
        end if;
        if v_value <> 'null' and (v_value::text !~ '^[1-9][0-9]{0,12}$' or v_value::text::bigint > v_high) then
            raise exception using errcode = 'SL003', message = format('"%s" is a whole number, 1 to %s, or null for no limit.', v_key, v_high);
        end if;
    end loop;
    v_after := jsonb_strip_nulls(v_after || limits);
    insert into sluice.deployment_meter (deployment_id) values (v_deployment.id) on conflict do nothing;
    perform from sluice.deployment_meter m where m.deployment_id = v_deployment.id for update;
    update sluice.deployment d
    set concurrency = (v_after ->> 'concurrency')::int, requests_per_minute = (v_after ->> 'requests_per_minute')::int,
        tokens_per_minute = (v_after ->> 'tokens_per_minute')::bigint
    where d.id = v_deployment.id;
    if not v_deployment.is_limited then
        delete from sluice.deployment_held h where h.deployment_id = v_deployment.id;
        insert into sluice.deployment_held (worker_id, deployment_id, jobs)
        select l.worker_id, v_deployment.id, count(*) from sluice.running l join sluice.worker w on w.id = l.worker_id
        where w.deployment_id = v_deployment.id group by l.worker_id;
    end if;
    update sluice.deployment_meter m set full_until = null where m.deployment_id = v_deployment.id;
    update sluice.model m
    set has_limits = exists (select from sluice.deployment d where d.model_id = m.id and d.is_limited)
    where m.id = v_deployment.model_id;
    perform sluice.wake(v_deployment.model_id);
    return sluice.record_change('set_deployment_limits', 'deployment ' || v_deployment.name, v_before, v_after, why,
        format('"%s" has %s.', v_deployment.name, case v_after when '{}' then 'no limits' else 'the limits ' || v_after::text end));
end $$;
comment on function sluice.set_deployment_limits(text, jsonb, text) is
    'What a deployment may be asked for at most, all its workers together: concurrency, requests_per_minute, tokens_per_minute. What is not named stays; null is no limit. What is over a limit goes to other deployments of the model that have room, or waits. Jobs that are being claimed at the very moment may not be counted.';
