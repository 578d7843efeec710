// Loops of the rounding methods: nearest levels, error feedback, coordinate descent, AdaRound.
//
// A level is what a code stands for before the scale, a small integer held in a float. Rows are
// independent; a caller works on one row and one block of columns at a time.
#ifndef FPQ_ROUNDING_H
#define FPQ_ROUNDING_H

#include <stddef.h>
#include <stdint.h>

/// A codebook of up to 64 levels: ascending, and the thresholds between them, both padded with infinity. A value above
/// thresholds[i] belongs to a level above levels[i].
typedef struct {
  float levels[64], thresholds[64];
} fpq_levels;

/// The values of one group: level * scale, or level * negative_scale for levels below zero (the same scale
/// unless the group has two). scale 0: the only value is 0.
typedef struct {
  float scale, negative_scale;
  const fpq_levels *table;
} fpq_grid;

/// e[i] = (nearest value to w[i]) - w[i].
void fpq_grid_residual(size_t count, fpq_grid grid, const float *w, float *e);
/// The sum of importance[i] * e[i]^2.
float fpq_grid_error(size_t count, fpq_grid grid, const float *w, const float *importance);

/// Error feedback along `count` columns of a row: level[k] = nearest to target[k],
/// residual[k] = w[k] - value, then target[j] += residual[k] * factor[k][j] for j > k.
/// Column k uses grids[group[k]]; factor has `stride` floats a row.
void fpq_feedback_row(
    size_t count, const fpq_grid *grids, const uint32_t *group, const float *factor, size_t stride,
    const float *w, float *target, float *level, float *residual);

/// One sweep of coordinate descent over `count` columns of a row: each level moves to the one nearest to the
/// minimum along its axis where that changes the loss by less than `bar` (a number <= 0).
/// gradient = (V - W) H over these columns, kept up to date; change[k] = what was added to value k.
/// hessian is [count][count] with `stride` floats a row. Returns how many levels changed.
size_t fpq_descend_row(
    size_t count, const fpq_grid *grids, const uint32_t *group, const float *hessian, size_t stride,
    float bar, float *level, float *gradient, float *change);

/// The group of weights that AdaRound rounds up or down: clamp bounds, and whether the variable is
/// V' = step * V (scaled != 0) or V.
typedef struct {
  float low, high;
  int scaled;
} fpq_soft_group;

/// soft[i] = clamp(base[i] + h step[i], low, high), h = clip(1.2 sigmoid(V) - .1, 0, 1).
void fpq_soft_weights(
    size_t count, fpq_soft_group group, const float *v, const float *base, const float *step,
    float *soft);
/// Turns gradient[i] by the soft weight into the one by the variable, of
/// weight * loss + regulariser * sum(1 - |2h - 1|^beta). Returns that sum.
float fpq_soft_gradient(
    size_t count, fpq_soft_group group, float weight, float regulariser, float beta, const float *v,
    const float *base, const float *step, float *gradient);
/// One Adam step (betas .9 and .999, eps 1e-8); correction1 = 1 - .9^t, correction2 = 1 - .999^t.
void fpq_adam(
    size_t count, float rate, float correction1, float correction2, const float *gradient,
    float *v, float *first, float *second);

/// C[m][n] = beta * C + A[m][k] B[k][n] in f64, row-major with row strides; beta is 0 or 1.
void fpq_gemm_f64(
    size_t m, size_t n, size_t k, const double *a, size_t lda, const double *b, size_t ldb,
    double beta, double *c, size_t ldc);

#endif
