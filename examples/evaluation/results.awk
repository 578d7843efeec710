# rows/METHOD:SEED:ACTIVATIONS.tsv -> one line each, with a heading.
BEGIN {
  FS = OFS = "\t"
  print "method", "calibration_seed", "activations", "bits", "model_bits", "seconds", "megabytes",
    "psnr_all_db", "psnr_mean_db", "ssim", "sharpness", "latent_error"
}
FNR == 1 {
  finish()
  split("", fact)
  name = FILENAME
  sub(/.*\//, "", name); sub(/\.tsv$/, "", name)
}
$1 ~ /^\(/ { fact[$1] = $2; ssim = $3; sharpness = $4 }
END { finish() }

function finish(   part) {
  if (name == "") return
  match(name, /^[^:]*:[^:]*:/)
  split(substr(name, 1, RLENGTH), part, ":")
  print part[1], part[2], substr(name, RLENGTH + 1), fact["(bits)"], fact["(model bits)"],
    fact["(seconds)"], fact["(megabytes)"], sprintf("%.2f", fact["(all)"]),
    sprintf("%.2f", fact["(mean)"]), sprintf("%.4f", ssim), sprintf("%.3f", sharpness),
    # The SQNR of all final latents is -20 log10 of their relative error.
    sprintf("%.4f", 10 ^ (-fact["(latents)"] / 20))
}
