-- The number of the newest migration does not say which of two programs has the newer functions.

alter table sluice.schema_version add column release text;
comment on column sluice.schema_version.release is
    'With version 0: the release whose functions these are; an older one does not replace them. Null where none was said.';
