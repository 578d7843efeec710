import Formats
import Foundation
import Platform
import Reconstruction
import Rounding
import Streams
import Tensors

/// What rounding did to each layer: the relative output error tr(dW C dW') / tr(W G W') before and
/// after, and on other prompts.
enum LayerReport {
  /// A layer's line of the table.
  struct Row {
    private static let heading = [
      "layer", "format", "outputs", "inputs", "tokens", "error_nearest", "error", "sqnr_db",
      "held_out_error", "held_out_sqnr_db", "changed_codes", "seconds", "sparsity", "activations",
      "input_error",
    ]
    static let headingLine = heading.joined(separator: "\t")

    /// Tab-separated.
    let line: String

    /// As `line` had it.
    init(_ line: some StringProtocol) { self.line = String(line) }

    init(_ layer: FinishedLayer) {
      func relative(_ error: Double) -> String { String(format: "%.6g", error) }
      func sqnr(_ error: Double) -> String { String(format: "%.2f", decibels(error)) }
      let own = layer.rounded.report
      line = [
        layer.role.name, layer.rounded.quantized.format.name, "\(layer.outputs)",
        "\(layer.inputs)", "\(layer.tokens)", layer.nearest.cell(relative),
        layer.error.cell(relative), layer.error.cell(sqnr), layer.heldOut.cell(relative),
        layer.heldOut.cell(sqnr), "\(own.changedCodes)", String(format: "%.3f", own.seconds),
        String(format: "%.4f", own.sparsity), layer.activation?.format.description ?? "",
        layer.activation.map { relative($0.relativeError) } ?? "",
      ].joined(separator: "\t")
    }

    /// The figure in `column`; nil where there is none.
    fileprivate func figure(_ column: String) -> Double? {
      let cells = line.split(separator: "\t", omittingEmptySubsequences: false)
      return Row.heading.firstIndex(of: column).flatMap { Double(cells[$0]) }
    }

    fileprivate var layer: Substring { line.prefix { $0 != "\t" } }
  }

  /// 10 log10 of the signal over the error.
  static func decibels(_ error: Double) -> Double { -10 * log10(max(error, 1e-30)) }

  /// Writes a table, one layer per line, tab-separated with a heading.
  static func write(_ report: [Row], to path: String) throws {
    let file = try OutputFile(path)
    try file.write(([Row.headingLine] + report.map(\.line)).map { $0 + "\n" }.joined().utf8)
    try file.commit()
  }

  /// One line: the mean output SQNR of the layers that were seen, nearest against the method, and
  /// how many of those were not whose input is one of a product.
  static func summary(_ report: [Row], _ roles: LayerRoles) -> String {
    func mean(_ column: String) -> String? {
      let values = report.compactMap { $0.figure(column) }.map(decibels)
      guard !values.isEmpty else { return nil }
      return String(format: "%.2f", values.reduce(0, +) / Double(values.count))
    }
    var parts: [String] = []
    if let own = mean("error"), let nearest = mean("error_nearest") {
      parts.append("mean output SQNR of a layer \(own) dB, nearest \(nearest)")
    }
    if let judged = mean("held_out_error") { parts.append("held out \(judged)") }
    let tables = Set(roles.all.filter { $0.kind == .tokenEmbedding }.map(\.name))
    let unseen = report.count { $0.figure("error") == nil && !tables.contains(String($0.layer)) }
    if unseen > 0 { parts.append("\(unseen) of \(report.count) layers never seen") }
    return parts.joined(separator: "; ")
  }
}

extension OutputError {
  /// A cell of the table with what `format` makes of the error.
  fileprivate func cell(_ format: (Double) -> String) -> String {
    switch self {
    case .of(let value): format(value)
    case .neverSeen: "never seen"
    case .none: ""
    }
  }
}
