import Formats
import Reconstruction
import Rounding

extension RoundModel {
  /// The canonical command line: what decides the codes, without files, threads and shards.
  var command: String {
    var words = ["fpq-round", "--method", options.method.rawValue, "--recipe", recipe.rawValue]
    if recipe == .fpqGreedy {
      words += ["--activation-bits", "\(activationBits)"]
    } else {
      words += options.layout.grouping.size.map { ["--group-size", "\($0)"] } ?? []
      words += [
        "--scale-type", options.layout.scales.rawValue,
        "--scale", options.scaleSearch.rawValue, "--hadamard", "\(input.hadamard)",
        input.centers ? "--center" : "--no-center",
      ]
      words += input.smoothing.map { ["--smooth", "\($0)"] } ?? ["--no-smooth"]
    }
    words += ["--damping", "\(objective.damping)"]
    for (pattern, format) in overrides.formats { words += ["--format", "\(pattern)=\(format)"] }
    for pattern in overrides.skipped { words += ["--skip", pattern] }
    if options.layout.isTwoSided { words.append("--asymmetric") }
    if options.sharedBitMode != .nearest {
      words += ["--shared-bit", options.sharedBitMode.rawValue]
    }
    if options.rank > 0 {
      words += ["--rank", "\(options.rank)", "--rank-metric", options.rankMetric.rawValue]
    }
    if objective.order == .natural { words.append("--no-sort-channels") }
    words.append(objective.biasCorrection ? "--bias-correction" : "--no-bias-correction")
    if options.method == .adaround {
      words += ["--iterations", "\(options.adaRound.iterations)"]
      if !options.adaRound.scaleAware { words.append("--no-scale-aware") }
    }
    words += reconstruction?.words(method: options.method) ?? ["--inputs", "full"]
    return words.joined(separator: " ")
  }
}

extension ReconstructionOptions {
  /// The part of the command line that decides the codes.
  fileprivate func words(method: RoundingMethod) -> [String] {
    var words = ["--inputs", inputs.rawValue, "--samples", "\(samples)"]
    guard isByBlock else { return words }
    words += ["--objective", "block", "--batch-size", "\(batchSize)"]
    if method == .descent {
      words += ["--iterations", "\(tuning.iterations)"]
      if tuning.tunesCodes { words.append("--tune-codes") }
    }
    if let activations { words += ["--tune-activations", "\(activations)"] }
    return words
  }
}
