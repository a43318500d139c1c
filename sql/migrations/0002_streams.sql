-- Streams: the pieces of an answer while it is being made. And one more kind of request, that of the Responses API.

alter type sluice.job_kind add value 'response';

-- Nothing read the generated column but a retry, and it made every COPY slower: sluice.bucket computes it where it is needed.
alter table sluice.job drop column bucket;

alter table sluice.job add column stream boolean not null default false;
comment on column sluice.job.stream is 'Whether the pieces of its answer are kept in chunk while it runs.';

create sequence sluice.ring_chunk minvalue 0 start 0;
create sequence sluice.ring_chunk_since minvalue 0 start 0;
create sequence sluice.chunk_waiter minvalue 0 start 0;
select setval('sluice.ring_chunk', 0), setval('sluice.ring_chunk_since', 0), setval('sluice.chunk_waiter', 0);
comment on sequence sluice.ring_chunk is 'Register outside transactions: the slot of chunk that new rows go to.';
comment on sequence sluice.ring_chunk_since is 'Register outside transactions: since when, in Unix milliseconds, it is that slot.';
comment on sequence sluice.chunk_waiter is
    'Register outside transactions: until when, in Unix milliseconds, somebody waits for pieces of an answer.';

create table sluice.chunk (
    id bigint not null,
    attempt smallint not null,
    seq int not null check (seq > 0),
    body json not null,
    ring smallint not null,
    primary key (id, attempt, seq, ring)
) partition by list (ring);
comment on table sluice.chunk is
    'Pieces of the answers of streaming jobs, in the order of (attempt, seq): insert-only, gone some time after the setting chunk_seconds. The whole answer is in result.';
comment on column sluice.chunk.seq is 'Counts the pieces of one attempt from 1. A higher attempt makes all of a lower one void.';

do $$
begin
    for slot in 0..2 loop
        -- No autovacuum: TRUNCATE removes the garbage.
        execute format('create table sluice.chunk_%s partition of sluice.chunk for values in (%s)
            with (autovacuum_enabled = off)', slot, slot);
    end loop;
end $$;

insert into sluice.setting (name, value, description) values
    ('chunk_seconds', 3600, 'Pieces of an answer can be read at least this long after they were written.');
