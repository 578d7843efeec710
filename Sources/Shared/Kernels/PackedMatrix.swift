import CKernels
import Formats
import Platform
import Tensors

/// A 4-bit weight [outputs][inputs] with a scale per group of inputs, left packed where the file is mapped.
///
/// METHODS.md section 4 defines the product, `lowbit.h` repeats it beside the kernels: exact integers inside a group, f32 fused
/// multiply-adds over the groups in ascending order, the bias last. The same bits on every processor and number of threads.
package struct PackedMatrix: @unchecked Sendable {
  package let codes: Tensor
  package let scales: Tensor
  package let zeros: Tensor?
  package let format: NumberFormat
  package let outputs: Int
  package let inputs: Int
  package let groupSize: Int
  /// Views of the tensors above, for the kernels.
  private let packed: fpq_packed

  /// Views packed codes and their scales as a matrix.
  ///
  /// - Parameters:
  ///   - codes: U8 [outputs][(inputs + 1) / 2], the low nibble for the even input.
  ///   - scales: F16 [outputs][groups], finite and not negative; the last group may be shorter.
  ///   - zeros: U8 [outputs][groups], 0 to 15, for `int4` and for no other format.
  ///   - inputs: the length of a row.
  ///   - format: one of 4 bits.
  ///   - groupSize: inputs per scale.
  /// - Throws: `Failure` naming the tensor that does not fit.
  package init(
    codes: Tensor, scales: Tensor, zeros: Tensor?, inputs: Int, format: NumberFormat, groupSize: Int
  ) throws {
    guard format.bits == 4, format.maxCode <= 64 else {
      throw Failure(codes.place, "expected a 4-bit format, found \(format)")
    }
    guard inputs > 0, groupSize > 0, min(groupSize, inputs) <= FPQ_LONGEST_GROUP else {
      throw Failure(
        codes.place,
        "expected groups of 1 to \(FPQ_LONGEST_GROUP) inputs, found \(groupSize) of \(inputs)")
    }
    let outputs = codes.shape.first ?? 0
    guard codes.dtype == .u8, codes.shape.count == 2, outputs > 0,
      codes.shape[1] == inputs / 2 + inputs % 2
    else {
      throw Failure(
        codes.place,
        "expected U8 [outputs, \(inputs / 2 + inputs % 2)], found \(codes.dtype.rawValue) \(codes.shape)"
      )
    }
    let groups = (inputs - 1) / groupSize + 1
    guard scales.dtype == .f16, scales.shape == [outputs, groups] else {
      throw Failure(
        scales.place,
        "expected F16 [\(outputs), \(groups)], found \(scales.dtype.rawValue) \(scales.shape)")
    }
    let scaleBytes = scales.bytes
    for index in 0..<(outputs * groups) {
      let bits = scaleBytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
      guard bits < 0x7C00 else {
        throw Failure(
          scales.place,
          "expected finite scales >= 0, found \(Float16(bitPattern: bits)) at \(index)")
      }
    }
    guard format.isAsymmetric == (zeros != nil) else {
      throw Failure(
        zeros?.place ?? codes.place,
        format.isAsymmetric ? "expected zero points for \(format)" : "\(format) has no zero points")
    }
    if let zeros {
      guard zeros.dtype == .u8, zeros.shape == [outputs, groups] else {
        throw Failure(
          zeros.place,
          "expected U8 [\(outputs), \(groups)], found \(zeros.dtype.rawValue) \(zeros.shape)")
      }
      if let high = zeros.bytes.first(where: { $0 > 15 }) {
        throw Failure(zeros.place, "expected zero points of 0 to 15, found \(high)")
      }
    }
    (self.codes, self.scales, self.zeros, self.format) = (codes, scales, zeros, format)
    (self.outputs, self.inputs, self.groupSize) = (outputs, inputs, min(groupSize, inputs))
    var packed = fpq_packed()
    packed.codes = codes.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    packed.scales = scaleBytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    packed.zeros = zeros?.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    withUnsafeMutableBytes(of: &packed.codebook) { codebook in
      for code in 0..<16 { codebook[code] = UInt8(truncatingIfNeeded: format.decode(UInt8(code))) }
    }
    (packed.outputs, packed.inputs, packed.group) = (outputs, inputs, self.groupSize)
    self.packed = packed
  }

  /// y [tokens][outputs] for x [tokens][inputs], quantized on the way unless `activation` is nil (W4A16).
  package func multiply(_ x: Matrix, activation: ActivationFormat?, bias: [Float]?) -> Matrix {
    if let activation {
      return multiply(
        QuantizedTokens(x, activation: activation, groupSize: groupSize), bias: bias)
    }
    precondition(x.columns == inputs, "\(codes.name): input of \(x.columns), weight of \(inputs)")
    return product(tokens: x.rows, bias: bias) { packed, block, bias, y in
      fpq_multiply_f32(&packed, x.pointer, block, bias, y)
    }
  }

  /// y [tokens][outputs] for an input that several layers may share.
  package func multiply(_ x: QuantizedTokens, bias: [Float]?) -> Matrix {
    precondition(
      x.inputs == inputs && x.groupSize == groupSize,
      "\(codes.name): input of \(x.inputs) in groups of \(x.groupSize), weight of \(inputs) in \(groupSize)"
    )
    var tokens = fpq_tokens(
      codes: nil, scales: x.scales.pointer,
      per_group: x.activation.granularity == .tokenGroup ? 1 : 0)
    return withExtendedLifetime(x) {
      switch x.storage {
      case .bytes(let codes):
        tokens.codes = UnsafeRawPointer(codes)
        return product(tokens: x.tokens, bias: bias) { packed, block, bias, y in
          withUnsafePointer(to: tokens) { fpq_multiply_u8(&packed, $0, block, bias, y) }
        }
      case .words(let codes):
        tokens.codes = UnsafeRawPointer(codes)
        return product(tokens: x.tokens, bias: bias) { packed, block, bias, y in
          withUnsafePointer(to: tokens) { fpq_multiply_i16(&packed, $0, block, bias, y) }
        }
      case .floats(let values):
        return product(tokens: x.tokens, bias: bias) { packed, block, bias, y in
          fpq_multiply_f32(&packed, values.pointer, block, bias, y)
        }
      }
    }
  }

  /// Runs `kernel` on every block of y; the borders depend on the shape alone.
  private func product(
    tokens: Int, bias: [Float]?,
    _ kernel: (inout fpq_packed, fpq_block, UnsafePointer<Float>?, UnsafeMutablePointer<Float>) ->
      Void
  ) -> Matrix {
    precondition(bias == nil || bias?.count == outputs, "\(codes.name): bias of another length")
    let y = Matrix(rows: tokens, columns: outputs)
    let (wide, tall) = PackedMatrix.blockShape(outputs: outputs)
    let across = (outputs + wide - 1) / wide
    let blocks = across * ((tokens + tall - 1) / tall)
    func run(_ bias: UnsafePointer<Float>?) {
      Parallel.forEach(blocks) { index in
        let (token, output) = (index / across * tall, index % across * wide)
        var packed = packed
        let block = fpq_block(
          token: token, tokens: min(tall, tokens - token), output: output,
          outputs: min(wide, outputs - output))
        kernel(&packed, block, bias, y.pointer)
      }
    }
    withExtendedLifetime(self) {
      if let bias { bias.withUnsafeBufferPointer { run($0.baseAddress) } } else { run(nil) }
    }
    return y
  }

  /// Outputs and tokens of a block: 64 outputs fill the widest panel of the kernels; tokens are split when that leaves few
  /// blocks, but never so far that unpacking a panel costs more than a few percent.
  private static func blockShape(outputs: Int) -> (outputs: Int, tokens: Int) {
    (64, outputs >= 1024 ? 1024 : 256)
  }
}
