#!/bin/sh
# Scale-aware against plain AdaRound with matched step size: the layers of a block by themselves
# with budgets of iterations, then one block as a whole. One line for each point of each unit's
# learning; losses in units of nearest rounding's.
#
#   trace.sh STATISTICS FOLDER > trace.tsv
set -euf

learn() { # VARIANT OBJECTIVE ITERATIONS OPTIONS...
  variant=$1 objective=$2 iterations=$3
  shift 3
  fpq-round -i "$statistics" --recipe fp4dit-alpha --method adaround --objective "$objective" \
    --iterations "$iterations" --layers "$layers" --trace "$out/unit-traces.tsv" \
    -o "$out/codes.safetensors" "$@"
  awk -v row="$variant	$objective	$iterations" 'NR > 1 { print row "\t" $0 }' "$out/unit-traces.tsv"
}

statistics=$1 out=$2
printf 'variant\tobjective\tbudget\tunit\titeration\tsoft_loss\thard_loss\tregulariser\tbeta\n'
layers='transformer_blocks.5.*'
for iterations in 150 600 2500; do
  learn scale-aware layer "$iterations"
  learn plain layer "$iterations" --no-scale-aware
done
layers='transformer_blocks.2.*'
learn scale-aware block 2500 --inputs full
learn plain block 2500 --inputs full --no-scale-aware
