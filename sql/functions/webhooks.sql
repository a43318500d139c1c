-- Webhooks: whoever asked is told when a job has ended. The messages are rows, claimed like jobs.

create or replace function sluice.random_secret() returns bytea language sql volatile as $$
    select uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
$$;
comment on function sluice.random_secret() is '32 bytes, 244 bits of them random.';

create or replace function sluice.check_webhook_url(p_url text) returns void language plpgsql immutable as $$
begin
    if p_url !~* '^https?://[^[:space:][:cntrl:]/?#]+[^[:space:][:cntrl:]]*$' or octet_length(p_url) not between 8 and 2048 then
        raise exception using errcode = 'SL003',
            message = 'A webhook is a URL like https://example.com/hook, at most 2048 bytes long.';
    end if;
end $$;
comment on function sluice.check_webhook_url(text) is
    'SL003 when this is no URL of HTTP. Whether its address may be asked is for whoever sends to it to say.';

create or replace function sluice.want_webhooks() returns void language plpgsql as $$
begin
    if pg_sequence_last_value('sluice.webhooks_wanted') = 0 then perform setval('sluice.webhooks_wanted', 1); end if;
end $$;
comment on function sluice.want_webhooks() is 'From now on ends of jobs are looked at. A rollback leaves it so, which costs little.';

create or replace function sluice.note_result() returns trigger language plpgsql as $$
begin
    insert into sluice.webhook_delivery (job_id, tenant_id, endpoint_id, job_attempt, attempts_max, job_state, form, url)
    select j.id, j.tenant_id, h.endpoint_id, new.attempt,
        (select s.value from sluice.setting s where s.name = 'webhook_tries_max'), new.state, h.form, h.url
    from sluice.job j
    cross join lateral (
        select null::int as endpoint_id, w.form, w.url from sluice.job_webhook w where w.id = j.id
        union all
        -- A batch is told of as a whole by its own state, not line by line.
        select e.id, 'standard', e.url from sluice.webhook_endpoint e
        where j.batch_id is null and e.tenant_id = j.tenant_id and e.disabled_at is null and new.state = any (e.states)) h
    where j.id = new.id;
    return null;
end $$;
comment on function sluice.note_result() is 'Makes the deliveries of an end, in the transaction that ends the job.';

create or replace trigger webhook after insert on sluice.result
    for each row when (pg_sequence_last_value('sluice.webhooks_wanted') > 0) execute function sluice.note_result();

create or replace function sluice.note_batch_end(p_batch sluice.batch) returns void language plpgsql as $$
begin
    if pg_sequence_last_value('sluice.webhooks_wanted') = 0 then return; end if;
    insert into sluice.webhook_delivery (batch_id, tenant_id, endpoint_id, attempts_max, batch_state, form, url)
    select p_batch.id, p_batch.tenant_id, e.id,
        (select s.value from sluice.setting s where s.name = 'webhook_tries_max'), p_batch.state, 'standard', e.url
    from sluice.webhook_endpoint e
    where e.tenant_id = p_batch.tenant_id and e.disabled_at is null and p_batch.state = any (e.batch_states);
end $$;
comment on function sluice.note_batch_end(sluice.batch) is 'Makes the deliveries of the end of a batch, in the transaction that ends it.';

create or replace function sluice.claim_webhooks(p_limit int, p_lease_ms int)
returns table (
    id bigint, attempt smallint, url text, form sluice.webhook_form, job_id bigint, job_attempt smallint,
    job_state sluice.job_state, created_at timestamptz, now timestamptz, secrets bytea[], batch_id int,
    batch_state sluice.batch_state, tenant text)
language plpgsql as $$
#variable_conflict use_column
declare
    v_ids bigint[];
begin
    if p_limit not between 1 and 1000 or p_lease_ms not between 1 and 3600000 then
        raise exception using errcode = 'SL003', message = 'A claim takes 1 to 1,000 webhooks for 1 ms to an hour.';
    end if;
    with c as materialized (
        select d.id from sluice.webhook_delivery d where d.state = 'waiting' and d.due_at <= clock_timestamp()
        order by d.due_at, d.id limit p_limit for update skip locked
    ), u as (
        update sluice.webhook_delivery d
        set attempt = d.attempt + 1, due_at = clock_timestamp() + p_lease_ms * interval '1 millisecond'
        from c where d.id = c.id returning d.id
    )
    select array_agg(u.id order by u.id) into v_ids from u;
    if v_ids is null then return; end if;
    insert into sluice.webhook_secret (tenant_id, secret)
    select distinct d.tenant_id, sluice.random_secret() from sluice.webhook_delivery d
    where d.id = any (v_ids) and d.endpoint_id is null
        and not exists (select from sluice.webhook_secret s where s.tenant_id = d.tenant_id)
    on conflict do nothing;
    return query
        select d.id, d.attempt, d.url, d.form, d.job_id, d.job_attempt, d.job_state, d.created_at, clock_timestamp(),
            case when e.id is not null then array[e.secret]
                when s.previous_until > clock_timestamp() then array[s.secret, s.previous]
                else array[s.secret] end,
            d.batch_id, d.batch_state, t.name
        from sluice.webhook_delivery d
        join sluice.tenant t on t.id = d.tenant_id
        left join sluice.webhook_endpoint e on e.id = d.endpoint_id
        left join sluice.webhook_secret s on s.tenant_id = d.tenant_id
        where d.id = any (v_ids) order by d.id;
end $$;
comment on function sluice.claim_webhooks(int, int) is
    'Takes up to p_limit deliveries that are due, for p_lease_ms: one that is not finished by then comes due again. The secrets sign it, each for itself.';

create or replace function sluice.finish_webhook(
    p_id bigint, p_attempt smallint, p_status_code int, p_error text, p_took_ms int, p_delay_ms bigint, p_is_final boolean)
returns sluice.webhook_state language plpgsql as $$
declare
    v_delivery sluice.webhook_delivery;
begin
    update sluice.webhook_delivery d
    set state = case when p_error is null then 'delivered'
            when p_is_final or d.attempt >= d.attempts_max then 'failed' else 'waiting' end::sluice.webhook_state,
        ended_at = case when p_error is null or p_is_final or d.attempt >= d.attempts_max then clock_timestamp() end,
        due_at = clock_timestamp() + p_delay_ms * interval '1 millisecond'
    where d.id = p_id and d.attempt = p_attempt and d.state = 'waiting' returning * into v_delivery;
    if not found then return null; end if;
    insert into sluice.webhook_try (delivery_id, attempt, took_ms, status_code, error)
    values (p_id, p_attempt, greatest(p_took_ms, 0), p_status_code, left(p_error, 500));
    -- RFC 9110: the address is gone for good.
    if p_status_code = 410 and v_delivery.endpoint_id is not null then
        update sluice.webhook_endpoint e set disabled_at = clock_timestamp(), disabled_reason = 'it answered 410 Gone'
        where e.id = v_delivery.endpoint_id and e.disabled_at is null;
        insert into sluice.event (kind, subject, reason)
        values ('webhook_disabled', 'webhook endpoint ' || v_delivery.endpoint_id, 'it answered 410 Gone');
    end if;
    return v_delivery.state;
end $$;
comment on function sluice.finish_webhook is
    'Ends a try. Without p_error it was delivered; with one it comes due again after p_delay_ms, unless p_is_final or its tries are used up. Null: somebody else has it by now, nothing changed.';

create or replace function sluice.redeliver(p_id bigint, p_tenant text default null) returns void language plpgsql as $$
begin
    update sluice.webhook_delivery d
    set state = 'waiting', ended_at = null, due_at = clock_timestamp(),
        attempts_max = d.attempt + (select s.value from sluice.setting s where s.name = 'webhook_tries_max')
    where d.id = p_id and (p_tenant is null or d.tenant_id = sluice.tenant_id_of(p_tenant));
    if not found then
        raise exception using errcode = 'SL005', message = format('There is no webhook delivery %s.', p_id);
    end if;
end $$;
comment on function sluice.redeliver(bigint, text) is
    'Sends a message again, under the same id, whether it was delivered or not, with a new budget of tries. SL005: there is no such delivery, or it is not the tenant''s.';

create or replace function sluice.list_webhooks(
    p_tenant text, p_id bigint, p_job bigint, p_state sluice.webhook_state, p_before bigint, p_limit int,
    p_batch int default null)
returns table (
    id bigint, job_id bigint, job_attempt smallint, job_state sluice.job_state, endpoint_id int, form sluice.webhook_form, url text,
    state sluice.webhook_state, attempt smallint, created_at timestamptz, due_at timestamptz, ended_at timestamptz,
    status_code smallint, error text, batch_id int, batch_state sluice.batch_state)
language sql stable as $$
    select d.id, d.job_id, d.job_attempt, d.job_state, d.endpoint_id, d.form, d.url, d.state, d.attempt, d.created_at,
        case when d.state = 'waiting' then d.due_at end, d.ended_at, t.status_code, t.error, d.batch_id, d.batch_state
    from sluice.webhook_delivery d
    left join lateral (select t.status_code, t.error from sluice.webhook_try t
        where t.delivery_id = d.id order by t.attempt desc limit 1) t on true
    where (p_tenant is null or d.tenant_id = (select n.id from sluice.tenant n where n.name = p_tenant))
        and (p_id is null or d.id = p_id) and (p_job is null or d.job_id = p_job)
        and (p_batch is null or d.batch_id = p_batch) and (p_state is null or d.state = p_state)
        and d.id < coalesce(p_before, 9223372036854775807)
    order by d.id desc limit least(greatest(p_limit, 1), 1000)
$$;
comment on function sluice.list_webhooks is
    'Deliveries, newest first, below the id p_before, 1,000 at most, with what their last try came to. Null arguments: any.';

create or replace function sluice.webhook_tries(p_id bigint)
returns table (attempt smallint, ended_at timestamptz, took_ms int, status_code smallint, error text)
language sql stable as $$
    select t.attempt, t.ended_at, t.took_ms, t.status_code, t.error
    from sluice.webhook_try t where t.delivery_id = p_id order by t.attempt desc limit 100
$$;
comment on function sluice.webhook_tries(bigint) is 'The tries of a delivery, newest first, 100 at most.';

create or replace function sluice.put_webhook_endpoint(
    p_tenant text, p_url text, p_states text[] default null, p_batch_states text[] default null)
returns int language plpgsql as $$
declare
    v_tenant int := sluice.tenant_id_of(p_tenant);
    v_id int;
begin
    perform sluice.check_webhook_url(p_url);
    -- One at a time for a tenant, or the bound would not hold.
    perform pg_advisory_xact_lock(7025, v_tenant);
    if (select count(*) from sluice.webhook_endpoint e where e.tenant_id = v_tenant and e.disabled_at is null) >= 20 then
        raise exception using errcode = 'SL003', message = 'A tenant may have 20 webhook endpoints: remove one first.';
    end if;
    begin
        insert into sluice.webhook_endpoint (tenant_id, url, states, batch_states, secret)
        values (v_tenant, p_url,
            coalesce(p_states::sluice.job_state[], case when p_batch_states is null
                then '{succeeded,failed,cancelled,expired,quarantined}' else '{}' end::sluice.job_state[]),
            coalesce(p_batch_states::sluice.batch_state[], case when p_states is null
                then '{completed,failed,expired,cancelled}' else '{}' end::sluice.batch_state[]),
            sluice.random_secret())
        returning id into v_id;
    exception when check_violation or invalid_text_representation then
        raise exception using errcode = 'SL003',
            message = 'A webhook endpoint is told of jobs that are succeeded, failed, cancelled, expired or quarantined, and of batches that are completed, failed, expired or cancelled: of one or more of these.';
    end;
    perform sluice.want_webhooks();
    return v_id;
end $$;
comment on function sluice.put_webhook_endpoint is
    'Adds an address that is told of every job of the tenant that ends in one of the first states, and of every batch that ends in one of the others, with a secret of its own. One that is null: none, both: any. SL002: no such tenant. SL003: no URL, no end of a job, or too many.';

create or replace function sluice.list_webhook_endpoints(p_tenant text)
returns table (
    id int, url text, states text[], secret bytea, created_at timestamptz, disabled_at timestamptz, disabled_reason text,
    batch_states text[])
language sql stable as $$
    select e.id, e.url, e.states::text[], e.secret, e.created_at, e.disabled_at, e.disabled_reason, e.batch_states::text[]
    from sluice.webhook_endpoint e
    where e.tenant_id = (select n.id from sluice.tenant n where n.name = p_tenant) order by e.id desc limit 100
$$;
comment on function sluice.list_webhook_endpoints(text) is 'A tenant''s endpoints, newest first, 100 at most, with their secrets.';

create or replace function sluice.disable_webhook_endpoint(p_id int, p_tenant text) returns void language plpgsql as $$
begin
    update sluice.webhook_endpoint e set disabled_at = clock_timestamp(), disabled_reason = 'by request'
    where e.id = p_id and e.tenant_id = sluice.tenant_id_of(p_tenant) and e.disabled_at is null;
    if not found then
        raise exception using errcode = 'SL005', message = format('There is no webhook endpoint %s.', p_id);
    end if;
end $$;
comment on function sluice.disable_webhook_endpoint(int, text) is
    'An endpoint is told of nothing new; what waits for it is still sent. SL005: there is none, or it was disabled before.';

create or replace function sluice.webhook_secret_of(p_tenant text) returns bytea language plpgsql as $$
declare
    v_tenant int := sluice.tenant_id_of(p_tenant);
begin
    insert into sluice.webhook_secret (tenant_id, secret) values (v_tenant, sluice.random_secret()) on conflict do nothing;
    return (select s.secret from sluice.webhook_secret s where s.tenant_id = v_tenant);
end $$;
comment on function sluice.webhook_secret_of(text) is
    'What signs the webhooks that a tenant''s single jobs ask for; made when it is first asked for. SL002: no such tenant.';

create or replace function sluice.rotate_webhook_secret(p_tenant text) returns bytea language plpgsql as $$
declare
    v_secret bytea;
begin
    perform sluice.webhook_secret_of(p_tenant);
    update sluice.webhook_secret s set secret = sluice.random_secret(), previous = s.secret,
        previous_until = clock_timestamp() + interval '24 hours'
    where s.tenant_id = sluice.tenant_id_of(p_tenant) returning s.secret into v_secret;
    return v_secret;
end $$;
comment on function sluice.rotate_webhook_secret(text) is
    'Makes a new secret; the one before signs as well for 24 hours. SL002: no such tenant.';

create or replace function sluice.expire_webhooks(p_limit int default 1000) returns int language plpgsql as $$
declare
    v_count int;
begin
    with c as materialized (
        select d.id from sluice.webhook_delivery d
        where d.state <> 'waiting' and d.ended_at < clock_timestamp()
            - (select s.value from sluice.setting s where s.name = 'webhook_seconds') * interval '1 second'
        order by d.id limit p_limit for update skip locked
    ), t as (
        delete from sluice.webhook_try t using c where t.delivery_id = c.id
    ), d as (
        delete from sluice.webhook_delivery d using c where d.id = c.id returning 1
    )
    select count(*) into v_count from d;
    -- Pieces are gone by then, so nobody reads on.
    delete from sluice.stream_reader r where r.read_at < clock_timestamp()
        - (select s.value from sluice.setting s where s.name = 'chunk_seconds') * interval '2 seconds';
    return v_count;
end $$;
comment on function sluice.expire_webhooks(int) is
    'Forgets up to p_limit deliveries that ended longer than webhook_seconds ago, and readers whose streams are gone.';
