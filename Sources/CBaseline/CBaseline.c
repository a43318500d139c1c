#include "CBaseline.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>
#include <time.h>

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int send_one(PGconn *connection, int32_t number) {
    uint32_t value = htonl((uint32_t)number);
    const char *values[] = {(const char *)&value};
    int lengths[] = {4}, formats[] = {1};
    return PQsendQueryPrepared(connection, "q", 1, values, lengths, formats, 1)
        // The same sync that Postgres uses, so that the number of system calls is the same.
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
        && PQsendPipelineSync(connection);
#else
        && PQpipelineSync(connection);
#endif
}

static int run(PGconn *connection, int queries, int window, struct baseline_result *result) {
    int sent = 0, finished = 0;
    int64_t sum = 0;
    while (sent < queries && sent < window) {
        if (!send_one(connection, sent)) return -1;
        sent++;
    }
    while (finished < queries) {
        int left = PQflush(connection);
        if (left < 0) return -1;
        struct pollfd wait = {.fd = PQsocket(connection), .events = (short)(POLLIN | (left ? POLLOUT : 0))};
        if (poll(&wait, 1, -1) < 0) return -1;
        if (!(wait.revents & (POLLIN | POLLERR | POLLHUP))) continue;
        if (!PQconsumeInput(connection)) return -1;
        int nothing = 0;
        while (finished < queries && nothing < 2 && !PQisBusy(connection)) {
            PGresult *reply = PQgetResult(connection);
            if (reply == NULL) {
                nothing++;
                continue;
            }
            nothing = 0;
            switch (PQresultStatus(reply)) {
            case PGRES_TUPLES_OK: {
                uint32_t value;
                memcpy(&value, PQgetvalue(reply, 0, 0), sizeof value);
                sum += ntohl(value) + PQgetvalue(reply, 0, 1)[0];
                result->rows++;
                break;
            }
            case PGRES_PIPELINE_SYNC:
                finished++;
                if (sent < queries) {
                    if (!send_one(connection, sent)) return -1;
                    sent++;
                }
                break;
            default:
                PQclear(reply);
                return -1;
            }
            PQclear(reply);
        }
    }
    return sum == (int64_t)queries * (queries - 1) / 2 + (int64_t)queries * 'x' ? 0 : -1;
}

int baseline_run(const char *conninfo, int queries, int window, struct baseline_result *result) {
    memset(result, 0, sizeof *result);
    PGconn *connection = PQconnectdb(conninfo);
    int outcome = -1;
    if (PQstatus(connection) == CONNECTION_OK) {
        PQclear(PQprepare(connection, "q", "select $1::int4, 'x'", 0, NULL));
        if (PQsetnonblocking(connection, 1) == 0 && PQenterPipelineMode(connection)) {
            int64_t start = nanoseconds(CLOCK_MONOTONIC), cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
            outcome = run(connection, queries, window, result);
            result->cpu_nanoseconds = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
            result->elapsed_nanoseconds = nanoseconds(CLOCK_MONOTONIC) - start;
        }
    }
    PQfinish(connection);
    return outcome;
}
