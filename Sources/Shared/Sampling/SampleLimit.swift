import Foundation
import Platform
import Tensors

/// How a predicted clean sample is kept in range: not at all, clipped, or by dynamic thresholding
/// (arXiv 2205.11487, 2.3).
enum SampleLimit {
  case none
  case clip(Float)
  /// Divide by the `ratio` quantile of the absolute values, itself kept within 1 ... `largest`.
  case threshold(ratio: Float, largest: Float)

  /// Reads `thresholding` and, where the class has it, `clip_sample`; thresholding goes before.
  init(_ config: ModelConfig, clipsByDefault: Bool?) throws {
    if try config.bool("thresholding") ?? false {
      let ratio = try config.number("dynamic_thresholding_ratio", in: 0...1, default: 0.995)
      let largest = try config.number("sample_max_value", in: 1...1e6, default: 1)
      self = .threshold(ratio: Float(ratio), largest: Float(largest))
    } else if let clipsByDefault, try config.bool("clip_sample") ?? clipsByDefault {
      let range = try config.number("clip_sample_range", in: 0.001...1e6, default: 1)
      self = .clip(Float(range))
    } else {
      self = .none
    }
  }

  func callAsFunction(_ sample: Matrix) -> Matrix {
    switch self {
    case .none: return sample
    case .clip(let range): return combine(sample, sample) { value, _ in clamp(value, range) }
    case .threshold(let ratio, let largest):
      let result = Matrix(rows: sample.rows, columns: sample.columns)
      for row in 0..<sample.rows {
        let values = UnsafeBufferPointer(start: sample.row(row), count: sample.columns)
        let limit = min(max(SampleLimit.quantile(values.map(abs), ratio), 1), largest)
        for (column, value) in values.enumerated() {
          result.row(row)[column] = clamp(value, limit) / limit
        }
      }
      return result
    }
  }

  /// A NaN stays one, as with `torch.clamp`.
  private func clamp(_ value: Float, _ limit: Float) -> Float {
    value.isNaN ? value : min(max(value, -limit), limit)
  }

  /// `torch.quantile`: linear between the two nearest ranks.
  static func quantile(_ values: [Float], _ ratio: Float) -> Float {
    let sorted = values.sorted()
    let rank = ratio * Float(sorted.count - 1)
    let low = Int(clamping: rank)
    let high = min(low + 1, sorted.count - 1)
    let part = rank - Float(low)
    return sorted[low] + part * (sorted[high] - sorted[low])
  }
}
