# The tables of the evaluation's README: a row for each method, then what each asks for.
END {
  table("balanced")
  print "\nWhat makes `balanced`, one thing less or another in its place, all without `--smooth`:\n"
  table("no-smooth")
  print "\nThe parts of FP4DiT:\n"
  table("fp4dit-alpha")
  print "\nThe options, after `fpq-round`:\n"
  for (i = 0; i < count; i++) if (asks[names[i]] != "") print "- " names[i] ": `" asks[names[i]] "`"
}

function table(base,   i, m, six) {
  print "| method | bits | s | MB | W4A16 | W4A8 | W4A6 | above `" base \
    "` | SSIM | sharpness | latent error |"
  print "|---|---|---|---|---|---|---|---|---|---|---|"
  for (i = 0; i < count; i++) {
    m = names[i]
    if (baseline[m] != base && m != base) continue
    printf "| %s | %s | %s | %s | %s | %s | %s | %s |", m, weight[m], time(m), megabytes[m],
      psnr(m, 16), psnr(m, 8), psnr(m, 6), m == base ? "" : difference[m]
    six = runs[m SUBSEP 6]
    if (six) printf " %.4f | %.3f | %.3f |\n", ssim[m] / six, sharpness[m] / six, latents[m] / six
    else print " | | |"
  }
}
