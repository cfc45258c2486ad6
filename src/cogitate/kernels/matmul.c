/* float32 matrix products on a processor with a bfloat16 matrix unit (Intel AMX).
 *
 * A float32 has 24 significant bits, a bfloat16 has 8: every operand is cut into three bfloat16
 * parts, a = a0 + a1 + a2, which is exact, and of the nine products the six that matter are summed
 * in float32: a0 b0 + (a0 b1 + a1 b0) + (a0 b2 + a1 b1 + a2 b0). What is left out is below 2^-21 of
 * |a b|, 2^-25 on average and always towards zero: in sums of usual length less than float32 rounds
 * off. The unit is so much faster than the vector registers that six passes still win. Not kept: an
 * infinity becomes NaN, and products of parts below 1e-38 count as zero, so that results below about
 * 1e-32 lose digits. Paper: Henry, Tang, Heinecke (arXiv:1904.06376), who round the parts to
 * nearest; here they are cut off, which is cheaper and still exact.
 *
 * Every output element adds its terms in an order that depends on the depth alone, never on the
 * number of threads, rows or columns.
 *
 * Packed operands: for each 32 of depth ("step") three parts, each two tiles of 16 rows of 16
 * pairs. Tiles of the left operand hold (row, pair), of the right operand (pair, column).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "matmul.h"

int omp_get_thread_num(void);
int omp_get_num_threads(void);

#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AVX512BW__) && defined(__linux__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INLINE static inline __attribute__((always_inline))
#define BLOCK 32                     /* rows and columns of output that the registers hold */
#define DEPTH 32                     /* depth of one step */
#define TILE_WORDS 512               /* 16-bit words of a tile */
#define STEP_WORDS (6 * TILE_WORDS)  /* three parts of two tiles */
#define PANEL_BYTES (1100 * 1024)    /* packed right operand that stays in the second-level cache */
#define LONGEST 576                  /* depth of a pass: the left operand's panel is then 108 KiB */

/* Everything that was stored through this pointer is really stored: the compiler does not know that
 * tile instructions read memory. */
#define SEEN(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")

/* Whether this process may use the matrix unit: the kernel grants it once, for all threads. */
API int cg_matrix_unit(void) {
    static int granted = -1;
    if (granted < 0) {
        const char *wanted = getenv("COGITATE_KERNELS");
        int off = wanted && strcmp(wanted, "vector") == 0;
        granted = !off && syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18) == 0;
    }
    return granted;
}

static void tiles_on(void) {
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } shape = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        shape.bytes[t] = 64;
        shape.rows[t] = 16;
    }
    SEEN(&shape); /* gcc's header declares only 8 of the 64 bytes as read */
    _tile_loadconfig(&shape);
}

/* ------------------------------------------------------------------ packing ----------------- */

/* The three parts of 16 floats, each in the upper half of its 32 bits. */
INLINE void split(__m512 value, __m512i part[3]) {
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
    part[0] = _mm512_and_epi32(_mm512_castps_si512(value), upper);
    __m512 rest = _mm512_sub_ps(value, _mm512_castsi512_ps(part[0]));
    part[1] = _mm512_and_epi32(_mm512_castps_si512(rest), upper);
    part[2] = _mm512_castps_si512(_mm512_sub_ps(rest, _mm512_castsi512_ps(part[1])));
}

INLINE void transpose_tile(uint32_t *out, const uint32_t *in) {
    __m512i r[16], t[16];
    for (int i = 0; i < 16; i++) r[i] = _mm512_load_si512(in + 16 * i);
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        _mm512_store_si512(out + 16 * i, _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88));
        _mm512_store_si512(out + 16 * (i + 8), _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd));
        _mm512_store_si512(out + 16 * (i + 4), _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88));
        _mm512_store_si512(out + 16 * (i + 12), _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd));
    }
}

INLINE __mmask16 first(long n) {
    return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1);
}

/* 16 rows (each contiguous in depth) become three tiles of (row, pair). `out` parts are `gap` words
 * apart. The same rows of the next panel are fetched ahead. */
INLINE void pack_rows(uint16_t *out, long gap, const float *in, long row, long rows, long depth) {
    const __m512i low = _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35,
                                         33, 31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3,
                                         1);
    __mmask16 left = first(depth), right = first(depth - 16);
    for (long i = 0; i < 16; i++) {
        __m512i a[3], b[3];
        if (i < rows) {
            const float *at = in + i * row;
            _mm_prefetch((const char *)(at + BLOCK * row), _MM_HINT_T1);
            _mm_prefetch((const char *)(at + BLOCK * row + 16), _MM_HINT_T1);
            split(_mm512_maskz_loadu_ps(left, at), a);
            split(_mm512_maskz_loadu_ps(right, at + 16), b);
        }
        for (int p = 0; p < 3; p++)
            _mm512_store_si512(out + p * gap + 32 * i,
                               i < rows ? _mm512_permutex2var_epi16(a[p], low, b[p])
                                        : _mm512_setzero_si512());
    }
}

/* 32 of depth (each contiguous over 16 columns, `stride` apart) become three tiles of (pair,
 * column). */
INLINE void pack_columns(uint16_t *out, long gap, const float *in, long stride, long columns,
                         long depth) {
    __mmask16 live = first(columns);
    for (long q = 0; q < 16; q++) {
        __m512i a[3], b[3];
        const float *at = in + 2 * q * stride;
        split(2 * q < depth ? _mm512_maskz_loadu_ps(live, at) : _mm512_setzero_ps(), a);
        split(2 * q + 1 < depth ? _mm512_maskz_loadu_ps(live, at + stride) : _mm512_setzero_ps(), b);
        for (int p = 0; p < 3; p++)
            _mm512_store_si512(out + p * gap + 32 * q,
                               _mm512_or_epi32(_mm512_srli_epi32(a[p], 16), b[p]));
    }
}

/* Element (i, k) of an operand is at[i * row + k * depth]; one of the two is 1. */
typedef struct {
    const float *at;
    long row, depth;
} Operand;

static Operand moved(Operand o, long i, long k) {
    return (Operand){o.at + i * o.row + k * o.depth, o.row, o.depth};
}

/* One step of 32 rows or columns: six tiles. */
INLINE void pack_step(uint16_t *out, Operand o, long rows, long depth, int right) {
    _Alignas(64) uint16_t flat[3 * TILE_WORDS];
    int turned = (o.depth == 1) == right;
    for (long half = 0; half < 2; half++, out += TILE_WORDS, rows -= 16) {
        uint16_t *to = turned ? flat : out;
        long gap = turned ? TILE_WORDS : 2 * TILE_WORDS;
        if (o.depth == 1)
            pack_rows(to, gap, o.at + half * 16 * o.row, o.row, rows, depth);
        else
            pack_columns(to, gap, o.at + half * 16, o.depth, rows, depth);
        for (int p = 0; turned && p < 3; p++)
            transpose_tile((uint32_t *)(out + p * 2 * TILE_WORDS),
                           (const uint32_t *)(flat + p * TILE_WORDS));
    }
}

/* rows x depth of an operand, a panel for every 32 rows, in the order in which memory holds it. */
static void pack_panels(uint16_t *out, Operand o, long rows, long depth, int right) {
    long steps = (depth + DEPTH - 1) / DEPTH, panels = (rows + BLOCK - 1) / BLOCK;
    for (long outer = 0; outer < (o.depth == 1 ? panels : steps); outer++)
        for (long inner = 0; inner < (o.depth == 1 ? steps : panels); inner++) {
            long p = o.depth == 1 ? outer : inner, s = o.depth == 1 ? inner : outer;
            pack_step(out + (p * steps + s) * STEP_WORDS, moved(o, p * BLOCK, s * DEPTH),
                      rows - p * BLOCK, depth - s * DEPTH, right);
        }
}

/* ------------------------------------------------------------------ products ---------------- */

/* Tiles 0 to 3 are the output, 4 and 5 the left operand, 6 and 7 the right one. */
#define LEFT(p)                                               \
    _tile_loadd(4, a + (2 * (p)) * TILE_WORDS, 64);           \
    _tile_loadd(5, a + (2 * (p) + 1) * TILE_WORDS, 64)
#define RIGHT(p)                                              \
    _tile_loadd(6, b + (2 * (p)) * TILE_WORDS, 64);           \
    if (wide) _tile_loadd(7, b + (2 * (p) + 1) * TILE_WORDS, 64)
#define MULTIPLY                                              \
    _tile_dpbf16ps(0, 4, 6);                                  \
    if (wide) _tile_dpbf16ps(1, 4, 7);                        \
    _tile_dpbf16ps(2, 5, 6);                                  \
    if (wide) _tile_dpbf16ps(3, 5, 7)
#define AHEAD(p)                                              \
    for (int line = 0; line < 16; line++)                     \
    _mm_prefetch((const char *)(b + STEP_WORDS + (p) * TILE_WORDS) + 64 * line, _MM_HINT_T0)

/* Adds one step of depth to the output tiles, smallest terms first. Each load serves as many
 * products as the registers allow; the next step of the right operand is fetched meanwhile. */
INLINE void multiply_step(const uint16_t *a, const uint16_t *b, int wide) {
    SEEN(a);
    SEEN(b);
    LEFT(0); RIGHT(2); AHEAD(4); MULTIPLY;
    RIGHT(1); AHEAD(5); MULTIPLY;
    LEFT(1); AHEAD(2); MULTIPLY;
    RIGHT(0); AHEAD(3); MULTIPLY;
    LEFT(2); AHEAD(0); MULTIPLY;
    LEFT(0); AHEAD(1); MULTIPLY;
}

INLINE void clear_output(void) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

/* Writes rows x columns of the output tiles to c, or adds them; bias (rows) may be null. */
static void write_output(float *c, long stride, long rows, long columns, int add,
                         const float *bias) {
    if (rows >= BLOCK && columns >= BLOCK && !add && !bias) {
        _tile_stored(0, c, stride * 4);
        _tile_stored(1, c + 16, stride * 4);
        _tile_stored(2, c + 16 * stride, stride * 4);
        _tile_stored(3, c + 16 * stride + 16, stride * 4);
        return;
    }
    _Alignas(64) float block[BLOCK * BLOCK];
    _tile_stored(0, block, 128);
    _tile_stored(1, block + 16, 128);
    _tile_stored(2, block + 512, 128);
    _tile_stored(3, block + 528, 128);
    __mmask16 left = first(columns), right = first(columns - 16);
    for (long i = 0; i < rows && i < BLOCK; i++, c += stride) {
        __m512 u = _mm512_load_ps(block + 32 * i), v = _mm512_load_ps(block + 32 * i + 16);
        if (bias) {
            u = _mm512_add_ps(u, _mm512_set1_ps(bias[i]));
            v = _mm512_add_ps(v, _mm512_set1_ps(bias[i]));
        }
        if (add) {
            u = _mm512_add_ps(u, _mm512_maskz_loadu_ps(left, c));
            v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(right, c + 16));
        }
        _mm512_mask_storeu_ps(c, left, u);
        _mm512_mask_storeu_ps(c + 16, right, v);
    }
}

/* Room of this thread for packed operands; it grows and is kept. */
static uint16_t *workspace(size_t words) {
    static _Thread_local uint16_t *room;
    static _Thread_local size_t size;
    if (size < words) {
        free(room);
        room = aligned_alloc(64, (words * 2 + 8191) / 4096 * 4096);
        if (!room) abort(); /* a few megabytes: nothing else will work either */
        size = words;
    }
    return room;
}

/* One block of output = or += left panel times right panel. */
INLINE void multiply_block(float *out, long stride, const uint16_t *left, const uint16_t *right,
                           long rows, long columns, long steps, int add) {
    for (long r = 0; r < BLOCK && r < rows; r++) {
        __builtin_prefetch(out + r * stride, 1, 3);
        __builtin_prefetch(out + r * stride + 16, 1, 3);
    }
    clear_output();
    for (long s = 0; s < steps; s++)
        multiply_step(left + s * STEP_WORDS, right + s * STEP_WORDS, 1);
    write_output(out, stride, rows, columns, add, 0);
}

/* c (m, n) = or += a (m, k) b (k, n), one thread's share. Of the right operand as many columns are
 * packed as stay in the second-level cache while the left operand streams past, a few panels at a
 * time, packed anew for every group of columns. */
static void multiply(float *c, long stride, Operand a, Operand b, long m, long n, long k, int add) {
    long passes = (k + LONGEST - 1) / LONGEST;
    long deep = ((k + passes - 1) / passes + DEPTH - 1) / DEPTH * DEPTH;
    long wide = PANEL_BYTES / (6 * deep) / BLOCK * BLOCK, high = a.depth == 1 ? BLOCK : 4 * BLOCK;
    uint16_t *right = workspace((wide + high) / BLOCK * (deep / DEPTH * STEP_WORDS) + STEP_WORDS);
    uint16_t *left = right + wide / BLOCK * (deep / DEPTH * STEP_WORDS);
    for (long k0 = 0; k0 < k; k0 += deep) {
        long depth = k - k0 < deep ? k - k0 : deep, steps = (depth + DEPTH - 1) / DEPTH;
        for (long n0 = 0; n0 < n; n0 += wide) {
            long columns = n - n0 < wide ? n - n0 : wide;
            pack_panels(right, moved(b, n0, k0), columns, depth, 1);
            for (long m0 = 0; m0 < m; m0 += high) {
                long rows = m - m0 < high ? m - m0 : high;
                pack_panels(left, moved(a, m0, k0), rows, depth, 0);
                for (long i = 0; i < rows; i += BLOCK)
                    for (long j = 0; j < columns; j += BLOCK)
                        multiply_block(c + (m0 + i) * stride + n0 + j, stride,
                                       left + i / BLOCK * steps * STEP_WORDS,
                                       right + j / BLOCK * steps * STEP_WORDS, rows - i,
                                       columns - j, steps, add || k0);
            }
        }
    }
}

/* How many of `threads` divide the rows; the rest divide the columns. Least work of the busiest. */
static long row_shares(long threads, long row_blocks, long column_blocks) {
    long best = 1, least = -1;
    for (long rows = 1; rows <= threads; rows++) {
        if (threads % rows) continue;
        long high = (row_blocks + rows - 1) / rows;
        long wide = (column_blocks + threads / rows - 1) / (threads / rows);
        long work = 8 * high * wide + high + wide;
        if (least < 0 || work < least) {
            least = work;
            best = rows;
        }
    }
    return best;
}

API void cg_matmul(float *c, const float *a, const float *b, long m, long n, long k, long c_row,
                   long a_row, long a_depth, long b_row, long b_depth, long add) {
#pragma omp parallel
    {
        long threads = omp_get_num_threads(), me = omp_get_thread_num();
        long high = (m + BLOCK - 1) / BLOCK, wide = (n + BLOCK - 1) / BLOCK;
        long rows = row_shares(threads, high, wide), columns = threads / rows;
        long m0 = high * (me / columns) / rows * BLOCK, n0 = wide * (me % columns) / columns * BLOCK;
        long m1 = high * (me / columns + 1) / rows * BLOCK;
        long n1 = wide * (me % columns + 1) / columns * BLOCK;
        m1 = m1 < m ? m1 : m;
        n1 = n1 < n ? n1 : n;
        if (m1 > m0 && n1 > n0) {
            Operand left = {a + m0 * a_row, a_row, a_depth}, right = {b + n0 * b_row, b_row, b_depth};
            tiles_on();
            multiply(c + m0 * c_row + n0, c_row, left, right, m1 - m0, n1 - n0, k, add);
            _tile_release();
        }
    }
}

/* ------------------------------------------------------------------ decoding ---------------- */

/* One block of output rows for at most 32 lanes. The weights are packed one step ahead of their
 * products, so that cutting them up hides behind the matrix unit. */
INLINE void stream_rows(const uint16_t *right, Operand w, long rows, long steps, long depth,
                        int wide) {
    _Alignas(64) uint16_t left[2][STEP_WORDS];
    clear_output();
    pack_step(left[0], w, rows, depth, 0);
    for (long s = 0; s < steps; s++) {
        if (s + 1 < steps)
            pack_step(left[(s + 1) & 1], moved(w, 0, (s + 1) * DEPTH), rows, depth - (s + 1) * DEPTH,
                      0);
        multiply_step(left[s & 1], right + s * STEP_WORDS, wide);
    }
}

void matrix_linear(float *y, const float *x, const float *w, const float *bias, long n, long k,
                   long lanes, int add) {
    long blocks = (lanes + BLOCK - 1) / BLOCK, steps = (k + DEPTH - 1) / DEPTH;
    uint16_t *right = workspace((size_t)(blocks + 1) * steps * STEP_WORDS + STEP_WORDS);
#pragma omp parallel
    {
#pragma omp for schedule(static)
        for (long item = 0; item < blocks * steps; item++) {
            long block = item / steps, step = item % steps;
            pack_step(right + item * STEP_WORDS,
                      (Operand){x + block * BLOCK + step * DEPTH * lanes, 1, lanes},
                      lanes - block * BLOCK, k - step * DEPTH, 1);
        }
        tiles_on();
        uint16_t *left = blocks > 1 && omp_get_thread_num() ? workspace(steps * STEP_WORDS)
                                                            : right + blocks * steps * STEP_WORDS;
#pragma omp for schedule(static)
        for (long i = 0; i < n; i += BLOCK) {
            Operand rows = {w + i * k, k, 1};
            const float *own = bias ? bias + i : 0;
            if (blocks > 1) pack_panels(left, rows, n - i < BLOCK ? n - i : BLOCK, k, 0);
            for (long block = 0; block < blocks; block++) {
                long count = lanes - block * BLOCK;
                if (blocks > 1) {
                    clear_output();
                    for (long s = 0; s < steps; s++)
                        multiply_step(left + s * STEP_WORDS,
                                      right + (block * steps + s) * STEP_WORDS, 1);
                } else if (count > 16) {
                    stream_rows(right, rows, n - i, steps, k, 1);
                } else {
                    stream_rows(right, rows, n - i, steps, k, 0);
                }
                write_output(y + i * lanes + block * BLOCK, lanes, n - i, count, add, own);
            }
        }
        _tile_release();
    }
}

#else

API int cg_matrix_unit(void) { return 0; }

API void cg_matmul(float *c, const float *a, const float *b, long m, long n, long k, long c_row,
                   long a_row, long a_depth, long b_row, long b_depth, long add) {
    abort(); /* never called: see cg_matrix_unit */
}

void matrix_linear(float *y, const float *x, const float *w, const float *bias, long n, long k,
                   long lanes, int add) {
    abort();
}

#endif
