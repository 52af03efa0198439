/* What the file of every instruction set starts with: system headers, which must stay outside the
 * target region, and the macros that GCC and Clang need spelled differently. */
#ifndef FASTCNN_ISA_H
#define FASTCNN_ISA_H

#include <stddef.h>
#include <stdint.h>

#include "../kernels.h"

#define TILE static inline __attribute__((always_inline))
/* Optimization barrier: keeps the compiler from recomputing this address. */
#define KEEP_POINTER(p) __asm__("" : "+r"(p))
/* The same for a vector: a product that passes it is rounded, and not fused with a sum. */
#if defined(__x86_64__)
#define KEEP_VECTOR(a) __asm__("" : "+x"(a))
#elif defined(__aarch64__)
#define KEEP_VECTOR(a) __asm__("" : "+w"(a))
#else
#define KEEP_VECTOR(a) __asm__("" : "+m"(a))
#endif
#define PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define BEGIN_TARGET(isa)                                                                          \
    PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define END_TARGET _Pragma("clang attribute pop")
#define UNROLL_LOOP _Pragma("clang loop unroll(full)")
#else
#define BEGIN_TARGET(isa) _Pragma("GCC push_options") PRAGMA(GCC target(isa))
#define END_TARGET _Pragma("GCC pop_options")
#define UNROLL_LOOP _Pragma("GCC unroll 24")
#endif

/* for i = 0 ... n - 1, unrolled: n is a constant wherever a tile's body is inlined. */
#define UNROLLED(i, n) UNROLL_LOOP for (int i = 0; i < (n); i++)

/* The table of the instruction set whose bodies were included last. */
#define ENTRY(result, tile, parameters) .tile = tile,
#define TABLE(isa_name)                                                                            \
    { .name = isa_name, .lanes = LANES, EACH_TILE(ENTRY) }

#endif
