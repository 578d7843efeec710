import ArgumentParser
import CommandLine
import Formats
import Platform
import RoundStage
import Rounding

/// What options do not go together, as the arguments alone show: wrong usage, exit code 64.
extension Round {
  func validate() throws {
    let settings = try asValidation { try self.settings() }
    try validateObjective(settings)
    try validateGreedy(settings)
    try asValidation {
      let (options, named) = (try settings.rounding(), try settings.namedFormats())
      // The recipe's own format may be replaced everywhere: which layers keep it only their names
      // show.
      for format in named.isEmpty ? [options.layout.format] : named {
        try options.of([format]).check()
      }
      guard weights.sharedBit == .nearest || named.contains(where: { $0.sharedBit != nil }) else {
        throw Failure("--shared-bit is for layers of --format fp5.33 or fp4.25")
      }
    }
  }

  private func validateObjective(_ settings: RoundingSettings) throws {
    let method = settings.method
    if blocks.objective == .block {
      guard method == .adaround || method == .descent else {
        throw ValidationError(
          "--objective block takes --method adaround or descent, not \(method.rawValue)")
      }
      guard weights.rank == 0 else {
        throw ValidationError("--objective block learns codes without --rank")
      }
    } else {
      let given = [
        ("--batch-size", blocks.batchSize != nil),
        ("--tune-activations", blocks.tuneActivations != nil), ("--tune-codes", blocks.tuneCodes),
      ]
      if let option = given.first(where: \.1)?.0 {
        throw ValidationError("\(option) needs --objective block")
      }
    }
    if blocks.samples != nil, settings.samples == nil {
      throw ValidationError("--samples needs --inputs quantized or --objective block")
    }
    if text.promptEmbeds != nil || text.embedsCache != nil, settings.samples == nil {
      throw ValidationError(
        "--prompt-embeds and --embeds-cache need --inputs quantized or --objective block")
    }
    if result.resume, settings.samples != nil || reports.trace != nil {
      throw ValidationError(
        "--resume keeps layers that are rounded by themselves: leave out --inputs quantized, "
          + "--objective block and --trace")
    }
    if blocks.tuneCodes, method != .descent {
      throw ValidationError("--tune-codes needs --method descent; adaround chooses codes anyway")
    }
    if reports.trace != nil, blocks.objective == .layer, method != .adaround {
      throw ValidationError("--trace needs --method adaround or --objective block")
    }
  }

  /// What leaves no sense to one scale of the whole weight and to static scales of inputs as they
  /// come.
  private func validateGreedy(_ settings: RoundingSettings) throws {
    guard settings.groups == nil else {
      guard preparation.activationBits == nil else {
        throw ValidationError("--activation-bits needs --recipe fpq-greedy")
      }
      return
    }
    guard [8, 6].contains(preparation.activationBits ?? 8) else {
      throw ValidationError("--activation-bits must be 8 or 6")
    }
    let refused = [
      ("--group-size", recipe.groupSize != nil), ("--scale", weights.scale != nil),
      ("--scale-type", weights.scaleType != nil), ("--asymmetric", weights.asymmetric),
      ("--center", preparation.center == true), ("--smooth", preparation.smooth != nil),
      ("--hadamard", preparation.hadamard != nil),
    ].filter(\.1).map(\.0)
    guard refused.isEmpty else {
      let options = refused.joined(separator: ", ")
      throw ValidationError(
        "--recipe fpq-greedy has one scale of the whole weight and one for its input as it is: leave out \(options)"
      )
    }
  }
}

/// Lets what `body` refuses be wrong usage.
func asValidation<T>(_ body: () throws -> T) throws -> T {
  do { return try body() } catch let failure as Failure {
    throw ValidationError(failure.description)
  }
}
