-- Functions are replaced after the migrations. What takes or returns something else than it did is dropped first, and here:
-- "or replace" refuses to change what a function returns, and takes another parameter for another function.

drop function if exists sluice.batch_chunk_begin(int, text[], int[], int);
drop function if exists sluice.batch_chunk_end(int, int, int, bigint);
drop function if exists sluice.batch_chunk_end(int, int, int, bigint, int[]);
drop function if exists sluice.claim(bigint, int, bigint[], int);
drop function if exists sluice.claim(bigint, int, bigint[], int, bigint[]);
drop function if exists sluice.claim_suspect(bigint);
drop function if exists sluice.enqueue(
    text, json, sluice.job_kind, int, timestamptz, timestamptz, text, text, text, int, json);
drop function if exists sluice.enqueue_terms(text, text, int, sluice.job_kind);
drop function if exists sluice.fair_key(int, smallint, int, int, smallint, bigint);
drop function if exists sluice.finish(
    bigint, bigint[], smallint[], text[], json[], sluice.error_class[], text[], bigint[], int[], int[], boolean[]);
drop function if exists sluice.heartbeat(bigint, bigint[]);
drop function if exists sluice.job_status(bigint[]);
drop function if exists sluice.list_jobs(sluice.job_state, text, int, bigint, int);
drop function if exists sluice.list_jobs(sluice.job_state, text, int, bigint, int, text);
drop view if exists sluice.known_job;
drop function if exists sluice.promote(timestamptz, int);
drop function if exists sluice.put_deployment(text, text, text, json, int, int, text);
drop function if exists sluice.put_deployment(text, text, text, json, int, int, text, boolean);
drop function if exists sluice.put_model(text, int, int, int, int);
drop function if exists sluice.restore(text, text);
drop function if exists sluice.results_of(bigint[]);
drop function if exists sluice.scale(text, int);
drop function if exists sluice.scale(text, int, text);
drop function if exists sluice.scale(
    text, int, text, int, int, int, text, interval, double precision, double precision, text, interval, jsonb, interval,
    interval, interval, bigint, int, double precision, boolean, double precision, double precision, boolean, text, jsonb,
    boolean, text[], int, int, text, double precision, double precision, jsonb);
drop function if exists sluice.set_guard(text, int, int, int, int, int, text, text, text[]);
drop function if exists sluice.set_limits(text, int, int, bigint, int);
drop function if exists sluice.set_queue_bound(int, text, text);
