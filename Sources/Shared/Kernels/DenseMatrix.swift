import CKernels
import Platform
import Tensors

/// A float weight [outputs][inputs], row-major, left in its stored type (F32, F16, BF16) where the
/// file is mapped.
///
/// Half types become f32 a block of outputs at a time, inside the product, so that a model needs no
/// f32 copy of itself.
package struct DenseMatrix: Sendable {
  package let tensor: Tensor
  package let outputs: Int
  package let inputs: Int

  /// Views `tensor` as [outputs][inputs], where outputs is its first dimension.
  ///
  /// - Throws: `Failure` unless it has F32, F16 or BF16 elements and at least one dimension.
  package init(_ tensor: Tensor) throws {
    guard [.f32, .f16, .bf16].contains(tensor.dtype) else {
      throw Failure(tensor.place, "expected F32, F16 or BF16, found \(tensor.dtype.rawValue)")
    }
    guard let first = tensor.shape.first, first > 0 else {
      throw Failure(tensor.place, "expected a weight, found shape \(tensor.shape)")
    }
    self.tensor = tensor
    outputs = first
    inputs = tensor.count / first
  }

  /// Writes outputs `rows` as f32 to `target` [rows.count][inputs], whole rows of a matrix.
  package func copyRows(_ rows: Range<Int>, to target: MatrixBlock<Matrix>) {
    precondition(
      target.isContiguous && target.rows.count == rows.count && target.columns.count == inputs,
      "\(rows.count) rows of \(inputs) into \(target.rows.count)x\(target.columns.count)")
    withExtendedLifetime(target) { copyRows(rows, to: target.row(0)) }
  }

  /// As above, to bare memory.
  func copyRows(_ rows: Range<Int>, to target: UnsafeMutablePointer<Float>) {
    let range = (rows.lowerBound * inputs)..<(rows.upperBound * inputs)
    let start = tensor.bytes.baseAddress! + range.lowerBound * tensor.dtype.bits / 8
    let aligned = Int(bitPattern: start) % 2 == 0
    if tensor.dtype == .f16, aligned {
      fpq_half_to_float(range.count, start.assumingMemoryBound(to: UInt16.self), target)
    } else if tensor.dtype == .bf16, aligned {
      fpq_bfloat16_to_float(range.count, start.assumingMemoryBound(to: UInt16.self), target)
    } else {
      // The initializer admitted only types that this reads.
      try! tensor.copyFloats(range, to: target)
    }
  }

  /// The weight itself where it can be read in place: F32 at an aligned address.
  private var stored: UnsafePointer<Float>? {
    guard tensor.dtype == .f32, let start = tensor.bytes.baseAddress,
      Int(bitPattern: start) % MemoryLayout<Float>.alignment == 0
    else { return nil }
    return start.assumingMemoryBound(to: Float.self)
  }

  /// y[t][n] = sum over k of x[t][k] weight[n][k] + bias[n]; x [tokens][inputs], y
  /// [tokens][outputs].
  package func multiply(_ x: Matrix, bias: [Float]?) -> Matrix {
    precondition(x.columns == inputs, "\(tensor.name): input of \(x.columns), weight of \(inputs)")
    let stored = stored
    return project(x, outputs: outputs, bias: bias) { rows, body in
      if let stored { return body(stored + rows.lowerBound * inputs) }
      let converted = Matrix(rows: rows.count, columns: inputs)
      copyRows(rows, to: converted.pointer)
      body(converted.pointer)
    }
  }
}
