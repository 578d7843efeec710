import Models
import Tensors

extension Tape {
  /// y = the rows of x as latents, in another order.
  ///
  /// - Parameters:
  ///   - x: [batch * tokens][patch][patch][channels].
  ///   - grid: the patches that the rows are.
  ///   - channels: of the latents.
  /// - Returns: [batch][channels][height * width], as [batch * channels] rows.
  package func unpatchify(_ x: Variable, grid: PatchGrid, channels: Int) -> Variable {
    let y = Matrix(
      rows: grid.batch * channels, columns: x.value.count / (grid.batch * channels),
      values: grid.unpatchify(x.value, channels: channels))
    let dx = x.gradient
    return record(y, from: [dx]) { dy in dx?.add(grid.rows(of: dy.pointer, channels: channels)) }
  }
}
