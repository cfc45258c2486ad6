/* One forward step of a dense decoder on the CPU, and the sampling that follows it.
 *
 * SIMD runs across the batch: every activation is stored feature-major, (features, lanes), so a
 * vector register holds one feature of VL lanes and every weight is a broadcast. Weights are read
 * in place in their training layout, (out, in) row-major: no copy of them is kept, so the
 * optimizer's update is visible to the next rollout at once. Each output element accumulates over
 * its inputs in one fixed order whatever the number of lanes, so a lane's result does not depend
 * on who else is in the batch, bit for bit.
 *
 * A lane is one token: (slot, position). Decoding is one lane per live completion; prefill is
 * many lanes of one slot in the same call. A slot may read the keys and values of another slot's
 * first tokens (the prompt that a group shares) before its own.
 *
 * Cache layout per layer: keys (slots, kv_heads, capacity / VL, head_dim, VL), so that scores of
 * VL keys are one vector; values (slots, kv_heads, capacity, head_dim).
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "matmul.h"

#if defined(__AVX512F__)
#define VL 16
#define TILE 12 /* rows of weights held against two vectors: 24 accumulators of 32 registers */
#elif defined(__AVX2__)
#define VL 8
#define TILE 6
#else
#define VL 4
#define TILE 12
#endif
typedef float vec __attribute__((vector_size(VL * 4)));
typedef int32_t ivec __attribute__((vector_size(VL * 4)));

#define INLINE static inline __attribute__((always_inline))

INLINE vec splat(float value) { return (vec){0} + value; }
INLINE vec vmax(vec a, vec b) {
    ivec take = a > b;
    return (vec)(((ivec)a & take) | ((ivec)b & ~take));
}

INLINE vec vmin(vec a, vec b) {
    ivec take = a < b;
    return (vec)(((ivec)a & take) | ((ivec)b & ~take));
}

/* exp(x), 0 below -87.3, exp(88) above 88, NaN of NaN: Cephes' polynomial, error below 2e-7. */
INLINE vec vexp(vec x) {
    const vec low = splat(-87.3f);
    ivec dead = x < low, not_a_number = x != x;
    x = vmin(vmax(x, low), splat(88.0f));
    vec scaled = x * splat(1.44269504088896341f) + splat(12582912.0f);
    vec n = scaled - splat(12582912.0f);
    vec r = x - n * splat(0.693359375f) - n * splat(-2.12194440e-4f);
    vec p = splat(1.9875691500e-4f);
    p = p * r + splat(1.3981999507e-3f);
    p = p * r + splat(8.3334519073e-3f);
    p = p * r + splat(4.1665795894e-2f);
    p = p * r + splat(1.6666665459e-1f);
    p = p * r + splat(5.0000001201e-1f);
    p = p * r * r + r + splat(1.0f);
    ivec bits = ((ivec)scaled << 23) + (ivec)p; /* adds n to the exponent of p */
    return (vec)((bits & ~dead) | not_a_number);
}

API int cg_lanes(void) { return VL; }

/* ------------------------------------------------------------------ matrix times lanes ------ */

#define BLOCK(NAME, ROWS, VECS)                                                                   \
    INLINE void NAME(float *y, const float *x, const float *w, const float *bias, long k_size,    \
                     long lanes, int add, const float *ahead) {                                   \
        vec acc[ROWS][VECS];                                                                      \
        for (int r = 0; r < ROWS; r++)                                                            \
            for (int v = 0; v < VECS; v++) acc[r][v] = splat(0.0f);                               \
        for (long k0 = 0; k0 < k_size; k0 += 16) {                                                \
            if (ahead)                                                                            \
                for (int r = 0; r < ROWS; r++) __builtin_prefetch(ahead + r * k_size + k0, 0, 1); \
            long k1 = k0 + 16 < k_size ? k0 + 16 : k_size;                                        \
            for (long k = k0; k < k1; k++) {                                                      \
                vec in[VECS];                                                                     \
                for (int v = 0; v < VECS; v++) in[v] = *(const vec *)(x + k * lanes + v * VL);    \
                for (int r = 0; r < ROWS; r++) {                                                  \
                    vec weight = splat(w[r * k_size + k]);                                        \
                    for (int v = 0; v < VECS; v++) acc[r][v] += weight * in[v];                   \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
        for (int r = 0; r < ROWS; r++)                                                            \
            for (int v = 0; v < VECS; v++) {                                                      \
                vec *out = (vec *)(y + r * lanes + v * VL);                                       \
                vec value = acc[r][v];                                                            \
                if (bias) value += splat(bias[r]);                                                \
                *out = add ? *out + value : value;                                                \
            }                                                                                     \
    }
BLOCK(block_tile_4, TILE / 2, 4)
BLOCK(block_tile_2, TILE, 2)
BLOCK(block_tile_1, TILE, 1)
BLOCK(block_one_2, 1, 2)
BLOCK(block_one_1, 1, 1)

static void tile_rows(float *y, const float *x, const float *w, const float *bias, long k_size,
                      long lanes, int add, const float *ahead) {
    long m = 0;
    for (; m + 4 * VL <= lanes; m += 4 * VL)
        for (int half = 0; half < 2; half++) {
            long r = half * (TILE / 2);
            block_tile_4(y + r * lanes + m, x + m, w + r * k_size, bias ? bias + r : 0, k_size,
                         lanes, add, m == 0 && ahead ? ahead + r * k_size : 0);
        }
    if (m + 2 * VL <= lanes) {
        block_tile_2(y + m, x + m, w, bias, k_size, lanes, add, m == 0 ? ahead : 0);
        m += 2 * VL;
    }
    if (m < lanes) block_tile_1(y + m, x + m, w, bias, k_size, lanes, add, m == 0 ? ahead : 0);
}

static void one_row(float *y, const float *x, const float *w, const float *bias, long k_size,
                    long lanes, int add) {
    long m = 0;
    for (; m + 2 * VL <= lanes; m += 2 * VL)
        block_one_2(y + m, x + m, w, bias, k_size, lanes, add, 0);
    if (m < lanes) block_one_1(y + m, x + m, w, bias, k_size, lanes, add, 0);
}

/* y (n, lanes) [+]= w (n, k) @ x (k, lanes) + bias (n). lanes is a multiple of VL. */
API void cg_linear(float *y, const float *x, const float *w, const float *bias, long n_size,
                   long k_size, long lanes, int add) {
    if (cg_matrix_unit()) {
        matrix_linear(y, x, w, bias, n_size, k_size, lanes, add);
        return;
    }
    long tiles = n_size / TILE;
#pragma omp parallel
    {
#pragma omp for schedule(static) nowait
        for (long t = 0; t < tiles; t++) {
            const float *tile = w + t * TILE * k_size;
            tile_rows(y + t * TILE * lanes, x, tile, bias ? bias + t * TILE : 0, k_size, lanes,
                      add, t + 1 < tiles ? tile + TILE * k_size : 0);
        }
#pragma omp for schedule(static)
        for (long n = tiles * TILE; n < n_size; n++)
            one_row(y + n * lanes, x, w + n * k_size, bias ? bias + n : 0, k_size, lanes, add);
    }
}

/* ------------------------------------------------------------------ the decoder ------------- */

typedef struct {
    const float *attention_norm, *qkv, *qkv_bias, *q_norm, *k_norm, *out, *out_bias;
    const float *mlp_norm, *gate_up, *gate_up_bias, *down, *down_bias;
} Layer;

typedef struct {
    long hidden, layers, heads, kv_heads, head_dim, intermediate, vocab;
    float norm_eps;
    const float *embedding, *final_norm, *head;
    const float *cos_table, *sin_table; /* (positions, head_dim / 2) */
    const Layer *layer;
    float *keys, *values; /* (layers, slots, kv_heads, ...) as above */
    long slots, capacity;
    float *scratch; /* see cg_scratch_floats */
} Decoder;

typedef struct {
    const int64_t *token, *position, *slot, *prefix_slot, *prefix_length;
    long count, lanes; /* lanes = count rounded up to VL */
} Lanes;

/* y = x / sqrt(mean(x^2) + eps) * weight, over `size` features; y may be x. */
static void rms_norm(float *y, const float *x, const float *weight, long size, long lanes,
                     float eps) {
    for (long m = 0; m < lanes; m += VL) {
        vec sum = splat(0.0f);
        for (long k = 0; k < size; k++) {
            vec value = *(const vec *)(x + k * lanes + m);
            sum += value * value;
        }
        vec scale;
        for (int i = 0; i < VL; i++) scale[i] = 1.0f / sqrtf(sum[i] / (float)size + eps);
        for (long k = 0; k < size; k++)
            *(vec *)(y + k * lanes + m) = *(const vec *)(x + k * lanes + m) * scale * weight[k];
    }
}

static void rotate(float *head, const float *cosine, const float *sine, long half, long lanes) {
    for (long i = 0; i < half; i++)
        for (long m = 0; m < lanes; m += VL) {
            vec *first = (vec *)(head + i * lanes + m), *second = (vec *)(head + (i + half) * lanes + m);
            vec c = *(const vec *)(cosine + i * lanes + m), s = *(const vec *)(sine + i * lanes + m);
            vec a = *first, b = *second;
            *first = a * c - b * s;
            *second = b * c + a * s;
        }
}

static long padded(long length) { return (length + VL - 1) / VL * VL; }

/* Attention runs over HEADS query heads of one kv head at a time: each key and value is loaded once
 * for all of them, and their sums are independent, so that none waits for another. */
#define HEADS 4
#if VL == 16
#define VALUES 4 /* vectors of a value held at once: HEADS * VALUES accumulators */
#else
#define VALUES 2
#endif

/* scores[h][t] = scale * query[h] . key[t] for `length` keys, -inf up to the next multiple of VL.
 * query (heads, head_dim), scores rows `row` apart. */
INLINE void score_keys(float *scores, long row, const float *query, const float *keys, long length,
                       long head_dim, float scale, int heads) {
    for (long t = 0; t < length; t += VL) {
        vec even[HEADS], odd[HEADS];
        for (int h = 0; h < heads; h++) even[h] = odd[h] = splat(0.0f);
        for (long i = 0; i < head_dim; i += 2) {
            vec first = *(const vec *)(keys + t * head_dim + i * VL);
            vec second = *(const vec *)(keys + t * head_dim + (i + 1) * VL);
            for (int h = 0; h < heads; h++) {
                even[h] += splat(query[h * head_dim + i]) * first;
                odd[h] += splat(query[h * head_dim + i + 1]) * second;
            }
        }
        for (int h = 0; h < heads; h++) {
            *(vec *)(scores + h * row + t) = (even[h] + odd[h]) * splat(scale);
            for (long pad = length - t; pad < VL; pad++) scores[h * row + t + pad] = -INFINITY;
        }
    }
}

/* out[h] += sum over t of weights[h][t] * value[t]; out (heads, head_dim). */
INLINE void add_values(float *out, const float *weights, long row, const float *values, long length,
                       long head_dim, long from, int heads, int count) {
    vec sum[HEADS][VALUES];
    for (int h = 0; h < heads; h++)
        for (int v = 0; v < count; v++)
            sum[h][v] = *(const vec *)(out + h * head_dim + from + v * VL);
    for (long t = 0; t < length; t++)
        for (int v = 0; v < count; v++) {
            vec value = *(const vec *)(values + t * head_dim + from + v * VL);
            for (int h = 0; h < heads; h++) sum[h][v] += splat(weights[h * row + t]) * value;
        }
    for (int h = 0; h < heads; h++)
        for (int v = 0; v < count; v++) *(vec *)(out + h * head_dim + from + v * VL) = sum[h][v];
}

/* scores become exp(scores - max); returns 1 / their sum. */
INLINE float exponentials(float *scores, long length) {
    vec top = *(vec *)scores;
    for (long t = VL; t < length; t += VL) top = vmax(top, *(vec *)(scores + t));
    float peak = top[0], sum = 0.0f;
    for (int i = 1; i < VL; i++) peak = top[i] > peak ? top[i] : peak;
    vec mass = splat(0.0f);
    for (long t = 0; t < length; t += VL) {
        vec e = vexp(*(vec *)(scores + t) - splat(peak));
        *(vec *)(scores + t) = e;
        mass += e;
    }
    for (int i = 0; i < VL; i++) sum += mass[i];
    return 1.0f / sum;
}

/* Keys and values of one part of a lane's context. */
typedef struct {
    const float *keys, *values;
    long length;
} Span;

INLINE void attend_heads(const Decoder *d, const Span *spans, const float *query, float *out,
                         long lanes, float *work, int heads) {
    long hd = d->head_dim, split = padded(spans[0].length), total = split + padded(spans[1].length);
    float *held = work, *sum = held + HEADS * hd, *scores = sum + HEADS * hd;
    long row = 2 * padded(d->capacity);
    float scale = 1.0f / sqrtf((float)hd), share[HEADS];
    for (long i = 0; i < heads * hd; i++) held[i] = query[i * lanes];
    memset(sum, 0, heads * hd * sizeof(float));
    for (int part = 0; part < 2; part++)
        score_keys(scores + part * split, row, held, spans[part].keys, spans[part].length, hd,
                   scale, heads);
    for (int h = 0; h < heads; h++) share[h] = exponentials(scores + h * row, total);
    for (int part = 0; part < 2; part++) {
        long from = 0;
        for (; from + VALUES * VL <= hd; from += VALUES * VL)
            add_values(sum, scores + part * split, row, spans[part].values, spans[part].length, hd,
                       from, heads, VALUES);
        for (; from < hd; from += VL)
            add_values(sum, scores + part * split, row, spans[part].values, spans[part].length, hd,
                       from, heads, 1);
    }
    for (int h = 0; h < heads; h++)
        for (long i = 0; i < hd; i++) out[(h * hd + i) * lanes] = sum[h * hd + i] * share[h];
}

/* Floats of `work` that one thread needs for attention. */
static long attention_work(const Decoder *d) {
    return HEADS * (2 * padded(d->head_dim) + 2 * padded(d->capacity));
}

API long cg_scratch_floats(const Decoder *d, long lanes, long threads) {
    long qkv = (d->heads + 2 * d->kv_heads) * d->head_dim;
    return lanes * (3 * d->hidden + qkv + d->heads * d->head_dim + 3 * d->intermediate +
                    d->head_dim) +
           threads * attention_work(d);
}

/* Attention of one lane's query heads that share one kv head: softmax(q k) v over the shared
 * prefix (if any) and then the slot's own tokens up to this lane's position. */
static void attend(const Decoder *d, const Lanes *b, long layer, long lane, long kv_head,
                   const float *qkv, float *out, float *work) {
    long hd = d->head_dim, repeat = d->heads / d->kv_heads;
    long stride = d->kv_heads * hd * d->capacity;
    long base = layer * d->slots * stride + kv_head * hd * d->capacity;
    long shared = base + b->prefix_slot[lane] * stride, own = base + b->slot[lane] * stride;
    long length = b->prefix_length[lane];
    Span spans[2] = {{d->keys + shared, d->values + shared, length},
                     {d->keys + own, d->values + own, b->position[lane] - length + 1}};
    for (long h = 0; h < repeat; h += HEADS) {
        long at = (kv_head * repeat + h) * hd * b->lanes + lane;
        switch (repeat - h) {
        case 1: attend_heads(d, spans, qkv + at, out + at, b->lanes, work, 1); break;
        case 2: attend_heads(d, spans, qkv + at, out + at, b->lanes, work, 2); break;
        case 3: attend_heads(d, spans, qkv + at, out + at, b->lanes, work, 3); break;
        default: attend_heads(d, spans, qkv + at, out + at, b->lanes, work, HEADS);
        }
    }
}

static void store_kv(const Decoder *d, const Lanes *b, long layer, const float *qkv) {
    long hd = d->head_dim, cap = d->capacity;
    const float *k = qkv + d->heads * hd * b->lanes, *v = k + d->kv_heads * hd * b->lanes;
#pragma omp parallel for schedule(static)
    for (long lane = 0; lane < b->count; lane++) {
        long t = b->position[lane] - b->prefix_length[lane];
        for (long h = 0; h < d->kv_heads; h++) {
            long at = ((layer * d->slots + b->slot[lane]) * d->kv_heads + h) * hd * cap;
            for (long i = 0; i < hd; i++) {
                d->keys[at + t / VL * VL * hd + i * VL + t % VL] = k[(h * hd + i) * b->lanes + lane];
                d->values[at + t * hd + i] = v[(h * hd + i) * b->lanes + lane];
            }
        }
    }
}

static void gather_inputs(const Decoder *d, const Lanes *b, float *x, float *cosine, float *sine) {
    long half = d->head_dim / 2;
    for (long lane = 0; lane < b->lanes; lane++) {
        long source = lane < b->count ? lane : 0; /* padding lanes repeat lane 0 */
        const float *row = d->embedding + b->token[source] * d->hidden;
        for (long i = 0; i < d->hidden; i++) x[i * b->lanes + lane] = row[i];
        for (long i = 0; i < half; i++) {
            cosine[i * b->lanes + lane] = d->cos_table[b->position[source] * half + i];
            sine[i * b->lanes + lane] = d->sin_table[b->position[source] * half + i];
        }
    }
}

int omp_get_thread_num(void);
int omp_get_max_threads(void);

/* Threads of a parallel region here: what per-thread buffers must have room for. */
API int cg_threads(void) { return omp_get_max_threads(); }

static void attention_block(const Decoder *d, const Lanes *b, long layer, float *qkv, float *mixed,
                            const float *cosine, const float *sine, float *work, long work_size) {
    const Layer *w = d->layer + layer;
    long hd = d->head_dim, lanes = b->lanes, rotated = d->heads + d->kv_heads;
#pragma omp parallel for schedule(static)
    for (long h = 0; h < rotated; h++) {
        float *head = qkv + h * hd * lanes;
        const float *norm = h < d->heads ? w->q_norm : w->k_norm;
        if (norm) rms_norm(head, head, norm, hd, lanes, d->norm_eps);
        rotate(head, cosine, sine, hd / 2, lanes);
    }
    store_kv(d, b, layer, qkv);
    long blocks = lanes / VL;
#pragma omp parallel for schedule(dynamic, 1)
    for (long item = 0; item < blocks * d->kv_heads; item++) {
        long first = item / d->kv_heads * VL;
        for (long lane = first; lane < first + VL && lane < b->count; lane++)
            attend(d, b, layer, lane, item % d->kv_heads, qkv, mixed,
                   work + omp_get_thread_num() * work_size);
    }
}

static void swiglu(float *out, const float *gate_up, long size) {
#pragma omp parallel for schedule(static)
    for (long i = 0; i < size / VL; i++) {
        vec gate = ((const vec *)gate_up)[i], up = ((const vec *)(gate_up + size))[i];
        ((vec *)out)[i] = gate / (splat(1.0f) + vexp(-gate)) * up;
    }
}

/* Final-normed hidden states (hidden, lanes) of every lane, keys and values stored. */
API void cg_forward(const Decoder *d, const Lanes *b, float *hidden_out) {
    long lanes = b->lanes, hd = d->head_dim, half = hd / 2;
    float *x = d->scratch, *normed = x + d->hidden * lanes, *qkv = normed + d->hidden * lanes;
    float *mixed = qkv + (d->heads + 2 * d->kv_heads) * hd * lanes;
    float *gate_up = mixed + d->heads * hd * lanes, *act = gate_up + 2 * d->intermediate * lanes;
    float *cosine = act + d->intermediate * lanes, *sine = cosine + half * lanes;
    float *work = sine + half * lanes;
    long work_size = attention_work(d);
    gather_inputs(d, b, x, cosine, sine);
    memset(mixed, 0, d->heads * hd * lanes * sizeof(float));
    for (long layer = 0; layer < d->layers; layer++) {
        const Layer *w = d->layer + layer;
        rms_norm(normed, x, w->attention_norm, d->hidden, lanes, d->norm_eps);
        cg_linear(qkv, normed, w->qkv, w->qkv_bias, (d->heads + 2 * d->kv_heads) * hd, d->hidden,
                  lanes, 0);
        attention_block(d, b, layer, qkv, mixed, cosine, sine, work, work_size);
        cg_linear(x, mixed, w->out, w->out_bias, d->hidden, d->heads * hd, lanes, 1);
        rms_norm(normed, x, w->mlp_norm, d->hidden, lanes, d->norm_eps);
        cg_linear(gate_up, normed, w->gate_up, w->gate_up_bias, 2 * d->intermediate, d->hidden,
                  lanes, 0);
        swiglu(act, gate_up, d->intermediate * lanes);
        cg_linear(x, act, w->down, w->down_bias, d->hidden, d->intermediate, lanes, 1);
    }
    rms_norm(hidden_out, x, d->final_norm, d->hidden, lanes, d->norm_eps);
}

/* ------------------------------------------------------------------ sampling ---------------- */

#define SPAN 128 /* vocabulary entries whose mass is summed before a block is chosen */

/* One token a lane by inverse CDF from one uniform; log-probabilities of the tempered, full
 * distribution. logits (vocab, lanes). inverse_temperature 0 means greedy (log-probs at T = 1).
 * masses: (ceil(vocab / SPAN), lanes) scratch; peaks: (2, lanes) scratch. */
API void cg_sample(const float *logits, long vocab, long lanes, long count,
                   float inverse_temperature, const double *uniform, int64_t *token_out,
                   float *logprob_out, float *masses, float *peaks) {
    long spans = (vocab + SPAN - 1) / SPAN;
    float beta = inverse_temperature == 0.0f ? 1.0f : inverse_temperature;
#pragma omp parallel for schedule(static)
    for (long m = 0; m < lanes; m += VL) {
        vec top = *(const vec *)(logits + m);
        for (long v = 1; v < vocab; v++) top = vmax(top, *(const vec *)(logits + v * lanes + m));
        *(vec *)(peaks + m) = top;
    }
#pragma omp parallel for schedule(static)
    for (long s = 0; s < spans; s++) {
        long end = (s + 1) * SPAN < vocab ? (s + 1) * SPAN : vocab;
        for (long m = 0; m < lanes; m += VL) {
            vec top = *(vec *)(peaks + m), mass = splat(0.0f);
            for (long v = s * SPAN; v < end; v++)
                mass += vexp((*(const vec *)(logits + v * lanes + m) - top) * splat(beta));
            *(vec *)(masses + s * lanes + m) = mass;
        }
    }
#pragma omp parallel for schedule(static)
    for (long lane = 0; lane < count; lane++) {
        double total = 0.0, run = 0.0;
        float top = peaks[lane];
        for (long s = 0; s < spans; s++) total += masses[s * lanes + lane];
        long chosen = -1, last = 0;
        if (inverse_temperature == 0.0f) {
            for (long v = 0; v < vocab && chosen < 0; v++)
                if (logits[v * lanes + lane] == top) chosen = v;
        } else {
            double target = uniform[lane] * total;
            long s = 0;
            for (; s + 1 < spans && run + masses[s * lanes + lane] <= target; s++)
                run += masses[s * lanes + lane];
            long end = (s + 1) * SPAN < vocab ? (s + 1) * SPAN : vocab;
            for (long v = s * SPAN; v < end && chosen < 0; v++) {
                float e = vexp(splat((logits[v * lanes + lane] - top) * beta))[0];
                run += e;
                if (e > 0.0f) last = v;
                if (run > target && e > 0.0f) chosen = v;
            }
            if (chosen < 0) chosen = last; /* rounding at the end of the span */
        }
        token_out[lane] = chosen < 0 ? 0 : chosen;
        logprob_out[lane] =
            (float)((double)((logits[token_out[lane] * lanes + lane] - top) * beta) - log(total));
    }
}

/* ------------------------------------------------------------------ the head, in training --- */

INLINE float sum_lanes(vec v) {
    float total = 0.0f;
    for (int i = 0; i < VL; i++) total += v[i];
    return total;
}

/* Rows of logits become probabilities in place: p = softmax(beta * logits). Per row also the
 * log-probability of `target` and the entropy, nats. A row stays in the cache over its passes. */
API void cg_softmax_rows(float *logits, long rows, long vocab, float beta, const int64_t *target,
                         float *logprob, float *entropy) {
    long whole = vocab / VL * VL;
#pragma omp parallel for schedule(static)
    for (long r = 0; r < rows; r++) {
        float *row = logits + r * vocab;
        vec top = splat(-INFINITY);
        for (long v = 0; v < whole; v += VL) {
            vec value;
            memcpy(&value, row + v, sizeof value);
            top = vmax(top, value);
        }
        float peak = -INFINITY;
        for (int i = 0; i < VL; i++) peak = top[i] > peak ? top[i] : peak;
        for (long v = whole; v < vocab; v++) peak = row[v] > peak ? row[v] : peak;
        float chosen = (row[target[r]] - peak) * beta;
        double mass = 0.0, weighted = 0.0;
        for (long start = 0; start < whole; start += 64 * VL) { /* short sums keep precision */
            vec part = splat(0.0f), part_weighted = splat(0.0f);
            long end = start + 64 * VL < whole ? start + 64 * VL : whole;
            for (long v = start; v < end; v += VL) {
                vec z;
                memcpy(&z, row + v, sizeof z);
                z = vmax(splat(-1e4f), (z - splat(peak)) * splat(beta)); /* NaN stays */
                vec e = vexp(z);
                memcpy(row + v, &e, sizeof e);
                part += e;
                part_weighted += e * z;
            }
            mass += sum_lanes(part);
            weighted += sum_lanes(part_weighted);
        }
        for (long v = whole; v < vocab; v++) {
            float z = (row[v] - peak) * beta, e = expf(z);
            row[v] = e;
            mass += e;
            weighted += e > 0.0f ? e * z : 0.0f;
        }
        vec scale = splat((float)(1.0 / mass));
        for (long v = 0; v < whole; v += VL) {
            vec e;
            memcpy(&e, row + v, sizeof e);
            e *= scale;
            memcpy(row + v, &e, sizeof e);
        }
        for (long v = whole; v < vocab; v++) row[v] = (float)(row[v] / mass);
        logprob[r] = (float)(chosen - log(mass));
        entropy[r] = (float)(log(mass) - weighted / mass);
    }
}

/* Probabilities become dL/dlogits in place: beta * g * (onehot(target) - p), g = dL/dlogprob. */
API void cg_head_gradient(float *p, long rows, long vocab, float beta, const int64_t *target,
                          const float *g) {
#pragma omp parallel for schedule(static)
    for (long r = 0; r < rows; r++) {
        float *row = p + r * vocab, scale = -beta * g[r];
        for (long v = 0; v < vocab; v++) row[v] *= scale;
        row[target[r]] += beta * g[r];
    }
}

/* ------------------------------------------------------------------ layers, in training ----- */
/* Rows (rows, size) as torch has them. Sizes are multiples of VL (checked by the caller); rows are
 * split over threads in fixed ranges and partial sums are added in a fixed order, so results are
 * the same in every run with the same number of threads. */

int omp_get_num_threads(void);

INLINE vec at(const float *p) {
    vec value;
    memcpy(&value, p, sizeof value);
    return value;
}
INLINE void put(float *p, vec value) { memcpy(p, &value, sizeof value); }

/* y = x * rstd * weight, rstd = 1 / sqrt(mean(x^2) + eps). */
API void cg_norm_rows(float *y, float *rstd, const float *x, const float *weight, long rows,
                      long size, float eps) {
#pragma omp parallel for schedule(static)
    for (long r = 0; r < rows; r++) {
        const float *in = x + r * size;
        vec sum = splat(0.0f);
        for (long k = 0; k < size; k += VL) sum += at(in + k) * at(in + k);
        float scale = 1.0f / sqrtf(sum_lanes(sum) / (float)size + eps);
        rstd[r] = scale;
        for (long k = 0; k < size; k += VL)
            put(y + r * size + k, at(in + k) * splat(scale) * at(weight + k));
    }
}

/* dx = rstd * (g - x' mean(g x')), dweight = sum dy x', with x' = x rstd and g = dy weight.
 * partial: (threads, size), zeroed. */
API void cg_norm_rows_backward(float *dx, float *dweight, const float *dy, const float *x,
                               const float *weight, const float *rstd, long rows, long size,
                               float *partial) {
    int threads = 1;
#pragma omp parallel
    {
        float *mine = partial + omp_get_thread_num() * size;
#pragma omp single
        threads = omp_get_num_threads();
#pragma omp for schedule(static)
        for (long r = 0; r < rows; r++) {
            const float *in = x + r * size, *up = dy + r * size;
            vec scale = splat(rstd[r]), dot = splat(0.0f);
            for (long k = 0; k < size; k += VL)
                dot += at(up + k) * at(weight + k) * at(in + k) * scale;
            vec mean = splat(sum_lanes(dot) / (float)size);
            for (long k = 0; k < size; k += VL) {
                vec g = at(up + k), unit = at(in + k) * scale;
                put(mine + k, at(mine + k) + g * unit);
                put(dx + r * size + k, scale * (g * at(weight + k) - unit * mean));
            }
        }
    }
    for (long k = 0; k < size; k++) {
        float total = 0.0f;
        for (int t = 0; t < threads; t++) total += partial[t * size + k];
        dweight[k] = total;
    }
}

/* out = silu(gate) * up, gate_up (rows, 2 size). */
API void cg_swiglu_rows(float *out, const float *gate_up, long rows, long size) {
#pragma omp parallel for schedule(static)
    for (long r = 0; r < rows; r++)
        for (long k = 0; k < size; k += VL) {
            vec gate = at(gate_up + 2 * r * size + k), up = at(gate_up + (2 * r + 1) * size + k);
            put(out + r * size + k, gate / (splat(1.0f) + vexp(-gate)) * up);
        }
}

API void cg_swiglu_rows_backward(float *d_gate_up, const float *d_out, const float *gate_up,
                                 long rows, long size) {
#pragma omp parallel for schedule(static)
    for (long r = 0; r < rows; r++)
        for (long k = 0; k < size; k += VL) {
            vec gate = at(gate_up + 2 * r * size + k), up = at(gate_up + (2 * r + 1) * size + k);
            vec g = at(d_out + r * size + k), s = splat(1.0f) / (splat(1.0f) + vexp(-gate));
            put(d_gate_up + 2 * r * size + k, g * up * s * (splat(1.0f) + gate * (splat(1.0f) - s)));
            put(d_gate_up + (2 * r + 1) * size + k, g * gate * s);
        }
}

/* Rotates the first `heads` heads of every row in place; sign -1 turns back (the gradient). */
API void cg_rotate_rows(float *x, const float *cosine, const float *sine, long rows, long stride,
                        long heads, long head_dim, float sign) {
    long half = head_dim / 2;
#pragma omp parallel for schedule(static)
    for (long r = 0; r < rows; r++)
        for (long h = 0; h < heads; h++) {
            float *first = x + r * stride + h * head_dim, *second = first + half;
            for (long i = 0; i < half; i++) {
                float c = cosine[r * half + i], s = sign * sine[r * half + i];
                float a = first[i], b = second[i];
                first[i] = a * c - b * s;
                second[i] = b * c + a * s;
            }
        }
}
