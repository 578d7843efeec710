# methods.tsv differences.tsv results.tsv -> what tables are made of: the methods, the best at W4A6
# first, and their figures, which are of all pictures of all calibrations.
BEGIN { FS = "\t" }
FILENAME ~ /methods\.tsv$/ {
  asks[$1] = length($4) > 200 ? substr($4, 1, 160) " …" : $4
  baseline[$1] = $5
  next
}
FNR == 1 { next }
FILENAME ~ /differences\.tsv$/ {
  if ($3 == 6) difference[$1] = sprintf("%+.2f (%+.2f…%+.2f)", $4, $5, $6)
  next
}
{
  class = bits($1, $3)
  key = $1 SUBSEP class
  if (!($1 in weight)) { weight[$1] = $4; names[count++] = $1 }
  # The first of two formats of as many bits.
  if (key in format && format[key] != $3) next
  format[key] = $3
  runs[key]++
  square[key] += 10 ^ (-$8 / 10)
  if (!(key in low) || $8 < low[key]) low[key] = $8
  if (!(key in high) || $8 > high[key]) high[key] = $8
  if ($6 != "") { seconds[$1] += $6; megabytes[$1] = $7; rounds[$1]++ }
  if (class == 6) { ssim[$1] += $10; sharpness[$1] += $11; latents[$1] += $12 }
}
END { sort() }

# Of the mean squared difference; in brackets the least and the greatest of several calibrations.
function psnr(method, class,   key) {
  key = method SUBSEP class
  if (!(key in runs)) return ""
  return sprintf("%.2f", decibels(key)) \
    (runs[key] > 1 ? sprintf(" (%.2f…%.2f)", low[key], high[key]) : "")
}

function time(method) {
  return rounds[method] ? sprintf("%.0f", seconds[method] / rounds[method]) : ""
}

function decibels(key) { return -10 * log(square[key] / runs[key]) / log(10) }

function sort(   i, j, name) {
  for (i = 1; i < count; i++) {
    name = names[i]
    for (j = i; j > 0 && rank(names[j - 1]) < rank(name); j--) names[j] = names[j - 1]
    names[j] = name
  }
}

function rank(method) { return (method SUBSEP 6) in runs ? decibels(method SUBSEP 6) : 0 }
