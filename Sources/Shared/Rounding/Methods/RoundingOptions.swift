import Formats

/// How codes are chosen for a layer, `fpq-round --method`.
package enum RoundingMethod: String, Sendable, CaseIterable {
  case nearest
  case gptq
  case adaround
  case descent
}

/// How a group's scale is chosen, `fpq-round --scale`.
package enum ScaleSearch: String, Sendable, CaseIterable {
  /// The absolute maximum meets the largest code.
  case absmax
  /// The clip of 25 between .5 and 1.1 of that with the least squared weight error.
  case mse
  /// The same by output error: channels weighted by the diagonal of the objective; `nearest` uses
  /// the group's whole block of it.
  case output
  /// Between that and 1.5 times it, for NVFP4, by squared weight error (Four over Six, arXiv
  /// 2512.02010).
  case fourOverSix = "four-over-six"
}

/// The order in which error feedback visits the input channels.
package enum ColumnOrder: String, Sendable, CaseIterable {
  case natural
  /// Channels of large energy first: their error may still be made up for by all others.
  case descending
}

/// What the layers of a site share: how its Gram matrix becomes the objective.
package struct ObjectiveOptions: Sendable {
  /// Added to the diagonal, in units of its mean.
  package var damping = 0.01
  /// The mean input's error goes into the bias, so that the centred Gram is what remains to
  /// minimise.
  package var biasCorrection = true
  package var order = ColumnOrder.descending

  package init() {}
}

package struct RoundingOptions: Sendable {
  package var method = RoundingMethod.descent
  /// How the weight is stored; its format is that of the layer, or the first of its candidates.
  package var layout: WeightLayout
  /// The formats that a layer may get; more than one only with one scale of the whole weight, in
  /// the best of them (`GreedySearch`).
  package private(set) var candidates: [NumberFormat]
  package var scaleSearch = ScaleSearch.output
  /// How formats round whose weights share a bit.
  package var sharedBitMode = SharedBit.Mode.nearest
  /// Of the 16-bit branch beside the codes; 0: none.
  package var rank = 0
  package var rankMetric = RankMetric.output
  package var adaRound = AdaRoundOptions()
  package var descent = DescentOptions()

  package init(_ layout: WeightLayout) { (self.layout, candidates) = (layout, [layout.format]) }

  /// The same for a layer that may get `formats`, at least one.
  package func of(_ formats: [NumberFormat]) -> RoundingOptions {
    var own = self
    (own.layout, own.candidates) = (layout.with(formats[0]), formats)
    return own
  }
}

package struct AdaRoundOptions: Sendable {
  package var iterations = 2500
  /// FP4DiT's variable V' = s V instead of AdaRound's V.
  package var scaleAware = true
  /// The rate at which V moves in a weight of the layer's median step, an Adam step.
  package var learningRate = 0.05
  /// Weight of the rounding regulariser in units where nearest rounding costs 1 for each weight of
  /// the row.
  ///
  /// So it does not depend on the number of tokens. It must dominate at the end: e2m1, 192x1152
  /// with absmax scales, nearest 124e-4, 500 iterations: 38.8, 33.8, 32.8, 31.8e-4 at 30, 300,
  /// 1000, 10000.
  package var regulariser = 1000.0

  package init() {}
}

package struct DescentOptions: Sendable {
  package var rounds = 3
  package var sweeps = 2
  /// Whether scales are refitted to the codes before each round of sweeps.
  package var refitsScales = true

  package init() {}
}
