#!/bin/sh
# One row of the evaluation: rounds the example model for one calibration, and draws with each
# activation format what is not there yet.
#
#   row.sh FOLDER NAME SEED FORMATS ROUND-OPTIONS...
#
# `float` is the float model itself; the formats `none` and `own` are W4A16 and what the packed
# model asks for. FOLDER/rows/NAME:SEED:FORMAT.tsv gets the facts, (bits) to (latents), and the
# figures of every picture.
set -euf

examples=$(dirname "$0")/..
out=$1 name=$2 seed=$3 formats=$4
shift 4
work=$out/work/$name:$seed
mkdir -p "$work"

draw() { # FORMAT MODEL-OPTIONS...
  row=$name:$seed:$1
  shift
  rm -rf "$work/pictures" && mkdir "$work/pictures"
  dit-run -t 1 "$@" -f "$examples/evaluation/prompts.txt" -s 5000 -o "$work/pictures/%02d.png" \
    --save-latents "$work/latents.safetensors"
  {
    cat "$work/facts.tsv"
    fpq-show diff "$out/float.safetensors" "$work/latents.safetensors" --tsv \
      | awk -F '\t' '$1 == "final_latents" { print "(latents)\t" $4 }' # their SQNR
    fpq-show compare "$out/float" "$work/pictures" --tsv
  } > "$work/row.tsv"
  mv "$work/row.tsv" "$out/rows/$row.tsv"
}

pack() { # ROUND-OPTIONS...: packed.safetensors, and what it took in facts.tsv
  (
    fpq-round -t 1 -v -i "$out/stats-$seed.safetensors" -o "$work/codes.safetensors" "$@"
    times
  ) > "$work/times" 2> "$work/log"
  fpq-pack -t 1 -i "$work/codes.safetensors" -o "$work/packed.safetensors" --verify 2>> "$work/log"
  {
    sed -n -e 's/.* peak memory \([0-9]*\) MB.*/(megabytes)\t\1/p' \
      -e 's/.* layers at \([0-9.]*\) bits.* at \([0-9.]*\);.*/(bits)\t\1\n(model bits)\t\2/p' \
      "$work/log"
    # The second line is the user and system time of the processes that the shell has run.
    awk 'NR == 2 {
      split($1 "m" $2, t, /[ms]+/)
      print "(seconds)\t" 60 * (t[1] + t[3]) + t[2] + t[4]
    }' "$work/times"
  } > "$work/facts.tsv"
}

for format in $formats; do
  [ -e "$out/rows/$name:$seed:$format.tsv" ] && continue
  if [ "$name" = float ]; then
    : > "$work/facts.tsv"
    draw "$format" -m "$examples/emoji-pixart" --activations "$format"
    continue
  fi
  if [ ! -e "$work/facts.tsv" ]; then
    echo "== $name, calibration $seed: $*" >&2
    pack "$@" || { cat "$work/log" >&2; exit 1; }
  fi
  case $format in
    own) draw "$format" -m "$work/packed.safetensors" ;;
    *) draw "$format" -m "$work/packed.safetensors" --activations "$format" ;;
  esac
done
rm -rf "$work"
