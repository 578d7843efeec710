// Dense float products by oneDNN, called on one thread on tiles of fixed size from our own pool,
// so that no result depends on the number of threads.
#ifndef CDENSE_H
#define CDENSE_H

#include <stddef.h>

/// C[m][n] (row stride ldc) = beta * C + A[m][k] (row stride lda) times B, all row-major f32.
/// `transposeB` != 0: B is [n][k] with row stride ldb (a Linear's weight); else B is [k][n].
/// Returns 0, or oneDNN's status code.
int fpq_gemm_f32(
    int transposeB, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
    size_t ldb, float beta, float *c, size_t ldc);

#endif
