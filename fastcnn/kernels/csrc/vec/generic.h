/* A vector of four floats in the compiler's vector extension: SSE2 on x86-64, and whatever the
 * default target offers elsewhere. Tails are handled element by element; a tail may be empty.
 */
#define LANES 4
#if defined(__aarch64__)
#define MAX_ACCUMULATORS 24 /* of 32 registers */
#else
#define MAX_ACCUMULATORS 12 /* of 16 registers */
#endif
#define MAX_VECTORS 4
typedef float vec __attribute__((vector_size(16)));
typedef int32_t ivec __attribute__((vector_size(16)));
typedef float vec_unaligned __attribute__((vector_size(16), aligned(4), may_alias));
typedef ivec bvec; /* all bits of a true lane are set */
typedef int tail;

TILE tail tail_of(ptrdiff_t n) { return n > 4 ? 4 : (tail)n; }
TILE vec load(const float *p) { return *(const vec_unaligned *)p; }
TILE vec load_tail(const float *p, tail t) {
    if (t == 4) return load(p);
    return (vec){t > 0 ? p[0] : 0, t > 1 ? p[1] : 0, t > 2 ? p[2] : 0, 0};
}
TILE void store(float *p, vec a) { *(vec_unaligned *)p = a; }
TILE void store_tail(float *p, vec a, tail t) {
    if (t == 4) store(p, a);
    else
        for (int i = 0; i < t; i++) p[i] = a[i];
}
TILE vec broadcast(float a) { return (vec){a, a, a, a}; }
TILE ivec ibroadcast(int a) { return (ivec){a, a, a, a}; }
TILE vec multiply_add(vec a, vec b, vec c) { return a * b + c; }
TILE vec vsqrt(vec a) {
    return (vec){__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]),
                 __builtin_sqrtf(a[3])};
}
TILE bvec greater(vec a, vec b) { return a > b; }
TILE bvec less_equal(vec a, vec b) { return a <= b; }
TILE bvec unordered(vec a, vec b) { return (a != a) | (b != b); }
TILE int any(bvec a) { return (a[0] | a[1] | a[2] | a[3]) != 0; }
TILE bvec both(bvec a, bvec b) { return a & b; }
TILE bvec either(bvec a, bvec b) { return a | b; }
TILE ivec ichoose(bvec m, ivec a, ivec b) { return (m & a) | (~m & b); }
TILE vec choose(bvec m, vec a, vec b) { return (vec)ichoose(m, (ivec)a, (ivec)b); }
TILE void store_i32_tail(int32_t *p, ivec a, tail t) {
    for (int i = 0; i < t; i++) p[i] = a[i];
}
TILE void store_u8_tail(uint8_t *p, ivec a, tail t) {
    for (int i = 0; i < t; i++) p[i] = (uint8_t)a[i];
}
TILE bvec below(ivec a, ivec b) { return a < b; }
TILE bvec equal(ivec a, ivec b) { return a == b; }
TILE ivec load_i32_tail(const int32_t *p, tail t) {
    return (ivec){t > 0 ? p[0] : 0, t > 1 ? p[1] : 0, t > 2 ? p[2] : 0, t > 3 ? p[3] : 0};
}
TILE ivec load_u8_tail(const uint8_t *p, tail t) {
    return (ivec){t > 0 ? p[0] : 0, t > 1 ? p[1] : 0, t > 2 ? p[2] : 0, t > 3 ? p[3] : 0};
}
TILE ivec iadd(ivec a, ivec b) { return a + b; }
TILE ivec imultiply(ivec a, ivec b) { return a * b; }
TILE ivec indices(void) { return (ivec){0, 1, 2, 3}; }
TILE bvec in_tail(tail t) { return indices() < ibroadcast(t); }
/* Packs the true lanes (storing up to LANES elements) and returns their count. */
TILE int compress(float *p, int32_t *q, bvec m, vec a, ivec b) {
    int n = 0;
    for (int i = 0; i < LANES; i++) {
        p[n] = a[i];
        q[n] = b[i];
        n -= m[i]; /* a true lane is -1 */
    }
    return n;
}
TILE ivec lookup(const int32_t *table, ivec at) {
    return (ivec){table[at[0]], table[at[1]], table[at[2]], table[at[3]]};
}
/* A quad holds four values; for each lane, pick the one at index `position` mod 4. */
typedef struct {
    bvec is[4];
} picks;
TILE vec load_quad(const float *p) { return load(p); }
TILE picks picks_of(ivec positions) {
    picks p;
    UNROLLED (k, 4) p.is[k] = (positions & 3) == k;
    return p;
}
TILE vec pick(vec quad, picks chosen) {
    ivec picked = {0, 0, 0, 0};
    UNROLLED (k, 4) picked |= chosen.is[k] & (ivec)broadcast(quad[k]);
    return (vec)picked;
}
TILE ivec as_ints(vec a) { return (ivec)a; }
TILE vec as_floats(ivec a) { return (vec)a; }
typedef uint32_t uvec __attribute__((vector_size(16)));
TILE ivec shift_left(ivec a, int bits) { return (ivec)((uvec)a << bits); }
TILE ivec shift_right(ivec a, int bits) { return (ivec)((uvec)a >> bits); } /* fills with zeros */
TILE ivec exclusive_or(ivec a, ivec b) { return (ivec)((uvec)a ^ (uvec)b); }
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#endif
/* rows[i][k] = rows[k][i] */
TILE void transpose_square(vec rows[4]) {
    const vec a = SHUFFLE(rows[0], rows[1], 0, 4, 1, 5), b = SHUFFLE(rows[0], rows[1], 2, 6, 3, 7);
    const vec c = SHUFFLE(rows[2], rows[3], 0, 4, 1, 5), d = SHUFFLE(rows[2], rows[3], 2, 6, 3, 7);
    rows[0] = SHUFFLE(a, c, 0, 1, 4, 5);
    rows[1] = SHUFFLE(a, c, 2, 3, 6, 7);
    rows[2] = SHUFFLE(b, d, 0, 1, 4, 5);
    rows[3] = SHUFFLE(b, d, 2, 3, 6, 7);
}
