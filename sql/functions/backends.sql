-- Backends: which files may be loaded, who uses them, and which could not be loaded.

create or replace function sluice.record_backend(p_name text, p_sha256 text, p_version text, p_abi text, p_capabilities text[],
    p_replace boolean default false, p_path text default null, p_host text default null, p_streaming boolean default null,
    p_max_concurrency int default null)
returns text language plpgsql as $$
declare
    v_known text;
begin
    -- The same file found by a newer program only adds what was not known; it takes no permission.
    insert into sluice.backend as b
        (name, sha256, version, abi, capabilities, path, host, streaming, max_concurrency)
    values (p_name, p_sha256, p_version, p_abi, p_capabilities, p_path, p_host, p_streaming, p_max_concurrency)
    on conflict (name) do update set sha256 = excluded.sha256, version = excluded.version, abi = excluded.abi,
        capabilities = excluded.capabilities, path = excluded.path, host = excluded.host,
        streaming = excluded.streaming, max_concurrency = excluded.max_concurrency, recorded_at = now()
    where p_replace or (b.sha256 = excluded.sha256 and b.path is null and excluded.path is not null);
    select b.sha256 into v_known from sluice.backend b where b.name = p_name;
    return v_known;
end $$;
comment on function sluice.record_backend is
    'Records the file of a backend by its SHA-256 when it is first seen, or with p_replace. Returns the SHA-256 that may be loaded.';

create or replace function sluice.backend_refused(p_worker bigint, p_code text, p_reason text, p_sha256 text default null)
returns void language plpgsql as $$
declare
    v_deployment sluice.deployment;
    v_host text;
begin
    select w.host into v_host from sluice.worker w where w.id = p_worker;
    if not found then
        raise exception using errcode = 'SL009', message = format('There is no worker %s.', p_worker);
    end if;
    select d.* into v_deployment from sluice.deployment d join sluice.worker w on w.deployment_id = d.id where w.id = p_worker;
    insert into sluice.backend_failure as f (backend, deployment_id, host, code, reason, sha256)
    values (v_deployment.backend, v_deployment.id, v_host, p_code, left(p_reason, 500), p_sha256)
    on conflict (backend, deployment_id, host) do update set code = excluded.code, reason = excluded.reason,
        sha256 = excluded.sha256, failures = f.failures + 1, last_at = clock_timestamp();
    insert into sluice.event (kind, subject, reason)
    values ('backend_refused', 'backend ' || v_deployment.backend,
        left(format('worker %s of %s on %s: %s', p_worker, v_deployment.name, v_host, p_reason), 500));
end $$;
comment on function sluice.backend_refused(bigint, text, text, text) is
    'Records that a worker could not load or start its backend, with the code and the reason. It ends after that.';

create or replace function sluice.backend_loaded(p_worker bigint) returns void language sql as $$
    update sluice.worker w set ready_at = coalesce(w.ready_at, clock_timestamp()) where w.id = p_worker and w.ended_at is null;
    delete from sluice.backend_failure f using sluice.worker w, sluice.deployment d
    where w.id = p_worker and d.id = w.deployment_id and f.backend = d.backend and f.deployment_id = d.id and f.host = w.host
$$;
comment on function sluice.backend_loaded(bigint) is
    'A worker has loaded and started its backend: it is ready, and earlier failures of its deployment on its host are over.';

create or replace function sluice.backends()
returns table (
    name text, version text, abi text, capabilities text[], streaming boolean, max_concurrency int, sha256 text, path text,
    host text, recorded_at timestamptz, deployments text[], workers_live int, failures bigint, last_failure text,
    last_failure_at timestamptz)
language sql stable as $$
    with n as (
        select b.name from sluice.backend b union select d.backend from sluice.deployment d
        union select f.backend from sluice.backend_failure f
    ), u as (
        select d.backend, array_agg(d.name order by d.name) as deployments, sum(l.live)::int as live
        from sluice.deployment d
        cross join lateral (select count(*) as live from sluice.worker w
            where w.deployment_id = d.id and w.ended_at is null) l
        group by d.backend
    ), f as (
        select f.backend, sum(f.failures)::bigint as failures, max(f.last_at) as last_at,
            (array_agg(format('%s on %s: %s', d.name, f.host, f.reason) order by f.last_at desc))[1] as last
        from sluice.backend_failure f join sluice.deployment d on d.id = f.deployment_id group by f.backend
    )
    select n.name, b.version, b.abi, b.capabilities, b.streaming, b.max_concurrency, b.sha256, b.path, b.host, b.recorded_at,
        coalesce(u.deployments, '{}'), coalesce(u.live, 0), coalesce(f.failures, 0), f.last, f.last_at
    from n left join sluice.backend b on b.name = n.name left join u on u.backend = n.name left join f on f.backend = n.name
    order by n.name
$$;
comment on function sluice.backends() is
    'Every backend that is recorded, used by a deployment, or could not be loaded: what it is, who uses it, and the last failure.';
