# methods.tsv rows/METHOD:SEED:ACTIVATIONS.tsv -> how far each method is above its baseline at as
# many bits of activations, in dB of the mean squared difference over all pictures, with the paired
# bootstrap's 95 % interval over prompts. Where both have several calibration seeds, a prompt's
# squared difference is the mean over those that both have.
BEGIN { FS = OFS = "\t"; resamples = 2000 }
FILENAME ~ /methods\.tsv$/ { baseline[$1] = $5; next }
FNR == 1 {
  name = FILENAME
  sub(/.*\//, "", name); sub(/\.tsv$/, "", name)
  match(name, /^[^:]*:[^:]*:/)
  split(substr(name, 1, RLENGTH), part, ":")
  method = part[1]
  class = bits(method, substr(name, RLENGTH + 1))
  key = method SUBSEP class SUBSEP part[2]
  # Of two formats of as many bits, that of the name that sorts first.
  if (!(key in first)) first[key] = FILENAME
  if (part[2] != "-") pairs[method SUBSEP class]
  seeds[part[2]]
}
/^[0-9]+\.png/ && first[key] == FILENAME { square[key SUBSEP $1] = 10 ^ (-$2 / 10); prompts[$1] }
END {
  srand(1)
  n = 0
  for (prompt in prompts) order[n++] = prompt
  for (i = 0; i < resamples * n; i++) pick[i] = int(rand() * n)
  print "method", "baseline", "activation_bits", "difference_db", "low_db", "high_db"
  for (pair in pairs) {
    split(pair, part, SUBSEP)
    base = baseline[part[1]]
    if (base != "" && base != part[1]) compare(part[1], base, part[2])
  }
}

function compare(method, base, class,   seed, i, r, a, b, count, own, theirs) {
  split("", own); split("", theirs)
  for (seed in seeds) {
    if (!((method SUBSEP class SUBSEP seed) in first)) continue
    if (!((base SUBSEP class SUBSEP seed) in first)) continue
    for (i = 0; i < n; i++) {
      theirs[i] += square[method SUBSEP class SUBSEP seed SUBSEP order[i]]
      own[i] += square[base SUBSEP class SUBSEP seed SUBSEP order[i]]
    }
  }
  for (r = 0; r < resamples; r++) {
    a = b = 0
    for (i = 0; i < n; i++) { a += own[pick[r * n + i]]; b += theirs[pick[r * n + i]] }
    if (b == 0) return
    sample[r] = decibels(a / b)
  }
  sort(sample, resamples)
  a = b = 0
  for (i = 0; i < n; i++) { a += own[i]; b += theirs[i] }
  printf "%s\t%s\t%d\t%.2f\t%.2f\t%.2f\n", method, base, class, decibels(a / b),
    sample[int(resamples * .025)], sample[int(resamples * .975)]
}

function decibels(ratio) { return 10 * log(ratio) / log(10) }

function sort(x, count,   gap, i, j, value) { # Shell's
  for (gap = int(count / 2); gap > 0; gap = int(gap / 2))
    for (i = gap; i < count; i++) {
      value = x[i]
      for (j = i; j >= gap && x[j - gap] > value; j -= gap) x[j] = x[j - gap]
      x[j] = value
    }
}
