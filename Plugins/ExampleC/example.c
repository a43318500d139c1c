/* A backend in plain C: answers chat requests with their length, on a thread of its own. It keeps the contract of
 * sluice_backend.h and little else; `sluice backends check libExampleC.so` says so. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_backend.h"

typedef struct job {
    struct job *next;
    uint64_t id;
    size_t size; /* of the request */
} job;

struct sluice_instance {
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows; never held while calling the host */
    pthread_cond_t wake;
    job *first, **last;
    int stopping;
    unsigned long long answered;
};

static const sluice_host *host;

static void say(sluice_buffer_lent *to, const char *text) { to->size = (size_t)snprintf((char *)to->data, to->capacity, "%s", text); }

static void answer(uint64_t id, int32_t status, const char *text, size_t tokens) {
    sluice_bytes_borrowed bytes = {(const uint8_t *)text, strlen(text)}, none = {NULL, 0};
    sluice_usage usage = {tokens, 1};
    sluice_final_borrowed good = {sizeof good, SLUICE_OK, 0, &usage, bytes, none};
    sluice_final_borrowed bad = {sizeof bad, status, 0, NULL, none, bytes};
    host->on_final(id, status == SLUICE_OK ? &good : &bad);
}

/* Answers until it is to stop; what is left then is answered as cancelled. */
static void *work(void *argument) {
    sluice_instance *self = argument;
    char text[256];
    pthread_mutex_lock(&self->lock);
    for (;;) {
        while (!self->first && !self->stopping) pthread_cond_wait(&self->wake, &self->lock);
        job *next = self->first;
        int is_over = self->stopping;
        if (!next) break;
        if (!(self->first = next->next)) self->last = &self->first;
        self->answered++;
        pthread_mutex_unlock(&self->lock);
        if (host->is_cancelled(next->id)) is_over = 1;
        snprintf(text, sizeof text, "{\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
                 "\"assistant\",\"content\":\"You sent %zu bytes.\"},\"finish_reason\":\"stop\"}]}", next->size);
        answer(next->id, is_over ? SLUICE_CANCELLED : SLUICE_OK, is_over ? "cancelled" : text, next->size / 4);
        free(next);
        pthread_mutex_lock(&self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* Not a JSON parser, but a bracket counter that knows strings: whether `b` is one closed object that mentions messages. A
 * real backend parses. */
static int looks_like_request(sluice_bytes_borrowed b) {
    size_t depth = 0, end = b.size;
    int in_text = 0, found = 0;
    while (end > 0 && memchr(" \t\r\n", b.data[end - 1], 4)) end--;
    for (size_t i = 0; i < end; i++) {
        uint8_t c = b.data[i];
        if (c >= 0xf5 || c == 0 || (depth == 0 && c != '{')) return 0; /* never in UTF-8, never in JSON, not an object */
        if (in_text && c == '\\') i++;
        else if (c == '"' && (in_text = !in_text)) found |= end - i > 10 && !memcmp(b.data + i, "\"messages\"", 10);
        else if (!in_text && (c == '{' || c == '[')) depth++;
        else if (!in_text && (c == '}' || c == ']') && --depth == 0) return found && i + 1 == end;
    }
    return 0;
}

static int32_t create(sluice_bytes_borrowed config, uint32_t slots, sluice_instance **out, sluice_buffer_lent *error) {
    (void)slots;
    if (config.size != 0 && !(config.size == 2 && !memcmp(config.data, "{}", 2)))
        return say(error, "the example has no settings: give it {} or nothing"), SLUICE_INVALID_REQUEST;
    sluice_instance *self = malloc(sizeof *self);
    if (!self) return say(error, "out of memory"), SLUICE_OVERLOADED;
    *self = (sluice_instance){.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .last = &self->first};
    if (pthread_create(&self->thread, NULL, work, self)) return free(self), say(error, "no thread"), SLUICE_OVERLOADED;
    *out = self;
    return SLUICE_OK;
}

static void push(sluice_instance *self, job *next) { /* NULL tells the thread to stop */
    pthread_mutex_lock(&self->lock);
    if (next) *self->last = next, self->last = &next->next; else self->stopping = 1;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->lock);
}

static void destroy(sluice_instance *self) {
    push(self, NULL);
    pthread_join(self->thread, NULL);
    free(self);
}

static int32_t execute(sluice_instance *self, const sluice_call_borrowed *call) {
    if (call->kind != SLUICE_CHAT) return SLUICE_UNSUPPORTED;
    if (!looks_like_request(call->body)) /* what is known at once may be answered from here */
        return answer(call->call_id, SLUICE_INVALID_REQUEST, "not a JSON object with messages", 0), SLUICE_OK;
    job *next = malloc(sizeof *next);
    if (!next) return SLUICE_OVERLOADED;
    *next = (job){NULL, call->call_id, call->body.size}; /* the body is borrowed: take what is needed of it */
    push(self, next);
    return SLUICE_OK;
}

/* The thread asks is_cancelled before it answers, and answers soon. */
static void cancel(sluice_instance *self, uint64_t call_id) { (void)self, (void)call_id; }

static int32_t health(sluice_instance *self, sluice_buffer_lent *report) { return (void)self, say(report, "{}"), SLUICE_OK; }

static int32_t stats(sluice_instance *self, sluice_buffer_lent *report) {
    pthread_mutex_lock(&self->lock);
    report->size = (size_t)snprintf((char *)report->data, report->capacity, "{\"answered\":%llu}", self->answered);
    pthread_mutex_unlock(&self->lock);
    return SLUICE_OK;
}

static const sluice_backend backend = {
    sizeof backend, SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR, SLUICE_CAN_CHAT, "example-c", "1.0.0", 256, 1,
    create, destroy, execute, cancel, health, stats,
};

const sluice_backend *sluice_backend_entry(const sluice_host *given) {
    if (given->abi_major != SLUICE_ABI_MAJOR) return NULL;
    host = given;
    return &backend;
}
