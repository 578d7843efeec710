#include "CDense.h"

#include <oneapi/dnnl/dnnl.h>

// libgomp's own declaration; its header lives in the compiler's private folder.
extern void omp_set_num_threads(int);

// oneDNN runs on OpenMP threads unless told otherwise, per calling thread.
static _Thread_local int single_threaded;

int fpq_gemm_f32(
    int transposeA, int transposeB, size_t m, size_t n, size_t k, const float *a, size_t lda,
    const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  if (!single_threaded) {
    omp_set_num_threads(1);
    single_threaded = 1;
  }
  return dnnl_sgemm(
      transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', (dnnl_dim_t)m, (dnnl_dim_t)n, (dnnl_dim_t)k,
      1.0f, a, (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb, beta, c, (dnnl_dim_t)ldc);
}
