-- Accepting work, from any language, inside the caller's own transaction.

create or replace function sluice.model_id_of(p_name text) returns int language plpgsql stable as $$
declare
    v_id int := (select m.id from sluice.model m where m.name = p_name);
begin
    if v_id is null then
        raise exception using errcode = 'SL001',
            message = format('There is no model named "%s".', left(p_name, 200)),
            hint = coalesce('Known models: ' || (select string_agg(m.name, ', ' order by m.name)
                from (select name from sluice.model order by name limit 20) m),
                'No model is known yet: add one with sluice.put_model and sluice.put_deployment.');
    end if;
    return v_id;
end $$;
comment on function sluice.model_id_of(text) is 'The id of a model; SL001 names the models there are.';

create or replace function sluice.tenant_id_of(p_name text) returns int language plpgsql stable as $$
declare
    v_id int := (select t.id from sluice.tenant t where t.name = p_name);
begin
    if v_id is null then
        raise exception using errcode = 'SL002', message = format('There is no tenant named "%s".', left(p_name, 200)),
            hint = 'Add it with sluice.put_tenant.';
    end if;
    return v_id;
end $$;
comment on function sluice.tenant_id_of(text) is 'The id of a tenant, or SL002.';

create or replace function sluice.enqueue_terms(
    p_model text, p_tenant text, p_priority int, p_kind sluice.job_kind,
    out model_id int, out max_attempts smallint, out tenant_id int, out weight int, out payload_bytes_max bigint,
    out experiment_id int)
language plpgsql stable as $$
begin
    select m.id, m.max_attempts, m.experiment_id into model_id, max_attempts, experiment_id from sluice.model m where m.name = p_model;
    if not found then perform sluice.model_id_of(p_model); end if;
    select t.id, t.weight into tenant_id, weight from sluice.tenant t where t.name = p_tenant;
    if not found then perform sluice.tenant_id_of(p_tenant); end if;
    if p_priority is null or p_priority not between 0 and 4 then
        raise exception using errcode = 'SL003', message = 'The priority must be 0 (first) to 4 (last).';
    end if;
    if p_kind is null then
        raise exception using errcode = 'SL003', message = 'The kind must be chat, completion, embedding or response.';
    end if;
    select s.value into payload_bytes_max from sluice.setting s where s.name = 'payload_bytes_max';
end $$;
comment on function sluice.enqueue_terms is
    'What every enqueue needs to know of its model and tenant. SL001: unknown model. SL002: unknown tenant. SL003: bad argument.';

create or replace function sluice.enqueue(
    model text,
    payload json,
    kind sluice.job_kind default 'chat',
    priority int default 2,
    run_at timestamptz default null,
    deadline timestamptz default null,
    idempotency_key text default null,
    affinity text default null,
    tenant text default 'default',
    max_attempts int default null,
    metadata json default null,
    stream boolean default false,
    webhook text default null,
    webhook_form sluice.webhook_form default 'standard',
    execution_ms int default null)
returns bigint language plpgsql as $$
#variable_conflict use_column
declare
    v_terms record;
    v_id bigint;
    v_old sluice.idempotency;
    v_digest text;
    v_is_new boolean;
    v_bucket smallint;
    v_key bigint;
begin
    select * into v_terms from sluice.enqueue_terms(enqueue.model, enqueue.tenant, enqueue.priority, enqueue.kind);
    if enqueue.payload is null or json_typeof(enqueue.payload) <> 'object' then
        raise exception using errcode = 'SL003', message = 'The payload must be a JSON object, as the OpenAI API takes it.';
    end if;
    if octet_length(enqueue.payload::text) > v_terms.payload_bytes_max then
        raise exception using errcode = 'SL003',
            message = format('The payload is larger than %s bytes, the setting payload_bytes_max.',
                v_terms.payload_bytes_max);
    end if;
    -- How long it is until then, which workers are told, could not be said.
    if not isfinite(enqueue.run_at) or not isfinite(enqueue.deadline) then
        raise exception using errcode = 'SL003', message = 'run_at and deadline must be moments: infinity is none.',
            hint = 'Leave the argument out for a job that is due at once, or has no deadline.';
    end if;
    if enqueue.deadline <= greatest(clock_timestamp(), enqueue.run_at) then
        raise exception using errcode = 'SL003', message = 'The deadline must lie in the future, and after run_at.';
    end if;
    if enqueue.max_attempts not between 1 and 100 then
        raise exception using errcode = 'SL003', message = 'A job may be tried 1 to 100 times.';
    end if;
    if octet_length(enqueue.idempotency_key) not between 1 and 256 then
        raise exception using errcode = 'SL003', message = 'The idempotency key must have 1 to 256 bytes.';
    end if;
    if octet_length(enqueue.affinity) > 512 then
        raise exception using errcode = 'SL003', message = 'The affinity must have at most 512 bytes.';
    end if;
    if enqueue.execution_ms not between 1 and 604800000 then
        raise exception using errcode = 'SL003', message = 'An attempt may run 1 millisecond to 7 days.';
    end if;
    if enqueue.webhook is not null then perform sluice.check_webhook_url(enqueue.webhook); end if;
    v_id := nextval('sluice.job_id');

    if enqueue.idempotency_key is not null then
        v_digest := md5(enqueue.model || enqueue.kind::text || enqueue.payload::text);
        for try in 1..20 loop
            insert into sluice.idempotency (tenant_id, key, job_id, digest)
            values (v_terms.tenant_id, enqueue.idempotency_key, v_id, v_digest)
            on conflict do nothing;
            v_is_new := found;
            exit when v_is_new;
            select * into v_old from sluice.idempotency i
            where i.tenant_id = v_terms.tenant_id and i.key = enqueue.idempotency_key;
            -- Not there any more: its job was forgotten between the two looks, so the key is free again.
            continue when not found;
            if v_old.digest <> v_digest then
                raise exception using errcode = 'SL004',
                    message = 'This idempotency key was used before with a different request.';
            end if;
            return v_old.job_id;
        end loop;
        if not v_is_new then
            raise exception using errcode = 'SL006', message = 'The idempotency key comes and goes; try again.';
        end if;
    end if;

    v_bucket := sluice.bucket(v_id, enqueue.affinity);
    if v_terms.experiment_id is not null then
        v_bucket := coalesce(sluice.assign(v_terms.experiment_id, v_terms.model_id, v_id, enqueue.affinity, v_terms.tenant_id,
            enqueue.kind, enqueue.payload), v_bucket);
    end if;
    v_key := sluice.fair_key(v_terms.model_id, enqueue.priority::smallint, v_terms.tenant_id, v_terms.weight, v_bucket, 1);
    insert into sluice.job
        (id, key, run_at, deadline_at, model_id, tenant_id, kind, priority, max_attempts, affinity, metadata, stream,
        execution_ms, payload)
    values (v_id, v_key, enqueue.run_at, enqueue.deadline, v_terms.model_id, v_terms.tenant_id, enqueue.kind, enqueue.priority,
        coalesce(enqueue.max_attempts, v_terms.max_attempts), enqueue.affinity, enqueue.metadata,
        coalesce(enqueue.stream, false), enqueue.execution_ms, enqueue.payload);
    if enqueue.run_at > clock_timestamp() then
        insert into sluice.scheduled (due_at, id, model_id, tenant_id, priority, bucket)
        values (enqueue.run_at, v_id, v_terms.model_id, v_terms.tenant_id, enqueue.priority, v_bucket);
    else
        insert into sluice.ready (key, id, model_id, tenant_id, priority, bucket, ring)
        values (v_key, v_id, v_terms.model_id, v_terms.tenant_id, enqueue.priority, v_bucket,
            pg_sequence_last_value('sluice.ring_ready'));
    end if;
    if enqueue.deadline is not null then
        insert into sluice.deadline (deadline_at, id) values (enqueue.deadline, v_id);
    end if;
    if enqueue.webhook is not null then
        insert into sluice.job_webhook (id, form, url) values (v_id, enqueue.webhook_form, enqueue.webhook);
        perform sluice.want_webhooks();
    end if;
    return v_id;
end $$;
comment on function sluice.enqueue is
    'Accepts one job and returns its id. It is claimable when the caller''s transaction commits. With stream the pieces of its answer can be read with read_chunks while it runs. webhook is told of its end. execution_ms bounds one attempt: longer ends the job as expired. Errors: SL001 unknown model, SL002 unknown tenant, SL003 bad argument, SL004 idempotency key reused, SL006 (hardly ever) its job is being forgotten: try again.';

create or replace function sluice.enqueue_many(
    model text,
    payloads json[],
    kind sluice.job_kind default 'chat',
    priority int default 2,
    tenant text default 'default',
    stream boolean default false)
returns bigint[] language plpgsql as $$
declare
    v_terms record;
    v_key bigint;
    v_step bigint;
    v_ids bigint[];
    v_bad bigint;
begin
    select * into v_terms
    from sluice.enqueue_terms(enqueue_many.model, enqueue_many.tenant, enqueue_many.priority, enqueue_many.kind);
    if coalesce(cardinality(payloads), 0) = 0 then return '{}'; end if;
    if cardinality(payloads) > 10000 then
        raise exception using errcode = 'SL003', message = 'At most 10,000 jobs may be enqueued in one call.';
    end if;
    select p.ord into v_bad from unnest(payloads) with ordinality p(body, ord)
    where p.body is null or json_typeof(p.body) <> 'object' or octet_length(p.body::text) > v_terms.payload_bytes_max
    limit 1;
    if found then
        raise exception using errcode = 'SL003',
            message = format('Payload %s is not a JSON object of at most %s bytes.', v_bad, v_terms.payload_bytes_max);
    end if;
    v_step := sluice.key_step(v_terms.weight);
    v_key := sluice.fair_key(v_terms.model_id, enqueue_many.priority::smallint, v_terms.tenant_id, v_terms.weight, null,
        cardinality(payloads));
    with j as (
        insert into sluice.job (key, model_id, tenant_id, kind, priority, max_attempts, stream, payload)
        select v_key + (p.ord - 1) * v_step, v_terms.model_id, v_terms.tenant_id, enqueue_many.kind,
            enqueue_many.priority, v_terms.max_attempts, enqueue_many.stream, p.body
        from unnest(payloads) with ordinality p(body, ord) order by p.ord
        returning id, key
    ), r as (
        insert into sluice.ready (key, id, model_id, tenant_id, priority, bucket, ring)
        select j.key, j.id, v_terms.model_id, v_terms.tenant_id, enqueue_many.priority,
            case when v_terms.experiment_id is null then sluice.bucket(j.id, null)
                else coalesce(sluice.assign(v_terms.experiment_id, v_terms.model_id, j.id, null, v_terms.tenant_id,
                    enqueue_many.kind, payloads[(j.key - v_key) / v_step + 1]), sluice.bucket(j.id, null)) end,
            pg_sequence_last_value('sluice.ring_ready')
        from j
    )
    select array_agg(j.id order by j.key) into v_ids from j;
    return v_ids;
end $$;
comment on function sluice.enqueue_many is
    'Accepts up to 10,000 jobs of one model in one call; the ids are in the order of the payloads. All or none.';

create or replace function sluice.wake_for_job() returns trigger language plpgsql as $$
declare
    v_mark text := pg_current_xact_id()::text || ':' || new.model_id;
begin
    -- Once per transaction and model, however many jobs it made.
    if current_setting('sluice.woken', true) is distinct from v_mark then
        perform set_config('sluice.woken', v_mark, true);
        perform sluice.wake(new.model_id);
    end if;
    return null;
end $$;
comment on function sluice.wake_for_job() is
    'Runs at commit: an enqueue may stay uncommitted for long, and whether somebody waits matters only when it is visible.';

-- A batch is woken once, by its own function, not once a row.
drop trigger if exists wake on sluice.job;
create constraint trigger wake after insert on sluice.job deferrable initially deferred
    for each row when (new.batch_id is null) execute function sluice.wake_for_job();
