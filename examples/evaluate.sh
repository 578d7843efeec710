#!/bin/sh
# Compares rounding methods and activation formats on the example model, over 64 prompts and seeds
# outside the calibration.
#
#   examples/evaluate.sh [FOLDER]                everything: about three hours on two cores
#   ROWS='balanced$|gptq' examples/evaluate.sh   only the methods whose names match
#
# Leaves in FOLDER (evaluation/): methods.tsv, results.tsv, differences.tsv (paired bootstrap),
# trace.tsv (AdaRound), table.md, results.png, and in rows/ the figures of every picture. A row that
# is there is not made again. Needs the built tools in PATH, awk and gnuplot.
set -euf # f: layer patterns are for the tools to match, not for the shell

examples=$(dirname "$0")
parts=$examples/evaluation
model=$examples/emoji-pixart
out=${1:-evaluation}
mkdir -p "$out/float" "$out/rows"

calibrations='0 10000 20000'
for seed in $calibrations; do
  stats=$out/stats-$seed.safetensors
  [ -e "$stats" ] || fpq-stats -m "$model" -f "$examples/calibration.txt" -s $seed -o "$stats"
done
[ -e "$out/float.safetensors" ] \
  || dit-run -m "$model" -f "$parts/prompts.txt" -s 5000 -o "$out/float/%02d.png" \
    --save-latents "$out/float.safetensors"

# FILE FORMATS OPTIONS...: for each layer the format whose output loses least on prompts it was not
# rounded for; kept in FILE.
best_formats() {
  chosen=$out/$1 formats=$2
  shift 2
  [ -e "$chosen" ] || for format in $formats; do
    fpq-round -i "$out/stats-0.safetensors" --held-out "$out/stats-10000.safetensors" \
      --format "$blocks=$format" "$@" -o "$out/codes.safetensors" --report "$out/layers.tsv"
    tail -n +2 "$out/layers.tsv" | cut -f 1,2,9
  done | awk -F '\t' '
    !($1 in least) || $3 < least[$1] { least[$1] = $3; format[$1] = $2 }
    END { for (layer in format) print "--format " layer "=" format[layer] }' | sort > "$chosen.part"
  [ -e "$chosen" ] || mv "$chosen.part" "$chosen"
  cat "$chosen"
}

# NAME SEEDS ACTIVATIONS ROUND-OPTIONS...: a line of methods.tsv for each calibration.
method() {
  name=$1 seeds=$2 formats=$3
  shift 3
  for seed in $seeds; do
    printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$seed" "$formats" "$*" "$baseline"
  done
}

blocks='transformer_blocks.*'
# With --no-smooth nothing of what balanced adds.
plain='--group-size 128 --scale-type f16 --hadamard 1 --no-center'
e2m1="$plain --no-smooth --format $blocks=e2m1"
int4="$plain --no-smooth --format $blocks=int4"
other="--skip adaln_single.* --skip caption_projection.* --skip pos_embed.* --skip proj_out"

methods() {
  baseline=balanced # what methods are compared with

  method float - 'int8 e3m4 e2m3 e2m3:token'

  # The default, FP4DiT as published, and integers at equal bits.
  method balanced "$calibrations" 'none int8 e2m3'
  # 4.125 bits: codes and scales, nothing else.
  method lean "$calibrations" 'none int8 e2m3' --no-center --no-smooth
  method fp4dit-alpha "$calibrations" 'none e3m4:token e2m3:token' --recipe fp4dit-alpha \
    --objective block
  method fp4dit-sigma 0 'none e3m4:token e2m3:token' --recipe fp4dit-sigma
  method int4-gptq "$calibrations" 'none int8 int6 e2m3' --method gptq $int4
  method int4-gptq-quantized-inputs 0 'none int8 int6 e2m3' --method gptq $int4 --inputs quantized
  method int4-nearest 0 'none int8 int6' --method nearest --scale absmax $int4
  method int4-adaround 0 'none int8 int6' --method adaround $int4
  method int4-adaround-20k 0 'none int8 int6' --method adaround --iterations 20000 $int4
  method int4-descent 0 'none int8 int6' $int4

  # E2M1, one step after another.
  method nearest 0 'none int8 e2m3' --method nearest --scale absmax $e2m1
  method nearest-output-scales 0 'none int8 e2m3' --method nearest $e2m1
  method gptq-absmax 0 'none int8 e2m3' --method gptq --scale absmax $e2m1
  method gptq 0 'none int8 e2m3' --method gptq $e2m1
  method adaround 0 'none int8 e2m3' --method adaround $e2m1
  method adaround-plain 0 'none int8 e2m3' --method adaround --no-scale-aware $e2m1
  method descent 0 'none int8 e2m3' $e2m1

  # Siblings.
  method fpq-greedy-a8 0 'none own' --recipe fpq-greedy
  method fpq-greedy-a6 0 own --recipe fpq-greedy --activation-bits 6
  method afpq 0 'none int8 e2m3' $e2m1 --asymmetric
  method ams-fp5.33 0 'none int8 e2m3' --method nearest $plain --no-smooth --format "$blocks=fp5.33"
  method ams-fp4.25 0 'none int8 e2m3' --method nearest $plain --no-smooth --format "$blocks=fp4.25"
  nvfp4="--method nearest --format $blocks=e2m1 --group-size 16 --scale-type e4m3 --hadamard 1"
  nvfp4="$nvfp4 --no-center --no-smooth"
  method nvfp4 0 'none int8 e2m3' $nvfp4 --scale absmax
  method four-over-six 0 'none int8 e2m3' $nvfp4 --scale four-over-six
  method smooth 0 'none int8 e2m3' $plain --smooth 0.5 --format $blocks=e2m1
  method svdquant-16 0 'none int8 e2m3' --method gptq $plain --smooth 0.5 --format $blocks=e2m1 \
    --rank 16 --rank-metric weight
  method rank-16 0 'none int8 e2m3' $e2m1 --rank 16

  # What makes balanced, one thing less or another in its place, all without balancing; then the
  # parts of FP4DiT.
  method no-smooth "$calibrations" 'none int8 e2m3' --no-smooth
  baseline=no-smooth
  for size in 32 128 256; do method "group-$size" 0 'none e2m3' --no-smooth --group-size $size; done
  method f16-scales-group-128 0 'none e2m3' --no-smooth --scale-type f16 --group-size 128
  method no-hadamard 0 'none e2m3' --no-smooth --hadamard 1
  method no-center-no-hadamard 0 'none e2m3' --no-smooth --no-center --hadamard 1
  method e2m1-weights 0 'none e2m3' --no-smooth --format "$blocks=e2m1"
  method int4-weights 0 'none e2m3' --no-smooth --format "$blocks=int4"
  method best-format 0 'none e2m3' --no-smooth \
    $(best_formats best-formats 'e2m1 e1m2 e3m0 int4 lloyd4' --no-smooth)
  method best-fp4-format 0 'none e2m3' $plain --no-smooth \
    $(best_formats best-fp4-formats 'e2m1 e1m2 e3m0' $plain --no-smooth)
  method gptq-only 0 'none e2m3' --no-smooth --method gptq
  method nearest-only 0 'none e2m3' --no-smooth --method nearest
  method mse-scales 0 'none e2m3' --no-smooth --scale mse
  method damping-0.1 0 'none e2m3' --no-smooth --damping 0.1
  method no-bias-correction 0 'none e2m3' --no-smooth --no-bias-correction
  method quantized-inputs "$calibrations" 'none int8 e2m3' --no-smooth --inputs quantized
  method block-tuned 0 'none e2m3' --no-smooth --objective block --iterations 500
  method block-tuned-codes 0 'none e2m3' --no-smooth --objective block --iterations 500 --tune-codes
  baseline=fp4dit-alpha
  method fp4dit-alpha-by-layer 0 'none e2m3:token' --recipe fp4dit-alpha
  method fp4dit-alpha-blocks-only 0 'none e2m3:token' --recipe fp4dit-alpha $other
}
methods > "$out/methods.tsv"

awk -F "\t" -v rows="${ROWS:-.}" '$1 ~ rows' "$out/methods.tsv" \
  | sed -e "s:^\(.*\)\t\(.*\)\t\(.*\)\t\(.*\)\t.*$:'$out' \1 \2 '\3' \4:" -e 's/ $//' \
  | xargs -P "$(nproc)" -L 1 sh "$parts/row.sh"

[ -e "$out/trace.tsv" ] \
  || {
    sh "$parts/trace.sh" "$out/stats-0.safetensors" "$out" > "$out/trace.part"
    mv "$out/trace.part" "$out/trace.tsv"
  }
rows=$(find "$out/rows" -name '*.tsv' | sort)
awk -f "$parts/results.awk" $rows > "$out/results.tsv"
awk -f "$parts/bits.awk" -f "$parts/differences.awk" "$out/methods.tsv" $rows \
  > "$out/differences.tsv"
"$parts/table.sh" full "$out" > "$out/table.md"
gnuplot -e "folder='$out'" "$parts/results.gnuplot"
