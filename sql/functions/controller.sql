-- What the controller of the fleet reads and writes. It is the supervisor that leads; everything it writes carries the epoch
-- it was given when it took the lead, and is refused when another has taken it since.

create or replace function sluice.lead(p_name text) returns bigint language plpgsql as $$
declare
    v_epoch bigint;
begin
    -- Not only an update: those who check their epoch lock its key alone, so that the leader may say meanwhile that it is there.
    perform from sluice.controller c where c.id = 1 for update;
    update sluice.controller c
    set epoch = c.epoch + 1, name = left(p_name, 200), led_since = clock_timestamp(), held_at = clock_timestamp()
    where c.id = 1 returning c.epoch into v_epoch;
    insert into sluice.event (kind, subject, reason)
    values ('leader', 'controller', left(format('%s leads, epoch %s', p_name, v_epoch), 500));
    return v_epoch;
end $$;
comment on function sluice.lead(text) is
    'Takes the lead of the fleet and returns its epoch. Waits for what the leader before is writing; whatever that one writes later is refused.';

create or replace function sluice.check_epoch(p_epoch bigint) returns void language plpgsql as $$
begin
    perform from sluice.controller c where c.id = 1 and c.epoch = p_epoch for key share;
    if not found then
        raise exception using errcode = 'SL031', message = 'Another supervisor leads: this one''s epoch is over.';
    end if;
end $$;
comment on function sluice.check_epoch(bigint) is
    'SL031 unless this is the epoch of the leader, which it then stays until the transaction ends.';

create or replace function sluice.hold_lead(p_epoch bigint) returns void language plpgsql as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    update sluice.controller c set held_at = clock_timestamp() where c.id = 1 and c.epoch = p_epoch;
    if not found then perform sluice.check_epoch(p_epoch); end if;
end $$;
comment on function sluice.hold_lead(bigint) is
    'The leader is there. It says so several times a second, or another takes the lead. SL031: another has it.';

create or replace function sluice.lead_seen()
returns table (session int, sign text, silent_ms bigint, is_working boolean) language sql as $$
    select l.pid, concat_ws(' ', c.epoch, s.at), (extract(epoch from clock_timestamp() - s.at) * 1000)::bigint,
        coalesce(a.state = 'active' and a.wait_event_type is distinct from 'Client', false)
    from sluice.controller c
    join pg_locks l on l.locktype = 'advisory' and l.classid = 7024 and l.objid = 1 and l.objsubid = 2 and l.granted
        and l.database = (select d.oid from pg_database d where d.datname = current_database())
    left join pg_stat_activity a on a.pid = l.pid
    -- A leader of an older version only says when it has decided.
    cross join lateral (select greatest(c.held_at, c.beat_at, c.led_since) as at) s
    where c.id = 1
$$;
comment on function sluice.lead_seen() is
    'What others see of the leader: its session, a sign of life that changes as long as it lives, how long ago it gave that by the database''s clock, and whether the server is doing something for it at this moment. No row: nobody leads.';

create or replace function sluice.depose(p_session int, p_sign text) returns boolean language plpgsql as $$
declare
    v_name text;
begin
    -- Looked at once more: it may have come to life, or have lost the lead.
    select c.name into v_name from sluice.lead_seen() s cross join sluice.controller c
    where c.id = 1 and s.session = p_session and s.sign = p_sign;
    if not found then return false; end if;
    if not pg_terminate_backend(p_session) then return false; end if;
    insert into sluice.event (kind, subject, reason)
    values ('leader_deposed', 'controller', left(format('%s had stalled: its session was ended', v_name), 500));
    return true;
end $$;
comment on function sluice.depose(int, text) is
    'Ends the session of a leader that gave no other sign of life since this one (sluice.lead_seen), so that another can lead. What it still writes is refused once another does.';

create or replace function sluice.take_samples(p_epoch bigint)
returns table (deployment_id int, stage int, succeeded int, failed_classes text[], failed_counts int[], run int[],
    latency_bins int[], latency_counts int[], retry_after_ms bigint, taken_ms bigint) language plpgsql as $$
#variable_conflict use_column
declare
    v_now constant bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint;
begin
    perform set_config('synchronous_commit', 'off', true);
    perform sluice.check_epoch(p_epoch);
    return query
        with t as materialized (
            select a.id from sluice.attempt_sample a order by a.id limit 10000
        ), d as (
            delete from sluice.attempt_sample a using t where a.id = t.id returning a.*
        )
        select d.deployment_id, d.stage, d.succeeded, d.failed_classes::text[], d.failed_counts, d.run, d.latency_bins,
            d.latency_counts, d.retry_after_ms, v_now
        from d order by d.id;
    return query select null::int, null::int, null::int, null::text[], null::int[], null::int[], null::int[], null::int[],
        null::bigint, v_now;
end $$;
comment on function sluice.take_samples(bigint) is
    'Takes what workers told, in that order, at most 10,000 rows; each is given once. The last row has no deployment, only the time: milliseconds since 1970, from before the look.';

create or replace function sluice.steered_models()
returns table (model_id int, model text, strategy text, window_ms int, minimum_sample int, error_percent double precision,
    failures_in_a_row int, open_ms int, open_max_ms int, forgiveness_ms int, steps int[], step_ms int, step_sample int,
    step_patience_ms int, panic_percent double precision, latency_ms int, hedge_percent double precision, hedge_min_ms int,
    hedge_sample int) language sql stable as $$
    select m.id, m.name, m.strategy::text, (m.policy ->> 'window_ms')::int, (m.policy ->> 'minimum_sample')::int,
        (m.policy ->> 'error_percent')::double precision, (m.policy ->> 'failures_in_a_row')::int, (m.policy ->> 'open_ms')::int,
        (m.policy ->> 'open_max_ms')::int, (m.policy ->> 'forgiveness_ms')::int,
        array(select s::int from jsonb_array_elements_text(coalesce(m.policy -> 'steps', '[]')) s), (m.policy ->> 'step_ms')::int,
        (m.policy ->> 'step_sample')::int, (m.policy ->> 'step_patience_ms')::int,
        (m.policy ->> 'panic_percent')::double precision, (m.policy ->> 'latency_ms')::int,
        (m.policy ->> 'hedge_percent')::double precision, (m.policy ->> 'hedge_min_ms')::int, (m.policy ->> 'hedge_sample')::int
    from sluice.model m where exists (select from sluice.deployment d where d.model_id = m.id) order by m.id
$$;
comment on function sluice.steered_models() is
    'Models with a deployment, and what their operators say of how to steer them; null is the default.';

create or replace function sluice.steered_deployments()
returns table (model_id int, deployment_id int, deployment text, version bigint, state text, state_reason text, share text,
    ramp_percent smallint, stage int, weight int, tier smallint, capacity int, heartbeat_age_ms bigint, memory double precision,
    is_well boolean, breaker text, open_until_ms bigint, breaker_percent smallint, openings int, is_kept boolean,
    score double precision, reason text, is_probe_lost boolean, health_wanted boolean, restore_wanted text, is_manned boolean)
language sql stable as $$
    select d.model_id, d.id, d.name, d.xmin::text::bigint, d.state::text, d.state_reason, d.share::text, d.ramp_percent, d.stage,
        d.weight, d.tier,
        -- Workers that have just gone count until others can have taken their place: what is sick and already back would be
        -- all there is, and the panic floor would keep it in service.
        coalesce(w.slots, case when clock_timestamp() - greatest(a.begun_at, e.ended_at) < interval '15 seconds'
            then a.workers * d.slots end, 0)::int,
        case when a.workers > 0 then
            (extract(epoch from clock_timestamp() - greatest(a.begun_at, coalesce(w.beat_at, e.ended_at),
                -- Back from zero, it is not to blame for the time without workers.
                (select s.awake_since from sluice.desired s where s.deployment_id = d.id))) * 1000)::bigint
            * case when coalesce(w.beat_at, e.ended_at) is not null then 1 end end,
        w.memory::double precision, w.is_well, coalesce(h.breaker, 'closed')::text,
        (extract(epoch from h.open_until) * 1000)::bigint, h.ramp_percent, coalesce(h.openings, 0), coalesce(h.is_kept, false),
        coalesce(h.score, 1)::double precision, coalesce(h.reason, ''),
        coalesce(h.probe_at < clock_timestamp() - interval '5 seconds' and not h.probe_wanted
            and not exists (select from sluice.running l where l.id = h.probe_job), false),
        coalesce(h.health_wanted, false), h.restore_wanted::text, sluice.is_manned(d)
    from sluice.deployment d
    cross join sluice.controller c
    left join sluice.deployment_health h on h.deployment_id = d.id
    cross join lateral (
        -- What was before this leader began is not held against anybody: the whole host may have been away. Nor is the time
        -- until a host that has just come has started its workers.
        select greatest(c.led_since, (select max(o.started_at) from sluice.host o where o.gone_at is null)) as begun_at,
            sluice.desired_count(d) as workers) a
    cross join lateral (
        select sum(w.slots) filter (where w.state = 'running') as slots,
            -- One that loads its backend is on its way, however long that takes.
            max(case when w.state = 'starting' then clock_timestamp() else b.beat_at end) as beat_at, max(b.memory) as memory,
            bool_and(b.is_well) as is_well
        from sluice.worker w join sluice.worker_heartbeat b on b.worker_id = w.id
        where w.deployment_id = d.id and w.ended_at is null) w
    cross join lateral (
        select max(w.ended_at) as ended_at from sluice.worker w
        where w.deployment_id = d.id and w.ended_at > clock_timestamp() - interval '10 minutes') e
    order by d.model_id, d.id
$$;
comment on function sluice.steered_deployments() is
    'Every deployment as it is declared, as its workers are, and as the controller left it. version changes with every change of its row.';

create or replace function sluice.steered_rollouts()
returns table (model_id int, rollout_id int, candidate_id int, baseline_id int, state text, percent smallint, gates int[],
    reason text, is_seen boolean) language sql stable as $$
    select distinct on (r.model_id) r.model_id, r.id, r.candidate_id, r.baseline_id, r.state::text, r.percent, r.gates, r.reason,
        r.is_seen
    from sluice.rollout r order by r.model_id, r.id desc
$$;
comment on function sluice.steered_rollouts() is 'The newest rollout of each model.';

create or replace function sluice.steer(
    p_epoch bigint,
    p_model int,
    p_ids int[],
    p_versions bigint[],
    p_shares text[],
    p_ramps int[],
    p_next_stage boolean[],
    p_breakers text[],
    p_open_until_ms bigint[],
    p_breaker_percents int[],
    p_openings int[],
    p_kept boolean[],
    p_scores double precision[],
    p_reasons text[],
    p_probes boolean[],
    p_health_wanted boolean[],
    p_kinds text[],
    p_subjects text[],
    p_sentences text[],
    p_rollout int,
    p_rollout_state text,
    p_rollout_percent int,
    p_rollout_reason text)
returns boolean language plpgsql as $$
begin
    perform sluice.check_epoch(p_epoch);
    -- As the operators' verbs do: one change of a model's traffic at a time. An operator may leave a transaction open: then it
    -- is this model's turn another time, and the others are steered.
    perform set_config('lock_timeout', '1s', true);
    perform pg_advisory_xact_lock(7022, p_model);
    perform from sluice.deployment d where d.model_id = p_model order by d.id for update;
    if (select count(*) from sluice.deployment d where d.model_id = p_model) <> cardinality(p_ids) or exists (
        select from unnest(p_ids, p_versions) v(id, version) left join sluice.deployment d on d.id = v.id
        where d.xmin::text::bigint is distinct from v.version) then
        return false;
    end if;

    insert into sluice.deployment_health as h (deployment_id, breaker, open_until, ramp_percent, openings, is_kept, score, reason,
        probe_wanted, health_wanted, restore_wanted)
    select u.id, u.breaker::sluice.breaker_state, to_timestamp(u.open_until_ms / 1000.0), u.percent, u.openings, u.kept, u.score,
        left(u.reason, 500), u.probe, u.health_wanted, null
    from unnest(p_ids, p_breakers, p_open_until_ms, p_breaker_percents, p_openings, p_kept, p_scores, p_reasons, p_probes,
            p_health_wanted) u(id, breaker, open_until_ms, percent, openings, kept, score, reason, probe, health_wanted)
    on conflict (deployment_id) do update
    set since = case when h.breaker = excluded.breaker then h.since else clock_timestamp() end, breaker = excluded.breaker,
        open_until = excluded.open_until, ramp_percent = excluded.ramp_percent, openings = excluded.openings,
        is_kept = excluded.is_kept, score = excluded.score, reason = excluded.reason,
        -- One that is wanted stays wanted until it is taken or the breaker has moved on.
        probe_wanted = excluded.probe_wanted or (h.probe_wanted and excluded.breaker = 'probing'),
        health_wanted = excluded.health_wanted, restore_wanted = null;

    if p_rollout is not null then
        perform sluice.put_rollout(p_rollout, p_rollout_state::sluice.rollout_state, p_rollout_percent, p_rollout_reason);
    end if;

    update sluice.deployment d
    set share = case when d.state in ('isolated', 'draining') then '{}' else coalesce(u.share::int4multirange, d.share) end,
        stage = d.stage + case when u.next_stage then 1 else 0 end,
        state = case when d.state in ('isolated', 'draining') then d.state when u.ramp is null then 'serving' else 'ramping' end,
        ramp_percent = case when d.state not in ('isolated', 'draining') then u.ramp end
    from unnest(p_ids, p_shares, p_ramps, p_next_stage) u(id, share, ramp, next_stage)
    where d.id = u.id and (u.next_stage or u.share::int4multirange is distinct from d.share and u.share is not null
        or u.ramp is distinct from d.ramp_percent and d.state not in ('isolated', 'draining'));

    perform sluice.put_lanes(p_model);
    insert into sluice.event (kind, subject, reason)
    select k.kind, left(k.subject, 500), left(k.sentence, 500)
    from unnest(p_kinds, p_subjects, p_sentences) with ordinality k(kind, subject, sentence, place) order by k.place;
    -- Whoever gained buckets, or is to have one job, may be waiting.
    if p_probes && '{true}' or exists (select from unnest(p_shares) s where s is not null) then perform sluice.wake(p_model); end if;
    return true;
end $$;
comment on function sluice.steer is
    'Writes what the controller decided of one model, in one transaction: health of every deployment, shares (null: as they are), stages, the rollout, decisions. False, and nothing is written, when a deployment has changed since it was read. Operators'' isolation wins: what they took out stays out. Waits a second for a transaction of theirs at most (55P03). SL031: another supervisor leads.';

create or replace function sluice.decided(p_epoch bigint, p_taken_ms bigint) returns void language plpgsql as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    update sluice.controller c set beat_at = to_timestamp(p_taken_ms / 1000.0) where c.id = 1 and c.epoch = p_epoch;
    if not found then perform sluice.check_epoch(p_epoch); end if;
end $$;
comment on function sluice.decided(bigint, bigint) is
    'The controller has written everything that follows from the samples it took at this time. Workers see by it that somebody decides.';
