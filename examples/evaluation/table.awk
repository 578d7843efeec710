# differences.tsv results.tsv -> the README's table: a row for each method, in the order in which they are first drawn.
BEGIN { FS = "\t" }
FNR == 1 { next }
FILENAME ~ /differences/ { if ($2 == 6) difference[$1] = sprintf("%+.2f [%+.2f, %+.2f]", $3, $4, $5); next }
{
  class = $3 == "own" ? ($1 ~ /a6$/ ? 6 : 8) : $3 == "none" ? 16 : $3 ~ /^(int8|e3m4)/ ? 8 : 6
  key = $1 SUBSEP class
  if ((key SUBSEP "format") in seen && seen[key SUBSEP "format"] != $3) next
  seen[key SUBSEP "format"] = $3
  if (!($1 in bits)) { bits[$1] = $4; names[count++] = $1 }
  runs[key]++
  # All pictures of all calibrations: the mean of squares.
  square[key] += 10 ^ (-$8 / 10)
  if (!(key in low) || $8 < low[key]) low[key] = $8
  if (!(key in high) || $8 > high[key]) high[key] = $8
  if (class == 16) { seconds[$1] = $6; megabytes[$1] = $7 }
  if (class == 6) { ssim[$1] += $10; sharpness[$1] += $11; latents[$1] += $12; six[$1]++ }
}
END {
  print "| method | bits | s | MB | W4A16 | W4A8 | W4A6 | above `balanced` at W4A6 | SSIM | sharpness | latent error |"
  print "|---|---|---|---|---|---|---|---|---|---|---|"
  sort()
  for (i = 0; i < count; i++) {
    m = names[i]
    printf "| %s | %s | %s | %s | %s | %s | %s | %s |", m, bits[m], seconds[m], megabytes[m], psnr(m, 16), psnr(m, 8), psnr(m, 6),
      difference[m]
    if (six[m]) printf " %.4f | %.3f | %.3f |\n", ssim[m] / six[m], sharpness[m] / six[m], latents[m] / six[m]
    else print " | | |"
  }
}

function decibels(key) { return -10 * log(square[key] / runs[key]) / log(10) }

function psnr(method, class,   key) {
  key = method SUBSEP class
  if (!(key in runs)) return ""
  return sprintf("%.2f", decibels(key)) (runs[key] > 1 ? sprintf(" (%.2f…%.2f)", low[key], high[key]) : "")
}

# The best at W4A6 first.
function sort(   i, j, name) {
  for (i = 1; i < count; i++) {
    name = names[i]
    for (j = i; j > 0 && rank(names[j - 1]) < rank(name); j--) names[j] = names[j - 1]
    names[j] = name
  }
}
function rank(method) { return (method SUBSEP 6) in runs ? decibels(method SUBSEP 6) : 0 }
