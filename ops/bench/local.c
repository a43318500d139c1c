/*
 * Compares the local backend with plain C on libllama: the same model, prompts, batch and number of tokens, one after the
 * other in one process, best of several rounds. ops/bench-local.sh builds and runs it.
 *
 * usage: bench LIBLOCALBACKEND.SO MODEL.GGUF ROUNDS TOKENS
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <llama.h>
#include <pthread.h>
#include <sluice_backend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_CALLS 64
#define CONTEXT 512
static const char *const prompt_text = "<|im_start|>user\nTell me a story.<|im_end|>\n<|im_start|>assistant\n";

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void die(const char *what) {
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static void be_silent(enum ggml_log_level level, const char *text, void *unused) {
    (void)level, (void)text, (void)unused;
}

/* --- plain C --------------------------------------------------------------------------------------------------- */

static struct llama_model *model;
static struct llama_context *context;
static llama_token prompt[256];
static int prompt_count;

static llama_token best(int index) {
    const float *logits = llama_get_logits_ith(context, index);
    int count = llama_vocab_n_tokens(llama_model_get_vocab(model)), found = 0;
    for (int token = 1; token < count; token++)
        if (logits[token] > logits[found]) found = token;
    return found;
}

static void add(struct llama_batch *batch, llama_token token, int position, int sequence, int wants_output) {
    int index = batch->n_tokens++;
    batch->token[index] = token;
    batch->pos[index] = position;
    batch->n_seq_id[index] = 1;
    batch->seq_id[index][0] = sequence;
    batch->logits[index] = (int8_t)wants_output;
}

/* Tokens a second, of `calls` texts of `tokens` tokens at once. */
static double plain(int calls, int tokens, char *text, size_t room) {
    llama_memory_clear(llama_get_memory(context), false);
    struct llama_batch batch = llama_batch_init(MAX_CALLS * 64, 0, 1);
    llama_token next[MAX_CALLS];
    int outputs[MAX_CALLS];
    size_t written = 0;
    double began = now();
    for (int call = 0; call < calls; call++) {
        for (int index = 0; index < prompt_count; index++) {
            if (index == prompt_count - 1) outputs[call] = batch.n_tokens;
            add(&batch, prompt[index], index, call, index == prompt_count - 1);
        }
    }
    for (int token = 0; token < tokens; token++) {
        if (llama_decode(context, batch) != 0) die("llama_decode failed");
        for (int call = 0; call < calls; call++) {
            next[call] = best(outputs[call]);
            char piece[64];
            int size = llama_token_to_piece(llama_model_get_vocab(model), next[call], piece, sizeof piece, 0, false);
            if (call == 0 && size > 0 && written + (size_t)size < room) {
                memcpy(text + written, piece, (size_t)size);
                written += (size_t)size;
            }
        }
        batch.n_tokens = 0;
        for (int call = 0; call < calls; call++) {
            outputs[call] = batch.n_tokens;
            add(&batch, next[call], prompt_count + token, call, 1);
        }
    }
    double seconds = now() - began;
    text[written] = 0;
    llama_batch_free(batch);
    return calls * tokens / seconds;
}

/* --- the backend ----------------------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int open_calls, failures;
static uint64_t made_tokens;
static char answer[65536];

static void on_chunk(uint64_t id, sluice_bytes_borrowed chunk) { (void)id, (void)chunk; }

static void on_final(uint64_t id, const sluice_final_borrowed *result) {
    (void)id;
    pthread_mutex_lock(&lock);
    if (result->status != SLUICE_OK) {
        failures++;
        fprintf(stderr, "bench: %.*s\n", (int)result->message.size, (const char *)result->message.data);
    } else {
        made_tokens += result->usage != NULL ? result->usage->completion_tokens : 0;
        snprintf(answer, sizeof answer, "%.*s", (int)result->body.size, (const char *)result->body.data);
    }
    open_calls--;
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&lock);
}

static int32_t is_cancelled(uint64_t id) {
    (void)id;
    return 0;
}

static void log_line(int32_t level, sluice_bytes_borrowed text) {
    if (level >= SLUICE_LOG_WARNING) fprintf(stderr, "backend: %.*s\n", (int)text.size, (const char *)text.data);
}

static const sluice_host host = {
    .struct_size = sizeof host,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .on_chunk = on_chunk,
    .on_final = on_final,
    .is_cancelled = is_cancelled,
    .log = log_line,
};

static double hosted(const sluice_backend *backend, sluice_instance *instance, int calls, int tokens) {
    static uint64_t generation = 1;
    char body[1024];
    int size = snprintf(
        body, sizeof body,
        "{\"prompt\":\"<|im_start|>user\\nTell me a story.<|im_end|>\\n<|im_start|>assistant\\n\",\"temperature\":0,"
        "\"max_tokens\":%d,\"ignore_eos\":true}",
        tokens);
    open_calls = calls;
    made_tokens = 0;
    double began = now();
    for (int call = 0; call < calls; call++) {
        sluice_call_borrowed request = {
            .struct_size = sizeof request,
            .kind = SLUICE_COMPLETION,
            .attempt = 1,
            .call_id = generation++ << 16 | (uint64_t)call,
            .job_id = call,
            .body = {(const uint8_t *)body, (size_t)size},
        };
        if (backend->execute(instance, &request) != SLUICE_OK) die("execute refused");
    }
    pthread_mutex_lock(&lock);
    while (open_calls > 0) pthread_cond_wait(&ended, &lock);
    pthread_mutex_unlock(&lock);
    double seconds = now() - began;
    if (failures > 0 || made_tokens != (uint64_t)calls * (uint64_t)tokens) die("the backend did not answer");
    return calls * tokens / seconds;
}

int main(int count, char **arguments) {
    if (count != 5) die("usage: bench LIBLOCALBACKEND.SO MODEL.GGUF ROUNDS TOKENS");
    int rounds = atoi(arguments[3]), tokens = atoi(arguments[4]);
    if (rounds < 1 || tokens < 1 || tokens > CONTEXT - 64) die("ROUNDS must be positive, TOKENS in 1...448");
    llama_log_set(be_silent, NULL);
    struct llama_model_params model_params = llama_model_default_params();
    model_params.n_gpu_layers = 0;
    model = llama_model_load_from_file(arguments[2], model_params);
    if (model == NULL) die("the model cannot be loaded");
    prompt_count = llama_tokenize(
        llama_model_get_vocab(model), prompt_text, (int)strlen(prompt_text), prompt, 256, true, true);
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) die(dlerror());
    sluice_backend_entry_function entry = (sluice_backend_entry_function)dlsym(library, SLUICE_ENTRY_SYMBOL);
    const sluice_backend *backend = entry != NULL ? entry(&host) : NULL;
    if (backend == NULL) die("the backend has no table");

    static const int shapes[] = {1, 8, 32};
    printf("%8s %14s %14s %8s\n", "at once", "plain C", "backend", "ratio");
    for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
        int calls = shapes[shape];
        struct llama_context_params params = llama_context_default_params();
        params.n_ctx = (uint32_t)(CONTEXT * calls);
        params.n_seq_max = (uint32_t)calls;
        params.n_batch = MAX_CALLS * 64;
        params.n_threads = params.n_threads_batch = 1;
        context = llama_init_from_model(model, params);
        if (context == NULL) die("no context");
        char config[2048];
        /* Every prompt is read, as the plain program does it. */
        int size = snprintf(
            config, sizeof config, "{\"model\":\"%s\",\"context\":%d,\"prefix_reuse\":0}", arguments[2], CONTEXT);
        char sentence[SLUICE_MAX_MESSAGE_BYTES + 1] = {0};
        sluice_instance *instance = NULL;
        sluice_buffer_lent error = {(uint8_t *)sentence, SLUICE_MAX_MESSAGE_BYTES, 0};
        sluice_bytes_borrowed bytes = {(const uint8_t *)config, (size_t)size};
        if (backend->create(bytes, (uint32_t)calls, &instance, &error) != SLUICE_OK) die(sentence);
        static char text[65536];
        double best_plain = 0, best_hosted = 0;
        for (int round = 0; round <= rounds; round++) {
            double one = plain(calls, tokens, text, sizeof text), other = hosted(backend, instance, calls, tokens);
            /* The first round warms up. */
            if (round == 0) continue;
            if (one > best_plain) best_plain = one;
            if (other > best_hosted) best_hosted = other;
        }
        char beginning[33];
        snprintf(beginning, sizeof beginning, "%s", text);
        if (strstr(answer, beginning) == NULL) die("the two did not write the same");
        printf("%8d %10.0f t/s %10.0f t/s %7.1f%%\n", calls, best_plain, best_hosted, 100 * best_hosted / best_plain);
        backend->destroy(instance);
        llama_free(context);
    }
    llama_model_free(model);
    return 0;
}
