import Foundation
import Kernels
import Platform

/// Where Hunyuan-DiT thinks its tokens are: rotary embeddings on a picture of fixed size that other
/// shapes are a cut of.
///
/// As diffusers computes it today (`get_2d_rotary_pos_embed`): the coordinates of n patches go from
/// `start` to `stop * (n - 1) / n`. Tencent's own code and older diffusers take
/// `start + (stop - start) * i / n`, which differs where the region does not start at 0: pictures
/// that are not square.
package struct HunyuanPositions: Equatable, Sendable {
  /// Rows and columns of patches.
  package let gridHeight: Int
  package let gridWidth: Int
  /// The part of the fixed picture, in its patches.
  package let rows: Range<Int>
  package let columns: Range<Int>

  /// The region of `get_resize_crop_region_for_grid`: the grid made to fit into a square of `base`
  /// patches, in its middle.
  package init(gridHeight: Int, gridWidth: Int, base: Int) {
    (self.gridHeight, self.gridWidth) = (gridHeight, gridWidth)
    // Python's round: half to even.
    func rounded(_ value: Double) -> Int { Int(clamping: value.rounded(.toNearestOrEven)) }
    func scaled(_ side: Int, by other: Int) -> Int {
      rounded(Double(base) / Double(other) * Double(side))
    }
    func middle(_ length: Int) -> Range<Int> {
      let start = rounded(Double(base - length) / 2)
      return start..<(start + length)
    }
    let isTall = gridHeight > gridWidth
    rows = middle(isTall ? base : scaled(gridHeight, by: gridWidth))
    columns = middle(isTall ? scaled(gridWidth, by: gridHeight) : base)
  }

  /// The turns of a head's channels: the first half by the column, the second half by the row.
  ///
  /// - Parameter headSize: channels, a multiple of 4.
  /// - Returns: of the patches, row by row.
  package func embedding(headSize: Int) -> RotaryEmbedding {
    let half = headSize / 2
    let frequencies = (0..<(half / 2)).map { 1 / powf(10000, Float(2 * $0) / Float(half)) }
    func angles(_ range: Range<Int>, _ count: Int) -> [[Float]] {
      coordinates(range, count).map { position in frequencies.map { position * $0 } }
    }
    let (ofRow, ofColumn) = (angles(rows, gridHeight), angles(columns, gridWidth))
    return RotaryEmbedding(
      angles: (0..<(gridHeight * gridWidth)).map {
        ofColumn[$0 % gridWidth] + ofRow[$0 / gridWidth]
      })
  }

  /// `torch.linspace` in f32, from both ends to the middle.
  private func coordinates(_ range: Range<Int>, _ count: Int) -> [Float] {
    let start = Float(range.lowerBound)
    let end = Float(Double(range.upperBound * (count - 1)) / Double(count))
    guard count > 1 else { return [start] }
    let step = (end - start) / Float(count - 1)
    return (0..<count).map {
      $0 < count / 2 ? start + step * Float($0) : end - step * Float(count - 1 - $0)
    }
  }
}
