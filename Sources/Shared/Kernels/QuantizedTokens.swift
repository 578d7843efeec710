import CKernels
import Formats
import Platform
import Tensors

/// The input of linear layers as low-bit codes and scales, made once and shared by the layers that
/// read it (q, k and v).
///
/// Found online: scale = absmax / maxCode in f32 (or a static scale), code = the nearest integer of
/// the format to x / scale, ties to the even code. A group of zeros has scale 0. A NaN or an
/// infinity makes its scale NaN, and with it every output of that token.
package final class QuantizedTokens: @unchecked Sendable {
  /// How one layer's input is made ready: transformed, then rounded.
  ///
  /// Layers with equal preparations share the result.
  package struct Preparation: Sendable, Equatable {
    /// Nil: the input as it is.
    package let transform: InputTransform?
    /// Nil: not rounded, W4A16.
    package let activation: ActivationFormat?
    /// The scale of `activation` where it is static, found during calibration.
    package let staticScale: Float?
    /// That of the weights, min(group size, inputs).
    package let groupSize: Int
    /// Parts of a token that have a scale each where the format has a scale per token; groups of
    /// the weights divide them.
    package let parts: Int

    /// - Throws: `Failure` for a format that the kernels cannot round to, or a static one without
    ///   its scale.
    package init(
      transform: InputTransform?, activation: ActivationFormat?, staticScale: Float?,
      groupSize: Int, parts: Int = 1
    ) throws {
      if let format = activation?.format {
        // Formats without mantissa bits have no step that doubles; the integers of others must be
        // exact in f32.
        guard format.mantissaBits != 0, format.isSymmetric || !format.isSigned, 0 < format.maxCode,
          format.maxCode < 1 << 23
        else {
          throw Failure(
            "activations \(format): expected an integer or a format with mantissa bits")
        }
      }
      guard activation?.granularity != .static || staticScale.map({ $0 > 0 }) == true else {
        throw Failure(
          "activations \(activation?.description ?? ""): expected a scale from calibration, found none"
        )
      }
      self.transform = transform
      self.activation = activation
      self.staticScale = activation?.granularity == .static ? staticScale : nil
      self.groupSize = groupSize
      self.parts = activation?.granularity == .token ? parts : 1
    }

    private init(transform: InputTransform?, groupSize: Int) {
      (self.transform, self.groupSize) = (transform, groupSize)
      (activation, staticScale, parts) = (nil, nil, 1)
    }

    /// The same transform without rounding.
    package var unrounded: Preparation { Preparation(transform: transform, groupSize: groupSize) }
  }

  /// How the kernels hold the codes; each row is `fpq_token_stride` codes, groups padded to a
  /// multiple of four.
  enum Storage {
    /// code + offset [tokens][stride], for signed formats up to 127 and unsigned ones up to 255.
    case bytes(UnsafeMutablePointer<UInt8>)
    /// [tokens][stride], for formats up to 1984.
    case words(UnsafeMutablePointer<Int16>)
    /// [tokens][inputs]: inputs that are not rounded, and code * scale of formats too wide for
    /// integer products (e4m3).
    case floats(Matrix)
  }

  /// The prepared input [tokens][inputs] where it is not rounded to integers; nil otherwise.
  package var floats: Matrix? { if case .floats(let values) = storage { values } else { nil } }

  package let tokens: Int
  package let inputs: Int
  package let preparation: Preparation
  let storage: Storage
  /// [tokens][groups], or [tokens] with one scale per token.
  let scales: Matrix
  /// Whether a token has a scale for each group.
  var hasGroupScales: Bool {
    preparation.activation?.granularity == .tokenGroup || preparation.parts > 1
  }
  /// What was added to byte codes.
  let offset: Int32

  /// Prepares x [tokens][inputs].
  package init(_ x: Matrix, _ preparation: Preparation) {
    (tokens, inputs, self.preparation) = (x.rows, x.columns, preparation)
    let (tokens, inputs, group) = (tokens, inputs, preparation.groupSize)
    let transform = preparation.transform
    // Chunks of about 64 thousand values keep the threads busy without paying for the split, and
    // stay in the cache between the transform and the rounding.
    func forEachChunk(_ body: (_ first: Int, _ count: Int, _ x: UnsafePointer<Float>) -> Void) {
      Parallel.chunks(of: tokens, size: max(1, 65536 / inputs)) { range in
        guard let transform else {
          return body(range.lowerBound, range.count, x.row(range.lowerBound))
        }
        let turned = Matrix(rows: range.count, columns: inputs)
        transform.apply(
          rows: range.count, columns: inputs, x.row(range.lowerBound), turned.pointer)
        body(range.lowerBound, range.count, turned.pointer)
      }
    }
    guard let activation = preparation.activation else {
      let values = transform == nil ? x : Matrix(rows: tokens, columns: inputs)
      if transform != nil {
        forEachChunk { values.row($0).update(from: $2, count: $1 * inputs) }
      }
      (storage, scales, offset) = (.floats(values), Matrix(rows: 0, columns: 0), 0)
      return
    }
    let format = activation.format
    let kernel = activation.kernel(staticScale: preparation.staticScale)
    offset = fpq_code_offset(kernel)
    // A part of a token is to the kernels a token of its own; whole groups lie one after another
    // with the same strides.
    let (parts, width) = (preparation.parts, inputs / preparation.parts)
    precondition(parts == 1 || width % group == 0, "groups of \(group) across parts of \(width)")
    let columns =
      activation.granularity == .tokenGroup ? (inputs - 1) / group + 1 : parts
    let stride = fpq_token_stride(inputs, group)
    let scales = Matrix(rows: tokens, columns: columns)
    if format.maxCode <= (format.isSigned ? 127 : 255) {
      let codes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, tokens * stride))
      forEachChunk { first, count, x in
        fpq_quantize_u8(
          kernel, count * parts, width, group, x, codes + first * stride, scales.row(first))
      }
      storage = .bytes(codes)
    } else if format.maxCode <= 1984 {
      let codes = UnsafeMutablePointer<Int16>.allocate(capacity: max(1, tokens * stride))
      forEachChunk { first, count, x in
        fpq_quantize_i16(
          kernel, count * parts, width, group, x, codes + first * stride, scales.row(first))
      }
      storage = .words(codes)
    } else {
      let values = Matrix(rows: tokens, columns: inputs)
      forEachChunk { first, count, x in
        fpq_quantize_f32(kernel, count * parts, width, group, x, values.row(first))
      }
      (storage, self.scales) = (.floats(values), Matrix(rows: 0, columns: 0))
      return
    }
    self.scales = parts == 1 ? scales : scales.repeated(width / group)
  }

  deinit {
    switch storage {
    case .bytes(let codes): codes.deallocate()
    case .words(let codes): codes.deallocate()
    case .floats: break
    }
  }
}
