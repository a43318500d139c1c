-- Backends: where each was found, what it offers, and why it could not be loaded.

alter table sluice.backend add column path text, add column host text, add column streaming boolean,
    add column max_concurrency int;
comment on column sluice.backend.path is 'Where the file was when it was recorded, on that host.';
comment on column sluice.backend.capabilities is 'Kinds of requests it answers.';

create table sluice.backend_failure (
    backend text not null,
    deployment_id int not null references sluice.deployment (id),
    host text not null,
    code text not null,
    reason text not null,
    sha256 text,
    failures bigint not null default 1,
    first_at timestamptz not null default clock_timestamp(),
    last_at timestamptz not null default clock_timestamp(),
    primary key (backend, deployment_id, host)
);
comment on table sluice.backend_failure is
    'Backends that workers could not load or start: the last reason for each deployment and host, gone when a worker has loaded it.';
comment on column sluice.backend_failure.sha256 is 'Of the file that was found, when one was found.';
comment on column sluice.backend_failure.failures is 'How often in a row.';

-- It has more parameters now.
drop function if exists sluice.record_backend(text, text, text, text, text[], boolean);
