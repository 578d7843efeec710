import ArgumentParser
import RoundStage

/// How the inputs of layers are made ready.
struct InputArguments: ParsableArguments {
  @Flag(
    inversion: .prefixedNo,
    help: "Subtract each input channel's mean before quantizing (default: only balanced).")
  var center: Bool?

  @Option(
    parsing: .unconditional,
    help: "Balance inputs and weights by SmoothQuant's exponent, 0 to 1 (default: balanced 0.25).")
  var smooth: Double?

  @Flag(help: "Do not balance inputs and weights.")
  var noSmooth = false

  @Option(
    parsing: .unconditional,
    help: """
      Rotate blocks of up to so many input channels by a Hadamard transform; 1: none (default: 1; balanced 128).
      """)
  var hadamard: Int?

  @Option(
    parsing: .unconditional, help: "Bits of fpq-greedy's static activations: 8 or 6 (default: 8).")
  var activationBits: Int?

  func validate() throws {
    guard (1...16384).contains(hadamard ?? 1), (hadamard ?? 1).nonzeroBitCount == 1 else {
      throw ValidationError("--hadamard must be a power of two up to 16384")
    }
    guard smooth.map({ (0...1).contains($0) }) ?? true else {
      throw ValidationError("--smooth must be 0 to 1")
    }
    guard !(noSmooth && smooth != nil) else {
      throw ValidationError("--smooth and --no-smooth exclude each other")
    }
  }

  func apply(to settings: inout RoundingSettings) {
    if let center { settings.preparation?.center = center }
    if let smooth { settings.preparation?.smooth = .exponent(smooth) }
    if noSmooth { settings.preparation?.smooth = .none }
    if let hadamard { settings.preparation?.hadamard = hadamard }
    settings.activationBits = activationBits ?? settings.activationBits
  }
}
