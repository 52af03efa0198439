/* The vector type of NEON on 64-bit ARM: 4 floats, 32 registers, tails element by element. */
#define LANES 4
#define MAX_ACCUMULATORS 24
#define MAX_VECTORS 4
typedef float32x4_t vec;
typedef int32x4_t ivec;
typedef uint32x4_t bvec; /* all bits of a true lane are set */
typedef int tail;        /* the number of used lanes */

TILE tail tail_of(ptrdiff_t n) { return n > 4 ? 4 : (tail)n; }
TILE vec load(const float *p) { return vld1q_f32(p); }
TILE vec load_tail(const float *p, tail t) {
    if (t == 4) return vld1q_f32(p);
    vec a = vdupq_n_f32(0);
    if (t > 0) a = vld1q_lane_f32(p, a, 0);
    if (t > 1) a = vld1q_lane_f32(p + 1, a, 1);
    if (t > 2) a = vld1q_lane_f32(p + 2, a, 2);
    return a;
}
TILE void store(float *p, vec a) { vst1q_f32(p, a); }
TILE void store_tail(float *p, vec a, tail t) {
    if (t == 4) {
        vst1q_f32(p, a);
        return;
    }
    if (t > 0) vst1q_lane_f32(p, a, 0);
    if (t > 1) vst1q_lane_f32(p + 1, a, 1);
    if (t > 2) vst1q_lane_f32(p + 2, a, 2);
}
TILE vec broadcast(float a) { return vdupq_n_f32(a); }
TILE ivec ibroadcast(int a) { return vdupq_n_s32(a); }
TILE vec multiply_add(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
TILE vec vsqrt(vec a) { return vsqrtq_f32(a); }
TILE bvec greater(vec a, vec b) { return vcgtq_f32(a, b); }
TILE bvec less_equal(vec a, vec b) { return vcleq_f32(a, b); }
TILE bvec unordered(vec a, vec b) { return vmvnq_u32(vandq_u32(vceqq_f32(a, a), vceqq_f32(b, b))); }
TILE int any(bvec a) { return vmaxvq_u32(a) != 0; }
TILE bvec both(bvec a, bvec b) { return vandq_u32(a, b); }
TILE bvec either(bvec a, bvec b) { return vorrq_u32(a, b); }
TILE vec choose(bvec m, vec a, vec b) { return vbslq_f32(m, a, b); }
TILE ivec ichoose(bvec m, ivec a, ivec b) { return vbslq_s32(m, a, b); }
TILE void store_i32_tail(int32_t *p, ivec a, tail t) {
    if (t == 4) {
        vst1q_s32(p, a);
        return;
    }
    if (t > 0) vst1q_lane_s32(p, a, 0);
    if (t > 1) vst1q_lane_s32(p + 1, a, 1);
    if (t > 2) vst1q_lane_s32(p + 2, a, 2);
}
TILE bvec below(ivec a, ivec b) { return vcltq_s32(a, b); }
TILE bvec equal(ivec a, ivec b) { return vceqq_s32(a, b); }
TILE ivec load_i32_tail(const int32_t *p, tail t) {
    if (t == 4) return vld1q_s32(p);
    ivec a = vdupq_n_s32(0);
    if (t > 0) a = vld1q_lane_s32(p, a, 0);
    if (t > 1) a = vld1q_lane_s32(p + 1, a, 1);
    if (t > 2) a = vld1q_lane_s32(p + 2, a, 2);
    return a;
}
TILE ivec load_u8_tail(const uint8_t *p, tail t) {
    uint32_t four = 0;
    if (t == 4) __builtin_memcpy(&four, p, 4);
    else
        for (int i = 0; i < t; i++) four |= (uint32_t)p[i] << 8 * i;
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
}
TILE void store_u8_tail(uint8_t *p, ivec a, tail t) {
    const uint16x4_t words = vmovn_u32(vreinterpretq_u32_s32(a));
    const uint8x8_t bytes = vmovn_u16(vcombine_u16(words, words));
    uint32_t four = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
    if (t == 4) __builtin_memcpy(p, &four, 4);
    else
        for (int i = 0; i < t; i++, four >>= 8) p[i] = (uint8_t)four;
}
TILE ivec iadd(ivec a, ivec b) { return vaddq_s32(a, b); }
TILE ivec imultiply(ivec a, ivec b) { return vmulq_s32(a, b); }
TILE ivec indices(void) { return (ivec){0, 1, 2, 3}; }
TILE bvec in_tail(tail t) { return vcltq_s32(indices(), vdupq_n_s32(t)); }

/* For each of the 16 masks, the indices of the bytes of its true lanes. */
#define LANE(i) 4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3
static const uint8_t bytes_of_mask[16][16] = {
    {0},
    {LANE(0)},
    {LANE(1)},
    {LANE(0), LANE(1)},
    {LANE(2)},
    {LANE(0), LANE(2)},
    {LANE(1), LANE(2)},
    {LANE(0), LANE(1), LANE(2)},
    {LANE(3)},
    {LANE(0), LANE(3)},
    {LANE(1), LANE(3)},
    {LANE(0), LANE(1), LANE(3)},
    {LANE(2), LANE(3)},
    {LANE(0), LANE(2), LANE(3)},
    {LANE(1), LANE(2), LANE(3)},
    {LANE(0), LANE(1), LANE(2), LANE(3)},
};
static const uint8_t lanes_of_mask[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
/* Packs the true lanes (storing LANES elements each) and returns their count. */
TILE int compress(float *p, int32_t *q, bvec m, vec a, ivec b) {
    const uint32x4_t bits = {1, 2, 4, 8};
    const unsigned mask = vaddvq_u32(vandq_u32(m, bits));
    const uint8x16_t order = vld1q_u8(bytes_of_mask[mask]);
    vst1q_f32(p, vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(a), order)));
    vst1q_s32(q, vreinterpretq_s32_u8(vqtbl1q_u8(vreinterpretq_u8_s32(b), order)));
    return lanes_of_mask[mask];
}
TILE ivec lookup(const int32_t *table, ivec at) {
    return (ivec){table[at[0]], table[at[1]], table[at[2]], table[at[3]]};
}
/* A quad holds four values; for each lane, pick the one at index `position` mod 4. */
typedef uint8x16_t picks; /* indices of the bytes of that value */
TILE vec load_quad(const float *p) { return vld1q_f32(p); }
TILE picks picks_of(ivec positions) {
    const ivec first = vmulq_s32(vandq_s32(positions, vdupq_n_s32(3)), vdupq_n_s32(0x04040404));
    return vreinterpretq_u8_s32(vaddq_s32(first, vdupq_n_s32(0x03020100)));
}
TILE vec pick(vec quad, picks chosen) {
    return vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(quad), chosen));
}
TILE ivec as_ints(vec a) { return vreinterpretq_s32_f32(a); }
TILE vec as_floats(ivec a) { return vreinterpretq_f32_s32(a); }
TILE ivec shift_left(ivec a, int bits) { return vshlq_s32(a, vdupq_n_s32(bits)); }
TILE ivec shift_right(ivec a, int bits) { /* fills with zeros */
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a), vdupq_n_s32(-bits)));
}
TILE ivec exclusive_or(ivec a, ivec b) { return veorq_s32(a, b); }
/* rows[i][k] = rows[k][i] */
TILE void transpose_square(vec rows[4]) {
    const float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(rows[0], rows[1]));
    const float64x2_t b = vreinterpretq_f64_f32(vtrn2q_f32(rows[0], rows[1]));
    const float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(rows[2], rows[3]));
    const float64x2_t d = vreinterpretq_f64_f32(vtrn2q_f32(rows[2], rows[3]));
    rows[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
    rows[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
    rows[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
    rows[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
}
