-- The fleet as operators steer it: who serves, with what part of the traffic, and who changed what.

create type sluice.routing_strategy as enum
    ('least_busy', 'weighted', 'round_robin', 'priority', 'health_weighted', 'fastest');
comment on type sluice.routing_strategy is
    'How a model''s traffic is divided. least_busy: whoever has a free slot claims. weighted: by weight. round_robin: equally. priority: the lowest tier that serves. health_weighted and fastest: by weight, until a controller knows better.';

create type sluice.deployment_state as enum ('serving', 'ramping', 'isolated', 'draining');
comment on type sluice.deployment_state is
    'Whether a deployment gets traffic. ramping: ramp_percent of its part. isolated: none, its workers stay. draining: none, its workers finish what they hold and end.';

alter table sluice.model
    add column strategy sluice.routing_strategy not null default 'least_busy';

alter table sluice.deployment
    add column state sluice.deployment_state not null default 'serving',
    add column state_reason text not null default '' check (octet_length(state_reason) <= 1000),
    add column state_since timestamptz not null default clock_timestamp(),
    add column ramp_percent smallint,
    add column weight int not null default 100 check (weight between 0 and 10000),
    add column tier smallint not null default 0 check (tier between 0 and 100),
    add check ((state = 'ramping') = (ramp_percent is not null)),
    add check (ramp_percent between 1 and 99);
comment on column sluice.deployment.weight is 'Its part of the traffic, relative to the weights of the model''s other deployments.';
comment on column sluice.deployment.tier is 'With the strategy priority: higher tiers get traffic only while no lower one serves.';

create table sluice.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    actor text not null,
    verb text not null,
    subject text not null,
    before jsonb,
    after jsonb,
    why text check (octet_length(why) <= 1000)
);
create index on sluice.audit (subject, id);
comment on table sluice.audit is 'Every change somebody asked for: who, when, what it was before and after, and why. Never deleted.';
comment on column sluice.audit.actor is 'The setting sluice.actor if the session has one, else the database user.';
