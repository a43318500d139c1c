-- Rules of scaling: how operators change them, what they are, and what the controller makes of them.

create or replace function sluice.scaling_defaults() returns jsonb language sql immutable as $$
    select '{"scaler": "queue_delay", "objective_ms": 30000, "per_worker": 1, "utilization": 0.7, "query_timeout_ms": 1000, "schedule": [],
        "up_stabilisation_ms": 0, "down_stabilisation_ms": 0, "priority": 0, "batch_scales": true, "attainment": 0.995,
        "miss_price": 1800, "forecast": true, "spread": "spread", "host_labels": {}, "preload": false}'::jsonb
$$;
comment on function sluice.scaling_defaults() is 'What a rule says where nothing was said; the words that are missing have no value then.';

create or replace function sluice.scaling_of(deployment text) returns jsonb language plpgsql stable as $$
#variable_conflict use_column
declare
    v_deployment sluice.deployment;
    v_rule sluice.scaling;
begin
    select * into v_deployment from sluice.deployment d where d.name = deployment;
    select * into v_rule from sluice.scaling s where s.deployment_id = v_deployment.id;
    return (select coalesce(jsonb_object_agg(r.key, r.value), '{}') from jsonb_each(to_jsonb(v_rule)) r
        where r.key <> 'deployment_id' and r.value <> 'null' and r.value is distinct from sluice.scaling_defaults() -> r.key);
end $$;
comment on function sluice.scaling_of(text) is 'The rule of a deployment as sluice.set_scaling takes it, without what has its default.';

create or replace function sluice.check_schedule(p_schedule jsonb) returns void language plpgsql as $$
declare
    v_window jsonb;
    v_field text;
    v_value text;
    v_item text;
    v_place int;
begin
    if jsonb_typeof(p_schedule) <> 'array' or jsonb_array_length(p_schedule) > 50 then
        raise exception using errcode = 'SL003', message = 'A schedule is a list of at most 50 windows.';
    end if;
    for v_window in select w from jsonb_array_elements(p_schedule) w loop
        if jsonb_typeof(v_window) <> 'object' or jsonb_typeof(v_window -> 'minutes') is distinct from 'string'
            or (v_window - array['minutes', 'min_workers', 'max_workers']) <> '{}' then
            raise exception using errcode = 'SL003',
                message = format('A window is {"minutes": "* 8-17 * * mon-fri", "min_workers": 2, "max_workers": 8}; %s is not.', left(v_window::text, 200));
        end if;
        if array_length(regexp_split_to_array(btrim(v_window ->> 'minutes', E' \t'), '[ \t]+'), 1) <> 5 or octet_length(v_window ->> 'minutes') > 200 then
            raise exception using errcode = 'SL003',
                message = format('"%s" is no pattern of minutes: it has five fields (minute, hour, day, month, weekday).', left(v_window ->> 'minutes', 200));
        end if;
        v_place := 0;
        foreach v_field in array regexp_split_to_array(lower(btrim(v_window ->> 'minutes', E' \t')), '[ \t]+') loop
            v_place := v_place + 1;
            v_value := '([0-9]{1,2}' || (array['', '', '', '|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec', '|sun|mon|tue|wed|thu|fri|sat'])[v_place] || ')';
            -- A list of values, ranges and stars, each with a step: what CronPattern reads.
            v_item := format('(\*|%1$s(-%1$s)?)(/[0-9]{1,2})?', v_value);
            if v_field !~ format('^%1$s(,%1$s)*$', v_item)
                or exists (select from regexp_matches(v_field, '/([0-9]+)', 'g') n where n[1]::int not between 1 and 60)
                or exists (select from regexp_matches(regexp_replace(v_field, '/[0-9]+', '', 'g'), '[0-9]+', 'g') n
                    where n[1]::int not between (array[0, 0, 1, 1, 0])[v_place] and (array[59, 23, 31, 12, 7])[v_place]) then
                raise exception using errcode = 'SL003',
                    message = format('"%s" is no field %s of a pattern of minutes.', left(v_field, 100), v_place);
            end if;
        end loop;
        if exists (select from jsonb_each(v_window) e where e.key <> 'minutes'
                and (jsonb_typeof(e.value) <> 'number' or e.value::text !~ '^[0-9]{1,4}$' or e.value::text::int > 1000))
            or (v_window ->> 'min_workers')::int > (v_window ->> 'max_workers')::int then
            raise exception using errcode = 'SL003',
                message = format('The bounds of a window are 0 to 1000 workers and rise; those of "%s" do not.', v_window ->> 'minutes');
        end if;
    end loop;
end $$;
comment on function sluice.check_schedule(jsonb) is 'SL003 with one sentence for the first thing that is wrong with a schedule.';

create or replace function sluice.check_windows(p_rule jsonb) returns void language plpgsql as $$
-- What a window does not say is the rule's, but for a maximum below its minimum.
declare
    v_window record;
begin
    for v_window in
        select b.minutes, b.least, coalesce(b.most, greatest((p_rule ->> 'max_workers')::int, b.least)) as most
        from (select w ->> 'minutes' as minutes, coalesce((w ->> 'min_workers')::int, (p_rule ->> 'min_workers')::int) as least,
                (w ->> 'max_workers')::int as most
            from jsonb_array_elements(coalesce(p_rule -> 'schedule', '[]')) w) b
    loop
        if v_window.least > v_window.most then
            raise exception using errcode = 'SL003', message = format('The window "%s" allows %s to %s workers; it must rise within 0 to 1000.',
                v_window.minutes, v_window.least, v_window.most);
        end if;
    end loop;
end $$;
comment on function sluice.check_windows(jsonb) is 'SL003 when a window of a rule''s schedule leaves no number of workers between its bounds, of which some may be the rule''s.';

create or replace function sluice.plain_scaling(p_rule jsonb) returns jsonb language plpgsql as $$
-- RunPod's names. Its QUEUE_DELAY asks for a worker when a request has waited so long; here that is when it is to begin.
declare
    v_rule jsonb := p_rule - array['workersMin', 'workersMax', 'scalerType', 'scalerValue', 'idleTimeout'];
    v_type text := upper(p_rule ->> 'scalerType');
begin
    if p_rule ? 'workersMin' then v_rule := v_rule || jsonb_build_object('min_workers', p_rule -> 'workersMin'); end if;
    if p_rule ? 'workersMax' then v_rule := v_rule || jsonb_build_object('max_workers', p_rule -> 'workersMax'); end if;
    if v_type is not null and v_type not in ('QUEUE_DELAY', 'REQUEST_COUNT') then
        raise exception using errcode = 'SL003', message = 'scalerType is QUEUE_DELAY or REQUEST_COUNT.';
    end if;
    if v_type is not null then v_rule := v_rule || jsonb_build_object('scaler', lower(v_type)); end if;
    if exists (select from jsonb_each(p_rule) e where e.key in ('scalerValue', 'idleTimeout')
            and (jsonb_typeof(e.value) <> 'number' or e.value::text::numeric not between 0 and 86400)) then
        raise exception using errcode = 'SL003', message = 'scalerValue and idleTimeout are numbers, 0 to 86400.';
    end if;
    if p_rule ? 'scalerValue' then
        v_rule := v_rule || case when coalesce(v_type, upper(p_rule ->> 'scaler'), 'QUEUE_DELAY') = 'REQUEST_COUNT'
            then jsonb_build_object('per_worker', p_rule -> 'scalerValue')
            else jsonb_build_object('objective_ms', round((p_rule ->> 'scalerValue')::numeric * 1000)) end;
    end if;
    if p_rule ? 'idleTimeout' then
        v_rule := v_rule || jsonb_build_object('idle_timeout_ms', round((p_rule ->> 'idleTimeout')::numeric * 1000));
    end if;
    return v_rule;
end $$;
comment on function sluice.plain_scaling(jsonb) is
    'A rule without RunPod''s names: workersMin, workersMax, scalerType, scalerValue (seconds for QUEUE_DELAY, jobs for REQUEST_COUNT) and idleTimeout (seconds) as the words they mean. QUEUE_DELAY is stricter than RunPod''s, which asks for a worker only after scalerValue: here it is the objective, the start included.';

create or replace function sluice.set_scaling(deployment text, rule jsonb, why text default null) returns text language plpgsql as $$
#variable_conflict use_column
declare
    v_deployment sluice.deployment := sluice.locked_deployment(deployment);
    v_before jsonb := sluice.scaling_of(deployment);
    v_after jsonb;
    v_rule jsonb;
    v_key text;
    v_value jsonb;
    v_low numeric;
    v_high numeric;
    v_decimal text[] := '{per_worker, utilization, budget, price_per_hour, money_per_hour, attainment, miss_price}';
    v_known text := 'min_workers, max_workers, scaler, objective_ms, per_worker, utilization, query, query_timeout_ms, schedule, up_stabilisation_ms, down_stabilisation_ms, idle_timeout_ms, memory_per_worker, priority, budget, price_per_hour, money_per_hour, batch_scales, attainment, miss_price, forecast, spread, host_labels, preload';
begin
    if jsonb_typeof(rule) is distinct from 'object' then
        raise exception using errcode = 'SL003', message = 'Give the rule as an object, such as {"min_workers": 0, "max_workers": 4}.';
    end if;
    -- scalerValue alone is a value of the scaler there is.
    v_rule := sluice.plain_scaling(case when rule ? 'scalerValue' and not rule ?| array['scaler', 'scalerType'] and v_before ? 'scaler'
        then rule || jsonb_build_object('scaler', v_before -> 'scaler') else rule end);
    for v_key, v_value in select r.key, r.value from jsonb_each(v_rule) r loop
        if v_key <> all (string_to_array(v_known, ', ')) then
            raise exception using errcode = 'SL003', message = format('A rule of scaling has no "%s".', left(v_key, 100)), hint = 'It has ' || v_known || '.';
        end if;
        continue when v_value = 'null';
        select b.low, b.high into v_low, v_high
        from (values ('min_workers', 0, 1000), ('max_workers', 0, 1000), ('objective_ms', 0, 86400000), ('query_timeout_ms', 10, 10000),
            ('up_stabilisation_ms', 0, 86400000), ('down_stabilisation_ms', 0, 86400000), ('idle_timeout_ms', 0, 86400000),
            ('memory_per_worker', 1, 1e15), ('priority', -1000, 1000), ('per_worker', 0.000001, 1e9), ('utilization', 0.01, 1),
            ('budget', 0.001, 1e9), ('price_per_hour', 0.000001, 1e9), ('money_per_hour', 0.000001, 1e9), ('attainment', 0.01, 1), ('miss_price', 0, 1e9)) b(name, low, high) where b.name = v_key;
        if found then
            if jsonb_typeof(v_value) <> 'number' then
                raise exception using errcode = 'SL003', message = format('"%s" is a number.', v_key);
            end if;
            if v_value::text::numeric not between v_low and v_high
                or v_key <> all (v_decimal)
                    and v_value::text::numeric <> trunc(v_value::text::numeric) then
                raise exception using errcode = 'SL003', message = format('"%s" is %s to %s%s.', v_key, v_low, v_high,
                    case when v_key = any (v_decimal) then '' else ', a whole number' end);
            end if;
        elsif v_key in ('batch_scales', 'forecast', 'preload') and jsonb_typeof(v_value) <> 'boolean' then
            raise exception using errcode = 'SL003', message = format('"%s" is true or false.', v_key);
        elsif v_key = 'scaler' and v_value #>> '{}' not in ('queue_delay', 'request_count', 'utilization', 'sql', 'schedule') then
            raise exception using errcode = 'SL003', message = 'A scaler is queue_delay, request_count, utilization, sql or schedule.';
        elsif v_key = 'spread' and v_value #>> '{}' not in ('spread', 'pack', 'external') then
            raise exception using errcode = 'SL003', message = 'Workers are spread by spread, pack or external.';
        elsif v_key = 'query' and (jsonb_typeof(v_value) <> 'string' or octet_length(v_value #>> '{}') not between 1 and 4000
                or v_value #>> '{}' !~* '^\s*(select|with|table|values)\M' or v_value #>> '{}' ~ ';') then
            raise exception using errcode = 'SL003', message = 'A query is one SELECT of at most 4,000 bytes, without a semicolon.';
        elsif v_key = 'schedule' then
            perform sluice.check_schedule(v_value);
        elsif v_key = 'host_labels' and (jsonb_typeof(v_value) <> 'object' or octet_length(v_value::text) > 4000) then
            raise exception using errcode = 'SL003', message = 'Labels of hosts are an object, such as {"gpu": "a100"}.';
        end if;
    end loop;
    v_after := jsonb_strip_nulls(v_before || v_rule);
    if v_after ? 'min_workers' and not v_after ? 'max_workers' then v_after := v_after || jsonb_build_object('max_workers', greatest((v_after ->> 'min_workers')::int, 3)); end if;
    if v_after ? 'max_workers' and not v_after ? 'min_workers' then v_after := v_after || '{"min_workers": 0}'; end if;
    if (v_after ->> 'min_workers')::int > (v_after ->> 'max_workers')::int then
        raise exception using errcode = 'SL003', message = format('min_workers (%s) is above max_workers (%s).', v_after ->> 'min_workers', v_after ->> 'max_workers');
    end if;
    if v_after ? 'min_workers' then perform sluice.check_windows(v_after); end if;
    if v_after ->> 'scaler' = 'sql' and not v_after ? 'query' then
        raise exception using errcode = 'SL003', message = 'The scaler sql needs a query.';
    end if;
    if v_after ? 'money_per_hour' and not v_after ? 'price_per_hour' then
        raise exception using errcode = 'SL003', message = 'money_per_hour needs price_per_hour, what a worker costs in an hour.';
    end if;
    if v_after ->> 'scaler' = 'schedule' and coalesce(v_after -> 'schedule', '[]') = '[]' then
        raise exception using errcode = 'SL003', message = 'The scaler schedule needs a schedule.';
    end if;
    delete from sluice.scaling s where s.deployment_id = v_deployment.id;
    -- What is not said has the default of its column.
    execute format('insert into sluice.scaling (deployment_id%1$s) select $1%2$s from jsonb_populate_record(null::sluice.scaling, $2) r',
        (select string_agg(', ' || quote_ident(k), '' order by k) from jsonb_object_keys(v_after) k),
        (select string_agg(', r.' || quote_ident(k), '' order by k) from jsonb_object_keys(v_after) k))
    using v_deployment.id, v_after;
    -- It goes on from as many workers as there were.
    insert into sluice.desired (deployment_id, workers, reason) values (v_deployment.id, v_deployment.workers, 'the fixed number so far')
    on conflict do nothing;
    v_after := sluice.scaling_of(deployment);
    return sluice.record_change('scale', 'deployment ' || v_deployment.name, v_before, v_after, why,
        case when v_after ? 'min_workers' then format('"%s": %s to %s workers by %s.', v_deployment.name, v_after ->> 'min_workers',
            v_after ->> 'max_workers', coalesce(v_after ->> 'scaler', 'queue_delay'))
        else format('"%s": a fixed number of %s workers.', v_deployment.name, v_deployment.workers) end);
end $$;
comment on function sluice.set_scaling(text, jsonb, text) is
    'Changes how many workers a deployment may have and what their number follows; what is not named stays, null is the default again. min_workers and max_workers (null: a fixed number, that of the deployment), scaler (queue_delay), objective_ms (30000), per_worker (1), utilization (0.7), query, query_timeout_ms (1000), schedule, up_stabilisation_ms (0), down_stabilisation_ms (0), idle_timeout_ms (learned), memory_per_worker in bytes (not counted), priority (0), budget in worker-seconds an hour (unbounded), price_per_hour of a worker and money_per_hour for all of them (unbounded), batch_scales (true), attainment (0.995), miss_price in worker-seconds (1800), forecast (true), spread (spread), host_labels ({}), preload (false). RunPod''s workersMin, workersMax, scalerType, scalerValue and idleTimeout are taken for what they mean.';

create or replace function sluice.scale(
    deployment text, workers int default null, why text default null, min_workers int default null, max_workers int default null,
    slots int default null, scaler text default null, objective interval default null, per_worker double precision default null,
    utilization double precision default null, query text default null, query_timeout interval default null,
    schedule jsonb default null, up_stabilisation interval default null, down_stabilisation interval default null,
    idle_timeout interval default null, memory_per_worker bigint default null, priority int default null,
    budget double precision default null, price_per_hour double precision default null,
    money_per_hour double precision default null, batch_scales boolean default null, attainment double precision default null,
    miss_price double precision default null, forecast boolean default null, spread text default null,
    host_labels jsonb default null, preload boolean default null, defaults text[] default '{}', workersmin int default null, workersmax int default null,
    scalertype text default null, scalervalue double precision default null, idletimeout double precision default null, rule jsonb default null)
returns text language plpgsql as $$
#variable_conflict use_variable
declare
    v_deployment sluice.deployment := sluice.locked_deployment(deployment);
    v_was_manned boolean := sluice.is_manned(v_deployment);
    v_rule jsonb;
    v_said text[] := '{}';
begin
    v_rule := jsonb_strip_nulls(jsonb_build_object('min_workers', min_workers, 'max_workers', max_workers, 'scaler', scaler,
            'objective_ms', round(extract(epoch from objective) * 1000), 'per_worker', per_worker, 'utilization', utilization,
            'query', query, 'query_timeout_ms', round(extract(epoch from query_timeout) * 1000), 'schedule', schedule,
            'up_stabilisation_ms', round(extract(epoch from up_stabilisation) * 1000),
            'down_stabilisation_ms', round(extract(epoch from down_stabilisation) * 1000),
            'idle_timeout_ms', round(extract(epoch from idle_timeout) * 1000), 'memory_per_worker', memory_per_worker,
            'priority', priority, 'budget', budget, 'price_per_hour', price_per_hour, 'money_per_hour', money_per_hour, 'batch_scales', batch_scales, 'attainment', attainment,
            'miss_price', miss_price, 'forecast', forecast, 'spread', spread, 'host_labels', host_labels, 'preload', preload,
            'workersMin', workersmin, 'workersMax', workersmax, 'scalerType', scalertype, 'scalerValue', scalervalue,
            'idleTimeout', idletimeout))
        || coalesce((select jsonb_object_agg(d, null) from unnest(defaults) d), '{}') || coalesce(rule, '{}');
    if workers is not null and (v_rule ?| array['min_workers', 'max_workers', 'workersMin', 'workersMax']) then
        raise exception using errcode = 'SL003', message = 'Give either a fixed number of workers or bounds.';
    end if;
    if workers is null and slots is null and v_rule = '{}' then
        raise exception using errcode = 'SL003', message = 'Say what to change: a number of workers, or a rule such as min_workers => 0, max_workers => 4.';
    end if;
    if slots is not null then
        if slots not between 1 and 4096 then
            raise exception using errcode = 'SL003', message = 'A worker has 1 to 4096 slots.';
        end if;
        update sluice.deployment d set slots = scale.slots, revision = d.revision + 1
        where d.id = v_deployment.id and d.slots <> scale.slots;
        v_said := v_said || sluice.record_change('scale', 'deployment ' || v_deployment.name,
            jsonb_build_object('slots', v_deployment.slots), jsonb_build_object('slots', slots), why,
            format('"%s": %s slots a worker, were %s.', v_deployment.name, slots, v_deployment.slots));
    end if;
    if workers is not null then
        if workers not between 0 and 1000 then
            raise exception using errcode = 'SL003', message = 'A deployment has 0 to 1000 workers.';
        end if;
        update sluice.deployment d set workers = scale.workers where d.id = v_deployment.id;
        -- A number somebody gives is meant; the rest of the rule stays for when there are bounds again.
        update sluice.scaling s set min_workers = null, max_workers = null where s.deployment_id = v_deployment.id;
        v_said := v_said || sluice.record_change('scale', 'deployment ' || v_deployment.name, to_jsonb(v_deployment.workers),
            to_jsonb(workers), why, format('"%s": %s workers, were %s.', v_deployment.name, workers, v_deployment.workers));
    end if;
    if v_rule <> '{}' then v_said := v_said || sluice.set_scaling(deployment, v_rule, why); end if;
    -- Jobs wait for nobody who is not to come.
    if (select sluice.is_manned(d) from sluice.deployment d where d.id = v_deployment.id) <> v_was_manned then
        perform sluice.divide(v_deployment.model_id);
    end if;
    return array_to_string(v_said, ' ');
end $$;
comment on function sluice.scale is
    'Sets a fixed number of workers, or a rule: sluice.scale(''d'', 3), or sluice.scale(''d'', min_workers => 0, max_workers => 4, objective => ''20 s''). The words are those of sluice.set_scaling, with intervals instead of milliseconds; defaults names what is to have its default again. RunPod''s names are taken as well, and rule takes what sluice.set_scaling does. What is not named stays.';

create or replace function sluice.run_query(p_query text) returns double precision language plpgsql
set search_path = pg_catalog, pg_temp as $$
declare
    v_number double precision;
begin
    -- It stays so until the transaction ends, whatever the query says.
    perform set_config('transaction_read_only', 'on', true);
    execute format('select (%s)::double precision', p_query) into v_number;
    return v_number;
end $$;
comment on function sluice.run_query(text) is
    'The number an operator''s query returns. Runs as the role sluice_scaler in a transaction that is read-only from then on; the caller sets statement_timeout. Names in it are qualified with their schema.';

create or replace view sluice.cold_starts as
    select w.host, d.name as deployment, count(*) filter (where w.ready_at is not null) as starts,
        count(*) filter (where w.ready_at is null and w.state = 'dead') as failed,
        round((percentile_cont(0.5) within group (order by extract(epoch from w.ready_at - w.started_at)))::numeric, 3)::double precision as p50_seconds,
        round((percentile_cont(0.9) within group (order by extract(epoch from w.ready_at - w.started_at)))::numeric, 3)::double precision as p90_seconds,
        round((percentile_cont(0.99) within group (order by extract(epoch from w.ready_at - w.started_at)))::numeric, 3)::double precision as p99_seconds
    from sluice.deployment d
    cross join lateral (
        select w.host, w.started_at, w.ready_at, w.ended_at, w.state from sluice.worker w
        where w.deployment_id = d.id and w.revision = d.revision and (w.ready_at is not null or w.ended_at is not null)
        order by w.id desc limit 200) w
    group by w.host, d.name order by d.name, w.host;
comment on view sluice.cold_starts is
    'How long the last 200 workers of each deployment took from their start until they were ready, by host, as quantiles; and how many ended before although nobody had asked them to.';

create or replace view sluice.scaling_status as
    select d.name as deployment, sluice.desired_count(d) as desired, coalesce(w.ready, 0)::int as ready,
        coalesce(w.starting, 0)::int as starting, (select count(*) from sluice.worker_slot s
            where s.deployment_id = d.id and s.host is null)::int as unplaced,
        s.min_workers, s.max_workers, case when s.min_workers is not null then s.scaler::text else 'fixed' end as scaler,
        case when s.min_workers is not null then coalesce(e.cause, '') else '' end as cause,
        case when s.min_workers is not null then coalesce(e.reason, '') else 'a fixed number' end as reason,
        case when s.min_workers is not null then e.decided_at end as decided_at,
        case when s.min_workers is not null then e.inputs end as inputs
    from sluice.deployment d
    left join sluice.scaling s on s.deployment_id = d.id
    left join sluice.desired e on e.deployment_id = d.id
    left join (select w.deployment_id, count(*) filter (where w.ready_at is not null and w.state = 'running') as ready,
            count(*) filter (where w.ready_at is null) as starting
        from sluice.worker w where w.ended_at is null group by w.deployment_id) w on w.deployment_id = d.id
    order by d.name;
comment on view sluice.scaling_status is
    'One row a deployment: how many workers there should be, are ready, are starting, and found no host, and the reason of the last decision.';
