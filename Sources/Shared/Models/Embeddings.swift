import Foundation
import Tensors

/// Fixed (not learned) embeddings of positions and of scalars, as diffusers.models.embeddings
/// computes them.
package enum Embeddings {
  /// The sine-cosine table of `get_2d_sincos_pos_embed`, the position of each patch of a grid.
  ///
  /// Half the channels hold the column, the other half the row, each as [sin | cos] over geometric
  /// frequencies. A grid of another size than the one the model was trained on is stretched back to
  /// `base`.
  ///
  /// - Parameters:
  ///   - gridHeight: rows of patches.
  ///   - gridWidth: patches in a row.
  ///   - width: channels, a multiple of 4.
  ///   - base: patches along a side at the model's own size.
  ///   - scale: the config's `interpolation_scale`.
  /// - Returns: [gridHeight * gridWidth][width].
  package static func positions(
    gridHeight: Int, gridWidth: Int, width: Int, base: Int, scale: Double
  ) -> Matrix {
    let table = Matrix(rows: gridHeight * gridWidth, columns: width)
    let columns = axis(length: gridWidth, width: width / 2, base: base, scale: scale)
    let rows = axis(length: gridHeight, width: width / 2, base: base, scale: scale)
    for h in 0..<gridHeight {
      for w in 0..<gridWidth {
        let target = table.row(h * gridWidth + w)
        target.update(from: columns.row(w), count: width / 2)
        (target + width / 2).update(from: rows.row(h), count: width / 2)
      }
    }
    return table
  }

  /// [length][sin width/2 | cos width/2] of the coordinates along one side of the grid.
  private static func axis(length: Int, width: Int, base: Int, scale: Double) -> Matrix {
    let table = Matrix(rows: length, columns: width)
    let half = width / 2
    // The original makes coordinates in f32 and everything after them in f64.
    let stretch = Float(Double(length) / Double(base))
    let omega = (0..<half).map { 1 / pow(10000, Double($0) / Double(half)) }
    for i in 0..<length {
      let coordinate = Double(Float(i) / stretch / Float(scale))
      let target = table.row(i)
      for k in 0..<half {
        target[k] = Float(sin(coordinate * omega[k]))
        target[half + k] = Float(cos(coordinate * omega[k]))
      }
    }
    return table
  }

  /// Channels of the sinusoid of a scalar.
  static let sinusoidWidth = 256

  /// The sinusoid of `get_timestep_embedding` with `flip_sin_to_cos` and no frequency shift, in
  /// f32.
  ///
  /// - Returns: [values.count][cos width/2 | sin width/2].
  package static func sinusoid(_ values: [Float]) -> Matrix {
    let width = sinusoidWidth
    let table = Matrix(rows: values.count, columns: width)
    let half = width / 2
    let step = Float(-log(10000.0))
    let frequencies = (0..<half).map { exp(step * Float($0) / Float(half)) }
    for (row, value) in values.enumerated() {
      let target = table.row(row)
      for k in 0..<half {
        target[k] = cos(value * frequencies[k])
        target[half + k] = sin(value * frequencies[k])
      }
    }
    return table
  }
}
