-- What keys may do and how much of it, how many jobs may wait, and what requests may look like.

create or replace function sluice.rotate_key(
    p_id int, p_prefix text, p_sha256 bytea, p_overlap interval default interval '1 hour', p_expires_at timestamptz default null)
returns int language plpgsql as $$
declare
    v_key sluice.api_key;
    v_until timestamptz;
    v_id int;
begin
    if p_overlap is null or p_overlap < interval '0' or p_overlap > interval '366 days' then
        raise exception using errcode = 'SL003', message = 'The overlap is 0 to 366 days.';
    end if;
    select * into v_key from sluice.api_key k where k.id = p_id for update;
    if not found then
        raise exception using errcode = 'SL005', message = format('There is no key %s.', p_id);
    end if;
    if v_key.revoked_at is not null or v_key.expires_at <= clock_timestamp() then
        raise exception using errcode = 'SL003',
            message = format('Key %s is revoked or has expired: make a new one instead.', p_id);
    end if;
    insert into sluice.api_key (tenant_id, name, prefix, sha256, scopes, line_id, expires_at)
    values (v_key.tenant_id, v_key.name, p_prefix, p_sha256, v_key.scopes, coalesce(v_key.line_id, v_key.id), p_expires_at)
    returning id into v_id;
    update sluice.api_key k set expires_at = least(k.expires_at, clock_timestamp() + p_overlap) where k.id = p_id
    returning k.expires_at into v_until;
    perform sluice.record_change('rotate_key', 'key ' || p_id, jsonb_build_object('expires_at', v_key.expires_at),
        jsonb_build_object('expires_at', v_until, 'replaced_by', v_id), null,
        format('replaced by key %s, let in for %s more', v_id, p_overlap));
    return v_id;
end $$;
comment on function sluice.rotate_key is
    'Makes a key that takes the place of another: same tenant, name, scopes and limits. The old one is let in for p_overlap more, so that clients can change over. Returns the new key''s id. SL005: no such key. SL003: it is not let in any more.';

create or replace function sluice.set_limits(
    p_tenant text default null, p_key int default null, p_requests_per_minute int default null,
    p_tokens_per_minute bigint default null, p_concurrency int default null, p_why text default null)
returns text language plpgsql as $$
declare
    v_tenant int := case when p_tenant is not null then sluice.tenant_id_of(p_tenant) end;
    v_key int;
    v_subject text := coalesce('tenant ' || p_tenant, 'key ' || p_key);
    v_before jsonb;
begin
    if (p_tenant is null) = (p_key is null) then
        raise exception using errcode = 'SL003', message = 'Limits are those of a tenant or of a key: name one of them.';
    end if;
    if p_key is not null then
        select coalesce(k.line_id, k.id) into v_key from sluice.api_key k where k.id = p_key;
        if not found then
            raise exception using errcode = 'SL005', message = format('There is no key %s.', p_key);
        end if;
    end if;
    if p_requests_per_minute not between 1 and 1000000000 or p_tokens_per_minute not between 1 and 1000000000000
            or p_concurrency not between 1 and 1000000 then
        raise exception using errcode = 'SL003', message = 'A limit is at least 1; leave it out for none.';
    end if;
    select to_jsonb(x) into v_before
    from (select l.requests_per_minute, l.tokens_per_minute, l.concurrency from sluice.rate_limit l
          where l.tenant_id = v_tenant or l.key_id = v_key for update) x;
    insert into sluice.rate_limit (tenant_id, key_id, requests_per_minute, tokens_per_minute, concurrency)
    values (v_tenant, v_key, p_requests_per_minute, p_tokens_per_minute, p_concurrency)
    on conflict do nothing;
    if not found then
        update sluice.rate_limit l
        set requests_per_minute = p_requests_per_minute, tokens_per_minute = p_tokens_per_minute,
            concurrency = p_concurrency, requests_left = null, tokens_left = null, refilled_at = clock_timestamp()
        where l.tenant_id = v_tenant or l.key_id = v_key;
    end if;
    return sluice.record_change('set_limits', v_subject, v_before,
        jsonb_build_object('requests_per_minute', p_requests_per_minute, 'tokens_per_minute', p_tokens_per_minute,
            'concurrency', p_concurrency), p_why,
        format('%s: %s requests and %s tokens a minute, %s at a time', v_subject,
            coalesce(p_requests_per_minute::text, 'unlimited'), coalesce(p_tokens_per_minute::text, 'unlimited'),
            coalesce(p_concurrency::text, 'unlimited')));
end $$;
comment on function sluice.set_limits is
    'Sets what a tenant, or a key and those it was rotated from and to, may ask of all gateways together; null: as much as it likes. Buckets start full. Gateways follow within seconds.';

create or replace function sluice.find_key(p_sha256 bytea)
returns table (
    id int, tenant text, scopes text[], expires_in_ms bigint,
    key_limit int, key_requests int, key_tokens bigint, key_concurrency int,
    tenant_limit int, tenant_requests int, tenant_tokens bigint, tenant_concurrency int)
language sql stable as $$
    select k.id, t.name, k.scopes, (extract(epoch from k.expires_at - clock_timestamp()) * 1000)::bigint,
        a.id, a.requests_per_minute, a.tokens_per_minute, a.concurrency,
        b.id, b.requests_per_minute, b.tokens_per_minute, b.concurrency
    from sluice.api_key k join sluice.tenant t on t.id = k.tenant_id
    left join sluice.rate_limit a on a.key_id = coalesce(k.line_id, k.id)
    left join sluice.rate_limit b on b.tenant_id = k.tenant_id
    where k.sha256 = p_sha256 and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > clock_timestamp())
$$;
comment on function sluice.find_key(bytea) is
    'Whose key this is, what it lets do, and the limits of its line and its tenant. No row: nobody''s, or it was revoked or has expired.';

create or replace function sluice.limits_of(p_tenant text, p_key int)
returns table (id int, requests_per_minute int, tokens_per_minute bigint, concurrency int)
language sql stable as $$
    select l.id, l.requests_per_minute, l.tokens_per_minute, l.concurrency
    from sluice.rate_limit l
    where l.tenant_id = (select t.id from sluice.tenant t where t.name = p_tenant)
        or l.key_id = (select coalesce(k.line_id, k.id) from sluice.api_key k where k.id = p_key)
    order by l.id
$$;
comment on function sluice.limits_of is 'The limits of a tenant, and of a key''s line (null: of none).';

create or replace function sluice.take_grants(
    p_gateway bigint, p_limits int[], p_requests int[], p_requests_back int[], p_tokens bigint[], p_tokens_back bigint[],
    p_slots int[])
returns table (
    limit_id int, requests int, tokens bigint, slots int, requests_left double precision, tokens_left double precision,
    requests_per_minute int, tokens_per_minute bigint, concurrency int)
language plpgsql as $$
#variable_conflict use_column
declare
    v_ask record;
    v_limit sluice.rate_limit;
    v_now timestamptz;
    v_seconds double precision;
    v_requests double precision;
    v_tokens double precision;
    v_others int;
    v_slots int;
    v_taken_requests int;
    v_taken_tokens bigint;
begin
    if cardinality(p_limits) > 1000 then
        raise exception using errcode = 'SL003', message = 'A call asks about at most 1,000 limits.';
    end if;
    -- What a crash of the database forgets of the last half second is given twice, no more.
    perform set_config('synchronous_commit', 'off', true);
    for v_ask in
        -- In the order of the ids, so that two gateways cannot deadlock.
        select u.* from unnest(p_limits, p_requests, p_requests_back, p_tokens, p_tokens_back, p_slots)
            u(id, requests, requests_back, tokens, tokens_back, slots) order by u.id
    loop
        select * into v_limit from sluice.rate_limit l where l.id = v_ask.id for update;
        continue when not found;
        v_now := clock_timestamp();
        v_seconds := greatest(0, extract(epoch from v_now - v_limit.refilled_at));
        v_requests := least(v_limit.requests_per_minute, coalesce(v_limit.requests_left, v_limit.requests_per_minute)
            + v_seconds * v_limit.requests_per_minute / 60 + greatest(0, v_ask.requests_back));
        v_tokens := least(v_limit.tokens_per_minute, coalesce(v_limit.tokens_left, v_limit.tokens_per_minute)
            + v_seconds * v_limit.tokens_per_minute / 60 + v_ask.tokens_back);
        v_taken_requests := greatest(0, least(v_ask.requests, floor(v_requests)));
        v_taken_tokens := greatest(0, least(v_ask.tokens, floor(v_tokens)));
        v_requests := v_requests - v_taken_requests;
        v_tokens := v_tokens - v_taken_tokens;
        update sluice.rate_limit l set requests_left = v_requests, tokens_left = v_tokens, refilled_at = v_now
        where l.id = v_ask.id;
        v_slots := 0;
        if v_limit.concurrency is not null then
            delete from sluice.rate_lease r where r.limit_id = v_ask.id and r.until < v_now;
            select coalesce(sum(r.slots), 0) into v_others from sluice.rate_lease r
            where r.limit_id = v_ask.id and r.gateway <> p_gateway;
            v_slots := greatest(0, least(v_ask.slots, v_limit.concurrency - v_others));
            if v_slots > 0 then
                insert into sluice.rate_lease as r (limit_id, gateway, slots, until)
                values (v_ask.id, p_gateway, v_slots, v_now + interval '15 seconds')
                on conflict (limit_id, gateway) do update set slots = excluded.slots, until = excluded.until;
            else
                delete from sluice.rate_lease r where r.limit_id = v_ask.id and r.gateway = p_gateway;
            end if;
        end if;
        return query select v_limit.id, v_taken_requests, v_taken_tokens, v_slots, v_requests, v_tokens,
            v_limit.requests_per_minute, v_limit.tokens_per_minute, v_limit.concurrency;
    end loop;
end $$;
comment on function sluice.take_grants is
    'One statement for everything a gateway wants of limits, and gives back: requests and tokens to take from the buckets, what it did not use (tokens_back below zero: what it used beyond), and how many slots it wants to hold, for 15 seconds. Grants what there is: the sum of all gateways'' grants never exceeds a bucket. Limits that are gone have no row.';

create or replace function sluice.set_queue_bound(
    p_waiting int, p_model text default null, p_tenant text default null, p_why text default null)
returns text language plpgsql as $$
declare
    v_model int := case when p_model is not null then sluice.model_id_of(p_model) end;
    v_tenant int := case when p_tenant is not null then sluice.tenant_id_of(p_tenant) end;
    v_subject text := coalesce('model ' || p_model, 'every model') || ', ' || coalesce('tenant ' || p_tenant, 'each tenant');
    v_before int;
begin
    if p_waiting < 0 then
        raise exception using errcode = 'SL003', message = 'The bound is 0 or more; null removes it.';
    end if;
    select b.waiting into v_before from sluice.queue_bound b
    where b.model_id is not distinct from v_model and b.tenant_id is not distinct from v_tenant for update;
    if p_waiting is null then
        delete from sluice.queue_bound b
        where b.model_id is not distinct from v_model and b.tenant_id is not distinct from v_tenant;
    else
        insert into sluice.queue_bound (tenant_id, model_id, waiting) values (v_tenant, v_model, p_waiting)
        on conflict (tenant_id, model_id) do update set waiting = excluded.waiting;
    end if;
    return sluice.record_change('set_queue_bound', v_subject, jsonb_build_object('waiting', v_before),
        jsonb_build_object('waiting', p_waiting), p_why,
        format('%s: %s jobs may wait', v_subject, coalesce(p_waiting::text, 'the usual number of')));
end $$;
comment on function sluice.set_queue_bound is
    'How many jobs of a tenant (null: of each) may wait for a model (null: for each) before gateways answer 429; null removes the bound. Gateways follow within seconds.';

create or replace function sluice.queue_bounds() returns table (tenant text, model text, waiting bigint)
language sql stable as $$
    select null, null, s.value from sluice.setting s where s.name = 'waiting_max'
        and not exists (select from sluice.queue_bound b where b.tenant_id is null and b.model_id is null)
    union all
    select t.name, m.name, b.waiting
    from sluice.queue_bound b
    left join sluice.tenant t on t.id = b.tenant_id left join sluice.model m on m.id = b.model_id
$$;
comment on function sluice.queue_bounds() is 'How many jobs may wait, with one row for whatever has no bound of its own.';

create or replace function sluice.queue_depths(p_max_age_ms int default 1000)
returns table (tenant text, model text, priority smallint, waiting bigint, per_second double precision, age_ms bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    v_now bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint;
    v_cost bigint := coalesce(pg_sequence_last_value('sluice.depth_cost'), 0);
    v_age bigint := v_now - coalesce(pg_sequence_last_value('sluice.depth_sampled'), 0);
begin
    -- Counting takes at most a twentieth of the time, and one of all who ask counts.
    if v_age >= greatest(p_max_age_ms, 20 * v_cost) and pg_try_advisory_xact_lock(7021, -7) then
        perform set_config('synchronous_commit', 'off', true);
        delete from sluice.measured_depth;
        insert into sluice.measured_depth (model_id, tenant_id, priority, waiting)
        select w.model_id, w.tenant_id, w.priority, count(*)
        from (select r.model_id, r.tenant_id, r.priority from sluice.ready r
            union all select s.model_id, s.tenant_id, s.priority from sluice.scheduled s
            union all select u.model_id, u.tenant_id, u.priority from sluice.suspect u) w
        group by w.model_id, w.tenant_id, w.priority;
        -- Little's law: what runs, divided by how long it takes. The time is that of the newest thousand results, so a
        -- model keeps its rate while others have all of them.
        insert into sluice.drain_rate as d (model_id, per_second)
        select t.model_id, l.running / greatest(t.seconds, 0.0001)
        from (select p.model_id, avg(extract(epoch from r.finished_at - r.started_at)) as seconds
              from (select r.deployment_id, r.started_at, r.finished_at from sluice.result r order by r.id desc limit 1000) r
              join sluice.deployment p on p.id = r.deployment_id
              where r.started_at is not null group by p.model_id) t
        join (select l.model_id, count(*) as running from sluice.running l group by l.model_id) l on l.model_id = t.model_id
        on conflict (model_id) do update set per_second = excluded.per_second;
        -- The first count of a session is dear: half of what it took counts.
        perform setval('sluice.depth_cost', (v_cost + (extract(epoch from clock_timestamp()) * 1000)::bigint - v_now) / 2);
        perform setval('sluice.depth_sampled', v_now);
        v_age := 0;
    end if;
    return query
        select t.name, m.name, q.priority, q.waiting,
            -- Of what a model does in a second, a tenant gets its weight's part of those that wait.
            d.per_second * t.weight / sum(t.weight) over (partition by q.model_id, q.priority), v_age
        from (select) a
        left join (sluice.measured_depth q join sluice.tenant t on t.id = q.tenant_id join sluice.model m on m.id = q.model_id)
            on true
        left join sluice.drain_rate d on d.model_id = q.model_id;
end $$;
comment on function sluice.queue_depths(int) is
    'How many jobs wait, by tenant, model and priority, as of age_ms ago, and how fast they are expected to be worked off (null: never measured). Counted again when the count is older than p_max_age_ms, by one caller at a time, for a twentieth of the time at most. When nothing waits, one row has the age alone.';

create or replace function sluice.set_guard(
    p_model text, p_body_bytes_max int default null, p_json_depth_max int default null,
    p_prompt_characters_max int default null, p_max_tokens_min int default 1, p_max_tokens_max int default null,
    p_control_characters text default 'pass', p_unknown_fields text default 'pass', p_extra_fields text[] default '{}',
    p_why text default null)
returns text language plpgsql as $$
declare
    v_model int := sluice.model_id_of(p_model);
    v_before jsonb;
    v_after jsonb;
begin
    if coalesce(p_control_characters not in ('pass', 'strip', 'refuse') or p_unknown_fields not in ('pass', 'strip', 'refuse'), true) then
        raise exception using errcode = 'SL003', message = 'Control characters and unknown fields are to pass, strip or refuse.';
    end if;
    if p_max_tokens_min < 1 or p_max_tokens_max < p_max_tokens_min or p_body_bytes_max < 1 or p_prompt_characters_max < 1
            or p_json_depth_max not between 1 and 1000 then
        raise exception using errcode = 'SL003',
            message = 'A guard''s bounds are at least 1, its depth at most 1,000, and its least max_tokens no more than its most.';
    end if;
    select to_jsonb(g) - 'model_id' into v_before from sluice.model_guard g where g.model_id = v_model for update;
    insert into sluice.model_guard as g values (v_model, p_body_bytes_max, p_json_depth_max, p_prompt_characters_max,
        p_max_tokens_min, p_max_tokens_max, p_control_characters, p_unknown_fields, p_extra_fields)
    on conflict (model_id) do update set body_bytes_max = excluded.body_bytes_max,
        json_depth_max = excluded.json_depth_max, prompt_characters_max = excluded.prompt_characters_max,
        max_tokens_min = excluded.max_tokens_min, max_tokens_max = excluded.max_tokens_max,
        control_characters = excluded.control_characters, unknown_fields = excluded.unknown_fields,
        extra_fields = excluded.extra_fields
    returning to_jsonb(g) - 'model_id' into v_after;
    return sluice.record_change('set_guard', 'model ' || p_model, v_before, v_after, p_why, format(
        '%s: max_tokens %s to %s, prompts of %s characters, control characters %s, unknown fields %s', p_model,
        p_max_tokens_min, coalesce(p_max_tokens_max::text, 'any'),
        coalesce(p_prompt_characters_max::text, 'any number of'), p_control_characters, p_unknown_fields));
end $$;
comment on function sluice.set_guard is
    'Sets what gateways check of a model''s requests before they are queued; null: any. Requests past a bound are refused with 400 (413 for the body''s size); max_tokens is clamped, and the clamp told in a header. Gateways follow within seconds.';

create or replace function sluice.guards()
returns table (
    model text, body_bytes_max int, json_depth_max int, prompt_characters_max int, max_tokens_min int, max_tokens_max int,
    control_characters text, unknown_fields text, extra_fields text[])
language sql stable as $$
    select m.name, g.body_bytes_max, g.json_depth_max, g.prompt_characters_max, g.max_tokens_min, g.max_tokens_max,
        g.control_characters, g.unknown_fields, g.extra_fields
    from sluice.model_guard g join sluice.model m on m.id = g.model_id
$$;
comment on function sluice.guards() is 'The guards of models that have one.';
