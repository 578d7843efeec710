import Platform

/// How a weight [rows][columns] is stored: its codes, and the scales and zero points beside them.
///
/// Whatever asks how codes become values, bytes or bits asks here, so that a codebook is written
/// down in `NumberFormat` alone and a scale's type in `ScaleStorage` alone.
package struct WeightLayout: Hashable, Sendable {
  /// Which weights share a scale.
  package enum Grouping: Hashable, Sendable {
    /// So many next to each other along the columns; the last group of a row is shorter when they
    /// do not divide it.
    case groups(of: Int)
    /// Those of a row.
    case row
    /// All of them; what is stored is one scale per row, each the same.
    case weight

    /// Weights of a group that is whole; nil where the weight's shape decides.
    package var size: Int? { if case .groups(of: let size) = self { size } else { nil } }
  }

  /// Which levels of a group a scale is for, and which sign it has.
  package enum Sides: Hashable, Sendable {
    /// One scale of at least 0 for all levels.
    case one
    /// One scale of either sign for all levels: the codebook is not its own mirror image, and a
    /// negative scale turns it around.
    case turnable
    /// A scale for the levels of at least 0 and one for those below, neither negative (AFPQ, arXiv
    /// 2311.01792).
    case two
  }

  /// What the number of weights in a group may be.
  package static let groupSizes = 1...(1 << 20)

  /// What codes stand for.
  package var format: NumberFormat
  package var grouping: Grouping
  /// The type of a scale.
  package var scales: ScaleStorage
  /// Whether levels below zero have scales of their own.
  package var isTwoSided: Bool

  package init(
    _ format: NumberFormat, _ grouping: Grouping = .groups(of: 128), scales: ScaleStorage = .f16,
    isTwoSided: Bool = false
  ) {
    (self.format, self.grouping) = (format, grouping)
    (self.scales, self.isTwoSided) = (scales, isTwoSided)
  }

  package var sides: Sides {
    if isTwoSided { return .two }
    return format.isSigned && !format.isSymmetric && !hasZeroPoints ? .turnable : .one
  }

  /// Whether a group has a zero point, the code that stands for 0.
  package var hasZeroPoints: Bool { format.hasZeroPoints }

  /// Which weights share the last bit of their codes; nil: each has its own.
  package var sharedBit: SharedBit? { format.sharedBit }

  /// Whether there are more levels than the 64 that searches for scales and codes take.
  ///
  /// Such weights (`int8`) are rounded to nearest by their largest magnitude, which loses a hundredth
  /// of what 4 bits lose, and multiplied with inputs that are not rounded.
  package var isWide: Bool { format.levels().levels.count > 64 }

  /// Weights of a group that is whole, in a row of `columns`; may be more than there are.
  package func groupSize(_ columns: Int) -> Int { grouping.size ?? columns }

  /// Groups of a row of `columns` weights.
  package func groups(_ columns: Int) -> Int {
    let size = groupSize(columns)
    return (columns + size - 1) / size
  }

  /// How many of `parts` equal parts of a row have scales of their own: all of them where no group
  /// lies in two, else one.
  package func separateParts(_ parts: Int, columns: Int) -> Int {
    columns % (parts * min(groupSize(columns), columns)) == 0 ? parts : 1
  }

  /// The same with groups that no border between the parts of a row goes through: the longest ones
  /// of a power of two that divides the size and the part, where the size does not.
  package func within(parts: Int, columns: Int) -> WeightLayout {
    guard parts > 1, let size = grouping.size, columns % parts == 0,
      columns / parts % min(size, columns) != 0
    else { return self }
    var own = self
    let width = columns / parts
    var group = 1
    while group * 2 <= min(size, width), width % (group * 2) == 0, size % (group * 2) == 0 {
      group *= 2
    }
    own.grouping = .groups(of: group)
    return own
  }

  /// The same with the group's size as a number, which is how a file has it, for rows of `columns`
  /// weights.
  package func written(columns: Int) -> WeightLayout {
    var own = self
    own.grouping = .groups(of: groupSize(columns))
    return own
  }

  /// The same in `format`; weights that share a bit share the scale of their row.
  package func with(_ format: NumberFormat) -> WeightLayout {
    var own = self
    own.format = format
    if own.sharedBit != nil, grouping != .weight { own.grouping = .row }
    return own
  }
}

extension WeightLayout {
  /// Refuses what does not exist.
  ///
  /// - Throws: `Failure` naming what does not go with what, by the words of `fpq-round`'s options.
  package func check() throws {
    if let size = grouping.size, !WeightLayout.groupSizes.contains(size) {
      throw Failure(
        "group size: expected 1 to \(WeightLayout.groupSizes.upperBound), found \(size)")
    }
    guard format.bits >= 4, !isWide || format.name == "int8", format.isSigned else {
      throw Failure("format \(format): expected int8 or a signed format of 4 to 6 bits for weights")
    }
    let isPlain = format.isSymmetric && sharedBit == nil && !isWide
    guard isPlain || !isTwoSided else {
      throw Failure(
        "format \(format): expected a symmetric 4-bit format for two scales per group (--asymmetric)"
      )
    }
    guard grouping == .weight else { return }
    guard isPlain else {
      throw Failure(
        "format \(format): expected a symmetric format for one scale of the whole weight")
    }
    guard !isTwoSided, scales == .f16 else {
      throw Failure("scales: expected one of F16 for one scale of the whole weight")
    }
  }
}
