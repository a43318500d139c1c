/*
 * CLlama.h: what the local backend needs of libllama, behind functions of our own.
 *
 * libllama is loaded at run time and compiled against its own header, so its structures, which pass by value, are never
 * written down here. Built without that header every function is still there, and `cllama_load` says that nothing was built.
 *
 * Threads: load from one thread. A model may be read (tokenise, pieces, templates) from many threads at once; a context and a
 * sampler belong to one thread at a time.
 */
#ifndef SLUICE_CLLAMA_H
#define SLUICE_CLLAMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cllama_model cllama_model;
typedef struct cllama_context cllama_context;
typedef struct cllama_sampler cllama_sampler;

/* Room every `error` and `text` of fixed size below has, NUL included. */
#define CLLAMA_TEXT_BYTES 1024

/* The folder libllama was built in, or NULL when this was compiled without it. */
const char *cllama_built_directory(void);

/* Where the shared object this code is in lies (its folder), or NULL. */
const char *cllama_own_directory(void);

/* Loads `directory`/libllama.so, once per process, and checks that it is the version and has the structures this was
 * compiled against. False with a sentence in `error` that names both. */
bool cllama_load(const char *directory, char *error);

/* The version of the library that was loaded, NULL before. */
const char *cllama_version(void);

/* Where lines of libllama go, instead of to standard error. Levels: 1 debug, 2 info, 3 warning, 4 error. */
void cllama_set_log(void (*log)(int32_t level, const char *text));

/* --- models ---------------------------------------------------------------------------------------------------- */

typedef struct cllama_model_facts {
    int32_t vocabulary;      /* tokens */
    int32_t trained_context; /* tokens */
    int32_t dimensions;      /* of an embedding */
    int32_t layers;
    int32_t heads, heads_kv;
    uint64_t bytes;          /* of all tensors */
    uint64_t parameters;
    bool has_encoder, has_decoder;
    bool can_share_prefixes; /* whether a part of a sequence can be kept: not so with recurrent or windowed memory */
    int32_t beginning, end;  /* tokens, -1 when the model has none */
} cllama_model_facts;

/* NULL with a sentence in `error`. */
cllama_model *cllama_model_open(const char *path, int32_t gpu_layers, bool use_mmap, bool use_mlock, char *error);
void cllama_model_close(cllama_model *model);
cllama_model_facts cllama_model_facts_of(const cllama_model *model);
/* The value of a metadata key, written to `text`; false when there is none. */
bool cllama_model_metadata(const cllama_model *model, const char *key, char *text);
/* The template in the metadata, NULL when there is none. Lives as long as the model. */
const char *cllama_model_template(const cllama_model *model);

/* The number of tokens; negative: how many there would be, more than `capacity`. */
int32_t cllama_tokenize(
    const cllama_model *model, const char *text, int32_t size, int32_t *tokens, int32_t capacity, bool add_special,
    bool parse_special);
/* The bytes of a token, possibly a part of a character; negative: how many there would be. */
int32_t cllama_piece(const cllama_model *model, int32_t token, char *bytes, int32_t capacity, bool special);
bool cllama_is_end(const cllama_model *model, int32_t token);
/* The prompt for a conversation: its size, which may exceed `capacity`; negative when the template is not known. */
int32_t cllama_apply_template(
    const char *template_text, const char *const *roles, const char *const *contents, size_t count, char *text,
    int32_t capacity);

/* --- contexts -------------------------------------------------------------------------------------------------- */

typedef struct cllama_context_settings {
    uint32_t context;   /* tokens of each sequence */
    uint32_t sequences;
    uint32_t batch;     /* tokens of one decode at most */
    int32_t threads;
    int32_t pooling;    /* -1: no embeddings; 0 none, 1 mean, 2 first token, 3 last token; -2: as the model says */
} cllama_context_settings;

cllama_context *cllama_context_open(cllama_model *model, cllama_context_settings settings, char *error);
void cllama_context_close(cllama_context *context);
/* What one sequence may really hold: at least what was asked for. */
uint32_t cllama_context_size(const cllama_context *context);
/* How embeddings are pooled: 0 none, 1 mean, 2 first, 3 last, 4 rank. */
int32_t cllama_context_pooling(const cllama_context *context);

void cllama_batch_clear(cllama_context *context);
/* The index of the token in the batch, which `cllama_logits` takes; -1 when the batch is full. */
int32_t cllama_batch_add(cllama_context *context, int32_t token, int32_t position, int32_t sequence, bool wants_output);
/* 0: done. Positive: no room. Negative: failed. */
int32_t cllama_decode(cllama_context *context);

/* Of the token at `index` in the last batch. Valid until the next decode. */
float *cllama_logits(cllama_context *context, int32_t index);
/* The token with the largest logit. */
int32_t cllama_best(cllama_context *context, int32_t index);
/* The pooled embedding of a sequence of the last batch, NULL when there is none. */
const float *cllama_embedding(cllama_context *context, int32_t sequence);

/* Forgets the sequence from `position` on. False when only the whole can be forgotten. */
bool cllama_forget(cllama_context *context, int32_t sequence, int32_t position);
/* Makes `target` the same as `source`; its memory is copied at the next decode. */
void cllama_copy(cllama_context *context, int32_t source, int32_t target);

/* --- samplers -------------------------------------------------------------------------------------------------- */

typedef struct cllama_sampling {
    float temperature; /* 0: the best token */
    int32_t top_k;     /* 0: off */
    float top_p;       /* 1: off */
    float min_p;       /* 0: off */
    int32_t penalty_window; /* tokens, 0: off */
    float repeat_penalty;   /* 1: off */
    float frequency_penalty, presence_penalty;
    uint32_t seed;
    const int32_t *bias_tokens;
    const float *bias_values;
    int32_t bias_count;
    const char *grammar; /* GBNF with the rule root, NULL: none */
} cllama_sampling;

/* NULL when the grammar cannot be read. */
cllama_sampler *cllama_sampler_open(const cllama_model *model, cllama_sampling settings);
void cllama_sampler_close(cllama_sampler *sampler);
/* Draws a token and takes note of it; -1 when the grammar lets none through. */
int32_t cllama_sample(cllama_sampler *sampler, cllama_context *context, int32_t index);

#endif /* SLUICE_CLLAMA_H */
