import CKernels
import Formats
import Platform
import Tensors

/// The input of linear layers as low-bit codes and scales, made once and shared by the layers that read it (q, k and v).
///
/// METHODS.md section 4, online: scale = absmax / maxCode in f32, code = the nearest integer of the format to x / scale,
/// ties to the even code. A group of zeros has scale 0. A NaN or an infinity makes its scale NaN, and with it every output of that token.
package final class QuantizedTokens: @unchecked Sendable {
  /// How the kernels hold the codes; each row is `fpq_token_stride` codes, groups padded to a multiple of four.
  enum Storage {
    /// code + 128 [tokens][stride], for formats up to 127.
    case bytes(UnsafeMutablePointer<UInt8>)
    /// [tokens][stride], for formats up to 1984.
    case words(UnsafeMutablePointer<Int16>)
    /// code * scale [tokens][inputs], for formats too wide for integer products (e4m3).
    case floats(Matrix)
  }

  package let tokens: Int
  package let inputs: Int
  package let activation: ActivationFormat
  /// Inputs per weight scale, what the layout of the codes follows.
  package let groupSize: Int
  let storage: Storage
  /// [tokens][groups], or [tokens] with one scale per token.
  let scales: Matrix

  /// Refuses formats that the kernels cannot round to.
  ///
  /// - Throws: `Failure` for a format without mantissa bits, asymmetric, or whose integers exceed f32's.
  package static func check(_ activation: ActivationFormat) throws {
    let format = activation.format
    guard format.mantissaBits != 0, !format.isAsymmetric, 0 < format.maxCode,
      format.maxCode < 1 << 23
    else {
      throw Failure("activations \(activation): expected an integer or a format with mantissa bits")
    }
  }

  /// Quantizes x [tokens][inputs].
  ///
  /// - Parameters:
  ///   - x: [tokens][inputs].
  ///   - activation: the format and granularity; one that `check` accepts.
  ///   - groupSize: that of the weights which will be multiplied.
  package init(_ x: Matrix, activation: ActivationFormat, groupSize: Int) {
    let format = activation.format
    precondition(groupSize > 0 && x.columns > 0)
    (tokens, inputs, self.activation) = (x.rows, x.columns, activation)
    self.groupSize = min(groupSize, inputs)
    let perGroup = activation.granularity == .tokenGroup
    let columns = perGroup ? (inputs - 1) / self.groupSize + 1 : 1
    let kernel = QuantizedTokens.kernel(activation)
    let (tokens, inputs, group) = (tokens, inputs, self.groupSize)
    let stride = fpq_token_stride(inputs, group)
    let chunk = QuantizedTokens.chunk(inputs)
    if format.maxCode <= 127 {
      let codes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, tokens * stride))
      let scales = Matrix(rows: tokens, columns: columns)
      Parallel.chunks(of: tokens, size: chunk) { range in
        let first = range.lowerBound
        fpq_quantize_u8(
          kernel, range.count, inputs, group, x.row(first), codes + first * stride,
          scales.row(first))
      }
      (storage, self.scales) = (.bytes(codes), scales)
    } else if format.maxCode <= 1984 {
      let codes = UnsafeMutablePointer<Int16>.allocate(capacity: max(1, tokens * stride))
      let scales = Matrix(rows: tokens, columns: columns)
      Parallel.chunks(of: tokens, size: chunk) { range in
        let first = range.lowerBound
        fpq_quantize_i16(
          kernel, range.count, inputs, group, x.row(first), codes + first * stride,
          scales.row(first))
      }
      (storage, self.scales) = (.words(codes), scales)
    } else {
      let values = QuantizedTokens.values(x, activation: activation, groupSize: groupSize)
      (storage, scales) = (.floats(values), Matrix(rows: 0, columns: 0))
    }
  }

  /// What x [tokens][inputs] becomes by quantization, code * scale in f32; the parameters are those of `init`.
  package static func values(
    _ x: Matrix, activation: ActivationFormat, groupSize: Int
  ) -> Matrix {
    precondition(groupSize > 0 && x.columns > 0)
    let (values, kernel) = (Matrix(rows: x.rows, columns: x.columns), kernel(activation))
    Parallel.chunks(of: x.rows, size: chunk(x.columns)) { range in
      let first = range.lowerBound
      fpq_quantize_f32(
        kernel, range.count, x.columns, min(groupSize, x.columns), x.row(first), values.row(first))
    }
    return values
  }

  private static func kernel(_ activation: ActivationFormat) -> fpq_activation {
    let format = activation.format
    precondition(format.mantissaBits != 0 && !format.isAsymmetric, "activations \(activation)")
    return fpq_activation(
      mantissa: Int32(format.mantissaBits ?? 22), max: Float(format.maxCode),
      per_group: activation.granularity == .tokenGroup ? 1 : 0)
  }

  /// Tokens in a chunk: about 64 thousand values keep the threads busy without paying for the split.
  private static func chunk(_ inputs: Int) -> Int { max(1, 65536 / inputs) }

  deinit {
    switch storage {
    case .bytes(let codes): codes.deallocate()
    case .words(let codes): codes.deallocate()
    case .floats: break
    }
  }
}
