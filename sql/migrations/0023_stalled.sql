-- Supervisors and workers that live and do nothing: how they are told from those that work.

alter table sluice.controller add column held_at timestamptz;
comment on column sluice.controller.held_at is
    'When the supervisor that leads last said so. It says so while it decides nothing, too: another takes the lead when it does not.';

alter table sluice.worker add column refused_ends int not null default 0;
comment on column sluice.worker.refused_ends is
    'How many of its answers came when the jobs were no longer its own, and were refused.';

-- They have one more column now, or one more parameter.
drop function if exists sluice.steered_deployments();
drop function if exists sluice.put_tenant(text, int);
drop function if exists sluice.set_share(text, int4multirange);
drop function if exists sluice.end_rollout_of(sluice.deployment, text, text);
drop function if exists sluice.end_rollout_of(sluice.deployment, text, text);
