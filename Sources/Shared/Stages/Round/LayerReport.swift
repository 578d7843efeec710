import Formats
import Foundation
import Platform
import Reconstruction
import Rounding
import Tensors

/// What rounding did to one layer: the relative output error tr(dW C dW') / tr(W G W') before and after, and on other prompts.
struct LayerReport {
  private let layer: FinishedLayer
  /// The error on held-out statistics, when there are any.
  private let heldOut: Double?

  init(_ layer: FinishedLayer) {
    self.layer = layer
    heldOut = layer.task.site.judge?.relativeError(of: layer.rounded, for: layer.task.problem)
  }

  private var error: Double { layer.rounded.report.errorAfter }
  /// By rounding to nearest with absmax scales.
  private var nearest: Double { layer.rounded.report.errorBefore }

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
    func number(_ value: Double?, _ format: String) -> String {
      value.map { String(format: format, $0) } ?? ""
    }
    for row in report {
      let (task, own) = (row.layer.task, row.layer.rounded.report)
      let (weight, activation) = (task.problem.weight, task.site.activation)
      let cells = [
        task.layer, row.layer.rounded.quantized.format.name, "\(weight.rows)",
        "\(weight.columns)", "\(task.site.tokens)",
        number(row.nearest, "%.6g"), number(row.error, "%.6g"),
        number(decibels(row.error), "%.2f"), number(row.heldOut, "%.6g"),
        number(row.heldOut.map(decibels), "%.2f"), "\(own.changedCodes)",
        number(own.seconds, "%.3f"), number(own.sparsity, "%.4f"),
        activation?.format.description ?? "",
        number(activation?.relativeError, "%.6g"),
      ]
      text += cells.joined(separator: "\t") + "\n"
    }
    let file = try OutputFile(path)
    try file.write(text.utf8)
    try file.commit()
  }

  /// One line: the mean output SQNR of all layers, nearest against the method.
  static func summary(_ report: [LayerReport]) -> String {
    func mean(_ values: [Double]) -> String {
      String(format: "%.2f", values.map(decibels).reduce(0, +) / Double(max(1, values.count)))
    }
    var line =
      "mean output SQNR of a layer \(mean(report.map(\.error))) dB, nearest \(mean(report.map(\.nearest)))"
    let judged = report.compactMap(\.heldOut)
    if !judged.isEmpty { line += "; held out \(mean(judged))" }
    return line
  }
}
