-- Jobs that wait too long for the deployment in whose share they are may be claimed by another.

alter table sluice.model add column spills_until timestamptz;
comment on column sluice.model.spills_until is
    'Until then claims that came back short look for overdue jobs in the shares of other deployments. On the model, so that a claim reads nothing more.';

create table sluice.overdue (
    deployment_id int primary key,
    last_id bigint not null,
    until timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table sluice.overdue is 'Shares whose jobs have waited longer than spill_after_ms of the policy: a row a deployment at most.';
comment on column sluice.overdue.last_id is 'The youngest job that was seen to be overdue: later ones still wait for their own.';
