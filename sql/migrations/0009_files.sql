-- Files: what clients upload, and what batches answer.

create table sluice.file (
    id bigint generated always as identity primary key,
    tenant_id int not null references sluice.tenant (id),
    bytes bigint not null default 0 check (bytes >= 0),
    pieces int not null default 0 check (pieces >= 0),
    created_at timestamptz not null default clock_timestamp(),
    completed_at timestamptz,
    expires_at timestamptz,
    deleted_at timestamptz,
    filename text check (octet_length(filename) between 1 and 1024),
    purpose text check (purpose in
        ('assistants', 'batch', 'batch_output', 'evals', 'fine-tune', 'user_data', 'vision')),
    check (completed_at is null or (filename is not null and purpose is not null))
);
create index on sluice.file (tenant_id, id) where completed_at is not null and deleted_at is null;
create index file_unwanted on sluice.file (id) where completed_at is null or deleted_at is not null;
create index on sluice.file (expires_at) where expires_at is not null and deleted_at is null;
comment on table sluice.file is
    'Files of tenants. One is seen from when it is complete until it is deleted or expires; maintenance then removes its pieces, and the row last.';
comment on column sluice.file.completed_at is 'When the last of it was stored; null: it is being uploaded, or that was interrupted.';
comment on column sluice.file.deleted_at is 'Since when nobody sees it any more.';

create table sluice.file_piece (
    file_id bigint not null,
    ordinal int not null check (ordinal >= 0),
    body bytea not null check (octet_length(body) between 1 and 1048576),
    primary key (file_id, ordinal)
);
-- Not compressed: it would cost more time than everything else about an upload.
alter table sluice.file_piece alter column body set storage external;
comment on table sluice.file_piece is 'The content of files, in order: insert-only.';

insert into sluice.setting (name, value, description) values
    ('upload_seconds', 3600, 'A file that is not complete this long after its upload began is given up.'),
    ('tenant_file_bytes_max', 107374182400, 'A tenant with files of so many bytes uploads no more.');
