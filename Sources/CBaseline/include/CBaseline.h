/// The yardstick for `Postgres`: the same small queries through libpq from C, with nothing around them.
#pragma once

#include <stdint.h>

/// What a run took.
struct baseline_result {
    /// Wall-clock nanoseconds, without connecting and preparing.
    int64_t elapsed_nanoseconds;
    /// Nanoseconds the calling thread was busy.
    int64_t cpu_nanoseconds;
    /// How many rows came back; less than asked for when something failed.
    int64_t rows;
};

/// Runs `queries` times the prepared `select $1::int4, 'x'` over one connection to `conninfo`, `window` at a time in a
/// pipeline, each with its own sync. Parameters and rows are binary, and every row is read.
///
/// 0; or -1 when it could not connect or the connection failed. Blocks.
int baseline_run(const char *conninfo, int queries, int window, struct baseline_result *result);
