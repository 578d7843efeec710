import Formats
import Rounding
import Tensors
import Testing

/// Whole blocks of the example model, fed with the float model's states.
@Suite struct BlockAdaRoundTests {
  private func reconstruction(batchSize: Int = 8) -> ReconstructionOptions {
    var options = ReconstructionOptions()
    options.batchSize = batchSize
    return options
  }

  /// The order that the method must earn: below nearest, and below AdaRound of each layer by itself, on the block's own loss; on prompts
  /// that were learned from and on others.
  @Test(arguments: [1, 4])
  func blocksLoseLessThanByNearestAndByLayers(block: Int) throws {
    let example = try BlockCase.shared()
    var setting = BlockCase.Setting()
    setting.iterations = 150
    let unit = try example.unit(block, setting)
    let layerwise = unit.loss(of: try BlockCase.round(unit, .adaround))
    let rounded = try round(unit, options: reconstruction())
    #expect(rounded.before.training < rounded.nearest.training)
    #expect(layerwise.training < rounded.before.training)
    #expect(rounded.after.training < layerwise.training)
    #expect(rounded.after.heldBack < layerwise.heldBack)
    // What was reported is the loss of what was returned.
    #expect(unit.loss(of: rounded.layers).training == rounded.after.training)
  }
}
