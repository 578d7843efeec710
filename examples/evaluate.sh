#!/bin/sh
# Compares rounding methods and activation formats on the example model, over prompts outside the calibration.
# Prints TSV: method, activations, bits a weight, seconds of rounding, and against the float model's pictures the mean PSNR,
# the PSNR of the mean squared difference, SSIM and sharpness.
#
#   examples/evaluate.sh [FOLDER] > table.tsv      METHODS="gptq descent" examples/evaluate.sh
set -eu

examples=$(dirname "$0")
model=$examples/emoji-pixart
out=${1:-evaluation}
methods=${METHODS:-"nearest gptq adaround descent"}
activations=${ACTIVATIONS:-"none e3m4 int8 e2m3 e2m3:token e3m2"}
mkdir -p "$out/float"

[ -e "$out/stats.safetensors" ] \
  || fpq-stats -m "$model" -f "$examples/calibration.txt" -o "$out/stats.safetensors"
dit-run -m "$model" -f "$examples/prompts.txt" -o "$out/float/%02d.png"

printf 'method\tactivations\tbits\tseconds\tpsnr_mean_db\tpsnr_all_db\tssim\tsharpness\n'
for method in $methods; do
  # Nearest is the baseline that looks at nothing but the weights.
  scale=output
  [ "$method" = nearest ] && scale=absmax
  began=$(date +%s.%N)
  fpq-round -i "$out/stats.safetensors" --method "$method" --scale $scale -o "$out/codes.safetensors"
  seconds=$(date +%s.%N | awk -v began="$began" '{ printf "%.1f", $1 - began }')
  bits=$(fpq-pack -i "$out/codes.safetensors" -o "$out/packed.safetensors" 2>&1 \
    | sed 's/.*layers at \([0-9.]*\) bits.*/\1/')
  for format in $activations; do
    pictures=$out/$method-$format
    mkdir -p "$pictures"
    dit-run -m "$out/packed.safetensors" --activations "$format" -f "$examples/prompts.txt" \
      -o "$pictures/%02d.png"
    fpq-show compare "$out/float" "$pictures" --tsv | awk -F '\t' -v OFS='\t' \
      -v row="$method	$format	$bits	$seconds" '
        $1 == "(mean)" { mean = $2 }
        $1 == "(all)" { printf "%s\t%.2f\t%.2f\t%.4f\t%.3f\n", row, mean, $2, $3, $4 }'
  done
done
