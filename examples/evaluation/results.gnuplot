# results.tsv, trace.tsv and differences.tsv of `folder` -> results.png.
set terminal pngcairo size 1500,760 font "Sans,11"
set output folder . "/results.png"
set datafile separator "\t"
set multiplot layout 1,2
set grid
set title "64 pictures outside the calibration against the float model's"
set xlabel "bits per weight"
set ylabel "PSNR of all pictures at W4A6, dB"
set key bottom right
a6(names) = sprintf( \
  "< awk -F '\t' -v OFS='\t' '$3 ~ /^(e2m3|int6)/ && $4 && $1 %s' %s/results.tsv", names, folder)
ours = "balanced|lean|no-smooth|group-|quantized-inputs"
labelled = "balanced|lean|int4-gptq|fp4dit-alpha|nvfp4|ams-fp4.25"
plot a6("~ /^(" . ours . ")/") using 4:8 \
    with points pt 7 ps 1.4 lc rgb "#1b9e77" title "balanced and its variants", \
  a6("~ /^int4/") using 4:8 with points pt 5 ps 1.4 lc rgb "#d95f02" title "INT4", \
  a6("~ /^fp4dit/") using 4:8 with points pt 9 ps 1.6 lc rgb "#7570b3" title "FP4DiT", \
  a6("!~ /^(" . ours . "|int4|fp4dit)/") using 4:8 \
    with points pt 13 ps 1.4 lc rgb "#666666" title "others", \
  a6("~ /^(" . labelled . ")$/ && $2 == \"0\"") using 4:8:1 \
    with labels offset 0,0.8 font ",9" notitle
set title "AdaRound: what is left of nearest rounding's loss after a budget of iterations"
set xlabel "iterations"
set ylabel "loss of the hardened codes, mean of the units"
set logscale x
set yrange [0:*]
last = '$2 == "layer" && $3 == $5 && $4 '
mean = '{ s[$1 FS $3] += $7; n[$1 FS $3]++ } END { for (k in s) print k, s[k] / n[k] }'
ends(units, variant) = sprintf( \
  "< awk -F '\t' -v OFS='\t' '%s%s %s' %s/trace.tsv | sort -g -k 2 | grep ^%s", \
  last, units, mean, folder, variant)
plot ends("~ /net.0/", "scale") using 2:3 \
    with linespoints lw 2 pt 7 lc rgb "#1b9e77" title "e3m0, scale-aware", \
  ends("~ /net.0/", "plain") using 2:3 \
    with linespoints lw 2 pt 6 lc rgb "#1b9e77" dt 2 title "e3m0, plain", \
  ends("!~ /net.0/", "scale") using 2:3 \
    with linespoints lw 2 pt 7 lc rgb "#7570b3" title "e2m1, scale-aware", \
  ends("!~ /net.0/", "plain") using 2:3 \
    with linespoints lw 2 pt 6 lc rgb "#7570b3" dt 2 title "e2m1, plain"
