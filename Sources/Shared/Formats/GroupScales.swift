import Platform
import Tensors

/// The scales, and zero points of an asymmetric format, of a weight [rows][columns] in groups along its columns.
///
/// The last group of a row is shorter when the group size does not divide the columns.
package struct GroupScales: Sendable, Equatable {
  /// What a scale is rounded to before any code is chosen.
  package enum Precision: Sendable {
    /// Float16, as stored. A scale above 65504 becomes 65504 and its group saturates; a nonzero scale below the
    /// smallest subnormal, 2^-24, becomes that, so that no nonzero group vanishes by underflow of its scale.
    case f16
    /// Not at all: what the published float64 references do.
    case exact
  }

  /// What a group size may be.
  package static let groupSizes = 1...(1 << 20)

  package let format: NumberFormat
  package let rows: Int
  package let columns: Int
  package let groupSize: Int
  package let precision: Precision
  /// [rows][groups]; 0 for a group of zeros.
  package var scales: [Double]
  /// [rows][groups] for an asymmetric format, else empty.
  package var zeros: [UInt8]

  package var groups: Int { (columns + groupSize - 1) / groupSize }

  package init(
    format: NumberFormat, rows: Int, columns: Int, groupSize: Int, precision: Precision = .f16
  ) {
    precondition(
      GroupScales.groupSizes.contains(groupSize), "a group size is checked where it is read")
    self.format = format
    self.rows = rows
    self.columns = columns
    self.groupSize = groupSize
    self.precision = precision
    let count = rows * ((columns + groupSize - 1) / groupSize)
    scales = [Double](repeating: 0, count: count)
    zeros = format.isAsymmetric ? [UInt8](repeating: 0, count: count) : []
  }

  /// Maps each group's absolute maximum to the largest code; an asymmetric format maps min(w, 0)...max(w, 0) to all codes.
  ///
  /// - Parameters:
  ///   - weight: [rows][columns].
  ///   - format: the format of the codes.
  ///   - groupSize: columns that share a scale.
  ///   - precision: `f16` unless a reference is to be met.
  ///   - smallestAbsmax: a lower bound of the absolute maximum (FP4DiT clamps to 1e-4); 0 for none.
  ///   - place: names the tensor in a failure.
  /// - Returns: scales of which every nonzero group has a positive one.
  /// - Throws: `Failure` when a weight is NaN or infinite.
  package static func absmax(
    of weight: Matrix, format: NumberFormat, groupSize: Int, precision: Precision = .f16,
    smallestAbsmax: Double = 0, place: String
  ) throws -> GroupScales {
    var made = GroupScales(
      format: format, rows: weight.rows, columns: weight.columns, groupSize: groupSize,
      precision: precision)
    for row in 0..<made.rows {
      let w = weight.row(row)
      for group in 0..<made.groups {
        var (low, high) = (Float(0), Float(0))
        for k in made.range(group) {
          guard w[k].isFinite else {
            throw Failure(place, "expected finite weights, found \(w[k]) at [\(row)][\(k)]")
          }
          low = min(low, w[k])
          high = max(high, w[k])
        }
        made.set(
          row: row, group: group,
          low: min(Double(low), -smallestAbsmax), high: max(Double(high), smallestAbsmax))
      }
    }
    return made
  }

  /// The columns of `group`.
  package func range(_ group: Int) -> Range<Int> {
    (group * groupSize)..<min(columns, (group + 1) * groupSize)
  }

  /// Sets scale and zero point of a group so that its codes span `low` <= 0 to `high` >= 0.
  package mutating func set(row: Int, group: Int, low: Double, high: Double) {
    let index = row * groups + group
    let (scale, zero) = parameters(low: low, high: high)
    scales[index] = scale
    if format.isAsymmetric { zeros[index] = zero }
  }

  /// Scale and zero point of a group whose codes span `low` <= 0 to `high` >= 0.
  package func parameters(low: Double, high: Double) -> (scale: Double, zero: UInt8) {
    // INT4: GPTQ's min-max rule with zero included, scale = (high - low) / 15, zero = rint(-low / scale).
    let span = format.isAsymmetric ? high - low : max(high, -low)
    let scale = stored(span / Double(format.maxCode))
    guard format.isAsymmetric, scale > 0 else { return (scale, 0) }
    let zero = (-low / scale).rounded(.toNearestOrEven)
    return (scale, UInt8(min(zero, Double(format.maxCode))))
  }

  /// `scale` >= 0 in the precision in which it is kept.
  package func stored(_ scale: Double) -> Double {
    // Not a negative zero either.
    guard scale > 0 else { return 0 }
    guard precision == .f16 else { return scale }
    let rounded = Double(Float16(min(scale, Double(Float16.greatestFiniteMagnitude))))
    return max(rounded, Double(Float16.leastNonzeroMagnitude))
  }

  package func zero(row: Int, group: Int) -> UInt8 {
    zeros.isEmpty ? 0 : zeros[row * groups + group]
  }

  /// The codes [rows][columns] nearest to `weight`, whose values must be finite.
  package func codes(nearest weight: Matrix) -> [UInt8] {
    var codes = [UInt8](repeating: 0, count: rows * columns)
    codes.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let target = buffer
      Parallel.chunks(of: rows, size: 16) { range in
        for row in range {
          for group in 0..<groups {
            let scale = scales[row * groups + group]
            let zero = zero(row: row, group: group)
            let (low, high) = format.levels(zero: zero)
            for k in self.range(group) {
              let level =
                scale > 0
                ? format.level(nearest: Double(weight.row(row)[k]) / scale, low: low, high: high)
                : 0
              target[row * columns + k] = format.code(level: level, zero: zero)
            }
          }
        }
      }
    }
    return codes
  }

  /// The values level * scale [rows][columns] of `codes`.
  package func values(of codes: [UInt8]) -> Matrix {
    let levels = (0...UInt8.max).map { code in
      Int(code) < 1 << format.bits ? Double(format.decode(code)) : 0
    }
    let matrix = Matrix(rows: rows, columns: columns)
    Parallel.chunks(of: rows, size: 16) { range in
      for row in range {
        for group in 0..<groups {
          let scale = scales[row * groups + group]
          let zero = Double(zero(row: row, group: group))
          for k in self.range(group) {
            let level = levels[Int(codes[row * columns + k])] - zero
            matrix.row(row)[k] = Float(level * scale)
          }
        }
      }
    }
    return matrix
  }
}
