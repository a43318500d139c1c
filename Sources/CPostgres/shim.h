#pragma once

#include <libpq-fe.h>

/// The length of a field and where it begins, or -1 for NULL.
static inline int cpostgres_field(const PGresult *result, int row, int column, const char **bytes) {
    int length = PQgetlength(result, row, column);
    if (length == 0 && PQgetisnull(result, row, column)) return -1;
    *bytes = PQgetvalue(result, row, column);
    return length;
}

/// Ends a group of pipelined commands. libpq before 17 writes to the socket at every call; later ones leave that to PQflush.
static inline int cpostgres_send_sync(PGconn *connection) {
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    return PQsendPipelineSync(connection);
#else
    return PQpipelineSync(connection);
#endif
}

static const int cpostgres_diagnostic_severity = PG_DIAG_SEVERITY_NONLOCALIZED;
static const int cpostgres_diagnostic_sqlstate = PG_DIAG_SQLSTATE;
static const int cpostgres_diagnostic_message = PG_DIAG_MESSAGE_PRIMARY;
static const int cpostgres_diagnostic_hint = PG_DIAG_MESSAGE_HINT;
static const int cpostgres_diagnostic_constraint = PG_DIAG_CONSTRAINT_NAME;
