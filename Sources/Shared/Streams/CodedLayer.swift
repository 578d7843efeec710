import Formats
import Tensors

/// A layer that was rounded, as a codes stream holds it.
package struct CodedLayer {
  package let quantized: QuantizedMatrix
  /// What the metadata says of it.
  package let entry: LayerFormats.Entry
  /// [outputs], to be added to the bias.
  package let biasCorrection: [Float]
  /// A 16-bit branch of low rank beside the codes, up [outputs][rank] and down [rank][inputs], in
  /// Float16 values.
  package let branch: (up: Matrix, down: Matrix)?
  /// What the layers of its site share.
  package let siteTensors: [Tensor]
  /// The relative output error of nearest rounding, and of what was chosen.
  package let errors: (nearest: Double, rounded: Double)

  package init(
    _ quantized: QuantizedMatrix, entry: LayerFormats.Entry, biasCorrection: [Float],
    branch: (up: Matrix, down: Matrix)?, siteTensors: [Tensor],
    errors: (nearest: Double, rounded: Double)
  ) {
    (self.quantized, self.entry, self.biasCorrection) = (quantized, entry, biasCorrection)
    (self.branch, self.siteTensors, self.errors) = (branch, siteTensors, errors)
  }

  /// Its tensors as layer `name`, those of its site aside.
  func tensors(layer name: String) -> [Tensor] {
    let (codes, scales) = (quantized.codes, quantized.scales)
    func tensor(_ suffix: String, _ dtype: DType, _ shape: [Int], _ values: [some BitwiseCopyable])
      -> Tensor
    {
      Tensor(name: "\(name).\(suffix)", dtype: dtype, shape: shape, values: values)
    }
    var tensors = LayerTensors.tensors(of: scales, layer: name)
    if let branch {
      tensors += [("up", branch.up), ("down", branch.down)].map { suffix, factor in
        tensor(
          suffix, .f16, [factor.rows, factor.columns], factor.values.map { Float16($0) })
      }
    }
    tensors += [
      tensor("codes", .u8, [scales.rows, scales.columns], codes),
      tensor("bias_correction", .f32, [scales.rows], biasCorrection),
    ]
    if scales.layout.hasZeroPoints {
      tensors.append(tensor("zeros", .u8, [scales.rows, scales.groups], scales.zeros))
    }
    return tensors
  }
}
