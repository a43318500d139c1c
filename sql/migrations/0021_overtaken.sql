-- What a heartbeat returns says which jobs were overtaken, so that a worker can tell how long it had them.

drop function if exists sluice.heartbeat(
    bigint, bigint[], real, boolean, int, int, sluice.error_class[], int[], int[], int[], int[], bigint);

comment on column sluice.attempt_sample.latency_bins is
    'Bins of the histogram of the latencies of successes, and of attempts that a second attempt overtook, with latency_counts.';
