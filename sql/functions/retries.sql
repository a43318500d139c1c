-- The budget of retries of a model, Finagle's: what succeeds earns a part of a retry, and a small allowance comes with time. It is
-- the model's, not a worker's, so that more workers cannot make more of a storm. Only ends that are to be retried look at it.

create or replace function sluice.retry_balance(p_model int, p_earned double precision) returns double precision language plpgsql as $$
declare
    v_budget sluice.retry_budget;
    v_now timestamptz;
    v_per_second double precision := (select s.value from sluice.setting s where s.name = 'retries_per_second');
    v_seconds double precision;
begin
    insert into sluice.retry_budget (model_id, allowance) values (p_model, 10 * v_per_second) on conflict do nothing;
    select * into v_budget from sluice.retry_budget b where b.model_id = p_model for update;
    -- Read behind the lock.
    v_now := clock_timestamp();
    v_seconds := greatest(0, extract(epoch from v_now - v_budget.at));
    update sluice.retry_budget b
    -- Fades over ten seconds, and what time brought is kept for as long: nothing piles up for the next outage.
    set earned = b.earned * exp(greatest(-v_seconds / 10, -700)) + p_earned,
        allowance = least(10 * v_per_second, b.allowance + v_per_second * v_seconds), at = greatest(b.at, v_now)
    where b.model_id = p_model returning * into v_budget;
    return v_budget.earned + v_budget.allowance;
end $$;
comment on function sluice.retry_balance(int, double precision) is
    'Adds what was earned to the budget of a model and returns how many retries it has left. Locks its row until the transaction ends.';

create or replace function sluice.earn_retries(p_model int, p_succeeded int) returns void language plpgsql as $$
begin
    -- One that never had to retry has its allowance, and no row.
    if exists (select from sluice.retry_budget b where b.model_id = p_model) then
        perform sluice.retry_balance(p_model, p_succeeded
            * (select s.value from sluice.setting s where s.name = 'retries_percent') / 100.0::double precision);
    end if;
end $$;
comment on function sluice.earn_retries(int, int) is 'Attempts of a model succeeded, and earn retries. Told with the heartbeats.';

create or replace function sluice.pay_retries(p_model int, p_outcomes text[], p_delays_ms bigint[], out delays_ms bigint[], out waits boolean[])
language plpgsql as $$
declare
    v_left double precision := sluice.retry_balance(p_model, 0);
    v_base bigint := (select m.retry_base_ms from sluice.model m where m.id = p_model);
    v_paid int := 0;
begin
    delays_ms := p_delays_ms;
    for place in 1..cardinality(p_outcomes) loop
        waits[place] := false;
        continue when p_outcomes[place] <> 'retried';
        if v_left - v_paid >= 1 then
            v_paid := v_paid + 1;
        else
            waits[place] := true;
            delays_ms[place] := greatest(coalesce(p_delays_ms[place], 0), v_base);
        end if;
    end loop;
    update sluice.retry_budget b
    set earned = b.earned - least(b.earned, v_paid), allowance = greatest(0, b.allowance - (v_paid - least(b.earned, v_paid)))
    where b.model_id = p_model;
end $$;
comment on function sluice.pay_retries(int, text[], bigint[]) is
    'Pays for those of the ends of a model''s attempts that are to be retried, in their order. One there is nothing left for has to wait at least the model''s first back-off, even where another deployment could have it at once: a pause is what keeps a storm away.';
