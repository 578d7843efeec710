import ArgumentParser
import Formats
import Platform
import RoundStage
import Rounding

/// What can be seen to be wrong from the arguments alone: wrong usage, exit code 64.
extension FpqRound {
  func validate() throws {
    guard format.allSatisfy({ $0.split(separator: "=").count == 2 }) else {
      throw ValidationError("--format wants PATTERN=FORMAT")
    }
    guard (1...65_536).contains(groupSize ?? 1) else {
      throw ValidationError("--group-size must be 1 to 65536")
    }
    guard (1...16384).contains(hadamard ?? 1), (hadamard ?? 1).nonzeroBitCount == 1 else {
      throw ValidationError("--hadamard must be a power of two up to 16384")
    }
    guard smooth.map({ (0...1).contains($0) }) ?? true else {
      throw ValidationError("--smooth must be 0 to 1")
    }
    guard !(noSmooth && smooth != nil) else {
      throw ValidationError("--smooth and --no-smooth exclude each other")
    }
    guard (0...16384).contains(rank) else {
      throw ValidationError("--rank must be 0 to 16384")
    }
    if rank == 0, rankMetric != nil { throw ValidationError("--rank-metric needs --rank") }
    guard damping >= 0, damping.isFinite else {
      throw ValidationError("--damping must be positive")
    }
    guard (1...1_000_000).contains(iterations) else {
      throw ValidationError("--iterations must be 1 to 1000000")
    }
    guard (1...1_000_000).contains(samples ?? 1), (1...65_536).contains(batchSize ?? 1) else {
      throw ValidationError("--samples must be 1 to 1000000, --batch-size 1 to 65536")
    }
    try validateObjective()
    try validateAdvice()
    try validateGreedy()
    try asValidation {
      let (stage, named) = (try stage(), try namedFormats())
      // The recipe's own format may be replaced everywhere: which layers keep it only their names show.
      for format in named.isEmpty ? [stage.options.layout.format] : named {
        try stage.options.of([format]).check()
      }
      guard sharedBit == .nearest || named.contains(where: { $0.sharedBit != nil }) else {
        throw Failure("--shared-bit is for layers of --format fp5.33 or fp4.25")
      }
    }
  }

  private func validateObjective() throws {
    let method = try asValidation { try stage().options.method }
    if objective == .block {
      guard method == .adaround || method == .descent else {
        throw ValidationError(
          "--objective block takes --method adaround or descent, not \(method.rawValue)")
      }
      guard rank == 0 else {
        throw ValidationError("--objective block learns codes without --rank")
      }
    } else {
      let given = [
        ("--batch-size", batchSize != nil), ("--tune-activations", tuneActivations != nil),
        ("--tune-codes", tuneCodes),
      ]
      if let option = given.first(where: \.1)?.0 {
        throw ValidationError("\(option) needs --objective block")
      }
    }
    if samples != nil, try asValidation({ try stage().reconstruction }) == nil {
      throw ValidationError("--samples needs --inputs quantized or --objective block")
    }
    if tuneCodes, method != .descent {
      throw ValidationError("--tune-codes needs --method descent; adaround chooses codes anyway")
    }
    if trace != nil, objective == .layer, method != .adaround {
      throw ValidationError("--trace needs --method adaround or --objective block")
    }
  }

  private func validateAdvice() throws {
    if let advise {
      guard Advice.bits.contains(advise) else { throw ValidationError("--advise must be 3 to 8") }
      guard output == "-", report == nil, heldOut == nil, format.isEmpty else {
        throw ValidationError(
          "--advise tries formats and writes no codes: leave out --format, --output, --report, --held-out"
        )
      }
      guard recipe != .fpqGreedy else {
        throw ValidationError("--advise tries groups of weights; fpq-greedy has one scale a weight")
      }
    } else if tsv {
      throw ValidationError("--tsv is for --advise; a table of the layers is --report")
    }
  }

  /// What leaves no sense to one scale a weight and to static scales of inputs as they come.
  private func validateGreedy() throws {
    guard recipe == .fpqGreedy else {
      guard activationBits == nil else {
        throw ValidationError("--activation-bits needs --recipe fpq-greedy")
      }
      return
    }
    guard [8, 6].contains(activationBits ?? 8) else {
      throw ValidationError("--activation-bits must be 8 or 6")
    }
    let refused = [
      ("--group-size", groupSize != nil), ("--scale", scale != nil),
      ("--scale-type", scaleType != nil), ("--asymmetric", asymmetric),
      ("--center", center == true), ("--smooth", smooth != nil), ("--hadamard", hadamard != nil),
    ].filter(\.1).map(\.0)
    guard refused.isEmpty else {
      let options = refused.joined(separator: ", ")
      throw ValidationError(
        "--recipe fpq-greedy has one scale for a weight and one for its input as it is: leave out \(options)"
      )
    }
  }

  private func asValidation<T>(_ body: () throws -> T) throws -> T {
    do { return try body() } catch let failure as Failure {
      throw ValidationError(failure.description)
    }
  }
}
