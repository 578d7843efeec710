#!/bin/sh
# The figures of an evaluation as Markdown on stdout.
#
#   table.sh full|summary FOLDER
#
# FOLDER has methods.tsv, differences.tsv and results.tsv of evaluate.sh. `full` is every method and
# its options, `summary` the few of the project's README.
set -eu

kind=$1 figures=$2
parts=$(dirname "$0")
exec awk -f "$parts/bits.awk" -f "$parts/figures.awk" -f "$parts/$kind.awk" \
  "$figures/methods.tsv" "$figures/differences.tsv" "$figures/results.tsv"
