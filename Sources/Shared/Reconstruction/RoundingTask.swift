import Formats
import Kernels
import Platform
import Rounding
import Streams
import Tensors

/// One input site, ready for the layers that read it to be rounded.
package struct RoundingSite {
  package let name: String
  package let prepared: SiteInput
  package let tokens: Int
  /// Other prompts' statistics, where they judge.
  package let judge: HeldOut?
  /// The static format of the input, when it has one.
  package let activation: StaticActivation?

  /// What the layers of the site share in a file.
  var tensors: [Tensor] {
    prepared.tensors(site: name) + (activation.map { [$0.tensor(site: name)] } ?? [])
  }
}

/// One layer to be rounded.
package struct RoundingTask {
  package let role: LayerRole
  package let problem: LayerProblem
  /// With the layer's own format.
  package let options: RoundingOptions
  package let site: RoundingSite

  package var layer: String { role.name }

  fileprivate init(
    role: LayerRole, problem: LayerProblem, options: RoundingOptions, site: RoundingSite
  ) {
    var options = options
    // Wide levels have no better choice than the nearest; neither has a layer by its weight alone.
    if problem.objective.isUnseen || options.layout.isWide { options.method = .nearest }
    if options.layout.isWide { options.scaleSearch = .absmax }
    (self.role, self.problem, self.options, self.site) = (role, problem, options, site)
  }

  /// The same, rounded in another way.
  package func with(_ options: RoundingOptions) -> RoundingTask {
    RoundingTask(role: role, problem: problem, options: options, site: site)
  }

  /// How the rounded layer's input is made ready when it is rounded to `activations`.
  ///
  /// - Throws: `Failure` for a format that inputs are not rounded to.
  package func preparation(_ activations: ActivationFormat?) throws -> QuantizedTokens.Preparation {
    let (transform, columns) = (site.prepared.transform, problem.weight.columns)
    let activations = options.layout.isWide ? nil : activations
    return try QuantizedTokens.Preparation(
      transform: transform.isIdentity ? nil : transform,
      activation: site.prepared.isNonnegative ? activations?.nonnegative : activations,
      staticScale: nil, groupSize: min(options.layout.groupSize(columns), columns),
      parts: options.layout.separateParts(role.parts, columns: columns))
  }

  /// How the layer is stored as `rounded`.
  func entry(_ rounded: RoundedLayer) -> LayerFormats.Entry {
    let scales = rounded.quantized.scales
    var entry = LayerFormats.Entry(scales.layout.written(columns: scales.columns))
    entry.input = LayerFormats.Input(
      site: site.tensors.isEmpty ? nil : site.name, hadamard: site.prepared.transform.hadamard,
      isNonnegative: site.prepared.isNonnegative)
    entry.rank = rounded.branch?.rank ?? 0
    entry.activations = site.activation?.format.description
    return entry
  }
}

/// Makes tasks of layers: their site's statistics and input, their float weights and formats.
package struct RoundingTasks {
  package let statistics: StatisticsFile
  package let judge: StatisticsFile?
  package let weights: any TensorSource
  /// The formats that each layer may get that is quantized, also in other shards.
  package let formats: [String: [NumberFormat]]
  /// Those of them that are rounded here.
  package let chosen: Set<String>
  let objective: ObjectiveOptions
  let input: PreparationOptions
  /// The format is replaced by each layer's own.
  let options: RoundingOptions
  /// Bits of the inputs' static formats; nil: inputs are rounded online.
  let activationBits: Int?

  /// - Parameters:
  ///   - statistics: of the calibration prompts.
  ///   - judge: of other prompts, which only judge.
  ///   - weights: the float model's.
  ///   - formats: that each layer may get that is quantized, also in other shards.
  ///   - chosen: those of them that are rounded here.
  ///   - objective: how a site's Gram matrix becomes the objective.
  ///   - input: how inputs are prepared.
  ///   - options: how layers are rounded; the format is replaced by each layer's own.
  ///   - activationBits: of the inputs' static formats; nil: inputs are rounded online.
  package init(
    statistics: StatisticsFile, judge: StatisticsFile? = nil, weights: any TensorSource,
    formats: [String: [NumberFormat]], chosen: Set<String>,
    objective: ObjectiveOptions = ObjectiveOptions(),
    input: PreparationOptions = PreparationOptions(), options: RoundingOptions,
    activationBits: Int? = nil
  ) {
    (self.statistics, self.judge, self.weights) = (statistics, judge, weights)
    (self.formats, self.chosen, self.options) = (formats, chosen, options)
    (self.objective, self.input, self.activationBits) = (objective, input, activationBits)
  }

  /// Calls `body` with each chosen layer, site by site.
  ///
  /// - Throws: what `body` throws, and `Failure` naming the tensor or site that does not fit.
  package func forEach(_ body: (RoundingTask) throws -> Void) throws {
    for site in statistics.sites {
      for task in try tasks(of: site, chosen: chosen) { try body(task) }
    }
  }

  /// The tasks of the layers in `chosen` that read `site`, in the order of the statistics.
  ///
  /// - Parameters:
  ///   - site: whose layers.
  ///   - chosen: those of them that are wanted.
  ///   - correction: what the rounded layers before make of the site's input, if the weights are to
  ///     make up for it.
  /// - Returns: one task per layer.
  /// - Throws: `Failure` naming the tensor or site that does not fit.
  package func tasks(
    of site: String, chosen: Set<String>, correction: PrefixCorrection? = nil
  ) throws -> [RoundingTask] {
    // All layers of a site decide how its input is prepared, also those of other shards.
    let readers = statistics.roles.readers(of: site).compactMap { role in
      formats[role.name].map { (role: role, formats: $0) }
    }
    guard let first = readers.first?.role,
      readers.contains(where: { chosen.contains($0.role.name) })
    else { return [] }
    let matrices = try readers.map { try weight($0.role.name) }
    let moments = try SiteMoments(of: site, in: statistics, channels: matrices[0].columns)
    let prepared = try SiteInput(
      moments, weights: matrices,
      // What is looked up is no input of a product.
      options: first.kind == .tokenEmbedding ? PreparationOptions() : input,
      readsGELU: first.kind == .feedForwardOutput && first.readsGELU)
    let shared = try moments.objective(objective, prepared.transform)
    let site = RoundingSite(
      name: site, prepared: prepared, tokens: moments.tokens,
      judge: try judge.map {
        try HeldOut(
          SiteMoments(of: site, in: $0, channels: matrices[0].columns), prepared.transform)
      }, activation: try activationBits.map { try staticActivation(of: moments, bits: $0) })
    let corrects = objective.biasCorrection
    let change = correction?.change(damping: objective.damping, isCentred: corrects)
    return zip(readers, matrices).filter { chosen.contains($0.0.role.name) }.map { reader, float in
      let layer = reader.role.name
      var own = options.of(reader.formats)
      own.layout = own.layout.within(parts: reader.role.parts, columns: float.columns)
      var (weight, constant) = (float, prepared.constant(float))
      if let change, let correction {
        weight = sum(float, product(float, change))
        constant = prepared.constant(weight)
        if corrects {
          // The mean output stays: W mu = W* (mu + shift) + what is added here.
          let mean = zip(moments.mean, correction.meanShift).map { $0 + $1 }
          let (before, after) = (
            shared.products(float, moments.mean), shared.products(weight, mean)
          )
          for row in constant.indices { constant[row] += before[row] - after[row] }
        }
      }
      let problem = LayerProblem(
        place: "\(weights.path): \(layer).weight", weight: prepared.transform.weight(weight),
        constant: constant, objective: shared)
      return RoundingTask(role: reader.role, problem: problem, options: own, site: site)
    }
  }

  private func staticActivation(of moments: SiteMoments, bits: Int) throws -> StaticActivation {
    guard let histogram = moments.histogram else {
      throw Failure(
        statistics.path,
        "expected \(moments.site).histogram for a static activation scale, found none; take the statistics anew"
      )
    }
    return try StaticActivation(
      histogram, absmax: moments.absmax.max() ?? 0, bits: bits,
      place: "\(statistics.path): \(moments.site)")
  }

  /// The float weight of `layer`, [outputs][inputs].
  private func weight(_ layer: String) throws -> Matrix {
    let tensor = try weights.tensor("\(layer).weight")
    guard let rows = tensor.shape.first, rows > 0 else {
      throw Failure(tensor.place, "expected a weight, found shape \(tensor.shape)")
    }
    let values = try tensor.floats()
    tensor.letGo()
    return Matrix(rows: rows, columns: tensor.count / rows, values: values)
  }
}

extension SiteMoments {
  /// Those of `site`, of so many channels, in `file`.
  init(of site: String, in file: StatisticsFile, channels: Int) throws {
    if let statistics = try file.statistics(of: site) {
      self.init(statistics)
    } else {
      self.init(unseen: site, channels: channels)
    }
  }

  /// In f32, the Gram matrix whole.
  init(_ statistics: SiteStatistics) {
    let channels = statistics.channels
    let gram = Matrix(rows: channels, columns: channels)
    for row in 0..<channels {
      let start = SiteStatistics.start(row, of: channels)
      for column in row..<channels {
        let value = Float(statistics.gram[start + column])
        gram.row(row)[column] = value
        gram.row(column)[row] = value
      }
    }
    self.init(
      site: statistics.site, gram: gram, sum: statistics.sum.map { Float($0) },
      tokens: statistics.count, absmax: statistics.absmax, histogram: statistics.histogram)
  }
}
