# How many bits the inputs of the linear layers have in a row of the evaluation.
function bits(method, format) {
  if (format == "own") return method ~ /a6$/ ? 6 : 8
  return format == "none" ? 16 : format ~ /^(int8|e3m4)/ ? 8 : 6
}
