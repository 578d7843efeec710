import Formats
import Foundation
import Inspection
import Streams

/// How to split a number of bits into exponent and mantissa, by the scaling law and by the
/// statistics of a model.
package struct Advice {
  /// The widths that are advised on.
  package static let bits = 3...8
  /// Those that weights can have.
  package static let weightBits = 4...6

  /// What a layer's output keeps.
  package struct Layer {
    package let role: LayerRole
    /// Output SQNR in dB by format.
    package let sqnr: [String: Double]

    package init(_ role: LayerRole, sqnr: [String: Double]) {
      (self.role, self.sqnr) = (role, sqnr)
    }
  }

  package let bits: Int
  /// Weights that share a scale.
  package let groupSize: Int
  /// Empty where there are no statistics, or no weight format of so many bits.
  package let layers: [Layer]

  package init(bits: Int, groupSize: Int, layers: [Layer] = []) {
    (self.bits, self.groupSize, self.layers) = (bits, groupSize, layers)
  }

  private var splits: [FloatSplit] { ScalingLaw.ranked(bits: bits) }

  /// The formats that were tried, as the law ranks them.
  private var tried: [String] { splits.map(\.name).filter { layers.first?.sqnr[$0] != nil } }

  /// Of `layers`, at least one, each of which has tried `format`.
  private func mean(_ format: String, _ layers: [Layer]) -> Double {
    let values = layers.map { layer in
      guard let value = layer.sqnr[format] else {
        preconditionFailure("\(layer.role.name) was not tried in \(format)")
      }
      return value
    }
    return values.reduce(0, +) / Double(values.count)
  }

  /// The format with the largest mean; of equals the one that the law prefers.
  private func best(_ layers: [Layer]) -> String? {
    let means = tried.map { ($0, mean($0, layers)) }
    return means.first { format in means.allSatisfy { $0.1 <= format.1 } }?.0
  }

  /// One row a split, the best first by the law.
  package var formats: Table {
    let law = ["format", "law_merit", "law_penalty", "law_relative"]
    var table = Table(law + (layers.isEmpty ? [] : ["sqnr_db", "best_of_layers"]))
    for split in splits {
      let merit = ScalingLaw.merit(split)
      var row: [Table.Cell] = [
        .text(split.name), .number(merit),
        .number(ScalingLaw.penalty(split, groupSize: groupSize)),
        .number(ScalingLaw.merit(splits[0]) / merit),
      ]
      if !layers.isEmpty {
        row +=
          tried.contains(split.name)
          ? [
            .number(mean(split.name, layers)),
            .integer(layers.count { best([$0]) == split.name }),
          ] : [.none, .none]
      }
      table.append(row)
    }
    return table
  }

  /// What the law says of group sizes: the penalty grows with log2(B).
  package var groupSizes: Table {
    var table = Table(["group_size", "law_relative"])
    for size in [16, 32, 64, 128, 256] {
      table.append([.integer(size), .number(log2(Double(size)) / log2(128))])
    }
    return table
  }

  /// One row for all layers of one place in their blocks, as a pattern for `--format`, and what
  /// suits them.
  package var kinds: Table {
    var table = Table(["layers", "count"] + tried.map { "\($0)_db" } + ["best"])
    for (kind, own) in Dictionary(grouping: layers, by: \.role.pattern).sorted(by: {
      $0.key < $1.key
    }) {
      table.append(
        [.text(kind), .integer(own.count)] + tried.map { .number(mean($0, own)) }
          + [best(own).map { .text($0) } ?? .none])
    }
    return table
  }

  /// All tables, an empty line between two, under lines that begin with `#` and say what they are.
  package func rendered(_ style: Table.Style) -> String {
    let optimum = ScalingLaw.optimum(bits: bits)
    let continuous = String(format: "E %.2f, M %.2f", optimum.exponent, optimum.mantissa)
    var notes = [
      """
      \(bits) bits by the scaling law of arXiv 2501.02423 (best split if it were continuous: \(continuous)), \
      groups of \(groupSize)
      """,
      """
      This is a law of training language models in low bits, not of rounding a diffusion model: \
      the statistics of the model override it
      """,
      """
      law_merit: (E+.5)^delta (M+.5)^nu; law_penalty: what is lost, in units of D^beta/N^alpha; \
      law_relative: the same in units of the least
      """,
    ]
    if !layers.isEmpty {
      notes.append(
        """
        sqnr_db: mean output SQNR of \(layers.count) layers under the statistics, nearest with output scales; \
        best_of_layers: how many of them this format suits best
        """)
      if bits > 4 {
        notes.append("To be packed: fp4.25 is e2m2, and fp5.33 is e2m3, with a shared bit")
      }
    } else {
      notes.append("The statistics say nothing here: weights have 4 to 6 bits")
    }
    func part(_ notes: [String], _ table: Table) -> String {
      notes.map { "# \($0)\n" }.joined() + table.rendered(style)
    }
    var parts = [
      part(notes, formats),
      part(["The law's penalty by group size, in units of that of 128"], groupSizes),
    ]
    if !layers.isEmpty {
      parts.append(part(["Mean output SQNR of the layers of a kind, and what suits them"], kinds))
    }
    return parts.joined(separator: "\n")
  }
}
