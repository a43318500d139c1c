-- Models that answer in place of one that cannot.

alter table sluice.model
    add column fallbacks int[] not null default '{}'
        check (cardinality(fallbacks) <= 4 and id <> all (fallbacks) and array_position(fallbacks, null) is null),
    add column unserved_since timestamptz;
comment on column sluice.model.fallbacks is
    'The models that answer in its place, the first choice first. Only the chain of the model that was asked for is followed, so there are no circles.';
comment on column sluice.model.unserved_since is 'Since when none of its deployments can serve; watched where there are fallbacks.';

alter table sluice.placement add column model_id int;
comment on column sluice.placement.model_id is 'The model it was queued for then: a stand-in, perhaps.';

insert into sluice.setting (name, value, description) values
    ('fallback_ms', 5000, 'When no deployment of a model can serve for so long, its stand-ins get what waits.');
