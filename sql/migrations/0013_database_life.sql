-- Since when workers can reach the database.

create unlogged table sluice.database_life (
    began_at timestamptz not null,
    only_one boolean primary key default true check (only_one)
);
comment on table sluice.database_life is
    'When the reaper first looked after a crash of the database or its fail-over to a standby: both empty an unlogged table. The start of the server is not it: the recovery, in which nobody is let in, may take longer than a lease.';
comment on column sluice.database_life.began_at is 'Nobody is declared dead for restart_grace_ms from then on.';
