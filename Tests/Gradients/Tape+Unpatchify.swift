import Gradients
import Models
import Tensors

extension Tape {
  /// y = the rows of x as latents, in another order.
  ///
  /// - Parameters:
  ///   - x: [samples * tokens][patch][patch][channels].
  ///   - grid: the patches that the rows are.
  ///   - channels: of the latents.
  /// - Returns: [samples][channels][height * width], as [samples * channels] rows.
  func unpatchify(_ x: Variable, grid: PatchGrid, channels: Int) -> Variable {
    let y = Matrix(
      rows: grid.samples * channels, columns: x.value.count / (grid.samples * channels),
      values: grid.unpatchify(x.value, channels: channels).values)
    let dx = x.gradient
    return record(y, from: [dx]) { dy in dx?.add(grid.rows(of: dy.pointer, channels: channels)) }
  }
}
