import ArgumentParser
import Formats
import RoundStage
import Rounding

extension RoundingMethod: ExpressibleByArgument {}
extension ScaleSearch: ExpressibleByArgument {}
extension ScaleStorage: ExpressibleByArgument {}
extension SharedBit.Mode: ExpressibleByArgument {}
extension RankMetric: ExpressibleByArgument {}

/// Codes and scales, and how they are chosen.
struct WeightArguments: ParsableArguments {
  @Option(
    help: "nearest, gptq, adaround or descent (default: descent with balanced, else adaround).")
  var method: RoundingMethod?

  @Option(
    help: """
      Format of the layers that match a pattern: PATTERN=e2m1, e1m2, e3m0, int4, lloyd4; int8, whose inputs are \
      not rounded (default of text encoders' value, attention output and table of tokens); with --method nearest also fp5.33 and fp4.25 (AMS-Quant).
      """)
  var format: [String] = []

  @Option(help: "Keep the layers that match a pattern at 16 bits.")
  var skip: [String] = []

  @Option(
    help:
      "Type of a scale: f16, or e4m3 beside one F32 for the weight (default: f16; balanced e4m3).")
  var scaleType: ScaleStorage?

  @Option(
    help: """
      How scales are found: absmax (default of the fp4dit recipes), mse (by weight error), output (by output error; \
      default of balanced), four-over-six (e2m1 with --scale-type e4m3).
      """)
  var scale: ScaleSearch?

  @Flag(help: "A scale for the positive and one for the negative weights of a group (AFPQ).")
  var asymmetric = false

  @Option(
    help: "How fp5.33 and fp4.25 round: to the nearest code with the shared bit, or overwrite it.")
  var sharedBit = SharedBit.Mode.nearest

  @Option(
    parsing: .unconditional,
    help: "Rank of a 16-bit branch beside the codes, as SVDQuant has it; 0: none.")
  var rank = 0

  @Option(
    help: "What the branch is nearest in: output (of the layer), or weight, which is SVDQuant's.")
  var rankMetric: RankMetric?

  @Option(
    parsing: .unconditional,
    help: """
      Added to the Gram matrix's diagonal, in units of its mean (default: 0.01; of text encoders 0.3).
      """)
  var damping: Double?

  @Flag(inversion: .prefixedNo, help: "Round the strongest input channels first (gptq, descent).")
  var sortChannels = true

  @Flag(
    inversion: .prefixedNo,
    help: "Correct the bias by what the mean input loses (default: not with the fp4dit recipes).")
  var biasCorrection: Bool?

  @Flag(inversion: .prefixedNo, help: "Scale-aware adaround, as FP4DiT; off is plain adaround.")
  var scaleAware = true

  func validate() throws {
    guard format.allSatisfy({ FormatOverride($0) != nil }) else {
      throw ValidationError("--format wants PATTERN=FORMAT")
    }
    guard (0...16384).contains(rank) else {
      throw ValidationError("--rank must be 0 to 16384")
    }
    if rank == 0, rankMetric != nil { throw ValidationError("--rank-metric needs --rank") }
    guard damping.map({ (0...1000).contains($0) }) ?? true else {
      throw ValidationError("--damping must be 0 to 1000")
    }
  }

  /// All but the method, which settings are made with.
  func apply(to settings: inout RoundingSettings) {
    settings.format = format.compactMap { FormatOverride($0) }
    settings.skip = skip
    if let scaleType { settings.groups?.scaleType = scaleType }
    if let scale { settings.groups?.scale = scale }
    settings.asymmetric = asymmetric ? true : nil
    settings.sharedBit = sharedBit == .nearest ? nil : sharedBit
    if rank > 0 { (settings.rank, settings.rankMetric) = (rank, rankMetric ?? .output) }
    settings.damping = damping
    settings.sortChannels = sortChannels ? nil : false
    settings.biasCorrection = biasCorrection ?? settings.biasCorrection
    settings.adaround?.scaleAware = scaleAware ? nil : false
  }
}
