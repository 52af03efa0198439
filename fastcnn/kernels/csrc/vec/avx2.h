/* The vector type of AVX2 with FMA: 8 floats, 16 registers, tails by masked loads and stores. */
#define LANES 8
#define MAX_ACCUMULATORS 12
#define MAX_VECTORS 4
typedef __m256 vec;
typedef __m256i ivec;
typedef __m256 bvec; /* all bits of a true lane are set */
typedef struct {
    __m256i mask;
    int count;
} tail;

TILE tail tail_of(ptrdiff_t n) {
    const int count = n > 8 ? 8 : (int)n;
    return (tail){
        _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
        count};
}
TILE vec load(const float *p) { return _mm256_loadu_ps(p); }
TILE vec load_tail(const float *p, tail t) { return _mm256_maskload_ps(p, t.mask); }
TILE void store(float *p, vec a) { _mm256_storeu_ps(p, a); }
/* Avoids masked stores, which take twelve cycles on AMD's processors. */
TILE void store_tail(float *p, vec a, tail t) {
    if (t.count == 8) {
        store(p, a);
        return;
    }
    __m128 part = _mm256_castps256_ps128(a);
    if (t.count & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(a, 1);
        p += 4;
    }
    if (t.count & 2) {
        _mm_storel_pi((__m64 *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    const float one = _mm_cvtss_f32(part);
    if (t.count & 1) __builtin_memcpy(p, &one, sizeof one);
}
TILE vec broadcast(float a) { return _mm256_set1_ps(a); }
TILE ivec ibroadcast(int a) { return _mm256_set1_epi32(a); }
TILE vec multiply_add(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
TILE vec vsqrt(vec a) { return _mm256_sqrt_ps(a); }
TILE bvec greater(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
TILE bvec less_equal(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
TILE bvec unordered(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_UNORD_Q); }
TILE int any(bvec a) { return _mm256_movemask_ps(a) != 0; }
TILE bvec both(bvec a, bvec b) { return _mm256_and_ps(a, b); }
TILE bvec either(bvec a, bvec b) { return _mm256_or_ps(a, b); }
TILE vec choose(bvec m, vec a, vec b) { return _mm256_blendv_ps(b, a, m); }
TILE ivec ichoose(bvec m, ivec a, ivec b) {
    return _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(b), _mm256_castsi256_ps(a), m));
}
TILE void store_i32_tail(int32_t *p, ivec a, tail t) {
    store_tail((float *)p, _mm256_castsi256_ps(a), t);
}
TILE bvec below(ivec a, ivec b) { return _mm256_castsi256_ps(_mm256_cmpgt_epi32(b, a)); }
TILE bvec equal(ivec a, ivec b) { return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)); }
TILE ivec load_i32_tail(const int32_t *p, tail t) { return _mm256_maskload_epi32(p, t.mask); }
TILE ivec load_u8_tail(const uint8_t *p, tail t) {
    if (t.count == 8) return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
    unsigned long long bytes = 0;
    for (int size = 4, done = 0; size > 0; size /= 2)
        if (t.count & size) {
            unsigned part = 0;
            __builtin_memcpy(&part, p + done, (size_t)size);
            bytes |= (unsigned long long)part << 8 * done;
            done += size;
        }
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)bytes));
}
TILE void store_u8_tail(uint8_t *p, ivec a, tail t) {
    const __m128i low = _mm256_castsi256_si128(a), high = _mm256_extracti128_si256(a, 1);
    const __m128i words = _mm_packus_epi32(low, high), bytes = _mm_packus_epi16(words, words);
    if (t.count == 8) {
        _mm_storel_epi64((__m128i *)p, bytes);
        return;
    }
    unsigned long long value = (unsigned long long)_mm_cvtsi128_si64(bytes);
    for (int size = 4; size > 0; size /= 2)
        if (t.count & size) {
            __builtin_memcpy(p, &value, (size_t)size);
            value >>= 8 * size;
            p += size;
        }
}
TILE ivec iadd(ivec a, ivec b) { return _mm256_add_epi32(a, b); }
TILE ivec imultiply(ivec a, ivec b) { return _mm256_mullo_epi32(a, b); }
TILE ivec indices(void) { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
TILE bvec in_tail(tail t) { return _mm256_castsi256_ps(t.mask); }
/* Packs the true lanes (storing LANES elements each) and returns their count. */
TILE int compress(float *p, int32_t *q, bvec m, vec a, ivec b) {
    const unsigned mask = (unsigned)_mm256_movemask_ps(m);
    /* 0xFF in the byte of each true lane picks that lane's index out of 76543210 */
    const unsigned long long bytes = _pdep_u64(mask, 0x0101010101010101ull) * 0xFF;
    const unsigned long long picked = _pext_u64(0x0706050403020100ull, bytes);
    const __m256i order = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)picked));
    _mm256_storeu_ps(p, _mm256_permutevar8x32_ps(a, order));
    _mm256_storeu_si256((__m256i *)q, _mm256_permutevar8x32_epi32(b, order));
    return __builtin_popcount(mask);
}
TILE ivec lookup(const int32_t *table, ivec at) { return _mm256_i32gather_epi32(table, at, 4); }
/* A quad holds four values; for each lane, pick the one at index `position` mod 4. */
typedef ivec picks;
TILE vec load_quad(const float *p) { return _mm256_broadcast_ps((const __m128 *)p); }
TILE picks picks_of(ivec positions) { return positions; }
TILE vec pick(vec quad, picks chosen) { return _mm256_permutevar_ps(quad, chosen); }
TILE ivec as_ints(vec a) { return _mm256_castps_si256(a); }
TILE vec as_floats(ivec a) { return _mm256_castsi256_ps(a); }
typedef uint32_t uvec __attribute__((vector_size(32)));
TILE ivec shift_left(ivec a, int bits) { return (ivec)((uvec)a << bits); }
TILE ivec shift_right(ivec a, int bits) { return (ivec)((uvec)a >> bits); } /* fills with zeros */
TILE ivec exclusive_or(ivec a, ivec b) { return (ivec)((uvec)a ^ (uvec)b); }
/* rows[i][k] = rows[k][i] */
TILE void transpose_square(vec rows[8]) {
    vec a[8], b[8];
    UNROLLED (pair, 4) {
        const int i = 2 * pair;
        a[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    }
    UNROLLED (four, 2)
        UNROLLED (k, 2) {
            const int i = 4 * four;
            b[i + 2 * k] = _mm256_shuffle_ps(a[i + k], a[i + k + 2], 0x44);
            b[i + 2 * k + 1] = _mm256_shuffle_ps(a[i + k], a[i + k + 2], 0xEE);
        }
    UNROLLED (k, 4) {
        rows[k] = _mm256_permute2f128_ps(b[k], b[k + 4], 0x20);
        rows[k + 4] = _mm256_permute2f128_ps(b[k], b[k + 4], 0x31);
    }
}
