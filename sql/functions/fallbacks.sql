-- Stand-ins: who answers in place of a model that cannot. A job is queued again for the other model; the row of the job keeps
-- the one that was asked for, and what answered is told with the result (known_job.served_by).

create or replace function sluice.serves(p_model int) returns boolean language sql stable as $$
    select exists (
        select from sluice.in_traffic(p_model) i join sluice.deployment d on d.id = i.deployment_id
        where i.percent > 0 and (d.paused or exists (
            select from sluice.worker w where w.deployment_id = d.id and w.ended_at is null and w.state = 'running')))
$$;
comment on function sluice.serves(int) is
    'Whether a model has a deployment in the traffic with a worker that runs. One that is paused counts: its jobs are meant to wait.';

create or replace function sluice.next_stand_in(p_requested int, p_current int) returns int language plpgsql stable as $$
declare
    v_chain int[] := (select p_requested || m.fallbacks from sluice.model m where m.id = p_requested);
begin
    return (select c.model_id from unnest(v_chain) with ordinality c(model_id, place)
        where c.place > coalesce(array_position(v_chain, p_current), 1) and sluice.serves(c.model_id)
        order by c.place limit 1);
end $$;
comment on function sluice.next_stand_in(int, int) is
    'Who is asked after p_current, the model that was asked for or one of its stand-ins: the next that can serve; null when nobody is left.';

create or replace function sluice.stand_in(p_job bigint, p_current int) returns int language plpgsql stable as $$
begin
    return (select sluice.next_stand_in(j.model_id, p_current) from sluice.job j
        join sluice.model m on m.id = j.model_id and m.fallbacks <> '{}'
        -- Nor has the twin of a late job a tenant.
        join sluice.tenant t on t.id = j.tenant_id and t.name <> '(shadow)'
        where j.id = p_job);
end $$;
comment on function sluice.stand_in(bigint, int) is
    'Who answers a job whose attempts with the model p_current are used up; null when it has failed. Never anybody for a copy to a shadow, or a second attempt.';

create or replace function sluice.fall_back(p_limit int default 1000) returns int language plpgsql as $$
declare
    v_model sluice.model;
    v_stand_in int;
    v_grace interval := (select s.value from sluice.setting s where s.name = 'fallback_ms') * interval '1 millisecond';
    v_moved int;
    v_count int := 0;
begin
    for v_model in select * from sluice.model m where m.fallbacks <> '{}' loop
        if sluice.serves(v_model.id) then
            update sluice.model m set unserved_since = null where m.id = v_model.id and m.unserved_since is not null;
            continue;
        end if;
        if v_model.unserved_since is null then
            update sluice.model m set unserved_since = clock_timestamp() where m.id = v_model.id and m.unserved_since is null;
        end if;
        continue when coalesce(v_model.unserved_since, clock_timestamp()) > clock_timestamp() - v_grace;
        v_stand_in := sluice.next_stand_in(v_model.id, v_model.id);
        continue when v_stand_in is null;
        with c as materialized (
            select r.ctid as place, r.id from sluice.ready r
            where r.model_id = v_model.id and r.tenant_id <> 0 and r.tenant_id <> (select t.id from sluice.tenant t where t.name = '(shadow)')
            order by r.priority, r.key, r.id limit p_limit for update skip locked
        ), d as (
            delete from sluice.ready r
            where r.ctid = any (array(select c.place from c)) and r.id = any (array(select c.id from c))
            returning r.*
        )
        select count(*) into v_moved
        from d cross join lateral (
            select case when d.bucket between 0 and 9999 then d.bucket else sluice.bucket(d.id, null) end as bucket) b
        cross join lateral sluice.place(d.id, sluice.virtual_time(v_stand_in, d.priority, b.bucket), v_stand_in, d.tenant_id,
            d.batch_id, d.priority, b.bucket, d.attempt, 0::smallint, d.crashes);
        continue when v_moved = 0;
        perform sluice.wake(v_stand_in);
        insert into sluice.event (kind, subject, reason)
        select 'fallback', left('model ' || v_model.name, 500), left(format('%s jobs go to %s: no deployment can serve since %s',
            v_moved, s.name, to_char(v_model.unserved_since, 'HH24:MI:SS')), 500)
        from sluice.model s where s.id = v_stand_in;
        v_count := v_count + v_moved;
    end loop;
    return v_count;
end $$;
comment on function sluice.fall_back(int) is
    'Queues up to p_limit jobs of each model none of whose deployments could serve for the setting fallback_ms for the first of its stand-ins that can. Returns how many. What runs, and what waits for its time, stays.';

create or replace function sluice.set_fallbacks(model text, fallbacks text[], why text default null) returns text language plpgsql as $$
#variable_conflict use_column
declare
    v_model int := sluice.model_id_of(model);
    v_before text[];
    v_ids int[];
begin
    if cardinality(set_fallbacks.fallbacks) > 4 or (select count(distinct f) < count(*) from unnest(set_fallbacks.fallbacks) f)
        or model = any (set_fallbacks.fallbacks) then
        raise exception using errcode = 'SL003',
            message = 'The stand-ins of a model are at most 4 other models, each named once.';
    end if;
    select coalesce(array_agg(sluice.model_id_of(f) order by place), '{}') into v_ids
    from unnest(set_fallbacks.fallbacks) with ordinality x(f, place);
    select array(select o.name from unnest(m.fallbacks) with ordinality x(id, place) join sluice.model o on o.id = x.id order by x.place)
    into v_before from sluice.model m where m.id = v_model for update;
    update sluice.model m set fallbacks = v_ids, unserved_since = null where m.id = v_model;
    return sluice.record_change('set_fallbacks', 'model ' || set_fallbacks.model, to_jsonb(v_before),
        to_jsonb(coalesce(set_fallbacks.fallbacks, '{}')), why,
        case when v_ids = '{}' then format('Nobody answers in place of "%s".', set_fallbacks.model)
            else format('In place of "%s" answer, in this order: %s.', set_fallbacks.model,
                array_to_string(set_fallbacks.fallbacks, ', ')) end);
end $$;
comment on function sluice.set_fallbacks(text, text[], text) is
    'Which models answer in place of one that cannot: when a job has used up its attempts with it, with attempts of its own for each, and when none of its deployments can serve. The result says who answered. Callers'' faults are nobody else''s to answer.';
