# methods.tsv differences.tsv results.tsv -> the README's tables: a row for each method, the best at W4A6 first.
BEGIN { FS = "\t" }
FILENAME ~ /methods/ {
  asks[$1] = length($4) > 200 ? substr($4, 1, 160) " …" : $4
  baseline[$1] = $5
  next
}
FNR == 1 { next }
FILENAME ~ /differences/ {
  if ($3 == 6) difference[$1] = sprintf("%+.2f (%+.2f…%+.2f)", $4, $5, $6)
  next
}
{
  class = $3 == "own" ? ($1 ~ /a6$/ ? 6 : 8) : $3 == "none" ? 16 : $3 ~ /^(int8|e3m4)/ ? 8 : 6
  key = $1 SUBSEP class
  if (!($1 in bits)) { bits[$1] = $4; names[count++] = $1 }
  # The first of two formats of as many bits.
  if (key in format && format[key] != $3) next
  format[key] = $3
  runs[key]++
  # All pictures of all calibrations: the mean of squares.
  square[key] += 10 ^ (-$8 / 10)
  if (!(key in low) || $8 < low[key]) low[key] = $8
  if (!(key in high) || $8 > high[key]) high[key] = $8
  if ($6 != "") { seconds[$1] += $6; megabytes[$1] = $7; rounds[$1]++ }
  if (class == 6) { ssim[$1] += $10; sharpness[$1] += $11; latents[$1] += $12 }
}
END {
  sort()
  table("balanced")
  print "\nWhat makes `balanced`, one thing less or another in its place, all without `--smooth`:\n"
  table("no-smooth")
  print "\nThe parts of FP4DiT:\n"
  table("fp4dit-alpha")
  print "\nThe options, after `fpq-round`:\n"
  for (i = 0; i < count; i++) if (asks[names[i]] != "") print "- " names[i] ": `" asks[names[i]] "`"
}

function table(base,   i, m, six) {
  print "| method | bits | s | MB | W4A16 | W4A8 | W4A6 | above `" base "` | SSIM | sharpness | latent error |"
  print "|---|---|---|---|---|---|---|---|---|---|---|"
  for (i = 0; i < count; i++) {
    m = names[i]
    if (baseline[m] != base && m != base) continue
    printf "| %s | %s | %s | %s | %s | %s | %s | %s |", m, bits[m], rounds[m] ? sprintf("%.0f", seconds[m] / rounds[m]) : "", megabytes[m],
      psnr(m, 16), psnr(m, 8), psnr(m, 6), m == base ? "" : difference[m]
    six = runs[m SUBSEP 6]
    if (six) printf " %.4f | %.3f | %.3f |\n", ssim[m] / six, sharpness[m] / six, latents[m] / six
    else print " | | |"
  }
}

function decibels(key) { return -10 * log(square[key] / runs[key]) / log(10) }

function psnr(method, class,   key) {
  key = method SUBSEP class
  if (!(key in runs)) return ""
  return sprintf("%.2f", decibels(key)) (runs[key] > 1 ? sprintf(" (%.2f…%.2f)", low[key], high[key]) : "")
}

function sort(   i, j, name) {
  for (i = 1; i < count; i++) {
    name = names[i]
    for (j = i; j > 0 && rank(names[j - 1]) < rank(name); j--) names[j] = names[j - 1]
    names[j] = name
  }
}

function rank(method) { return (method SUBSEP 6) in runs ? decibels(method SUBSEP 6) : 0 }
