# The small table of the project's README.
END {
  print "| weights | bits | A16 | A8 | A6 | seconds |"
  print "|---|---|---|---|---|---|"
  row("float", "float")
  row("balanced", "`balanced`, the default")
  row("int4-gptq", "INT4, GPTQ")
  row("nearest", "E2M1, nearest code")
  row("fp4dit-alpha", "FP4DiT: `--recipe fp4dit-alpha --objective block`")
}

function row(method, name) {
  printf "| %s | %s | %s | %s | %s | %s |\n", name, weight[method],
    psnr(method, 16), psnr(method, 8), psnr(method, 6), time(method)
}
