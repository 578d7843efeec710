import ArgumentParser
import RoundStage

extension Recipe: ExpressibleByArgument {
  package init?(argument: String) {
    guard let recipe = Recipe.all.first(where: { $0.name == argument }) else { return nil }
    self = recipe
  }

  package static var allValueStrings: [String] { all.map(\.name) }
  package var defaultValueDescription: String { name }
}

/// What rounding and advice both go by.
struct RecipeArguments: ParsableArguments {
  @Option(
    help: """
      balanced (the blocks in lloyd4, the best picture), fp4dit-alpha, fp4dit-sigma or fp4dit-hunyuan \
      (as in the paper), or fpq-greedy (format and clip of whole weights and inputs by their own errors).
      """)
  var recipe = Recipe.balanced

  @Option(
    parsing: .unconditional,
    help: """
      Weights that share a scale, along the input (default: 128; balanced 64; fp5.33 and fp4.25 the row; \
      fpq-greedy the whole weight).
      """)
  var groupSize: Int?

  func validate() throws {
    guard (1...65_536).contains(groupSize ?? 1) else {
      throw ValidationError("--group-size must be 1 to 65536")
    }
  }

  func apply(to settings: inout RoundingSettings) {
    if let groupSize { settings.groups?.groupSize = groupSize }
  }
}
