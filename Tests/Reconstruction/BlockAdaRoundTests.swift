import Formats
import Reconstruction
import Rounding
import Tensors
import Testing

/// Whole blocks of the example model, fed with the float model's states.
@Suite struct BlockAdaRoundTests {
  private func reconstruction() -> ReconstructionOptions {
    var options = ReconstructionOptions()
    options.batchSize = 8
    options.tuning.iterations = 60
    return options
  }

  /// The block loses less than with nearest codes of the same scales, on prompts that were learned
  /// from and on others, and what is reported is the loss of what is returned.
  @Test(arguments: [true, false])
  func `blocks lose less than by nearest`(isScaleAware: Bool) throws {
    var setting = BlockCase.Setting()
    setting.isScaleAware = isScaleAware
    let unit = try BlockCase.shared().unit(4, setting)
    var points: [RoundingTrace.Point] = []
    let rounded = try round(unit, options: reconstruction(), listener: { points.append($0) })
    #expect(rounded.before.training < rounded.nearest.training)
    #expect(rounded.after.training < rounded.before.training)
    #expect(rounded.after.heldBack < rounded.before.heldBack)
    #expect(unit.loss(of: rounded.layers).training == rounded.after.training)
    // Soft weights start as the float ones and end as codes.
    let (first, last) = (try #require(points.first), try #require(points.last))
    #expect(first.iteration == 0 && last.iteration == setting.iterations)
    #expect(first.soft < first.hard)
    #expect(abs(last.soft / last.hard - 1) < abs(first.soft / first.hard - 1))
  }

  /// Rounding the inputs while codes are learned judges them by what remains of the output then,
  /// which is more than without.
  @Test func `activations are rounded while learning`() throws {
    var setting = BlockCase.Setting()
    let exact = try BlockCase.shared().unit(2, setting)
    setting.activations = try ActivationFormat.parse("e2m3:token")
    let unit = try BlockCase.shared().unit(2, setting)
    let layers = try BlockCase.round(unit, .gptq)
    #expect(unit.loss(of: layers).training > exact.loss(of: layers).training)
  }

  /// Descent's scales and biases are tuned, and its codes if wanted, to no greater loss on the
  /// samples that were held back.
  @Test(arguments: [true, false])
  func `descent is tuned`(codes: Bool) throws {
    var setting = BlockCase.Setting()
    setting.method = .descent
    let unit = try BlockCase.shared().unit(3, setting)
    var options = reconstruction()
    options.tuning.tunesCodes = codes
    let rounded = try round(unit, options: options)
    #expect(rounded.after.heldBack <= rounded.before.heldBack)
    #expect(rounded.before.training < rounded.nearest.training)
    #expect(unit.loss(of: rounded.layers).training == rounded.after.training)
    let again = try BlockCase.shared().unit(3, setting)
    let same = try round(again, options: options)
    #expect(
      zip(same.layers, rounded.layers).allSatisfy { $0.quantized.codes == $1.quantized.codes })
  }
}
