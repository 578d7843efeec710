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
  /// 10 log10 of the signal over the error.
  static func decibels(_ error: Double) -> Double { -10 * log10(max(error, 1e-30)) }

  /// Writes a table, one layer per line, tab-separated with a heading.
  static func write(_ report: [FinishedLayer], to path: String) throws {
    let columns = [
      "layer", "format", "outputs", "inputs", "tokens", "error_nearest", "error", "sqnr_db",
      "held_out_error", "held_out_sqnr_db", "changed_codes", "seconds", "sparsity", "activations",
      "input_error",
    ]
    var text = columns.joined(separator: "\t") + "\n"
    func relative(_ error: Double) -> String { String(format: "%.6g", error) }
    func sqnr(_ error: Double) -> String { String(format: "%.2f", decibels(error)) }
    for row in report {
      let own = row.rounded.report
      let cells = [
        row.role.name, row.rounded.quantized.format.name, "\(row.outputs)", "\(row.inputs)",
        "\(row.tokens)",
        row.nearest.cell(relative), row.error.cell(relative), row.error.cell(sqnr),
        row.heldOut.cell(relative), row.heldOut.cell(sqnr), "\(own.changedCodes)",
        String(format: "%.3f", own.seconds), String(format: "%.4f", own.sparsity),
        row.activation?.format.description ?? "",
        row.activation.map { relative($0.relativeError) } ?? "",
      ]
      text += cells.joined(separator: "\t") + "\n"
    }
    let file = try OutputFile(path)
    try file.write(text.utf8)
    try file.commit()
  }

  /// One line: the mean output SQNR of the layers that were seen, nearest against the method, and
  /// how many were not.
  static func summary(_ report: [FinishedLayer]) -> String {
    func mean(_ part: (FinishedLayer) -> OutputError) -> String? {
      let values = report.compactMap { part($0).value }.map(decibels)
      guard !values.isEmpty else { return nil }
      return String(format: "%.2f", values.reduce(0, +) / Double(values.count))
    }
    var parts: [String] = []
    if let own = mean(\.error), let nearest = mean(\.nearest) {
      parts.append("mean output SQNR of a layer \(own) dB, nearest \(nearest)")
    }
    if let judged = mean(\.heldOut) { parts.append("held out \(judged)") }
    let unseen = report.count { $0.error.value == nil && $0.role.kind != .tokenEmbedding }
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
