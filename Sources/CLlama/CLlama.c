#define _GNU_SOURCE
#include "CLlama.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE(error, ...) ((void)snprintf((error), CLLAMA_TEXT_BYTES, __VA_ARGS__))

const char *cllama_own_directory(void) {
    static char directory[CLLAMA_TEXT_BYTES];
    Dl_info info;
    if (directory[0] == 0) {
        if (dladdr((void *)&cllama_own_directory, &info) == 0 || info.dli_fname == NULL) return NULL;
        SENTENCE(directory, "%s", info.dli_fname);
        char *slash = strrchr(directory, '/');
        if (slash == NULL) return NULL;
        *slash = 0;
    }
    return directory;
}

#ifdef SLUICE_LLAMA

#include <ggml-cpu.h>
#include <llama.h>
#include <sluice_llama_version.h>

/* Every function used, with the type the header gives it. */
#define FUNCTIONS(USE)                                                                                                 \
    USE(llama_version) USE(llama_log_set) USE(llama_backend_init)                                                      \
    USE(llama_model_default_params) USE(llama_context_default_params) USE(llama_sampler_chain_default_params)          \
    USE(llama_model_load_from_file) USE(llama_model_free) USE(llama_model_get_vocab) USE(llama_model_n_ctx_train)      \
    USE(llama_model_n_embd_out) USE(llama_model_n_layer) USE(llama_model_n_head) USE(llama_model_n_head_kv)            \
    USE(llama_model_size) USE(llama_model_n_params) USE(llama_model_has_encoder) USE(llama_model_has_decoder)          \
    USE(llama_model_is_recurrent) USE(llama_model_is_hybrid) USE(llama_model_n_swa) USE(llama_model_meta_val_str)      \
    USE(llama_model_chat_template) USE(llama_vocab_n_tokens) USE(llama_vocab_bos) USE(llama_vocab_eos)                 \
    USE(llama_vocab_is_eog) USE(llama_tokenize) USE(llama_token_to_piece) USE(llama_chat_apply_template)               \
    USE(llama_init_from_model) USE(llama_free) USE(llama_n_ctx_seq) USE(llama_pooling_type) USE(llama_get_memory)      \
    USE(llama_memory_seq_rm) USE(llama_memory_seq_cp) USE(llama_memory_clear) USE(llama_batch_init)                    \
    USE(llama_batch_free) USE(llama_decode) USE(llama_encode) USE(llama_get_logits_ith)                                \
    USE(llama_get_embeddings_seq) USE(llama_attach_threadpool) USE(llama_detach_threadpool)                            \
    USE(ggml_threadpool_params_default) USE(ggml_threadpool_new) USE(ggml_threadpool_free)                             \
    USE(llama_sampler_chain_init) USE(llama_sampler_chain_add) USE(llama_sampler_free) USE(llama_sampler_apply)        \
    USE(llama_sampler_accept) USE(llama_sampler_init_greedy) USE(llama_sampler_init_dist)                              \
    USE(llama_sampler_init_top_k) USE(llama_sampler_init_top_p) USE(llama_sampler_init_min_p)                          \
    USE(llama_sampler_init_temp) USE(llama_sampler_init_penalties) USE(llama_sampler_init_logit_bias)                  \
    USE(llama_sampler_init_grammar)

static struct {
#define FIELD(name) __typeof__(&name) name;
    FUNCTIONS(FIELD)
} api;
static bool is_loaded;
static void (*receiver)(int32_t, const char *);
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
/* The last complaint, for the sentence a failure is reported with. */
static char last_complaint[CLLAMA_TEXT_BYTES];

struct cllama_model {
    struct llama_model *model;
    const struct llama_vocab *vocab;
};

struct cllama_context {
    struct llama_context *context;
    llama_memory_t memory;
    struct llama_batch batch;
    ggml_threadpool_t threads;
    int32_t capacity;
    int32_t vocabulary;
    bool has_decoder;
};

struct cllama_sampler {
    struct llama_sampler *chain;
    struct llama_sampler *grammar;
    llama_token_data *candidates;
    int32_t vocabulary;
};

const char *cllama_built_directory(void) { return SLUICE_LLAMA; }

static void take_line(enum ggml_log_level level, const char *text, void *unused) {
    (void)unused;
    static int previous = GGML_LOG_LEVEL_INFO;
    pthread_mutex_lock(&log_lock);
    int is_more = level == GGML_LOG_LEVEL_CONT;
    int effective = is_more ? previous : (int)level;
    previous = effective;
    void (*log)(int32_t, const char *) = receiver;
    if (effective >= GGML_LOG_LEVEL_WARN && !is_more) {
        SENTENCE(last_complaint, "%s", text);
        size_t size = strlen(last_complaint);
        while (size > 0 && last_complaint[size - 1] == '\n') last_complaint[--size] = 0;
    }
    pthread_mutex_unlock(&log_lock);
    if (log != NULL) log(effective, text);
}

static void copy_complaint(char *text) {
    pthread_mutex_lock(&log_lock);
    SENTENCE(text, "%s", last_complaint);
    last_complaint[0] = 0;
    pthread_mutex_unlock(&log_lock);
}

/* The defaults this was compiled against. A library whose structures differ gives others: by their order or their size. */
static const char *first_strange_default(void) {
    struct llama_model_params model = api.llama_model_default_params();
    struct llama_context_params context = api.llama_context_default_params();
    if (model.n_gpu_layers != -1) return "llama_model_params.n_gpu_layers";
    if (model.split_mode != LLAMA_SPLIT_MODE_LAYER) return "llama_model_params.split_mode";
    if (model.load_mode != LLAMA_LOAD_MODE_AUTO) return "llama_model_params.load_mode";
    if (!model.use_extra_bufts || model.vocab_only || model.load_mtp) return "llama_model_params.use_extra_bufts";
    if (context.n_ctx != 512) return "llama_context_params.n_ctx";
    if (context.n_batch != 2048) return "llama_context_params.n_batch";
    if (context.n_ubatch != 512) return "llama_context_params.n_ubatch";
    if (context.n_seq_max != 1) return "llama_context_params.n_seq_max";
    if (context.pooling_type != LLAMA_POOLING_TYPE_UNSPECIFIED) return "llama_context_params.pooling_type";
    if (context.flash_attn_type != LLAMA_FLASH_ATTN_TYPE_AUTO) return "llama_context_params.flash_attn_type";
    if (context.type_k != GGML_TYPE_F16 || context.type_v != GGML_TYPE_F16) return "llama_context_params.type_k";
    if (context.embeddings || !context.offload_kqv || !context.no_perf || context.kv_unified)
        return "llama_context_params.embeddings";
    if (context.n_samplers != 0 || context.ctx_other != NULL) return "llama_context_params.n_samplers";
    return NULL;
}

bool cllama_load(const char *directory, char *error) {
    char path[CLLAMA_TEXT_BYTES];
    if (is_loaded) return true;
    if (strlen(directory) + sizeof "/libllama.so" > sizeof path) {
        SENTENCE(error, "the path of libllama is too long");
        return false;
    }
    SENTENCE(path, "%s/libllama.so", directory);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == NULL) {
        SENTENCE(error, "libllama cannot be loaded: %s", dlerror());
        return false;
    }
    /* Names of libggml are found through libllama, which it is a dependency of. */
    const char *missing = NULL;
#define FIND(name)                                                                                                     \
    if ((api.name = (__typeof__(&name))dlsym(library, #name)) == NULL) missing = #name;
    FUNCTIONS(FIND)
    if (missing != NULL) {
        SENTENCE(error, "%s has no %s: it is not the libllama %s this backend was built with", path, missing,
                 SLUICE_LLAMA_VERSION);
        return false;
    }
    api.llama_log_set(take_line, NULL);
    if (strcmp(api.llama_version(), SLUICE_LLAMA_VERSION) != 0) {
        SENTENCE(error, "%s is libllama %s, and this backend was built with %s: build it again with that one", path,
                 api.llama_version(), SLUICE_LLAMA_VERSION);
        return false;
    }
    const char *strange = first_strange_default();
    if (strange != NULL) {
        SENTENCE(error, "%s is libllama %s and this backend was built with %s, but the default of %s is not the known one",
                 path, api.llama_version(), SLUICE_LLAMA_VERSION, strange);
        return false;
    }
    api.llama_backend_init();
    is_loaded = true;
    return true;
}

const char *cllama_version(void) { return is_loaded ? api.llama_version() : NULL; }

void cllama_set_log(void (*log)(int32_t, const char *)) {
    pthread_mutex_lock(&log_lock);
    receiver = log;
    pthread_mutex_unlock(&log_lock);
}

cllama_model *cllama_model_open(const char *path, int32_t gpu_layers, bool use_mmap, bool use_mlock, char *error) {
    struct llama_model_params params = api.llama_model_default_params();
    params.n_gpu_layers = gpu_layers;
    params.load_mode = use_mmap ? (use_mlock ? LLAMA_LOAD_MODE_MMAP_MLOCK : LLAMA_LOAD_MODE_MMAP)
                                : (use_mlock ? LLAMA_LOAD_MODE_MLOCK : LLAMA_LOAD_MODE_NONE);
    copy_complaint(error);
    struct llama_model *loaded = api.llama_model_load_from_file(path, params);
    copy_complaint(error);
    if (loaded == NULL) return NULL;
    cllama_model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        api.llama_model_free(loaded);
        SENTENCE(error, "out of memory");
        return NULL;
    }
    model->model = loaded;
    model->vocab = api.llama_model_get_vocab(loaded);
    return model;
}

void cllama_model_close(cllama_model *model) {
    if (model == NULL) return;
    api.llama_model_free(model->model);
    free(model);
}

cllama_model_facts cllama_model_facts_of(const cllama_model *model) {
    const struct llama_model *loaded = model->model;
    return (cllama_model_facts){
        .vocabulary = api.llama_vocab_n_tokens(model->vocab),
        .trained_context = api.llama_model_n_ctx_train(loaded),
        .dimensions = api.llama_model_n_embd_out(loaded),
        .layers = api.llama_model_n_layer(loaded),
        .heads = api.llama_model_n_head(loaded),
        .heads_kv = api.llama_model_n_head_kv(loaded),
        .bytes = api.llama_model_size(loaded),
        .parameters = api.llama_model_n_params(loaded),
        .has_encoder = api.llama_model_has_encoder(loaded),
        .has_decoder = api.llama_model_has_decoder(loaded),
        .can_share_prefixes = !api.llama_model_is_recurrent(loaded) && !api.llama_model_is_hybrid(loaded)
            && api.llama_model_n_swa(loaded) == 0,
        .beginning = api.llama_vocab_bos(model->vocab),
        .end = api.llama_vocab_eos(model->vocab),
    };
}

bool cllama_model_metadata(const cllama_model *model, const char *key, char *text) {
    return api.llama_model_meta_val_str(model->model, key, text, CLLAMA_TEXT_BYTES) >= 0;
}

const char *cllama_model_template(const cllama_model *model) {
    return api.llama_model_chat_template(model->model, NULL);
}

int32_t cllama_tokenize(
    const cllama_model *model, const char *text, int32_t size, int32_t *tokens, int32_t capacity, bool add_special,
    bool parse_special) {
    return api.llama_tokenize(model->vocab, text, size, tokens, capacity, add_special, parse_special);
}

int32_t cllama_piece(const cllama_model *model, int32_t token, char *bytes, int32_t capacity, bool special) {
    return api.llama_token_to_piece(model->vocab, token, bytes, capacity, 0, special);
}

bool cllama_is_end(const cllama_model *model, int32_t token) { return api.llama_vocab_is_eog(model->vocab, token); }

int32_t cllama_apply_template(
    const char *template_text, const char *const *roles, const char *const *contents, size_t count, char *text,
    int32_t capacity) {
    struct llama_chat_message *messages = calloc(count + 1, sizeof *messages);
    if (messages == NULL) return -1;
    for (size_t index = 0; index < count; index++)
        messages[index] = (struct llama_chat_message){.role = roles[index], .content = contents[index]};
    int32_t size = api.llama_chat_apply_template(template_text, messages, count, true, text, capacity);
    free(messages);
    return size;
}

cllama_context *cllama_context_open(cllama_model *model, cllama_context_settings settings, char *error) {
    struct llama_context_params params = api.llama_context_default_params();
    bool is_embedding = settings.pooling != -1;
    params.n_ctx = settings.context * settings.sequences;
    params.n_seq_max = settings.sequences;
    params.n_batch = settings.batch;
    /* Pooling needs a text in one piece; more than this in one piece costs memory and wins nothing when generating. */
    params.n_ubatch = is_embedding || settings.batch < 512 ? settings.batch : 512;
    params.n_threads = settings.threads;
    params.n_threads_batch = settings.threads;
    params.kv_unified = false;
    params.embeddings = is_embedding;
    if (settings.pooling >= 0) params.pooling_type = (enum llama_pooling_type)settings.pooling;
    cllama_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        SENTENCE(error, "out of memory");
        return NULL;
    }
    copy_complaint(error);
    context->context = api.llama_init_from_model(model->model, params);
    copy_complaint(error);
    if (context->context == NULL) {
        free(context);
        return NULL;
    }
    context->memory = api.llama_get_memory(context->context);
    context->batch = api.llama_batch_init((int32_t)settings.batch, 0, 1);
    context->capacity = (int32_t)settings.batch;
    context->vocabulary = api.llama_vocab_n_tokens(model->vocab);
    context->has_decoder = api.llama_model_has_decoder(model->model) && !api.llama_model_has_encoder(model->model);
    if (settings.threads > 1) {
        /* Without a pool every decode starts threads of its own. */
        struct ggml_threadpool_params pool = api.ggml_threadpool_params_default(settings.threads);
        context->threads = api.ggml_threadpool_new(&pool);
        if (context->threads != NULL) api.llama_attach_threadpool(context->context, context->threads, context->threads);
    }
    return context;
}

void cllama_context_close(cllama_context *context) {
    if (context == NULL) return;
    if (context->threads != NULL) api.llama_detach_threadpool(context->context);
    api.llama_batch_free(context->batch);
    api.llama_free(context->context);
    if (context->threads != NULL) api.ggml_threadpool_free(context->threads);
    free(context);
}

uint32_t cllama_context_size(const cllama_context *context) { return api.llama_n_ctx_seq(context->context); }

int32_t cllama_context_pooling(const cllama_context *context) { return api.llama_pooling_type(context->context); }

void cllama_batch_clear(cllama_context *context) { context->batch.n_tokens = 0; }

int32_t cllama_batch_add(cllama_context *context, int32_t token, int32_t position, int32_t sequence, bool wants_output) {
    struct llama_batch *batch = &context->batch;
    int32_t index = batch->n_tokens;
    if (index >= context->capacity) return -1;
    batch->token[index] = token;
    batch->pos[index] = position;
    batch->n_seq_id[index] = 1;
    batch->seq_id[index][0] = sequence;
    batch->logits[index] = wants_output;
    batch->n_tokens = index + 1;
    return index;
}

int32_t cllama_decode(cllama_context *context) {
    return context->has_decoder ? api.llama_decode(context->context, context->batch)
                                : api.llama_encode(context->context, context->batch);
}

float *cllama_logits(cllama_context *context, int32_t index) { return api.llama_get_logits_ith(context->context, index); }

int32_t cllama_best(cllama_context *context, int32_t index) {
    const float *logits = api.llama_get_logits_ith(context->context, index);
    if (logits == NULL) return -1;
    int32_t best = 0;
    for (int32_t token = 1; token < context->vocabulary; token++)
        if (logits[token] > logits[best]) best = token;
    return best;
}

const float *cllama_embedding(cllama_context *context, int32_t sequence) {
    return api.llama_get_embeddings_seq(context->context, sequence);
}

bool cllama_forget(cllama_context *context, int32_t sequence, int32_t position) {
    return context->memory == NULL || api.llama_memory_seq_rm(context->memory, sequence, position, -1);
}

void cllama_copy(cllama_context *context, int32_t source, int32_t target) {
    /* Sequences have memory of their own (kv_unified is off), and only whole ones can be copied. */
    if (context->memory != NULL) api.llama_memory_seq_cp(context->memory, source, target, -1, -1);
}

cllama_sampler *cllama_sampler_open(const cllama_model *model, cllama_sampling settings) {
    cllama_sampler *sampler = calloc(1, sizeof *sampler);
    if (sampler == NULL) return NULL;
    sampler->vocabulary = api.llama_vocab_n_tokens(model->vocab);
    sampler->candidates = calloc((size_t)sampler->vocabulary, sizeof *sampler->candidates);
    llama_logit_bias *bias = calloc((size_t)settings.bias_count + 1, sizeof *bias);
    struct llama_sampler *chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params());
    sampler->chain = chain;
    if (sampler->candidates == NULL || bias == NULL || chain == NULL) goto fail;
    if (settings.bias_count > 0) {
        for (int32_t index = 0; index < settings.bias_count; index++)
            bias[index] = (llama_logit_bias){settings.bias_tokens[index], settings.bias_values[index]};
        api.llama_sampler_chain_add(
            chain, api.llama_sampler_init_logit_bias(sampler->vocabulary, settings.bias_count, bias));
    }
    if (settings.penalty_window != 0)
        api.llama_sampler_chain_add(
            chain, api.llama_sampler_init_penalties(
                       sampler->vocabulary, settings.penalty_window, settings.repeat_penalty, settings.frequency_penalty,
                       settings.presence_penalty));
    if (settings.temperature <= 0) {
        api.llama_sampler_chain_add(chain, api.llama_sampler_init_greedy());
    } else {
        if (settings.top_k > 0) api.llama_sampler_chain_add(chain, api.llama_sampler_init_top_k(settings.top_k));
        if (settings.top_p < 1) api.llama_sampler_chain_add(chain, api.llama_sampler_init_top_p(settings.top_p, 1));
        if (settings.min_p > 0) api.llama_sampler_chain_add(chain, api.llama_sampler_init_min_p(settings.min_p, 1));
        api.llama_sampler_chain_add(chain, api.llama_sampler_init_temp(settings.temperature));
        api.llama_sampler_chain_add(chain, api.llama_sampler_init_dist(settings.seed));
    }
    if (settings.grammar != NULL) {
        sampler->grammar = api.llama_sampler_init_grammar(model->vocab, settings.grammar, "root");
        if (sampler->grammar == NULL) goto fail;
    }
    free(bias);
    return sampler;
fail:
    free(bias);
    cllama_sampler_close(sampler);
    return NULL;
}

void cllama_sampler_close(cllama_sampler *sampler) {
    if (sampler == NULL) return;
    if (sampler->chain != NULL) api.llama_sampler_free(sampler->chain);
    if (sampler->grammar != NULL) api.llama_sampler_free(sampler->grammar);
    free(sampler->candidates);
    free(sampler);
}

static llama_token_data_array all_candidates(cllama_sampler *sampler, const float *logits) {
    for (int32_t token = 0; token < sampler->vocabulary; token++)
        sampler->candidates[token] = (llama_token_data){.id = token, .logit = logits[token], .p = 0};
    return (llama_token_data_array){sampler->candidates, (size_t)sampler->vocabulary, -1, false};
}

static int32_t chosen(const llama_token_data_array *array) {
    return array->selected < 0 || (size_t)array->selected >= array->size ? -1 : (int32_t)array->data[array->selected].id;
}

int32_t cllama_sample(cllama_sampler *sampler, cllama_context *context, int32_t index) {
    const float *logits = api.llama_get_logits_ith(context->context, index);
    if (logits == NULL) return -1;
    llama_token_data_array array = all_candidates(sampler, logits);
    api.llama_sampler_apply(sampler->chain, &array);
    int32_t token = chosen(&array);
    if (token >= 0 && sampler->grammar != NULL) {
        /* Checking one token is cheap, checking all of them is not: only when the one does not pass. */
        llama_token_data one = {.id = token, .logit = 1, .p = 0};
        llama_token_data_array single = {&one, 1, -1, false};
        api.llama_sampler_apply(sampler->grammar, &single);
        if (isinf(one.logit)) {
            array = all_candidates(sampler, logits);
            api.llama_sampler_apply(sampler->grammar, &array);
            /* What the grammar refuses leaves the list: a chain without a choice would still choose. */
            size_t passed = 0;
            for (size_t candidate = 0; candidate < array.size; candidate++)
                if (!isinf(array.data[candidate].logit)) array.data[passed++] = array.data[candidate];
            array.size = passed;
            if (passed == 0) return -1;
            api.llama_sampler_apply(sampler->chain, &array);
            token = chosen(&array);
        }
    }
    if (token < 0) return -1;
    if (sampler->grammar != NULL) api.llama_sampler_accept(sampler->grammar, token);
    api.llama_sampler_accept(sampler->chain, token);
    return token;
}

#else

static const char absent[] =
    "the local backend was built without libllama: run ops/llama.sh (make build does), then build again";

struct cllama_model {
    int unused;
};

const char *cllama_built_directory(void) { return NULL; }
bool cllama_load(const char *directory, char *error) {
    (void)directory;
    SENTENCE(error, "%s", absent);
    return false;
}
const char *cllama_version(void) { return NULL; }
void cllama_set_log(void (*log)(int32_t, const char *)) { (void)log; }
cllama_model *cllama_model_open(const char *path, int32_t gpu_layers, bool use_mmap, bool use_mlock, char *error) {
    (void)path, (void)gpu_layers, (void)use_mmap, (void)use_mlock;
    SENTENCE(error, "%s", absent);
    return NULL;
}
void cllama_model_close(cllama_model *model) { (void)model; }
cllama_model_facts cllama_model_facts_of(const cllama_model *model) {
    (void)model;
    return (cllama_model_facts){0};
}
bool cllama_model_metadata(const cllama_model *model, const char *key, char *text) {
    (void)model, (void)key, (void)text;
    return false;
}
const char *cllama_model_template(const cllama_model *model) {
    (void)model;
    return NULL;
}
int32_t cllama_tokenize(
    const cllama_model *model, const char *text, int32_t size, int32_t *tokens, int32_t capacity, bool add_special,
    bool parse_special) {
    (void)model, (void)text, (void)size, (void)tokens, (void)capacity, (void)add_special, (void)parse_special;
    return 0;
}
int32_t cllama_piece(const cllama_model *model, int32_t token, char *bytes, int32_t capacity, bool special) {
    (void)model, (void)token, (void)bytes, (void)capacity, (void)special;
    return 0;
}
bool cllama_is_end(const cllama_model *model, int32_t token) {
    (void)model, (void)token;
    return true;
}
int32_t cllama_apply_template(
    const char *template_text, const char *const *roles, const char *const *contents, size_t count, char *text,
    int32_t capacity) {
    (void)template_text, (void)roles, (void)contents, (void)count, (void)text, (void)capacity;
    return -1;
}
cllama_context *cllama_context_open(cllama_model *model, cllama_context_settings settings, char *error) {
    (void)model, (void)settings;
    SENTENCE(error, "%s", absent);
    return NULL;
}
void cllama_context_close(cllama_context *context) { (void)context; }
uint32_t cllama_context_size(const cllama_context *context) {
    (void)context;
    return 0;
}
int32_t cllama_context_pooling(const cllama_context *context) {
    (void)context;
    return 0;
}
void cllama_batch_clear(cllama_context *context) { (void)context; }
int32_t cllama_batch_add(cllama_context *context, int32_t token, int32_t position, int32_t sequence, bool wants_output) {
    (void)context, (void)token, (void)position, (void)sequence, (void)wants_output;
    return -1;
}
int32_t cllama_decode(cllama_context *context) {
    (void)context;
    return -1;
}
float *cllama_logits(cllama_context *context, int32_t index) {
    (void)context, (void)index;
    return NULL;
}
int32_t cllama_best(cllama_context *context, int32_t index) {
    (void)context, (void)index;
    return -1;
}
const float *cllama_embedding(cllama_context *context, int32_t sequence) {
    (void)context, (void)sequence;
    return NULL;
}
bool cllama_forget(cllama_context *context, int32_t sequence, int32_t position) {
    (void)context, (void)sequence, (void)position;
    return true;
}
void cllama_copy(cllama_context *context, int32_t source, int32_t target) { (void)context, (void)source, (void)target; }
cllama_sampler *cllama_sampler_open(const cllama_model *model, cllama_sampling settings) {
    (void)model, (void)settings;
    return NULL;
}
void cllama_sampler_close(cllama_sampler *sampler) { (void)sampler; }
int32_t cllama_sample(cllama_sampler *sampler, cllama_context *context, int32_t index) {
    (void)sampler, (void)context, (void)index;
    return -1;
}

#endif
