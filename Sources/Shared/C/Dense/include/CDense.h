// Dense float products by oneDNN, called on one thread on tiles of fixed size from our own pool,
// so that no result depends on the number of threads.
#ifndef CDENSE_H
#define CDENSE_H

#include <stddef.h>

/// C[m][n] (row stride ldc) = beta * C + A times B, all row-major f32. A is [m][k] with row stride
/// lda; with `transposeA` != 0 it lies as [k][m] (as for a weight's gradient). B is [k][n] with row
/// stride ldb; with `transposeB` != 0 it lies as [n][k] (as a Linear's weight does). Returns 0, or
/// oneDNN's status code.
int fpq_gemm_f32(
    int transposeA, int transposeB, size_t m, size_t n, size_t k, const float *a, size_t lda,
    const float *b, size_t ldb, float beta, float *c, size_t ldc);

#endif
