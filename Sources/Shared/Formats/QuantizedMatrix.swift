import Platform
import Tensors

/// A weight as low-bit codes with a Float16 scale a group: what fpq-round writes and fpq-pack packs.
///
/// value = (decode(code) - zero) * scale, exact in f32. No code is a negative zero.
package struct QuantizedMatrix: Sendable, Equatable {
  package let format: NumberFormat
  package let rows: Int
  package let columns: Int
  package let groupSize: Int
  /// [rows][columns], one code a byte.
  package let codes: [UInt8]
  /// [rows][groups].
  package let scales: [Float16]
  /// [rows][groups] for an asymmetric format, else empty.
  package let zeros: [UInt8]

  package var groups: Int { (columns + groupSize - 1) / groupSize }
  package var bitsPerWeight: Double {
    format.bitsPerWeight(columns: columns, groupSize: groupSize)
  }

  /// Joins codes [rows][columns] with the scales they were chosen for, in F16 precision.
  package init(codes: [UInt8], scales: GroupScales) {
    precondition(codes.count == scales.rows * scales.columns, "a code for every weight")
    format = scales.format
    rows = scales.rows
    columns = scales.columns
    groupSize = scales.groupSize
    self.codes = codes
    self.scales = scales.scales.map { Float16($0) }
    zeros = scales.zeros
  }

  /// Reads codes, scales and zero points that came from a file.
  ///
  /// - Throws: `Failure` naming `place` when counts do not fit the shape, a code is outside the format, or a scale is negative
  ///   or not finite.
  package init(
    format: NumberFormat, rows: Int, columns: Int, groupSize: Int, codes: [UInt8],
    scales: [Float16], zeros: [UInt8], place: String
  ) throws {
    guard rows >= 0, columns >= 0, GroupScales.groupSizes.contains(groupSize) else {
      throw Failure(
        place, "expected a shape, found [\(rows)][\(columns)] in groups of \(groupSize)")
    }
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard !overflow, codes.count == count else {
      throw Failure(place, "expected codes [\(rows)][\(columns)], found \(codes.count)")
    }
    let groups = (columns + groupSize - 1) / groupSize
    guard scales.count == rows * groups else {
      throw Failure(place, "expected scales [\(rows)][\(groups)], found \(scales.count)")
    }
    guard zeros.count == (format.isAsymmetric ? rows * groups : 0) else {
      throw Failure(place, "expected zero points for asymmetric formats only, found \(zeros.count)")
    }
    let largest = format.bits == 8 ? UInt8.max : UInt8(1 << format.bits) - 1
    if let wrong = codes.first(where: { $0 > largest }) ?? zeros.first(where: { $0 > largest }) {
      throw Failure(place, "expected codes of \(format), 0 to \(largest), found \(wrong)")
    }
    if let wrong = scales.first(where: { !($0.isFinite && $0 >= 0) }) {
      throw Failure(place, "expected scales of at least 0, found \(wrong)")
    }
    self.format = format
    self.rows = rows
    self.columns = columns
    self.groupSize = groupSize
    self.codes = codes
    self.scales = scales
    self.zeros = zeros
  }

  /// The scales as the quantizer has them.
  package var groupScales: GroupScales {
    var made = GroupScales(format: format, rows: rows, columns: columns, groupSize: groupSize)
    made.scales = scales.map { Double($0) }
    made.zeros = zeros
    return made
  }

  /// The values [rows][columns] in f32.
  package func dequantized() -> Matrix { groupScales.values(of: codes) }
}

/// Rounds a weight to nearest: absmax scales in F16, then the nearest codes.
package struct GroupQuantizer: Sendable {
  package let format: NumberFormat
  package let groupSize: Int

  package init(format: NumberFormat, groupSize: Int) throws {
    guard GroupScales.groupSizes.contains(groupSize) else {
      throw Failure("group size: expected 1 to \(1 << 20), found \(groupSize)")
    }
    self.format = format
    self.groupSize = groupSize
  }

  /// Quantizes `weight` [rows][columns].
  ///
  /// - Throws: `Failure` naming `place` when a weight is NaN or infinite.
  package func quantize(_ weight: Matrix, place: String) throws -> QuantizedMatrix {
    let scales = try GroupScales.absmax(
      of: weight, format: format, groupSize: groupSize, place: place)
    return QuantizedMatrix(codes: scales.codes(nearest: weight), scales: scales)
  }
}
