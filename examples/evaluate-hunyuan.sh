#!/bin/sh
# Compares rounding methods on the small Hunyuan-DiT that train_hunyuan.py makes, over the 64
# prompts and seeds of evaluation/, which are outside the calibration.
#
#   examples/evaluate-hunyuan.sh MODEL [FOLDER]
#
# Leaves in FOLDER (evaluation-hunyuan/) the packed models, the figures of every picture and
# table.md: PSNR of the mean squared difference from the float model's pictures. Needs the built
# tools in PATH.
set -euf

examples=$(dirname "$0")
model=$1
out=${2:-evaluation-hunyuan}
mkdir -p "$out/float"
# DPM-Solver++ as people swap it in: the shipped DDPM draws noise at every step.
sampling='--scheduler dpmsolver++ --steps 20'
prompts=$examples/evaluation/prompts.txt

[ -e "$out/stats.safetensors" ] \
  || fpq-stats -v -m "$model" -f "$examples/calibration.txt" $sampling -o "$out/stats.safetensors"
[ -e "$out/float/00.png" ] \
  || dit-run -m "$model" -f "$prompts" -s 5000 $sampling -o "$out/float/%02d.png"

# NAME FORMATS ROUND-OPTIONS...: a row, with a picture of each prompt for each activation format.
row() {
  name=$1 formats=$2
  shift 2
  if [ ! -e "$out/$name.safetensors" ]; then
    fpq-round -v -i "$out/stats.safetensors" -o "$out/codes.safetensors" "$@" 2> "$out/$name.round"
    fpq-pack -i "$out/codes.safetensors" -o "$out/$name.safetensors" --verify 2> "$out/$name.pack"
  fi
  printf '| `%s` | %s | %s' "$name" \
    "$(sed -n 's/.* layers at \([0-9.]*\) bits.*/\1/p' "$out/$name.pack")" \
    "$(sed -n 's/.* layers, \([0-9]*\)[0-9.]* s,.*/\1/p' "$out/$name.round")"
  for format in $formats; do
    pictures=$out/$name:$format
    [ -e "$pictures/63.png" ] || {
      mkdir -p "$pictures"
      dit-run -m "$out/$name.safetensors" --base "$model" -f "$prompts" -s 5000 $sampling \
        --activations "$format" -o "$pictures/%02d.png"
    }
    printf ' | %.2f' "$(fpq-show compare "$out/float" "$pictures" --tsv \
      | awk -F '\t' '$1 == "(all)" { print $2 }')"
  done
  printf ' |\n'
}

{
  echo '| weights | bits | s | W4A16 | W4A8 | W4A6 |'
  echo '|---|---|---|---|---|---|'
  row balanced 'none int8 e2m3'
  row int4-gptq 'none int8 e2m3' --method gptq --group-size 128 --scale-type f16 --hadamard 1 \
    --no-center --no-smooth --format 'blocks.*=int4'
  row e2m1-nearest 'none int8 e2m3' --method nearest --scale absmax --group-size 128 \
    --scale-type f16 --hadamard 1 --no-center --no-smooth --format 'blocks.*=e2m1'
  row fp4dit-hunyuan 'none e3m4:token e2m3:token' --recipe fp4dit-hunyuan
  row fp4dit-hunyuan-blocks 'none e3m4:token e2m3:token' --recipe fp4dit-hunyuan --objective block
} > "$out/table.part"
mv "$out/table.part" "$out/table.md"
cat "$out/table.md"
