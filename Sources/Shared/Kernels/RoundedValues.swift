import CKernels
import Formats
import Platform
import Tensors

extension ActivationFormat {
  /// The format as the kernels take it.
  func kernel(staticScale: Float? = nil) -> fpq_activation {
    fpq_activation(
      mantissa: Int32(format.mantissaBits ?? 22), max: Float(format.maxCode),
      per_group: granularity == .tokenGroup ? 1 : 0, is_unsigned: format.isSigned ? 0 : 1,
      fixed_scale: staticScale ?? 0)
  }

  /// x rounded to this format and back, code * scale in f32: what a product with float weights
  /// reads.
  ///
  /// - Parameters:
  ///   - x: [tokens][channels].
  ///   - groupSize: channels of a token that share a scale, with the granularity `token-group`.
  ///   - parts: parts of a token that have a scale each, with the granularity `token`.
  /// - Returns: [tokens][channels].
  package func rounded(_ x: Matrix, groupSize: Int, parts: Int = 1) -> Matrix {
    guard parts == 1 || granularity != .token else {
      return rounded(x.reshaped(columns: x.columns / parts), groupSize: groupSize)
        .reshaped(columns: x.columns)
    }
    let y = Matrix(rows: x.rows, columns: x.columns)
    let kernel = kernel()
    Parallel.chunks(of: x.rows, size: max(1, 65536 / max(1, x.columns))) { range in
      fpq_quantize_f32(
        kernel, range.count, x.columns, min(groupSize, x.columns), x.row(range.lowerBound),
        y.row(range.lowerBound))
    }
    return y
  }
}
