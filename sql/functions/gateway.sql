-- The gateway: who may come in, and who waits for results.

create or replace function sluice.create_key(
    p_tenant text, p_name text, p_prefix text, p_sha256 bytea, p_expires_at timestamptz default null,
    p_scopes text[] default '{submit,read}')
returns int language plpgsql as $$
declare
    v_id int;
begin
    if coalesce(cardinality(p_scopes), 0) = 0 or not p_scopes <@ array['submit', 'read'] then
        raise exception using errcode = 'SL003', message = 'The scopes of a key are submit, read or both.';
    end if;
    insert into sluice.api_key (tenant_id, name, prefix, sha256, scopes, expires_at)
    values (sluice.tenant_id_of(p_tenant), p_name, p_prefix, p_sha256, p_scopes, p_expires_at)
    returning id into v_id;
    perform sluice.record_change('create_key', 'key ' || v_id, null,
        jsonb_build_object('tenant', p_tenant, 'name', p_name, 'scopes', p_scopes, 'expires_at', p_expires_at), null,
        format('a key of tenant %s to %s', p_tenant, array_to_string(p_scopes, ' and ')));
    return v_id;
end $$;
comment on function sluice.create_key is
    'Lets in whoever has the key of this SHA-256, as the tenant, to do what the scopes say. Returns the key''s id. SL002: no such tenant.';

create or replace function sluice.list_keys()
returns table (
    id int, tenant text, name text, prefix text, scopes text[], created_at timestamptz, expires_at timestamptz,
    revoked_at timestamptz, requests_per_minute int, tokens_per_minute bigint, concurrency int)
language sql stable as $$
    select k.id, t.name, k.name, k.prefix, k.scopes, k.created_at, k.expires_at, k.revoked_at, l.requests_per_minute,
        l.tokens_per_minute, l.concurrency
    from sluice.api_key k join sluice.tenant t on t.id = k.tenant_id
    left join sluice.rate_limit l on l.key_id = coalesce(k.line_id, k.id)
    order by k.id desc limit 1000
$$;
comment on function sluice.list_keys() is 'Keys with their own limits, newest first, 1,000 at most.';

create or replace function sluice.revoke_key(p_id int) returns void language plpgsql as $$
declare
    v_revoked timestamptz;
begin
    select k.revoked_at into v_revoked from sluice.api_key k where k.id = p_id for update;
    if not found then
        raise exception using errcode = 'SL005', message = format('There is no key %s.', p_id);
    end if;
    if v_revoked is not null then return; end if;
    update sluice.api_key k set revoked_at = clock_timestamp() where k.id = p_id returning k.revoked_at into v_revoked;
    perform sluice.record_change('revoke_key', 'key ' || p_id, jsonb_build_object('revoked_at', null),
        jsonb_build_object('revoked_at', v_revoked), null, 'let in no more');
end $$;
comment on function sluice.revoke_key(int) is
    'Lets a key in no more; gateways that know it find out within seconds. One that was revoked before stays so. SL005: no such key.';

create or replace function sluice.announce_waiting(p_results boolean, p_chunks boolean, p_ms int) returns void
language plpgsql as $$
declare
    v_until bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint + p_ms;
begin
    if p_results then perform setval('sluice.result_waiter', v_until); end if;
    if p_chunks then perform setval('sluice.chunk_waiter', v_until); end if;
end $$;
comment on function sluice.announce_waiting is
    'Says that somebody waits that long for results, on the channel sluice_result, or pieces of answers, on sluice_chunk.';

create or replace function sluice.results_of(p_ids bigint[])
returns table (
    id bigint, state sluice.job_state, attempt smallint, error_class sluice.error_class, error_message text,
    prompt_tokens int, completion_tokens int, queued_ms bigint, run_ms bigint, body json,
    usage_estimated boolean, served_by text, hedged boolean)
-- Not in SQL: a function with settings is planned at every call then, and here more than it takes.
language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
#variable_conflict use_column
begin
    return query select r.id, r.state, r.attempt, r.error_class, r.error_message, r.prompt_tokens, r.completion_tokens,
        (extract(epoch from coalesce(r.started_at, r.finished_at) - sluice.due_since(j.run_at, j.created_at)) * 1000)::bigint,
        (extract(epoch from r.finished_at - coalesce(r.started_at, r.finished_at)) * 1000)::bigint, r.body,
        r.usage_estimated, o.name, r.hedged
    from unnest(p_ids) i(id) join sluice.result r on r.id = i.id join sluice.job j on j.id = i.id
    left join sluice.deployment d on d.id = r.deployment_id and d.model_id <> j.model_id
    left join sluice.model o on o.id = d.model_id;
end $$;
comment on function sluice.results_of(bigint[]) is 'How jobs ended, of those that have; served_by is the model that answered in place of the one that was asked for; hedged says that its second attempt answered.';
