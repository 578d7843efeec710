import ArgumentParser
import CommandLine

/// Looks at what flows between the tools: weights, statistics, codes, pictures.
@main
struct FpqShow: Tool {
  static let configuration = CommandConfiguration(
    commandName: "fpq-show",
    abstract: "Look at tensors, statistics and pictures, compare and check them.",
    discussion: """
      Every table is printed aligned for people, with --tsv for cut, sort and spreadsheets, with \
      --json for programs.

        fpq-show ls PixArt-Sigma/transformer
        fpq-stats -m PixArt-Sigma -f prompts.txt | fpq-show stats -
        fpq-show diff PixArt-Sigma PixArt-Sigma-fp4 --tsv |
          sort -t "$(printf '\\t')" -g -k 4
        fpq-show compare float.png fp4.png --min-psnr 20

      Exit codes: 0 done, 1 failed, 2 a threshold was missed, 64 wrong arguments.
      """,
    subcommands: [
      List.self, Stats.self, Diff.self, Compare.self, Histogram.self, Sheet.self, Check.self,
    ])
}
