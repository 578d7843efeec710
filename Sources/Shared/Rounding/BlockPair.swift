import Gradients
import Kernels
import Models
import Tensors

/// A block in the float network, and one whose layers are rounded one after the other.
struct BlockPair {
  let float: TapedPixArtBlock
  let rounded: TapedPixArtBlock
  let floatInputs = TapedInputs()
  let roundedInputs = TapedInputs()

  /// - Throws: `Failure` for a packed layer.
  init(_ block: PixArtBlock) throws {
    func make(_ inputs: TapedInputs) throws -> TapedPixArtBlock {
      var options = TapedOptions { _ in false }
      options.inputs = inputs
      return try TapedPixArtBlock(block, options: options)
    }
    float = try make(floatInputs)
    rounded = try make(roundedInputs)
  }

  /// Keeps what `layer` reads in both from now on.
  func watch(_ layer: String) {
    (floatInputs.layer, roundedInputs.layer) = (layer, layer)
  }

  /// Puts `layer` in place of the float one.
  func set(_ layer: RoundedLayer, of task: RoundingTask) {
    guard let linear = rounded.linears.first(where: { $0.name == task.layer }),
      let target = linear.bias?.value
    else { preconditionFailure("\(task.layer) is no layer with a bias") }
    let (weight, bias) = layer.unprepared(task.site.prepared.transform, bias: target.values)
    linear.weight.value.pointer.update(from: weight.pointer, count: weight.count)
    target.pointer.update(from: bias, count: bias.count)
  }
}
