// What the loops of the rounding methods take: nearest levels, error feedback, coordinate descent,
// AdaRound.
//
// A level is what a code stands for before the scale, a small integer held in a float. Rows are
// independent; a caller works on one row and one block of columns at a time.
#ifndef FPQ_ROUNDING_H
#define FPQ_ROUNDING_H

#include <stddef.h>
#include <stdint.h>

/// A codebook of up to 64 levels: ascending, and the thresholds between them, both padded with
/// infinity. A value above thresholds[i] belongs to a level above levels[i].
typedef struct {
  float levels[64], thresholds[64];
} fpq_levels;

/// The values of one group: level * scale, or level * negative_scale for levels below zero (the
/// same scale unless the group has two). scale 0: the only value is 0.
typedef struct {
  float scale, negative_scale;
  const fpq_levels *table;
} fpq_grid;

/// The group of weights that AdaRound rounds up or down: clamp bounds, and whether the variable is
/// V' = step * V (scaled != 0) or V.
typedef struct {
  float low, high;
  int scaled;
} fpq_soft_group;

#endif
