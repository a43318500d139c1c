-- Hosts, and the slots of workers that they claim.

create or replace function sluice.host_start(
    p_host text, p_pid int, p_memory bigint, p_labels jsonb default '{}', p_incarnation bigint default null)
returns bigint language plpgsql as $$
declare
    v_host sluice.host;
begin
    select * into v_host from sluice.host h where h.name = p_host for update;
    -- One that comes back after it lost its connection keeps what it has.
    if v_host.incarnation = p_incarnation then
        update sluice.host h set beat_at = clock_timestamp() where h.name = p_host;
        return p_incarnation;
    end if;
    perform sluice.free_slots(p_host);
    insert into sluice.host as h (name, pid, memory_bytes, labels) values (left(p_host, 200), p_pid, p_memory, coalesce(p_labels, '{}'))
    on conflict (name) do update set incarnation = h.incarnation + 1, pid = excluded.pid, memory_bytes = excluded.memory_bytes,
        labels = excluded.labels, started_at = clock_timestamp(), beat_at = clock_timestamp(), gone_at = null
    returning * into v_host;
    insert into sluice.event (kind, subject, reason)
    values ('host_started', 'host ' || v_host.name, format('its supervisor is process %s, incarnation %s, memory for workers %s', p_pid,
        v_host.incarnation, coalesce(pg_size_pretty(p_memory), 'not counted')));
    return v_host.incarnation;
end $$;
comment on function sluice.host_start is
    'A supervisor keeps a host from now on, whose advisory lock (7025, hashtext(name)) its session holds. Returns its incarnation, which everything it says has to carry. Slots of the supervisor before it are free, unless p_incarnation says that it is the same one.';

create or replace function sluice.free_slots(p_host text) returns int language plpgsql as $$
declare
    v_count int;
begin
    delete from sluice.worker_slot s where s.host = p_host and s.giving_up;
    update sluice.worker_slot s
    set host = null, claimed_at = null, opened_at = clock_timestamp(), offered_to = null, offered_at = null where s.host = p_host;
    get diagnostics v_count = row_count;
    if v_count > 0 then perform pg_notify('sluice_fleet', ''); end if;
    return v_count;
end $$;
comment on function sluice.free_slots(text) is 'Takes all slots from a host; others may claim them.';

create or replace function sluice.host_leave(p_host text, p_incarnation bigint) returns void language plpgsql as $$
begin
    update sluice.host h set gone_at = clock_timestamp() where h.name = p_host and h.incarnation = p_incarnation;
    if not found then return; end if;
    perform sluice.free_slots(p_host);
    insert into sluice.event (kind, subject, reason) values ('host_gone', 'host ' || p_host, 'its supervisor was told to end');
end $$;
comment on function sluice.host_leave(text, bigint) is 'A supervisor was told to end: its slots are free at once, while its workers finish what they hold.';

create or replace function sluice.free_gone_hosts() returns int language plpgsql as $$
-- Two witnesses, as of workers: the lock of its supervisor's session is gone, or nothing was heard of it for long.
declare
    v_host record;
    v_lease interval := (select s.value from sluice.setting s where s.name = 'host_seconds') * interval '1 second';
    v_grace interval := (select s.value from sluice.setting s where s.name = 'host_grace_ms') * interval '1 millisecond';
    v_restart interval := (select s.value from sluice.setting s where s.name = 'restart_grace_ms') * interval '1 millisecond';
    v_life timestamptz := greatest((select l.began_at from sluice.database_life l), pg_postmaster_start_time());
    v_now timestamptz := clock_timestamp();
    v_count int := 0;
    v_slots int;
begin
    if not exists (select from sluice.host h where h.gone_at is null and h.beat_at < v_now - v_grace) or v_life > v_now - v_restart then
        return 0;
    end if;
    for v_host in
        select h.name, h.beat_at < v_now - v_lease as is_silent from sluice.host h
        where h.gone_at is null and (h.beat_at < v_now - v_lease or h.beat_at < v_now - v_grace and not exists (
            select from pg_locks l where l.locktype = 'advisory' and l.classid = 7025 and l.objsubid = 2 and l.granted
                and l.objid = (hashtext(h.name)::bigint & 4294967295)::oid
                and l.database = (select d.oid from pg_database d where d.datname = current_database())))
        -- One that is just heard of is not gone.
        for update skip locked
    loop
        update sluice.host h set gone_at = v_now where h.name = v_host.name;
        v_slots := sluice.free_slots(v_host.name);
        insert into sluice.event (kind, subject, reason)
        values ('host_gone', 'host ' || v_host.name, format('%s; %s slots are free',
            case when v_host.is_silent then 'nothing was heard of its supervisor' else 'its supervisor lost its connection' end, v_slots));
        v_count := v_count + 1;
    end loop;
    return v_count;
end $$;
comment on function sluice.free_gone_hosts() is 'Frees the slots of hosts whose supervisors are gone; how many there were.';

create or replace function sluice.match_slots() returns void language plpgsql as $$
declare
    v_row record;
begin
    -- Asked for without a lock first: nearly always everything matches.
    if not exists (select from sluice.slot_counts() c where c.wanted <> c.open) then return; end if;
    perform pg_advisory_xact_lock(7026, 0);
    for v_row in select * from sluice.slot_counts() c where c.wanted <> c.open loop
        if v_row.wanted > v_row.open then
            insert into sluice.worker_slot (deployment_id) select v_row.deployment_id from generate_series(1, v_row.wanted - v_row.open);
            continue;
        end if;
        -- Those nobody has first, then the newest: the one that was idle most.
        with s as (
            select s.id, s.host from sluice.worker_slot s left join sluice.host h on h.name = s.host
            where s.deployment_id = v_row.deployment_id and not s.giving_up
            order by (s.host is null) desc, coalesce(h.is_draining, false) desc, s.id desc limit v_row.open - v_row.wanted
        ), d as (
            delete from sluice.worker_slot w using s where w.id = s.id and s.host is null
        )
        update sluice.worker_slot w set giving_up = true from s where w.id = s.id and s.host is not null;
    end loop;
    perform pg_notify('sluice_fleet', '');
end $$;
comment on function sluice.match_slots() is 'Opens and gives up slots until there are as many of each deployment as there should be workers.';

create or replace function sluice.slot_counts() returns table (deployment_id int, wanted int, open int) language sql stable as $$
    select d.id, case when r.spread = 'external' then 0 else sluice.desired_count(d) end, coalesce(s.open, 0)::int
    from sluice.deployment d
    left join sluice.scaling r on r.deployment_id = d.id
    left join (select s.deployment_id, count(*) as open from sluice.worker_slot s where not s.giving_up group by s.deployment_id) s
        on s.deployment_id = d.id
$$;
comment on function sluice.slot_counts() is 'How many slots each deployment should have, and has.';

create or replace function sluice.host_look(
    p_host text, p_incarnation bigint, p_deployments text[], p_children int[], p_replacing boolean[])
returns table (deployment text, workers int, room int, is_refused boolean, revision int) language plpgsql as $$
#variable_conflict use_column
declare
    v_host sluice.host;
    v_now timestamptz := clock_timestamp();
    v_offer interval := (select s.value from sluice.setting s where s.name = 'offer_ms') * interval '1 millisecond';
    v_is_placed boolean := exists (select from sluice.controller c where c.beat_at > clock_timestamp() - interval '5 seconds');
    v_used bigint := 0;
    v_row record;
    v_refused int[] := '{}';
    v_granted int[] := '{}';
begin
    -- Like a claim of jobs, what is lost in a crash of the database is no loss: it is looked again. So it is when somebody
    -- holds a lock: the leader steers by the same connection.
    perform set_config('synchronous_commit', 'off', true);
    perform set_config('lock_timeout', '1s', true);
    update sluice.host h set beat_at = v_now, gone_at = null where h.name = p_host and h.incarnation = p_incarnation returning h.* into v_host;
    if not found then
        raise exception using errcode = 'SL031', message = format('Another supervisor keeps the host "%s".', left(p_host, 200));
    end if;
    perform sluice.free_gone_hosts();
    if v_host.is_draining then
        update sluice.worker_slot s set giving_up = true where s.host = p_host and not s.giving_up;
    end if;
    perform sluice.match_slots();

    -- A slot that is given up holds its memory until its process has ended.
    with k as (
        select d.id, sum(c.children) as children from unnest(p_deployments, p_children) c(name, children)
        join sluice.deployment d on d.name = c.name group by d.id
    ), h as (
        select s.deployment_id, count(*) as held, count(*) filter (where not s.giving_up) as kept
        from sluice.worker_slot s where s.host = p_host group by s.deployment_id
    ), x as (
        select s.id, row_number() over (partition by s.deployment_id order by s.id desc) as place,
            h.held - greatest(h.kept, coalesce(k.children, 0)) as most
        from sluice.worker_slot s join h on h.deployment_id = s.deployment_id left join k on k.id = s.deployment_id
        where s.host = p_host and s.giving_up
    )
    delete from sluice.worker_slot s using x where s.id = x.id and x.place <= x.most;

    -- A rule may have made its workers larger than fits.
    if v_host.memory_bytes is not null then
        with s as (
            select s.id, sum(coalesce(r.memory_per_worker, 0)) over (order by coalesce(r.priority, 0) desc, s.id) as sum
            from sluice.worker_slot s left join sluice.scaling r on r.deployment_id = s.deployment_id
            where s.host = p_host and not s.giving_up and r.memory_per_worker is not null
        )
        update sluice.worker_slot w set giving_up = true from s where w.id = s.id and s.sum > v_host.memory_bytes;
    end if;

    -- What is in use: slots or processes, whichever are more, and processes of this host that are not children of its
    -- supervisor: those of the one before it, which may still be finishing what they hold.
    select coalesce(sum(r.memory_per_worker * (greatest(coalesce(h.held, 0), coalesce(k.children, 0))
        + greatest(coalesce(w.live, 0) - coalesce(k.children, 0), 0))), 0) into v_used
    from sluice.scaling r
    join sluice.deployment d on d.id = r.deployment_id
    left join (select s.deployment_id, count(*) as held from sluice.worker_slot s where s.host = p_host group by 1) h on h.deployment_id = d.id
    left join (select c.name, sum(c.children) as children from unnest(p_deployments, p_children) c(name, children) group by 1) k on k.name = d.name
    left join (select w.deployment_id, count(*) as live from sluice.worker w where w.host = p_host and w.ended_at is null group by 1) w
        on w.deployment_id = d.id
    where r.memory_per_worker is not null;

    if not v_host.is_draining then
        for v_row in
            select s.id, coalesce(r.memory_per_worker, 0) as memory
            from sluice.worker_slot s left join sluice.scaling r on r.deployment_id = s.deployment_id
            where s.host is null and v_host.labels @> coalesce(r.host_labels, '{}')
                and (s.offered_to = p_host or not v_is_placed or greatest(s.opened_at, s.offered_at) < v_now - v_offer
                    or not exists (select from sluice.host o where o.name <> p_host and o.gone_at is null and not o.is_draining))
            order by coalesce(r.priority, 0) desc, s.offered_to = p_host desc nulls last, s.id
            for update of s skip locked
        loop
            continue when v_used + v_row.memory > v_host.memory_bytes;
            update sluice.worker_slot s set host = p_host, claimed_at = v_now where s.id = v_row.id;
            v_used := v_used + v_row.memory;
        end loop;
    end if;

    -- One more process for the time in which a new revision takes over, if there is room for it.
    for v_row in
        select d.id, coalesce(r.memory_per_worker, 0) as memory, c.children > coalesce(h.held, 0) as is_counted
        from unnest(p_deployments, p_children, p_replacing) c(name, children, is_replacing)
        join sluice.deployment d on d.name = c.name left join sluice.scaling r on r.deployment_id = d.id
        left join (select s.deployment_id, count(*) as held from sluice.worker_slot s where s.host = p_host group by 1) h on h.deployment_id = d.id
        where c.is_replacing order by coalesce(r.priority, 0) desc, d.id
    loop
        if v_row.is_counted or v_used + v_row.memory <= coalesce(v_host.memory_bytes, 9223372036854775807) then
            v_granted := v_granted || v_row.id;
            if not v_row.is_counted then v_used := v_used + v_row.memory; end if;
        else
            v_refused := v_refused || v_row.id;
        end if;
    end loop;

    return query
        select d.name, coalesce(h.kept, 0)::int, coalesce(h.held, 0)::int + case when d.id = any (v_granted) then 1 else 0 end,
            d.id = any (v_refused), d.revision
        from sluice.deployment d
        left join (select s.deployment_id, count(*) as held, count(*) filter (where not s.giving_up) as kept
            from sluice.worker_slot s where s.host = p_host group by 1) h on h.deployment_id = d.id
        order by d.id;
end $$;
comment on function sluice.host_look is
    'What the supervisor of a host looks at: it is heard of, gives up slots whose processes have ended, claims slots while there is memory, and is told for each deployment how many workers it is to have, how many processes there may be with those that still end, and whether the one more of a replacement was refused. p_children counts its processes, p_replacing says which deployments have some of an older revision. SL031: another supervisor keeps this host.';

create or replace function sluice.dead_of(p_workers bigint[]) returns bigint[] language sql stable as $$
    select coalesce(array_agg(w.id order by w.id), '{}') from sluice.worker w
    where w.id = any (p_workers) and w.state = 'dead'
        -- One that said so itself is about to exit.
        and w.ended_at < clock_timestamp() - interval '2 seconds'
$$;
comment on function sluice.dead_of(bigint[]) is
    'Which of these workers were declared dead, and have had time to end since. Their supervisor kills those that have not: stopped or hung, they hold a slot and its memory, and nothing they do counts any more.';

create or replace function sluice.secret_names(p_deployment text) returns text[] language sql stable as $$
    select coalesce(array_agg(distinct substr(s.word #>> '{}', 5)), '{}')
    from sluice.deployment d cross join jsonb_path_query(d.config::jsonb,
        'lax $.** ? (@.type() == "string" && @ starts with "env:")') s(word)
    where d.name = p_deployment and s.word #>> '{}' <> 'env:'
$$;
comment on function sluice.secret_names(text) is
    'Environment variables that the configuration of a deployment names, as env:NAME in any of its strings: what its workers are given of their supervisor''s environment besides what every worker needs.';

create or replace function sluice.locked_host(p_name text) returns sluice.host language plpgsql as $$
declare
    v_host sluice.host;
begin
    select * into v_host from sluice.host h where h.name = p_name for update;
    if not found then
        raise exception using errcode = 'SL005', message = format('There is no host named "%s".', left(p_name, 200)),
            hint = 'Known hosts: ' || coalesce((select string_agg(h.name, ', ' order by h.name) from (select name from sluice.host order by name limit 20) h), 'none');
    end if;
    return v_host;
end $$;
comment on function sluice.locked_host(text) is 'The host, locked until the transaction ends; SL005 names those there are.';

create or replace function sluice.drain_host(host text, why text default null) returns text language plpgsql as $$
declare
    v_host sluice.host := sluice.locked_host(host);
begin
    if v_host.is_draining then return format('"%s" was draining already.', v_host.name); end if;
    update sluice.host h set is_draining = true where h.name = v_host.name;
    return sluice.record_change('drain_host', 'host ' || v_host.name, '{"is_draining": false}', '{"is_draining": true}', why,
        format('"%s" drains: its workers finish what they hold and end, and other hosts start as many. sluice.restore_host(''%s'') brings it back.', v_host.name, v_host.name));
end $$;
comment on function sluice.drain_host(text, text) is 'Takes a host out: its slots go to others, its workers finish what they hold.';

create or replace function sluice.restore_host(host text, why text default null) returns text language plpgsql as $$
declare
    v_host sluice.host := sluice.locked_host(host);
begin
    if not v_host.is_draining then return format('"%s" was not draining.', v_host.name); end if;
    update sluice.host h set is_draining = false where h.name = v_host.name;
    return sluice.record_change('restore_host', 'host ' || v_host.name, '{"is_draining": true}', '{"is_draining": false}', why,
        format('"%s" claims slots again.', v_host.name));
end $$;
comment on function sluice.restore_host(text, text) is 'Lets a host that was drained claim slots again.';

create or replace view sluice.host_status as
    select h.name as host, case when h.gone_at is not null then 'gone' when h.is_draining then 'draining' else 'running' end as state,
        h.memory_bytes, coalesce(s.memory, 0)::bigint as memory_used, coalesce(s.slots, 0)::int as slots, coalesce(s.giving_up, 0)::int as giving_up,
        h.labels, h.pid, h.started_at, clock_timestamp() - h.beat_at as age
    from sluice.host h
    left join (select s.host, count(*) as slots, count(*) filter (where s.giving_up) as giving_up, sum(r.memory_per_worker) as memory
        from sluice.worker_slot s left join sluice.scaling r on r.deployment_id = s.deployment_id group by s.host) s on s.host = h.name
    order by h.name;
comment on view sluice.host_status is 'Hosts, the slots they hold and what of their memory is spoken for.';
