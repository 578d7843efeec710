import Formats
import Foundation
import Platform
import Reconstruction
import Rounding
import Streams
import Tensors

/// The stage of `fpq-round advise`: a number of bits and statistics in, `Advice` out.
package struct AdviseOnFormats {
  package let bits: Int
  /// Statistics, which are read only for widths that weights can have; `-`: stdin.
  package var statistics = "-"
  /// The model folder, instead of where the statistics were taken.
  package var model: String?
  package var folderOptions = ModelFolder.Options()
  /// Only layers that match this pattern.
  package var layerPattern: String?
  package var isVerbose = false
  private var settings: RoundingSettings
  private let groups: RoundingSettings.Groups

  /// Advises on `bits` bits for the layers of `recipe`, in groups of `groupSize` weights instead of
  /// the recipe's.
  ///
  /// - Throws: `Failure` for bits that there is no advice on, and a recipe without groups.
  package init(bits: Int, recipe: Recipe, groupSize: Int?) throws {
    guard Advice.bits.contains(bits) else {
      throw Failure("--bits must be \(Advice.bits.lowerBound) to \(Advice.bits.upperBound)")
    }
    guard var groups = recipe.groups else {
      throw Failure(
        "advice is on groups of weights; \(recipe.name) has one scale of the whole weight")
    }
    groups.groupSize = groupSize ?? groups.groupSize
    groups.scale = .output
    settings = RoundingSettings(recipe, method: .nearest)
    settings.groups = groups
    (self.bits, self.groups) = (bits, groups)
  }

  /// Tries every split on the layers, to nearest with `output` scales, and writes nothing.
  ///
  /// Layers that the statistics have never seen are left out.
  ///
  /// - Throws: `Failure` for statistics or weights that are broken.
  package func run() throws -> Advice {
    guard Advice.weightBits.contains(bits) else {
      return Advice(bits: bits, groupSize: groups.groupSize)
    }
    let start = Date()
    // Splits of more than 4 exponent bits are no format of ours.
    let formats = try ScalingLaw.ranked(bits: bits).filter { $0.exponentBits <= 4 }
      .map { try NumberFormat($0.name) }
    let options = try settings.rounding()
    var stage = RoundModel(settings)
    stage.statistics = statistics
    stage.model = model
    stage.folderOptions = folderOptions
    stage.layerPattern = layerPattern
    let tasks = try stage.open().tasks
    var layers: [Advice.Layer] = []
    let progress = Progress("trying", total: tasks.chosen.count, unit: "layers")
    try tasks.forEach { task in
      if task.site.tokens > 0 {
        var sqnr: [String: Double] = [:]
        for format in formats {
          let own = options.of([format])
          let error = try round(task.problem, options: own).report.errorAfter
          sqnr[format.name] = LayerReport.decibels(error)
        }
        layers.append(Advice.Layer(task.role, sqnr: sqnr))
      }
      progress.advance()
    }
    progress.finish()
    if isVerbose { RoundModel.say(layers: layers.count, since: start) }
    return Advice(bits: bits, groupSize: groups.groupSize, layers: layers)
  }
}
