import Gradients
import Layers
import Models
import Rounding
import Tensors

/// A block in the float network, and one whose layers are rounded one after the other.
struct BlockPair {
  let float: TapedBlock
  let rounded: TapedBlock

  /// - Throws: `Failure` for a packed layer.
  init(_ block: any TransformerBlock) throws {
    (float, rounded) = (try TapedBlock(block), try TapedBlock(block))
  }

  /// Puts `layer` in place of the float one.
  func set(_ layer: RoundedLayer, of task: RoundingTask) {
    let linear = rounded.parameters[linear: task.layer]
    guard let target = linear.bias?.value else {
      preconditionFailure("\(task.layer) has no bias")
    }
    let (weight, bias) = layer.unprepared(task.site.prepared.transform, bias: target.values)
    linear.weight.value.pointer.update(from: weight.pointer, count: weight.count)
    target.pointer.update(from: bias, count: bias.count)
  }
}
