import Formats
import Kernels
import Platform
import Streams
import Tensors

/// The weight of a packed layer: matrices of codes whose products add up, and a low-rank branch
/// beside them.
package struct PackedWeight: Sendable {
  /// One, or two where levels below zero have scales of their own.
  private let matrices: [PackedMatrix]
  /// [rank][inputs] and [outputs][rank], on the prepared input before it is rounded; SVDQuant
  /// (arXiv 2411.05007).
  private let down: DenseMatrix?
  private let up: DenseMatrix?

  package var inputs: Int { matrices[0].inputs }
  package var outputs: Int { matrices[0].outputs }

  /// What a product reads.
  package var tensors: [Tensor] {
    matrices.flatMap(\.tensors) + [down, up].compactMap { $0?.tensor }
  }

  /// Views the tensors of a layer.
  ///
  /// - Parameters:
  ///   - codes: as the file has them.
  ///   - tensors: the layer's other tensors.
  ///   - layout: how it is stored.
  ///   - outputs: N.
  ///   - inputs: K.
  /// - Throws: `Failure` naming the tensor that does not fit.
  package init(
    codes: Tensor, _ tensors: LayerTensors, _ layout: WeightLayout, outputs: Int, inputs: Int
  ) throws {
    let zeros = try tensors.zeros.map { packed in
      // A byte each for the kernels: a hundredth of the codes' size.
      let values = try layout.unpack(
        zeros: packed.bytes, rows: outputs, columns: inputs, place: packed.place)
      return Tensor(
        name: packed.name, dtype: .u8, shape: [outputs, layout.groups(inputs)],
        origin: packed.origin, values: values)
    }
    let codes = try PackedWeight.readable(codes, layout, outputs: outputs, inputs: inputs)
    let tensorScale = try tensors.globalScale?.floats()[0] ?? 1
    func matrix(_ scales: Tensor, _ part: PackedMatrix.Part) throws -> PackedMatrix {
      try PackedMatrix(
        codes: codes, scales: PackedWeight.halves(scales), tensorScale: tensorScale, zeros: zeros,
        inputs: inputs, layout: layout, part: part)
    }
    if let negativeScales = tensors.negativeScales {
      matrices = [
        try matrix(tensors.scales, .positive), try matrix(negativeScales, .negative),
      ]
    } else {
      matrices = [try matrix(tensors.scales, .all)]
    }
    down = try tensors.down.map { try DenseMatrix($0) }
    up = try tensors.up.map { try DenseMatrix($0) }
  }

  /// Codes of 4 bits and levels as they are; others as decoded integers I8 [outputs][inputs], which
  /// the kernels read: a byte a weight, made once.
  private static func readable(
    _ codes: Tensor, _ layout: WeightLayout, outputs: Int, inputs: Int
  ) throws -> Tensor {
    guard layout.format.bits != 4, !layout.isWide else { return codes }
    let (dtype, shape) = try layout.packedCodes(rows: outputs, columns: inputs, place: codes.place)
    guard codes.dtype == dtype, codes.shape == shape else {
      throw Failure(
        codes.place,
        "expected \(dtype.rawValue) \(shape), found \(codes.dtype.rawValue) \(codes.shape)")
    }
    let unpacked = try layout.unpack(
      codes.bytes, rows: outputs, columns: inputs, place: codes.place)
    return Tensor(
      name: codes.name, dtype: .i8, shape: [outputs, inputs], origin: codes.origin,
      values: unpacked.map { Int8(layout.format.decode($0)) })
  }

  /// F8_E4M3 as F16, which has all its values; F16 as it is.
  private static func halves(_ scales: Tensor) throws -> Tensor {
    guard scales.dtype != .f16 else { return scales }
    return Tensor(
      name: scales.name, dtype: .f16, shape: scales.shape, origin: scales.origin,
      values: try scales.floats().map { Float16($0) })
  }

  /// Writes row `output` of the matrices' sum, in f32, to `block` [1][inputs]; a branch is left out.
  func copyRow(_ output: Int, to block: MatrixBlock<Matrix>) {
    matrices[0].copyRow(output, to: block)
    for matrix in matrices.dropFirst() {
      let other = Matrix(rows: 1, columns: inputs)
      matrix.copyRow(output, to: other.block())
      for k in 0..<inputs { block.row(0)[k] += other.pointer[k] }
    }
  }

  /// y [tokens][outputs] of a prepared input: the products in the order of the matrices, the bias
  /// after the first, the branch last.
  func multiply(
    _ x: QuantizedTokens, unrounded: () -> QuantizedTokens, bias: [Float]?
  ) -> Matrix {
    let y = matrices[0].multiply(x, bias: bias)
    for matrix in matrices.dropFirst() { y.add(matrix.multiply(x, bias: nil)) }
    if let down, let up, let exact = unrounded().floats {
      y.add(up.multiply(down.multiply(exact, bias: nil), bias: nil))
    }
    return y
  }
}
