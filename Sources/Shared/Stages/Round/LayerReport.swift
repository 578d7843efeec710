import Formats
import Foundation
import Platform
import Reconstruction
import Rounding
import Tensors

/// What rounding did to one layer: the relative output error tr(dW C dW') / tr(W G W') before and
/// after, and on other prompts.
struct LayerReport {
  /// A relative output error, where there is one.
  private enum OutputError {
    case of(Double)
    /// The statistics have no token of the layer's input: nothing was judged.
    case neverSeen
    /// There are no such statistics.
    case none

    var value: Double? {
      if case .of(let value) = self { value } else { nil }
    }

    /// A cell of the table with what `format` makes of the error.
    func cell(_ format: (Double) -> String) -> String {
      switch self {
      case .of(let value): format(value)
      case .neverSeen: "never seen"
      case .none: ""
      }
    }
  }

  private let layer: FinishedLayer
  /// By rounding to nearest with absmax scales.
  private let nearest: OutputError
  private let error: OutputError
  private let heldOut: OutputError

  init(_ layer: FinishedLayer) {
    self.layer = layer
    let (task, rounded) = (layer.task, layer.rounded)
    let isSeen = task.site.tokens > 0
    nearest = isSeen ? .of(rounded.report.errorBefore) : .neverSeen
    error = isSeen ? .of(rounded.report.errorAfter) : .neverSeen
    heldOut =
      task.site.judge.map { judge in
        judge.relativeError(of: rounded, for: task.problem).map { .of($0) } ?? .neverSeen
      } ?? .none
  }

  /// 10 log10 of the signal over the error.
  static func decibels(_ error: Double) -> Double { -10 * log10(max(error, 1e-30)) }

  /// Writes a table, one layer a line, tab-separated with a heading.
  static func write(_ report: [LayerReport], to path: String) throws {
    let columns = [
      "layer", "format", "outputs", "inputs", "tokens", "error_nearest", "error", "sqnr_db",
      "held_out_error", "held_out_sqnr_db", "changed_codes", "seconds", "sparsity", "activations",
      "input_error",
    ]
    var text = columns.joined(separator: "\t") + "\n"
    func relative(_ error: Double) -> String { String(format: "%.6g", error) }
    func sqnr(_ error: Double) -> String { String(format: "%.2f", decibels(error)) }
    for row in report {
      let (task, own) = (row.layer.task, row.layer.rounded.report)
      let (weight, activation) = (task.problem.weight, task.site.activation)
      let cells = [
        task.layer, row.layer.rounded.quantized.format.name, "\(weight.rows)",
        "\(weight.columns)", "\(task.site.tokens)",
        row.nearest.cell(relative), row.error.cell(relative), row.error.cell(sqnr),
        row.heldOut.cell(relative), row.heldOut.cell(sqnr), "\(own.changedCodes)",
        String(format: "%.3f", own.seconds), String(format: "%.4f", own.sparsity),
        activation?.format.description ?? "",
        activation.map { relative($0.relativeError) } ?? "",
      ]
      text += cells.joined(separator: "\t") + "\n"
    }
    let file = try OutputFile(path)
    try file.write(text.utf8)
    try file.commit()
  }

  /// One line: the mean output SQNR of the layers that were seen, nearest against the method, and
  /// how many were not.
  static func summary(_ report: [LayerReport]) -> String {
    func mean(_ part: (LayerReport) -> OutputError) -> String? {
      let values = report.compactMap { part($0).value }.map(decibels)
      guard !values.isEmpty else { return nil }
      return String(format: "%.2f", values.reduce(0, +) / Double(values.count))
    }
    var parts: [String] = []
    if let own = mean(\.error), let nearest = mean(\.nearest) {
      parts.append("mean output SQNR of a layer \(own) dB, nearest \(nearest)")
    }
    if let judged = mean(\.heldOut) { parts.append("held out \(judged)") }
    let unseen = report.count { $0.error.value == nil }
    if unseen > 0 { parts.append("\(unseen) of \(report.count) layers never seen") }
    return parts.joined(separator: "; ")
  }
}
