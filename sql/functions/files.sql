-- Files: uploaded in pieces by anybody who may be killed meanwhile, read in pieces, removed in pieces.

create or replace function sluice.file_begin(p_tenant text) returns bigint language plpgsql as $$
declare
    v_tenant int := sluice.tenant_id_of(p_tenant);
    v_limit bigint := (select s.value from sluice.setting s where s.name = 'tenant_file_bytes_max');
    v_id bigint;
begin
    if (select sum(f.bytes) from sluice.file f
        where f.tenant_id = v_tenant and f.completed_at is not null and f.deleted_at is null) >= v_limit then
        raise exception using errcode = 'SL003',
            message = format('The files of this tenant have %s bytes already, the setting tenant_file_bytes_max.', v_limit),
            hint = 'Delete some.';
    end if;
    insert into sluice.file (tenant_id) values (v_tenant) returning id into v_id;
    return v_id;
end $$;
comment on function sluice.file_begin(text) is
    'Opens a file that nobody sees until file_complete. SL002: no such tenant. SL003: its files are as large as they may be.';

create or replace function sluice.file_append(p_id bigint, p_ordinal int, p_body bytea) returns void language plpgsql as $$
begin
    -- The commit of file_complete waits for the disk, and these come before it in the log.
    perform set_config('synchronous_commit', 'off', true);
    perform from sluice.file f where f.id = p_id and f.completed_at is null and f.deleted_at is null for share;
    if not found then
        raise exception using errcode = 'SL005', message = format('File %s is not being uploaded any more.', p_id);
    end if;
    insert into sluice.file_piece (file_id, ordinal, body) values (p_id, p_ordinal, p_body);
end $$;
comment on function sluice.file_append is
    'Stores a piece of a file, of 1 MiB at most; the first has the ordinal 0. Does not wait for the disk. SL005: the upload was given up.';

create or replace function sluice.file_row(f sluice.file)
returns table (id bigint, filename text, purpose text, bytes bigint, pieces int, created_at timestamptz, expires_at timestamptz)
language sql immutable as $$
    select f.id, f.filename, f.purpose, f.bytes, f.pieces, f.created_at, f.expires_at
$$;
comment on function sluice.file_row(sluice.file) is 'What is told of a file.';

create or replace function sluice.file_complete(
    p_id bigint, p_filename text, p_purpose text, p_bytes bigint, p_pieces int, p_expires_seconds int default null)
returns table (id bigint, filename text, purpose text, bytes bigint, pieces int, created_at timestamptz, expires_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
declare
    v_stored record;
begin
    -- The size of an uncompressed piece is known without reading it.
    select count(*) as pieces, coalesce(sum(octet_length(p.body)), 0) as bytes, coalesce(max(p.ordinal), -1) as last
    into v_stored from sluice.file_piece p where p.file_id = p_id;
    if (v_stored.pieces, v_stored.bytes, v_stored.last) is distinct from (p_pieces::bigint, p_bytes, p_pieces - 1) then
        raise exception using errcode = 'SL003', message = format('File %s does not hold what was sent.', p_id);
    end if;
    return query
        with f as (
            update sluice.file f
            set completed_at = clock_timestamp(), filename = p_filename, purpose = p_purpose, bytes = p_bytes,
                pieces = p_pieces, expires_at = f.created_at + p_expires_seconds * interval '1 second'
            where f.id = p_id and f.completed_at is null and f.deleted_at is null
            returning f.*
        ) select r.* from f cross join lateral sluice.file_row(f) r;
    if not found then
        raise exception using errcode = 'SL005', message = format('File %s is not being uploaded any more.', p_id);
    end if;
end $$;
comment on function sluice.file_complete is
    'Lets a file be seen whose p_pieces pieces of together p_bytes bytes were stored. SL003: they were not. SL005: the upload was given up.';

create or replace function sluice.file_get(p_tenant text, p_id bigint)
returns table (id bigint, filename text, purpose text, bytes bigint, pieces int, created_at timestamptz, expires_at timestamptz)
language sql stable as $$
    select r.* from sluice.file f cross join lateral sluice.file_row(f) r
    where f.id = p_id and f.tenant_id = sluice.tenant_id_of(p_tenant) and f.completed_at is not null
        and f.deleted_at is null and (f.expires_at is null or f.expires_at > clock_timestamp())
$$;
comment on function sluice.file_get(text, bigint) is 'A file. No row: the tenant has no such file, or not any more.';

create or replace function sluice.list_files(
    p_tenant text, p_purpose text, p_after bigint, p_ascending boolean, p_limit int)
returns table (id bigint, filename text, purpose text, bytes bigint, pieces int, created_at timestamptz, expires_at timestamptz)
language plpgsql stable as $$
#variable_conflict use_column
declare
    v_tenant int := sluice.tenant_id_of(p_tenant);
begin
    if p_limit is null or p_limit not between 1 and 10001 then
        raise exception using errcode = 'SL003', message = 'A list holds 1 to 10,001 files.';
    end if;
    return query execute format($q$
        select r.* from sluice.file f cross join lateral sluice.file_row(f) r
        where f.tenant_id = $1 and f.completed_at is not null and f.deleted_at is null
            and (f.expires_at is null or f.expires_at > clock_timestamp())
            and ($2 is null or f.purpose = $2) and ($3 is null or f.id %s $3)
        order by f.id %s limit $4
        $q$, case when p_ascending then '>' else '<' end, case when p_ascending then 'asc' else 'desc' end)
    using v_tenant, p_purpose, p_after, p_limit;
end $$;
comment on function sluice.list_files is 'Files of a tenant, of a purpose (null: any), after the id p_after in the order asked for.';

create or replace function sluice.file_read(p_id bigint, p_ordinal int) returns bytea language sql stable as $$
    select p.body from sluice.file_piece p where p.file_id = p_id and p.ordinal = p_ordinal
$$;
comment on function sluice.file_read(bigint, int) is
    'A piece of a file; null when there is none. Whoever began to read may go on for a while after the file was deleted.';

create or replace function sluice.file_delete(p_tenant text, p_id bigint) returns boolean language plpgsql as $$
begin
    -- One that is being ordered meanwhile is waited for.
    perform from sluice.file f where f.id = p_id for update;
    if exists (select from sluice.batch b where b.input_file_id = p_id and b.tenant_id = sluice.tenant_id_of(p_tenant)
            and b.ended_at is null) then
        raise exception using errcode = 'SL006', message = format('A batch reads file %s; try again when it has ended.', p_id);
    end if;
    update sluice.file f set deleted_at = clock_timestamp()
    where f.id = p_id and f.tenant_id = sluice.tenant_id_of(p_tenant) and f.deleted_at is null
        and (f.expires_at is null or f.expires_at > clock_timestamp());
    return found;
end $$;
comment on function sluice.file_delete(text, bigint) is
    'Lets a file be seen no more, or gives its upload up. Returns whether there was one. SL006: a batch reads it.';

create or replace function sluice.sweep_files(p_pieces int default 256) returns text language plpgsql as $$
declare
    v_file bigint;
    v_count int;
begin
    if not pg_try_advisory_xact_lock(7021, -20) then return ''; end if;
    -- An upload that is under way holds its row meanwhile, and finds out at its next piece.
    update sluice.file f set deleted_at = clock_timestamp()
    where f.deleted_at is null and f.completed_at is null and f.created_at < clock_timestamp()
        - (select s.value from sluice.setting s where s.name = 'upload_seconds') * interval '1 second';
    update sluice.file f set deleted_at = clock_timestamp()
    where f.deleted_at is null and f.expires_at <= clock_timestamp() and not exists (
        select from sluice.batch b where b.input_file_id = f.id and b.ended_at is null);
    select f.id into v_file from sluice.file f where f.deleted_at is not null order by f.id limit 1;
    if not found then return ''; end if;
    delete from sluice.file_piece p where p.file_id = v_file and p.ordinal in (
        select p.ordinal from sluice.file_piece p where p.file_id = v_file order by p.ordinal limit p_pieces);
    get diagnostics v_count = row_count;
    if v_count = p_pieces then return format('%s pieces of file %s removed', v_count, v_file); end if;
    delete from sluice.file f where f.id = v_file;
    return format('file %s removed', v_file);
end $$;
comment on function sluice.sweep_files(int) is
    'Removes what is left of a file that was deleted, has expired or whose upload was given up, p_pieces at a time. Returns what it did, empty if there was nothing to do.';
