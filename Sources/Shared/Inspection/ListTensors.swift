import Platform
import Tensors

/// `fpq-show ls`: one row per tensor, with what its values are like.
package enum ListTensors {
  /// A table of all tensors of `paths`; the file is a column when there are several.
  ///
  /// Without `values` only headers are read, which is instant for any size.
  package static func table(_ paths: [String], values: Bool) throws -> Table {
    let sources = try paths.map { try OpenedTensors($0) }
    let file = sources.count > 1 ? ["file"] : []
    var table = Table(
      file + ["name", "dtype", "shape", "bytes"]
        + (values ? ["min", "max", "mean", "rms", "nan"] : []))
    let progress = Progress(
      "reading", total: sources.map(\.names.count).reduce(0, +), unit: "tensors")
    for source in sources {
      for name in source.names {
        let tensor = try source.tensor(name)
        var row: [Table.Cell] = file.isEmpty ? [] : [.text(source.path)]
        row += [
          .text(name), .text(tensor.dtype.rawValue), .sizes(tensor.shape),
          .integer(tensor.bytes.count),
        ]
        if values { row += try summary(of: tensor) }
        table.append(row)
        progress.advance()
      }
    }
    progress.finish()
    return table
  }

  private static func summary(of tensor: Tensor) throws -> [Table.Cell] {
    guard tensor.holdsNumbers else { return [.none, .none, .none, .none, .none] }
    let summary = try TensorSummary(of: tensor)
    let nan = Table.Cell.integer(summary.nanCount)
    guard summary.count > 0 else { return [.none, .none, .none, .none, nan] }
    return [
      .number(summary.smallest), .number(summary.largest), .number(summary.mean),
      .number(summary.rootMeanSquare), nan,
    ]
  }
}
