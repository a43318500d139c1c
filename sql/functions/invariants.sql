-- What must always hold, for tests and for `sluice doctor`.

create or replace function sluice.check_invariants()
returns table (invariant text, violations bigint) language sql stable as $$
    with place as (
        select r.id, 'ready' as at from sluice.ready r union all select l.id, 'running' from sluice.running l
        union all select s.id, 'scheduled' from sluice.scheduled s union all select s.id, 'suspect' from sluice.suspect s
        union all select r.id, 'result' from sluice.result r
    ), counted as (
        select j.id, count(p.at) as places from sluice.job j left join place p on p.id = j.id group by j.id
    )
    select 'every job is in exactly one place', count(*) from counted c where c.places <> 1
    union all
    select 'nothing is queued that is not a job', count(*) from place p left join sluice.job j on j.id = p.id where j.id is null
    union all
    select 'attempts are numbered without gaps', count(*) from (
        select a.id from sluice.attempt a group by a.id having max(a.attempt) <> count(*)) g
    union all
    select 'a batch counts its results', count(*) from sluice.batch b
    cross join lateral sluice.batch_progress(b.id) p
    where p.succeeded + p.failed + p.cancelled + p.expired + p.quarantined <> (
        select count(*) from sluice.batch_chunk c join sluice.job j on j.id between c.first_id and c.last_id
            and j.batch_id = c.batch_id join sluice.result r on r.id = j.id where c.batch_id = b.id)
$$;
comment on function sluice.check_invariants() is
    'Counts violations of what must always hold, in one snapshot. Reads everything: for tests and for sluice doctor.';
