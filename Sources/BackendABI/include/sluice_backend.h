/*
 * sluice_backend.h: the contract between Sluice and a backend, version 1.0.
 *
 * A backend is a shared object (`.so`) that answers inference requests. Sluice loads it into a worker process of its own
 * (one backend, one instance, N slots), so a crash, a hang or a leak of a backend costs that process and nothing else.
 * This file is all a backend needs; Plugins/ExampleC is one in about a hundred lines of C, and
 * `sluice backends check FILE.so` says whether a backend keeps the contract.
 *
 * THE LIFE OF A BACKEND
 *
 *   1. The host calls `sluice_backend_entry(host)`, once per process. The backend keeps `host` and returns its table.
 *   2. The host compares the ABI version and the sizes before it touches anything else. A refusal names both versions.
 *   3. create(config, slots) makes an instance.
 *   4. execute() starts a call. The backend answers it with any number of host->on_chunk and exactly one host->on_final,
 *      from any thread, before or after execute has returned.
 *   5. cancel(), health() and stats() come at any time in between, from any thread.
 *   6. destroy() ends the instance. The library itself is never unloaded.
 *
 * RULES FOR EVERY FUNCTION
 *
 *   Ownership   The type says it. *_borrowed: the bytes belong to the caller and are valid until the function they were
 *               passed to returns; copy what is needed longer. *_static: valid and unchanged until the process ends.
 *               *_lent: memory of the caller for the callee to fill, until the function returns. Nothing is ever freed
 *               by the other side. `data` of an empty borrowed value may be NULL.
 *   Threads     The host calls the functions of the backend from many threads at once, except as said at each. The
 *               backend may call every function of the host from any thread, also from inside a call of the host's.
 *               Callbacks for one call must not overlap each other: the final comes after the last chunk has returned.
 *   Blocking    Host functions never block for long and never call back into the backend, with one exception: the
 *               receiver of a chunk may cancel the call, so cancel() can arrive inside on_chunk. Hold no lock of
 *               yours that cancel() takes while calling the host.
 *   Unwinding   No C++ exception, Swift error or longjmp may leave a function of either side.
 *   Signals     The backend installs no signal handlers, never forks and never ends the process.
 *   Memory      What a call needed is given back when it has ended: one instance answers millions of calls.
 *   Output      Standard output belongs to the host. Use host->log; standard error is kept for last words.
 *   Symbols     Export `sluice_backend_entry` alone (a linker version script) and import no symbol of the host.
 *
 * GROWTH
 *
 *   A minor version adds fields to the end of a structure and nothing else; a major version may change anything. Every
 *   structure that can grow begins with its own size in bytes. Read or call a field only if the size you were given
 *   covers it (SLUICE_HAS). The host takes every backend of its own major version, whatever the minor; a backend
 *   that needs a newer host returns NULL from its entry.
 *
 * BODIES
 *
 *   Requests and answers are JSON objects in UTF-8, shaped like those of the OpenAI API: chat as /v1/chat/completions,
 *   completion as /v1/completions, embedding as /v1/embeddings, response as /v1/responses. The host does not promise that
 *   a request is valid: a backend answers SLUICE_INVALID_REQUEST to what it cannot read. An answer that is not one JSON value is thrown away
 *   and counts as SLUICE_RETRYABLE.
 */
#ifndef SLUICE_BACKEND_H
#define SLUICE_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Keeps the entry visible when the rest is compiled with -fvisibility=hidden. */
#if defined(__GNUC__) || defined(__clang__)
#define SLUICE_EXPORT __attribute__((visibility("default")))
#else
#define SLUICE_EXPORT
#endif

/* The version of this file. */
#define SLUICE_ABI_MAJOR 1u
#define SLUICE_ABI_MINOR 1u

/* The one symbol a backend exports. */
#define SLUICE_ENTRY_SYMBOL "sluice_backend_entry"

/* Bounds the host keeps; what exceeds them is cut or refused as said at each use. */
#define SLUICE_MAX_SLOTS 65535u                 /* calls open at once in one instance */
#define SLUICE_MAX_BODY_BYTES (64u << 20)       /* one request, one answer, one chunk */
#define SLUICE_MAX_CONFIG_BYTES (1u << 20)      /* the configuration given to create */
#define SLUICE_MAX_MESSAGE_BYTES 2048u          /* error messages and log lines, cut at the bound */
#define SLUICE_MAX_REPORT_BYTES 65536u          /* what health and stats may write */
#define SLUICE_MAX_NAME_BYTES 64u               /* name and version in the descriptor, without the NUL */

/* Whether a structure of `size` bytes has the field. */
#define SLUICE_HAS(size, type, field) ((size) >= offsetof(type, field) + sizeof(((type *)0)->field))

/* Bytes of the caller, valid until the function they were passed to returns. `data` may be NULL when `size` is 0. */
typedef struct sluice_bytes_borrowed {
    const uint8_t *data;
    size_t size;
} sluice_bytes_borrowed;

/* Memory of the caller to be filled before the function returns. Write at most `capacity` bytes to `data` and set `size`
 * to the length of the whole text, as snprintf counts it, without a NUL. `size` is 0 before the call. A `size` beyond
 * `capacity` tells the host that the text was cut: a message is then shown cut, a report is dropped. */
typedef struct sluice_buffer_lent {
    uint8_t *data;
    size_t capacity;
    size_t size;
} sluice_buffer_lent;

/* NUL-terminated UTF-8 that lives and stays as it is until the process ends. */
typedef const char *sluice_text_static;

/* An instance: whatever the backend likes to point at. It belongs to the backend from create to destroy. */
typedef struct sluice_instance sluice_instance;

/* How a call ended, and what the host does about it. Numbers the host does not know count as SLUICE_RETRYABLE. */
typedef enum sluice_status {
    /* Answered. The body is the answer. */
    SLUICE_OK = 0,
    /* Another try may work: time-outs, lost connections, 5xx. The job is tried again, on another deployment where there
     * is one, after a back-off otherwise. Counts against the deployment's health. */
    SLUICE_RETRYABLE = 1,
    /* The upstream asked to wait. As retryable, but not before `retry_after_ms`, and this deployment is given less work
     * meanwhile. */
    SLUICE_RATE_LIMITED = 2,
    /* The request can never work: unreadable, missing fields, too long. The job fails for good. Never counts against the
     * deployment's health. */
    SLUICE_INVALID_REQUEST = 3,
    /* The backend's own credentials were refused. The job is tried elsewhere; the deployment is isolated until its
     * credentials are rotated. */
    SLUICE_AUTH = 4,
    /* The backend does not offer what the request asks for. The job fails for good, health is not touched. */
    SLUICE_UNSUPPORTED = 5,
    /* No room now: queue full, out of memory for this request. The job is tried again soon, elsewhere first. */
    SLUICE_OVERLOADED = 6,
    /* The instance is unusable. The worker takes no new calls, ends, and is replaced; the job is tried again. */
    SLUICE_FATAL = 7,
    /* Ended because it was cancelled. Only for calls the host has cancelled; otherwise it counts as retryable. */
    SLUICE_CANCELLED = 8
} sluice_status;

/* What a request asks for. Answer SLUICE_UNSUPPORTED to a kind you do not know: minor versions may add some. */
typedef enum sluice_kind {
    SLUICE_CHAT = 0,
    SLUICE_COMPLETION = 1,
    SLUICE_EMBEDDING = 2,
    SLUICE_RESPONSE = 3
} sluice_kind;

/* Bits of sluice_backend.capabilities. */
#define SLUICE_CAN_CHAT (1u << 0)
#define SLUICE_CAN_COMPLETION (1u << 1)
#define SLUICE_CAN_EMBEDDING (1u << 2)
#define SLUICE_CAN_STREAM (1u << 3)
#define SLUICE_CAN_RESPONSE (1u << 4)

/* Bits of sluice_call.flags. */
#define SLUICE_CALL_STREAMING (1u << 0) /* the caller wants chunks; only set when the backend can stream */

/* Bits of sluice_final_borrowed.flags. */
#define SLUICE_FINAL_USAGE_ESTIMATED (1u << 0) /* nobody counted the tokens of `usage`; they are a guess */

/* Levels of host->log. */
typedef enum sluice_log_level {
    SLUICE_LOG_DEBUG = 0,
    SLUICE_LOG_INFO = 1,
    SLUICE_LOG_WARNING = 2,
    SLUICE_LOG_ERROR = 3
} sluice_log_level;

/* The slot of a call: a number below the `slots` given to create, shared by no two open calls of an instance. A backend may
 * keep an array of `slots` entries and index it with this instead of keeping a map. The other bits of a call id are the
 * host's own; an id is never 0, and that of an ended call does not come back for the next 4 billion calls in its slot. */
#define SLUICE_CALL_SLOT(call_id) ((uint32_t)((call_id) & 0xffffu))

/* One request. Valid, with its body, until execute returns. */
typedef struct sluice_call_borrowed {
    uint32_t struct_size;       /* sizeof(sluice_call_borrowed) of the host */
    uint32_t kind;              /* a sluice_kind */
    uint32_t flags;             /* SLUICE_CALL_* */
    uint32_t attempt;           /* which try of the job this is, from 1; for logs */
    uint64_t call_id;           /* names the call in every later function */
    int64_t job_id;             /* for logs */
    uint64_t deadline_ms;       /* milliseconds left from now, 0 when there is no deadline. The host cancels at the deadline;
                                   giving it to an upstream early saves work */
    sluice_bytes_borrowed body; /* at most SLUICE_MAX_BODY_BYTES */
} sluice_call_borrowed;

/* Tokens consumed, as they are to be accounted. */
typedef struct sluice_usage {
    uint64_t prompt_tokens;
    uint64_t completion_tokens;
} sluice_usage;

/* How a call ended. Everything in it is borrowed: on_final copies what it keeps. Zero the structure, set struct_size, then
 * set what applies. */
typedef struct sluice_final_borrowed {
    uint32_t struct_size;          /* sizeof(sluice_final_borrowed) of the backend */
    int32_t status;                /* a sluice_status */
    uint64_t retry_after_ms;       /* how long to wait before another try, 0 when nothing is known. At most a day counts */
    const sluice_usage *usage;     /* NULL when unknown. Read with SLUICE_OK only */
    sluice_bytes_borrowed body;    /* SLUICE_OK: the answer. Otherwise optional: the upstream's own error object */
    sluice_bytes_borrowed message; /* otherwise: one sentence for people, without secrets. Cut at SLUICE_MAX_MESSAGE_BYTES */
    uint32_t flags;                /* since 1.1: SLUICE_FINAL_* */
    uint32_t reserved;
} sluice_final_borrowed;

/* What the host offers. It and its functions are valid until the process ends. Fields are only ever added at the end. */
typedef struct sluice_host {
    uint32_t struct_size; /* sizeof(sluice_host) of the host */
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t reserved;

    /* A piece of the answer to a streaming call, to be passed on at once: one OpenAI chunk object, without "data:" framing.
     * The final must still carry the whole answer. Chunks of a call that does not stream are dropped. A chunk for a call
     * that has ended, or was never begun, and one that is not one JSON value, is ignored and counted. */
    void (*on_chunk)(uint64_t call_id, sluice_bytes_borrowed chunk);

    /* The end of a call: exactly once for every call that execute accepted. From its return on, the slot may be in use by
     * another call. A second final is ignored and counted. */
    void (*on_final)(uint64_t call_id, const sluice_final_borrowed *result);

    /* 1 when the call has been cancelled or has ended, otherwise 0. Cheap enough to ask once per token. */
    int32_t (*is_cancelled)(uint64_t call_id);

    /* A line for the worker's log: UTF-8 without a newline, cut at SLUICE_MAX_MESSAGE_BYTES. Never secrets or prompts. */
    void (*log)(int32_t level, sluice_bytes_borrowed text);
} sluice_host;

/* What a backend is and does. The host reads it once. It must be valid until the process ends, and every function set.
 * Fields are only ever added at the end. */
typedef struct sluice_backend {
    uint32_t struct_size; /* sizeof(sluice_backend) of the backend */
    uint32_t abi_major;   /* SLUICE_ABI_MAJOR it was compiled with */
    uint32_t abi_minor;   /* SLUICE_ABI_MINOR it was compiled with */
    uint32_t capabilities; /* SLUICE_CAN_*: at least one kind */

    sluice_text_static name;    /* letters, digits, '.', '_' and '-', 1 to SLUICE_MAX_NAME_BYTES of them */
    sluice_text_static version; /* of the backend, same alphabet and '+' */

    uint32_t max_concurrency; /* how many calls are worth having open at once, 1 to SLUICE_MAX_SLOTS */
    uint32_t preferred_batch; /* how many calls it likes to be given together, at least 1; the host may give fewer */

    /* Makes an instance. `config` is a JSON object, empty when the operator gave none: at most SLUICE_MAX_CONFIG_BYTES.
     * Secrets stand in it as references (env:NAME, file:/path), for the backend to resolve here and never to show. Refuse
     * keys you do not know: a typing mistake must not pass in silence. `slots` is how many calls will be open at most.
     * Returns SLUICE_OK and sets *instance (not NULL), or another status with a sentence in `error` (capacity at least
     * SLUICE_MAX_MESSAGE_BYTES): invalid_request for a bad configuration, auth for refused credentials, overloaded when out
     * of resources, else fatal. May block while a model loads; it counts as the worker's start-up time. Not called twice at once. */
    int32_t (*create)(sluice_bytes_borrowed config, uint32_t slots, sluice_instance **instance, sluice_buffer_lent *error);

    /* Ends an instance. Calls may still be open: they are over for the host, so stop them without a final or with one.
     * When destroy returns, no thread may use the instance or call the host for it any more. No function of the instance
     * is being called meanwhile, nor will be. Should take at most a second: the process is killed soon after. */
    void (*destroy)(sluice_instance *instance);

    /* Starts a call and returns soon: the thread is one of few. Work that takes more than some 100 microseconds belongs on a
     * thread of the backend, with the body copied; an answer that is known at once may be given from within.
     * Returns SLUICE_OK when the call was accepted, and then exactly one on_final follows (or has been made); or another
     * status to refuse it, and then no callback may be made for it. An on_final with a message is the better refusal. */
    int32_t (*execute)(sluice_instance *instance, const sluice_call_borrowed *call);

    /* Asks for a call to end soon: best effort. The final is still due, with SLUICE_CANCELLED or whatever the call came to,
     * and the slot stays taken until then; a call that does not end within the worker's grace costs the process. Comes at most
     * once per call, never before execute for it has returned, but possibly after its final: ignore ids that are not open. */
    void (*cancel)(sluice_instance *instance, uint64_t call_id);

    /* How the instance is, from what is known: answer at once, without asking an upstream. May write a JSON object with
     * details. Returns SLUICE_OK when well, SLUICE_OVERLOADED when it should be given less, SLUICE_FATAL when the worker
     * is to be replaced, any other status when calls would fail with it now. */
    int32_t (*health)(sluice_instance *instance, sluice_buffer_lent *report);

    /* Writes a flat JSON object of numbers (requests, tokens, bytes held, ...). Returns SLUICE_OK, or another status when there
     * are none. At once, as health. */
    int32_t (*stats)(sluice_instance *instance, sluice_buffer_lent *report);
} sluice_backend;

/* The entry. Returns the backend's table, or NULL when it cannot work with this host. Do nothing here but keep `host`: it
 * is also called in a short-lived process that only reads the table. */
SLUICE_EXPORT const sluice_backend *sluice_backend_entry(const sluice_host *host);

/* The type of the entry. */
typedef const sluice_backend *(*sluice_backend_entry_function)(const sluice_host *host);

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_BACKEND_H */
