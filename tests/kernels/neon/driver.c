/* Tests every tile of tile_list.h on small integers against plain loops that implement kernels.h;
 * results must be equal. test_neon.py builds it for ARM and runs it under qemu. Arrays end
 * at a guard page, and gaps between rows must stay unchanged. Prints "table tile" for each tile
 * that passed; the first difference ends the program.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "csrc/kernels.h"

static const struct kernels *k;
static const char *testing;

/* ------------------------------------------------------------------------- random data, memory */

static uint64_t state = 1;
static int draw(int low, int high) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return low + (int)((state >> 33) % (uint64_t)(high - low + 1));
}
static int often(void) { return draw(0, 3) > 0; }

static struct {
    char *base;
    size_t size;
} maps[64];
static int map_count;

static void *guarded(ptrdiff_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = ((size_t)bytes / page + 1) * page;
    char *base =
        mmap(NULL, inside + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || mprotect(base + inside, page, PROT_NONE)) exit(2);
    maps[map_count].base = base;
    maps[map_count++].size = inside + page;
    return base + inside - bytes;
}
static void release(void) {
    while (map_count > 0) {
        map_count--;
        munmap(maps[map_count].base, maps[map_count].size);
    }
}

static float *floats(ptrdiff_t n) { /* integers from -4 to 4 */
    float *p = guarded(n * (ptrdiff_t)sizeof *p);
    for (ptrdiff_t i = 0; i < n; i++) p[i] = (float)draw(-4, 4);
    return p;
}
static float *copy(const float *from, ptrdiff_t n) {
    float *p = guarded(n * (ptrdiff_t)sizeof *p);
    memcpy(p, from, (size_t)n * sizeof *p);
    return p;
}
static int32_t *ints(ptrdiff_t n, int low, int high) {
    int32_t *p = guarded(n * (ptrdiff_t)sizeof *p);
    for (ptrdiff_t i = 0; i < n; i++) p[i] = draw(low, high);
    return p;
}
static ptrdiff_t *offsets_to(ptrdiff_t n, int high) {
    ptrdiff_t *p = guarded(n * (ptrdiff_t)sizeof *p);
    for (ptrdiff_t i = 0; i < n; i++) p[i] = draw(0, high);
    return p;
}
static uint8_t *bytes(ptrdiff_t n, int high) { /* sometimes 255 */
    uint8_t *p = guarded(n);
    for (ptrdiff_t i = 0; i < n; i++) p[i] = often() ? (uint8_t)draw(0, high) : 255;
    return p;
}

static void fail(ptrdiff_t at, double found, double expected) {
    printf("%s %s: %.9g instead of %.9g at %td\n", k->name, testing, found, expected, at);
    exit(1);
}
static void same(const float *found, const float *expected, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++)
        if (!(found[i] == expected[i] || (isnan(found[i]) && isnan(expected[i]))))
            fail(i, found[i], expected[i]);
}
static void same_bytes(const uint8_t *found, const uint8_t *expected, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++)
        if (found[i] != expected[i]) fail(i, found[i], expected[i]);
}
static void same_ints(const int32_t *found, const int32_t *expected, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++)
        if (found[i] != expected[i]) fail(i, found[i], expected[i]);
}
static float relu(float a) { return a <= 0 ? 0 : a; }
static float bounded_relu(float a, float max) { return relu(a) > max ? max : relu(a); }
static int is_closed(float y, float max) { return y <= 0 || y >= max; }
static float a_bound(void) { return often() ? NAN : (float)draw(1, 6); }
static ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static int channel_count(void) { return draw(1, 4 * k->lanes + 3); }

/* ---------------------------------------------------------------------------- sums of products */

static struct product a_product(int pixels_in_x) {
    struct product p = {.segments = draw(0, 3), .steps = draw(0, 9), .pixels = draw(1, 20)};
    p.channels = least(channel_count(), k->product_block(1000));
    p.x_pixel = draw(1, 5), p.x_step = draw(1, 3);
    p.w_step = p.channels + draw(0, 3), p.y_pixel = p.channels + draw(0, 3);
    p.x_segments = offsets_to(p.segments, 20), p.w_segments = offsets_to(p.segments, 20);
    p.x = floats(21 + (pixels_in_x * p.pixels - 1) * p.x_pixel + 8 * p.x_step);
    p.w = floats(20 + 8 * p.w_step + p.channels);
    p.b = often() ? floats(p.channels) : NULL;
    p.relu = draw(0, 1), p.relu_max = a_bound();
    return p;
}
static float product_at(const struct product *p, const float *x, ptrdiff_t c) {
    float sum = 0;
    for (ptrdiff_t s = 0; s < p->segments; s++)
        for (ptrdiff_t i = 0; i < p->steps; i++)
            sum += x[p->x_segments[s] + i * p->x_step] * p->w[p->w_segments[s] + i * p->w_step + c];
    return sum;
}
static void product(void) {
    struct product p = a_product(1);
    const ptrdiff_t size = (p.pixels - 1) * p.y_pixel + p.channels;
    p.accumulate = draw(0, 1);
    p.y = floats(size);
    p.residual = often() ? floats(size) : draw(0, 1) ? p.y : NULL;
    float *expected = copy(p.y, size);
    for (ptrdiff_t i = 0; i < p.pixels; i++)
        for (ptrdiff_t c = 0; c < p.channels; c++) {
            float *y = expected + i * p.y_pixel + c;
            const float added = p.residual == p.y ? *y : p.residual ? p.residual[y - expected] : 0;
            const float start = p.accumulate ? *y : (p.b ? p.b[c] : 0) + added;
            const float sum = start + product_at(&p, p.x + i * p.x_pixel, c);
            *y = p.relu ? bounded_relu(sum, p.relu_max) : sum;
        }
    k->product(&p);
    same(p.y, expected, size);
}
static void product_planes(void) {
    struct product p = a_product(1);
    const struct planes planes = {draw(1, 4), draw(0, 3), draw(0, 3), p.pixels * p.y_pixel};
    const ptrdiff_t x_size = 21 + (p.pixels - 1) * p.x_pixel + 8 * p.x_step;
    const ptrdiff_t size = (planes.count * p.pixels - 1) * p.y_pixel + p.channels;
    p.b = NULL, p.relu = 0;
    p.x = floats(x_size + (planes.count - 1) * planes.x);
    p.w = floats(20 + 8 * p.w_step + p.channels + (planes.count - 1) * planes.w);
    p.y = floats(size);
    float *expected = copy(p.y, size);
    for (ptrdiff_t k = 0; k < planes.count; k++) {
        struct product plane = p;
        plane.w += k * planes.w;
        for (ptrdiff_t i = 0; i < p.pixels; i++)
            for (ptrdiff_t c = 0; c < p.channels; c++)
                expected[k * planes.y + i * p.y_pixel + c] =
                    product_at(&plane, p.x + k * planes.x + i * p.x_pixel, c);
    }
    k->product_planes(&p, &planes);
    same(p.y, expected, size);
}
static void best_of_four(const float v[4], int closes, float *y, uint8_t *argmax) {
    int best = 0;
    for (int i = 1; i < 4; i++)
        if (v[i] > v[best] || (isnan(v[i]) && !isnan(v[best]))) best = i;
    *y = closes ? relu(v[best]) : v[best];
    *argmax = closes && v[best] <= 0 ? 255 : (uint8_t)best;
}
static void product_max_pool(void) {
    struct product_max_pool q = {.sum = a_product(2), .x_row = draw(0, 9)};
    struct product *p = &q.sum;
    p->x_step = 1;
    p->channels = least(p->channels, k->product_max_pool_block(p->pixels, p->channels));
    const ptrdiff_t size = (p->pixels - 1) * p->y_pixel + p->channels;
    p->x = floats(30 + (2 * p->pixels - 1) * p->x_pixel + q.x_row);
    p->y = floats(size);
    uint8_t *argmax = bytes(size, 3), *expected_argmax = guarded(size);
    memcpy(expected_argmax, argmax, (size_t)size);
    q.argmax = often() ? argmax : NULL;
    float *expected = copy(p->y, size);
    for (ptrdiff_t i = 0; i < p->pixels; i++)
        for (ptrdiff_t c = 0; c < p->channels; c++) {
            float v[4];
            for (int w = 0; w < 4; w++) {
                const float *x = p->x + w / 2 * q.x_row + (2 * i + w % 2) * p->x_pixel;
                v[w] = (p->b ? p->b[c] : 0) + product_at(p, x, c);
            }
            uint8_t unwanted;
            const ptrdiff_t at = i * p->y_pixel + c;
            best_of_four(v, p->relu, expected + at, q.argmax ? expected_argmax + at : &unwanted);
        }
    k->product_max_pool(&q);
    same(p->y, expected, size);
    same_bytes(argmax, expected_argmax, size);
}
static void product_block(void) {
    for (int c = 1; c < 200; c++) {
        const ptrdiff_t block = k->product_block(c);
        if (block < 1 || block % k->lanes || (block < c && block < 2 * k->lanes)) fail(c, block, c);
    }
}
static void product_max_pool_block(void) {
    for (int c = 1; c < 200; c++)
        for (int w = 1; w < 5; w++) {
            const ptrdiff_t block = k->product_max_pool_block(w, c);
            if (block < 1 || block % k->lanes) fail(c, block, c);
        }
}

/* ------------------------------------------------------------------------------------ Winograd */

static const float G[4][3] = {{1, 0, 0}, {.5f, .5f, .5f}, {.5f, -.5f, .5f}, {0, 0, 1}};
static const float B[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
static const float A[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};

/* Nine taps, some of them NULL. */
static void draw_taps(float *w, ptrdiff_t w_plane, float *taps[9]) {
    for (int tap = 0; tap < 9; tap++) taps[tap] = often() ? w + tap * w_plane : NULL;
}
static void winograd_filter(void) {
    const int channels = channel_count();
    const ptrdiff_t w_plane = channels + draw(0, 3), u_plane = channels + draw(0, 3);
    float *taps[9], *u = floats(15 * u_plane + channels);
    float *expected = copy(u, 15 * u_plane + channels);
    draw_taps(floats(8 * w_plane + channels), w_plane, taps);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int c = 0; c < channels; c++) {
                float sum = 0;
                for (int tap = 0; tap < 9; tap++)
                    if (taps[tap]) sum += G[i][tap / 3] * G[j][tap % 3] * taps[tap][c];
                expected[(4 * i + j) * u_plane + c] = sum;
            }
    k->winograd_filter((const float *const *)taps, u, u_plane, channels);
    same(u, expected, 15 * u_plane + channels);
}
static void winograd_filter_gradient(void) {
    const int channels = channel_count();
    const ptrdiff_t s_plane = channels + draw(0, 3), w_plane = channels + draw(0, 3);
    const float *s = floats(15 * s_plane + channels);
    float *dw = floats(8 * w_plane + channels), *expected = copy(dw, 8 * w_plane + channels);
    float *taps[9];
    draw_taps(dw, w_plane, taps);
    for (int tap = 0; tap < 9; tap++)
        for (int c = 0; taps[tap] && c < channels; c++) {
            float sum = 0;
            for (int i = 0; i < 16; i++)
                sum += G[i / 4][tap / 3] * G[i % 4][tap % 3] * s[i * s_plane + c];
            expected[tap * w_plane + c] = sum;
        }
    k->winograd_filter_gradient(s, s_plane, taps, channels);
    same(dw, expected, 8 * w_plane + channels);
}
/* A run of tiles that starts, and may end, inside an image or up to two pixels before it. */
static struct winograd a_run(int least_row) {
    struct winograd p = {.tiles = draw(1, 6), .channels = channel_count()};
    p.plane = p.tiles * p.channels + draw(0, 3), p.pixel = p.channels + draw(0, 3);
    p.height = draw(1, 7), p.width = draw(1, 2 * (int)p.tiles + 3);
    p.row = draw(least_row, (int)p.height - 1), p.column = draw(least_row, (int)p.width - 1);
    return p;
}
static ptrdiff_t image_size(const struct winograd *p) {
    return (p->height * p->width - 1) * p->pixel + p->channels;
}
/* Where channel c of a pixel of a tile's patch is, or -1 outside of the image. */
static ptrdiff_t in_image(const struct winograd *p, ptrdiff_t tile, int r, int s, ptrdiff_t c) {
    const ptrdiff_t row = p->row + r, column = p->column + 2 * tile + s;
    if (row < 0 || row >= p->height || column < 0 || column >= p->width) return -1;
    return (row * p->width + column) * p->pixel + c;
}
static void winograd_planes(int size, const float coefficients[][4], int transposed,
                            void (*tile)(const struct winograd *)) {
    struct winograd p = a_run(size == 4 ? -2 : 0);
    p.x = floats(image_size(&p));
    const ptrdiff_t planes_size = 15 * p.plane + p.tiles * p.channels;
    p.planes = floats(planes_size);
    float *expected = copy(p.planes, planes_size);
    for (int i = 0; i < 16; i++)
        for (ptrdiff_t t = 0; t < p.tiles; t++)
            for (ptrdiff_t c = 0; c < p.channels; c++) {
                float sum = 0;
                for (int r = 0; r < size; r++)
                    for (int s = 0; s < size; s++) {
                        const ptrdiff_t at = in_image(&p, t, r, s, c);
                        const float row =
                            transposed ? coefficients[r][i / 4] : coefficients[i / 4][r];
                        const float column =
                            transposed ? coefficients[s][i % 4] : coefficients[i % 4][s];
                        if (at >= 0) sum += row * column * p.x[at];
                    }
                expected[i * p.plane + t * p.channels + c] = sum;
            }
    tile(&p);
    same(p.planes, expected, planes_size);
}
static void winograd_input(void) { winograd_planes(4, B, 0, k->winograd_input); }
static void winograd_gradient(void) { winograd_planes(2, A, 1, k->winograd_gradient); }
static void winograd_output(void) {
    struct winograd p = a_run(0);
    p.planes = floats(15 * p.plane + p.tiles * p.channels);
    p.b = often() ? floats(p.channels) : NULL;
    p.relu = draw(0, 1), p.pool = draw(0, 1), p.relu_max = a_bound();
    if (p.pool) p.width = p.column + p.tiles;
    const ptrdiff_t size = image_size(&p);
    p.y = floats(size);
    p.residual = often() ? floats(size) : draw(0, 1) ? p.y : NULL;
    float *expected = copy(p.y, size);
    const float *added = p.residual ? copy(p.residual, size) : NULL;
    uint8_t *argmax = bytes(size, 3), *expected_argmax = guarded(size), unwanted;
    memcpy(expected_argmax, argmax, (size_t)size);
    p.argmax = p.pool && often() ? argmax : NULL;
    for (ptrdiff_t t = 0; t < p.tiles; t++)
        for (ptrdiff_t c = 0; c < p.channels; c++) {
            float v[4];
            for (int o = 0; o < 4; o++) {
                v[o] = p.b ? p.b[c] : 0;
                for (int i = 0; i < 16; i++)
                    v[o] += A[o / 2][i / 4] * A[o % 2][i % 4] *
                            p.planes[i * p.plane + t * p.channels + c];
                const ptrdiff_t at = in_image(&p, t, o / 2, o % 2, c);
                if (!p.pool && at >= 0) {
                    const float sum = v[o] + (added ? added[at] : 0);
                    expected[at] = p.relu ? bounded_relu(sum, p.relu_max) : sum;
                }
            }
            const ptrdiff_t at = (p.row * p.width + p.column + t) * p.pixel + c;
            if (p.pool)
                best_of_four(v, p.relu, expected + at, p.argmax ? expected_argmax + at : &unwanted);
        }
    k->winograd_output(&p);
    same(p.y, expected, size);
    same_bytes(argmax, expected_argmax, size);
}

#include "driver_sparse.h"
#include "driver_single.h"
#include "driver_layers.h"
#include "driver_weights.h"
#include "driver_losses.h"

/* ----------------------------------------------------------------------------------------- all */

#define TEST(result, tile, parameters) {#tile, tile},
static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {EACH_TILE(TEST)};

static void denormals(void) {
    volatile float smallest = 1e-40f, one = 1;
    testing = "flush_denormals";
    const unsigned long long before = fastcnn_flush_denormals();
    if (smallest * one != 0) fail(0, smallest * one, 0);
    fastcnn_restore_denormals(before);
    if (smallest * one == 0) fail(1, 0, smallest);
}

int main(int count, char **arguments) {
    const int trials = count > 1 ? atoi(arguments[1]) : 200;
    for (int table = 0; fastcnn_kernels_at(table); table++) {
        k = fastcnn_kernels_at(table);
        if (!fastcnn_kernels_supported(k)) continue;
        denormals();
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
            testing = tests[i].name;
            for (int trial = 0; trial < trials; trial++) {
                state = (uint64_t)trial + 1000003 * i;
                tests[i].run();
                release();
            }
            printf("%s %s\n", k->name, testing);
            fflush(stdout);
        }
    }
    return 0;
}
