/* The vector type of AVX-512: 16 floats, 32 registers, a mask register for tails. */
#define LANES 16
#define MAX_ACCUMULATORS 24
#define MAX_VECTORS 4
typedef __m512 vec;
typedef __m512i ivec;
typedef __mmask16 bvec; /* one bit per lane */
typedef __mmask16 tail; /* the used lanes of a last, partly filled vector */

TILE tail tail_of(ptrdiff_t n) { return n >= 16 ? 0xFFFF : (tail)((1u << n) - 1); }
TILE vec load(const float *p) { return _mm512_loadu_ps(p); }
TILE vec load_tail(const float *p, tail t) { return _mm512_maskz_loadu_ps(t, p); }
TILE void store(float *p, vec a) { _mm512_storeu_ps(p, a); }
TILE void store_tail(float *p, vec a, tail t) { _mm512_mask_storeu_ps(p, t, a); }
TILE vec broadcast(float a) { return _mm512_set1_ps(a); }
TILE ivec ibroadcast(int a) { return _mm512_set1_epi32(a); }
TILE vec multiply_add(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
TILE vec vsqrt(vec a) { return _mm512_sqrt_ps(a); }
TILE bvec greater(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
TILE bvec less_equal(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
TILE bvec unordered(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q); }
TILE int any(bvec a) { return a != 0; }
TILE bvec both(bvec a, bvec b) { return a & b; }
TILE bvec either(bvec a, bvec b) { return a | b; }
TILE vec choose(bvec m, vec a, vec b) { return _mm512_mask_blend_ps(m, b, a); }
TILE ivec ichoose(bvec m, ivec a, ivec b) { return _mm512_mask_blend_epi32(m, b, a); }
TILE void store_i32_tail(int32_t *p, ivec a, tail t) { _mm512_mask_storeu_epi32(p, t, a); }
TILE void store_u8_tail(uint8_t *p, ivec a, tail t) { _mm512_mask_cvtepi32_storeu_epi8(p, t, a); }
TILE bvec below(ivec a, ivec b) { return _mm512_cmplt_epi32_mask(a, b); }
TILE bvec equal(ivec a, ivec b) { return _mm512_cmpeq_epi32_mask(a, b); }
TILE ivec load_i32_tail(const int32_t *p, tail t) { return _mm512_maskz_loadu_epi32(t, p); }
TILE ivec load_u8_tail(const uint8_t *p, tail t) {
    return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(t, p));
}
TILE ivec iadd(ivec a, ivec b) { return _mm512_add_epi32(a, b); }
TILE ivec imultiply(ivec a, ivec b) { return _mm512_mullo_epi32(a, b); }
TILE ivec indices(void) {
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
TILE bvec in_tail(tail t) { return t; }
/* Packs the true lanes (storing LANES elements each) and returns their count. */
TILE int compress(float *p, int32_t *q, bvec m, vec a, ivec b) {
    _mm512_storeu_ps(p, _mm512_maskz_compress_ps(m, a));
    _mm512_storeu_si512(q, _mm512_maskz_compress_epi32(m, b));
    return __builtin_popcount(m);
}
TILE ivec lookup(const int32_t *table, ivec at) { return _mm512_i32gather_epi32(at, table, 4); }
/* A quad holds four values; for each lane, pick the one at index `position` mod 4. */
typedef ivec picks;
TILE vec load_quad(const float *p) { return _mm512_castps128_ps512(_mm_loadu_ps(p)); }
TILE picks picks_of(ivec positions) { return _mm512_and_epi32(positions, _mm512_set1_epi32(3)); }
TILE vec pick(vec quad, picks chosen) { return _mm512_permutexvar_ps(chosen, quad); }
TILE ivec as_ints(vec a) { return _mm512_castps_si512(a); }
TILE vec as_floats(ivec a) { return _mm512_castsi512_ps(a); }
typedef uint32_t uvec __attribute__((vector_size(64)));
TILE ivec shift_left(ivec a, int bits) { return (ivec)((uvec)a << bits); }
TILE ivec shift_right(ivec a, int bits) { return (ivec)((uvec)a >> bits); } /* fills with zeros */
TILE ivec exclusive_or(ivec a, ivec b) { return (ivec)((uvec)a ^ (uvec)b); }
/* rows[i][k] = rows[k][i]: pairs, then quarters, of rows 1, 2, 4 and 8 apart are swapped. */
TILE void transpose_square(vec rows[16]) {
    vec a[16], b[16];
    UNROLLED (pair, 8) {
        const int i = 2 * pair;
        a[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    }
    UNROLLED (four, 4)
        UNROLLED (k, 2) {
            const int i = 4 * four;
            const __m512d low = _mm512_castps_pd(a[i + k]), high = _mm512_castps_pd(a[i + k + 2]);
            b[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            b[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    UNROLLED (eight, 2)
        UNROLLED (k, 4) {
            const int i = 8 * eight;
            a[i + k] = _mm512_shuffle_f32x4(b[i + k], b[i + k + 4], 0x88);
            a[i + k + 4] = _mm512_shuffle_f32x4(b[i + k], b[i + k + 4], 0xDD);
        }
    UNROLLED (k, 8) {
        rows[k] = _mm512_shuffle_f32x4(a[k], a[k + 8], 0x88);
        rows[k + 8] = _mm512_shuffle_f32x4(a[k], a[k + 8], 0xDD);
    }
}
