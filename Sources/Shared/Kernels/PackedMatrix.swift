import CKernels
import Formats
import Platform
import Tensors

/// A low-bit weight [outputs][inputs] with a scale per group of inputs; 4-bit codes are left packed
/// where the file is mapped.
///
/// `lowbit.h` defines the product beside the kernels: exact integers inside a group, f32 fused
/// multiply-adds over the groups in ascending order, the bias last. The same bits on every
/// processor and number of threads.
package struct PackedMatrix: @unchecked Sendable {
  /// What keeps the views below alive.
  package let tensors: [Tensor]
  /// The longest group, the shorter of group size and inputs, whose integer products fit 32 bits.
  package static let longestGroup = Int(FPQ_LONGEST_GROUP)

  package let format: NumberFormat
  package let outputs: Int
  package let inputs: Int
  package let groupSize: Int
  private let isWide: Bool
  /// Views of the tensors, for the kernels.
  private let packed: fpq_packed
  private var name: String { tensors[0].name }

  /// Which levels of a code book a matrix stands for: levels below zero have a matrix of their own
  /// where they have scales of their own.
  package enum Part: Sendable {
    case all, positive, negative
  }

  /// Views packed codes and their scales as a matrix.
  ///
  /// - Parameters:
  ///   - codes: U8 [outputs][(inputs + 1) / 2], the low nibble for the even input; of a format of
  ///     more than 4 bits I8 [outputs][inputs], decoded.
  ///   - scales: F16 [outputs][groups], finite, not negative unless the layout's may be; the last
  ///     group may be shorter.
  ///   - tensorScale: a scale of the whole weight.
  ///   - zeros: U8 [outputs][groups], 0 to 15, where the layout has zero points and nowhere else.
  ///   - inputs: the length of a row.
  ///   - layout: how the weight is stored, in a format of 4 to 6 bits or `int8`.
  ///   - part: which levels count; the others are 0.
  /// - Throws: `Failure` naming the tensor that does not fit.
  package init(
    codes: Tensor, scales: Tensor, tensorScale: Float = 1, zeros: Tensor?, inputs: Int,
    layout: WeightLayout, part: Part = .all
  ) throws {
    let (format, groupSize) = (layout.format, layout.groupSize(inputs))
    let isKnown =
      layout.isWide
      ? format.name == "int8" : (4...6).contains(format.bits) && format.maxCode <= 64
    guard isKnown, format.isSigned else {
      throw Failure(
        codes.place, "expected int8 or a weight format of 4 to 6 bits, found \(format)")
    }
    let longest = PackedMatrix.longestGroup
    guard inputs > 0, groupSize > 0, min(groupSize, inputs) <= longest else {
      throw Failure(
        codes.place, "expected groups of 1 to \(longest) inputs, found \(groupSize) of \(inputs)")
    }
    let outputs = codes.shape.first ?? 0
    let isNibbles = format.bits == 4
    let (dtype, width) = isNibbles ? (DType.u8, inputs / 2 + inputs % 2) : (.i8, inputs)
    guard codes.dtype == dtype, codes.shape.count == 2, outputs > 0, codes.shape[1] == width else {
      throw Failure(
        codes.place,
        "expected \(dtype.rawValue) [outputs, \(width)], found \(codes.dtype.rawValue) \(codes.shape)"
      )
    }
    guard part == .all || isNibbles else {
      throw Failure(
        codes.place, "expected a 4-bit format for two scales per group, found \(format)")
    }
    let groups = (inputs - 1) / groupSize + 1
    guard scales.dtype == .f16, scales.shape == [outputs, groups] else {
      throw Failure(
        scales.place,
        "expected F16 [\(outputs), \(groups)], found \(scales.dtype.rawValue) \(scales.shape)")
    }
    let scaleBytes = scales.bytes
    let signs: UInt16 = layout.sides == .turnable ? 0x8000 : 0
    for index in 0..<(outputs * groups) {
      let bits = scaleBytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
      guard bits & ~signs < 0x7C00 else {
        throw Failure(
          scales.place,
          "expected finite scales\(signs == 0 ? " >= 0" : ""), found \(Float16(bitPattern: bits)) at \(index)"
        )
      }
    }
    guard tensorScale > 0, tensorScale.isFinite else {
      throw Failure(scales.place, "expected a scale of the tensor above 0, found \(tensorScale)")
    }
    guard layout.hasZeroPoints == (zeros != nil) else {
      throw Failure(
        zeros?.place ?? codes.place,
        layout.hasZeroPoints ? "expected zero points for \(format)" : "\(format) has no zero points"
      )
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
    tensors = [codes, scales] + (zeros.map { [$0] } ?? [])
    (self.format, self.outputs, self.inputs) = (format, outputs, inputs)
    self.groupSize = min(groupSize, inputs)
    isWide = layout.isWide
    var packed = fpq_packed()
    if isNibbles {
      packed.codes = codes.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    } else {
      packed.integers = codes.bytes.baseAddress?.assumingMemoryBound(to: Int8.self)
    }
    packed.scales = scaleBytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    packed.zeros = zeros?.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    packed.tensor_scale = tensorScale
    withUnsafeMutableBytes(of: &packed.codebook) { codebook in
      for code in 0..<16 {
        let level = format.decode(UInt8(code))
        let counts = part == .all || (part == .positive) == (level > 0)
        codebook[code] = UInt8(truncatingIfNeeded: counts ? level : 0)
      }
    }
    (packed.outputs, packed.inputs, packed.group) = (outputs, inputs, self.groupSize)
    self.packed = packed
  }

  /// y [tokens][outputs] for a prepared input, which several layers may share.
  package func multiply(_ x: QuantizedTokens, bias: [Float]?) -> Matrix {
    precondition(
      x.inputs == inputs && x.preparation.groupSize == groupSize,
      "\(name): input of \(x.inputs) in groups of \(x.preparation.groupSize), weight of \(inputs) in \(groupSize)"
    )
    precondition(!isWide || x.floats != nil, "\(name): \(format) with inputs that are rounded")
    var tokens = fpq_tokens(
      codes: nil, scales: x.scales.pointer,
      per_group: x.hasGroupScales ? 1 : 0, offset: x.offset)
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

  /// Writes row `output` of the weight, in f32, to `block` [1][inputs].
  package func copyRow(_ output: Int, to block: MatrixBlock<Matrix>) {
    precondition(
      (0..<outputs).contains(output) && block.rows.count == 1 && block.columns.count == inputs,
      "\(name): row \(output) of \(outputs)")
    let target = block.row(0)
    let groups = (inputs - 1) / groupSize + 1
    withExtendedLifetime((self, block)) {
      for k in 0..<inputs {
        let group = output * groups + k / groupSize
        let bits = packed.scales.advanced(by: 2 * group)
        let scale =
          Float(
            Float16(bitPattern: UInt16(bits[0]) | UInt16(bits[1]) << 8)) * packed.tensor_scale
        var level: Float
        if let codes = packed.codes {
          let code = codes[output * ((inputs + 1) / 2) + k / 2] >> (k % 2 == 0 ? 0 : 4) & 15
          level = Float(format.decode(code))
        } else {
          level = Float(packed.integers[output * inputs + k])
        }
        if let zeros = packed.zeros { level -= Float(zeros[group]) }
        target[k] = level * scale
      }
    }
  }

  /// Runs `kernel` on every block of y; the borders depend on the shape alone.
  private func product(
    tokens: Int, bias: [Float]?,
    _ kernel: (inout fpq_packed, fpq_block, UnsafePointer<Float>?, UnsafeMutablePointer<Float>) ->
      Void
  ) -> Matrix {
    precondition(bias == nil || bias?.count == outputs, "\(name): bias of another length")
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

  /// Outputs and tokens of a block: 64 outputs fill the widest panel of the kernels; tokens are
  /// split when that leaves few blocks, but never so far that unpacking a panel costs more than a
  /// few percent.
  private static func blockShape(outputs: Int) -> (outputs: Int, tokens: Int) {
    (64, outputs >= 1024 ? 1024 : 256)
  }
}
