-- Registers outside transactions: virtual time, tenants' last keys, waiters.

create or replace function sluice.key_step(p_weight int) returns bigint
language sql immutable parallel safe as $$ select 100000000 / p_weight::bigint $$;
comment on function sluice.key_step(int) is 'How far one job of a tenant of this weight advances its fair key.';

create or replace function sluice.bucket(p_id bigint, p_affinity text) returns smallint
language sql immutable parallel safe as $$
    select ((case when p_affinity is null then hashint8(p_id) else hashtext(p_affinity) end & 2147483647) % 10000)::smallint
$$;
comment on function sluice.bucket(bigint, text) is
    'hash(affinity or id) mod 10000; a deployment claims the buckets of its share.';

create or replace function sluice.due_since(p_run_at timestamptz, p_created_at timestamptz) returns timestamptz
language sql immutable parallel safe as $$ select case when isfinite(p_run_at) then p_run_at else p_created_at end $$;
comment on function sluice.due_since(timestamptz, timestamptz) is
    'Since when a job is due: its run_at, or when it was made where it has none. Older programs took infinities, from which nothing can be subtracted.';

create or replace function sluice.virtual_time(p_model int, p_priority smallint, p_bucket smallint) returns bigint
-- Not in SQL, where it would be planned in every transaction that enqueues.
language plpgsql stable as $$
begin
    return (select coalesce(max(pg_sequence_last_value(d.virtual_time[p_priority + 1])), 0)
        from sluice.deployment d
        where d.model_id = p_model and (p_bucket is null or p_bucket not between 0 and 9999 or d.share @> p_bucket::int));
end $$;
comment on function sluice.virtual_time(int, smallint, smallint) is
    'The largest fair key claimed by a deployment that may claim this bucket (null, or a lane: any of the model). New keys lie above it, so no floor of a worker can hide them.';

create or replace function sluice.fair_key(
    p_model int, p_priority smallint, p_tenant int, p_weight int, p_bucket smallint, p_count bigint, p_lead bigint default 0)
returns bigint language plpgsql as $$
-- Start-time fair queuing (Goyal, Vin, Cheng 1996): start = max(virtual time, finish of the tenant's last job). The lead
-- over the virtual time is capped, or a rolled-back bulk insert, whose register is not rolled back, would cost its tenant.
declare
    v_hash bigint := hashint8extended((p_model::bigint << 35) | (p_priority::bigint << 32) | p_tenant, 7021);
    v_a regclass := ('sluice.tenant_key_a_' || (v_hash & 255))::regclass;
    v_b regclass := ('sluice.tenant_key_b_' || ((v_hash >> 32) & 255))::regclass;
    v_last_a bigint := coalesce(pg_sequence_last_value(v_a), 0);
    v_last_b bigint := coalesce(pg_sequence_last_value(v_b), 0);
    v_step bigint := sluice.key_step(p_weight);
    v_now bigint := sluice.virtual_time(p_model, p_priority, p_bucket);
    v_cap bigint := v_now + p_lead * sluice.key_step(p_weight)
        + (select s.value from sluice.setting s where s.name = 'fair_lead_max') * sluice.key_step(100);
    v_key bigint;
    v_end bigint;
begin
    v_key := greatest(v_now, least(v_last_a, v_last_b, v_cap)) + v_step;
    v_end := v_key + (p_count - 1) * v_step;
    if v_last_a < v_end or v_last_a > v_cap then perform setval(v_a, v_end); end if;
    if v_last_b < v_end or v_last_b > v_cap then perform setval(v_b, v_end); end if;
    return v_key;
end $$;
comment on function sluice.fair_key(int, smallint, int, int, smallint, bigint, bigint) is
    'The first of p_count fair keys, key_step(weight) apart, for jobs of one tenant, model and priority; they may begin p_lead jobs further ahead of the virtual time than anybody''s.';

create or replace function sluice.wake(p_model int) returns void language plpgsql as $$
-- NOTIFY takes a global lock at commit, so it is sent only when a worker said it waits, and the first to send it takes the
-- flag down. A worker that waits looks again at once and shortly after, which covers the moment between this and commit.
declare
    v_waiter regclass := (select m.waiter from sluice.model m where m.id = p_model);
begin
    if coalesce(pg_sequence_last_value(v_waiter), 0) > extract(epoch from clock_timestamp()) * 1000 then
        perform setval(v_waiter, 0);
        perform pg_notify('sluice_model_' || p_model, '');
    end if;
end $$;
comment on function sluice.wake(int) is 'Notifies the waiting workers of a model, if there are any.';

create or replace function sluice.notify_jobs(p_channel text, p_ids bigint[]) returns void language plpgsql as $$
declare
    v_named text := array_to_string(p_ids, ' ');
begin
    -- A notification carries less than 8,000 bytes.
    perform pg_notify(p_channel, case when octet_length(v_named) < 7000 then v_named else '' end);
end $$;
comment on function sluice.notify_jobs(text, bigint[]) is
    'Names jobs on a channel, or when they are too many sends an empty notification, which stands for any job.';

create or replace function sluice.place(
    p_id bigint, p_key bigint, p_model int, p_tenant int, p_batch int, p_priority smallint, p_bucket smallint,
    p_attempt smallint, p_failures smallint, p_crashes smallint)
returns void language sql as $$
    insert into sluice.ready (key, id, model_id, tenant_id, batch_id, priority, bucket, attempt, failures, crashes, ring)
    values (p_key, p_id, p_model, p_tenant, p_batch, p_priority, p_bucket, p_attempt, p_failures, p_crashes,
            pg_sequence_last_value('sluice.ring_ready'));
    insert into sluice.placement (id, key, priority, model_id) values (p_id, p_key, p_priority, p_model);
$$;
comment on function sluice.place is 'Queues a job again, under a fresh key, where its id leads to it.';
