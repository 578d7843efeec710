import Platform
import Tensors

/// The scales, and zero points where its layout has them, of a weight [rows][columns] in groups
/// along its columns.
///
/// The last group of a row is shorter when the group size does not divide the columns.
package struct GroupScales: Sendable, Equatable {
  /// What a scale is rounded to before any code is chosen.
  package enum Precision: Sendable, Equatable {
    /// To a value of the type in which it is stored times `global`, one f32 for the whole weight;
    /// saturating and not vanishing.
    case stored(global: Float)
    /// Not at all: what the published float64 references do.
    case exact

    /// With the global scale that makes the largest of `scales` `top`, for a type that one stands
    /// beside.
    ///
    /// Levels of `e2m1` are twice its values, so scales and global scale are half of NVFP4's.
    package static func stored(_ scales: GroupScales, top: Double) -> Precision {
      let largest = (scales.scales + scales.negativeScales).reduce(0) { max($0, abs($1)) }
      let global = Float(largest / top)
      return .stored(global: global.isNormal ? global : .leastNormalMagnitude)
    }

    /// With a global scale for a type that needs none beside its scales, where it holds one of
    /// them badly: a power of two, which rounds nothing, that puts the largest of `scales` near the
    /// top.
    ///
    /// Weights of which a part is multiplied by 2^-22, and what reads them by 2^22, make the same
    /// picture in floats; F16's scales would leave nothing of that part.
    package static func stored(shifting scales: GroupScales) -> Precision {
      let largest = (scales.scales + scales.negativeScales).reduce(0) { max($0, abs($1)) }
      guard largest > 0 else { return .stored(global: 1) }
      let top = Int(scales.layout.scales.largest.exponent) - 1
      let exponent = max(Int(Float.leastNormalMagnitude.exponent), Int(largest.exponent) - top)
      return .stored(global: Float(sign: .plus, exponent: exponent, significand: 1))
    }
  }

  package let layout: WeightLayout
  package let rows: Int
  package let columns: Int
  /// Columns that share a scale.
  package let groupSize: Int
  package let precision: Precision
  /// [rows][groups]; 0 for a group of zeros; negative only where the layout's scales may be.
  package var scales: [Double]
  /// [rows][groups], the scales of levels below zero where they have their own (AFPQ, arXiv
  /// 2311.01792); else empty.
  package var negativeScales: [Double] = []
  /// [rows][groups] where the layout has zero points, else empty.
  package var zeros: [UInt8]

  @inlinable package var format: NumberFormat { layout.format }
  package var groups: Int { (columns + groupSize - 1) / groupSize }

  /// - Parameters:
  ///   - layout: how the weight is stored.
  ///   - rows: of the weight.
  ///   - columns: of the weight.
  ///   - precision: `stored` unless a reference is to be met.
  package init(
    _ layout: WeightLayout, rows: Int, columns: Int, precision: Precision = .stored(global: 1)
  ) {
    groupSize = layout.groupSize(columns)
    precondition(
      WeightLayout.groupSizes.contains(groupSize), "a group size is checked where it is read")
    precondition(
      layout.sharedBit == nil || groupSize >= columns, "weights that share a bit share a scale")
    self.layout = layout
    self.rows = rows
    self.columns = columns
    self.precision = precision
    let count = rows * layout.groups(columns)
    scales = [Double](repeating: 0, count: count)
    if layout.isTwoSided { negativeScales = scales }
    zeros = layout.hasZeroPoints ? [UInt8](repeating: 0, count: count) : []
  }

  /// What one group is rounded with.
  package struct Group: Equatable, Sendable {
    /// Of levels of at least 0.
    package var scale: Double
    /// Of levels below 0.
    package var negativeScale: Double
    package var zero: UInt8

    package init(scale: Double, negativeScale: Double, zero: UInt8 = 0) {
      self.scale = scale
      self.negativeScale = negativeScale
      self.zero = zero
    }

    /// What `level` stands for.
    package func value(_ level: Int32) -> Double {
      Double(level) * (level < 0 ? negativeScale : scale)
    }

    /// The level nearest to the weight `w`; a group without a scale has nothing but its first code.
    package func level(nearest w: Double, _ table: LevelTable) -> Int32 {
      let own = w < 0 ? negativeScale : scale
      return own == 0 ? table.nearest(0) : table.nearest(w / own)
    }
  }

  package subscript(row row: Int, group group: Int) -> Group {
    get {
      let index = row * groups + group
      return Group(
        scale: scales[index],
        negativeScale: negativeScales.isEmpty ? scales[index] : negativeScales[index],
        zero: zeros.isEmpty ? 0 : zeros[index])
    }
    set {
      let index = row * groups + group
      scales[index] = newValue.scale
      if !negativeScales.isEmpty { negativeScales[index] = newValue.negativeScale }
      if !zeros.isEmpty { zeros[index] = newValue.zero }
    }
  }

  /// Every group, row by row, [rows][groups].
  package var all: [Group] {
    get { (0..<rows).flatMap { row in (0..<groups).map { self[row: row, group: $0] } } }
    set {
      for (index, group) in newValue.enumerated() {
        self[row: index / groups, group: index % groups] = group
      }
    }
  }

  /// Maps each group's absolute maximum to the largest code; with zero points maps min(w,
  /// 0)...max(w, 0) to all codes.
  ///
  /// - Parameters:
  ///   - weight: [rows][columns].
  ///   - layout: how it is stored.
  ///   - precision: `stored` unless a reference is to be met.
  ///   - smallestAbsmax: a lower bound of the absolute maximum (FP4DiT clamps to 1e-4); 0 for none.
  ///   - place: names the tensor in a failure.
  /// - Returns: scales of which every nonzero group has one that is not 0.
  /// - Throws: `Failure` when a weight is NaN or infinite.
  package static func absmax(
    of weight: Matrix, _ layout: WeightLayout, precision: Precision = .stored(global: 1),
    smallestAbsmax: Double = 0, place: String
  ) throws -> GroupScales {
    var made = GroupScales(
      layout, rows: weight.rows, columns: weight.columns, precision: precision)
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
        made[row: row, group: group] = made.parameters(
          low: min(Double(low), -smallestAbsmax), high: max(Double(high), smallestAbsmax))
      }
    }
    return made
  }

  /// Whether the type in which scales are stored cuts one of them, or leaves it so few bits that
  /// what is rounded with it is lost.
  package var areHeldBadly: Bool {
    let type = layout.scales
    return (scales + negativeScales).contains {
      $0 != 0 && (abs($0) < type.smallestKept || abs($0) >= type.largest)
    }
  }

  /// The columns of `group`.
  package func range(_ group: Int) -> Range<Int> {
    (group * groupSize)..<min(columns, (group + 1) * groupSize)
  }

  /// What a group is rounded with whose codes span `low` <= 0 to `high` >= 0.
  package func parameters(low: Double, high: Double) -> Group {
    let largest = Double(format.maxCode)
    if layout.hasZeroPoints {
      // INT4: GPTQ's min-max rule with zero included, scale = (high - low) / 15, zero = rint(-low /
      // scale).
      let scale = stored((high - low) / largest)
      let zero = scale > 0 ? (-low / scale).rounded(.toNearestOrEven) : 0
      return Group(scale: scale, negativeScale: scale, zero: UInt8(clamping: min(zero, largest)))
    }
    let sides = layout.sides
    if sides == .two {
      return Group(scale: stored(high / largest), negativeScale: stored(-low / largest))
    }
    // The longer side of the weights meets the longer side of the codebook.
    let isTurned = sides == .turnable && high > -low
    let scale = stored(max(high, -low) / largest * (isTurned ? -1 : 1))
    return Group(scale: scale, negativeScale: scale)
  }

  /// `scale` in the precision in which it is kept.
  package func stored(_ scale: Double) -> Double {
    // Not a negative zero either.
    guard scale != 0 else { return 0 }
    let magnitude = abs(scale)
    let sign: Double = scale < 0 ? -1 : 1
    switch precision {
    case .exact: return scale
    case .stored(let global):
      let unit = Double(global)
      return sign * layout.scales.rounded(magnitude / unit) * unit
    }
  }
}
