import Tensors

/// Smallest, largest, mean and root mean square of a tensor, over the elements that are not NaN.
struct TensorSummary {
  var count = 0
  var nanCount = 0
  var smallest = Double.infinity
  var largest = -Double.infinity
  private var sum = 0.0
  private var squares = 0.0

  init(of tensor: Tensor) throws {
    for part in try tensor.mapChunks({ TensorSummary(of: $1) }) {
      count += part.count
      nanCount += part.nanCount
      smallest = min(smallest, part.smallest)
      largest = max(largest, part.largest)
      sum += part.sum
      squares += part.squares
    }
  }

  private init(of values: UnsafeBufferPointer<Double>) {
    for value in values {
      if value.isNaN {
        nanCount += 1
        continue
      }
      if value < smallest { smallest = value }
      if value > largest { largest = value }
      sum += value
      squares += value * value
    }
    count = values.count - nanCount
  }

  var mean: Double { sum / Double(count) }
  var rootMeanSquare: Double { (squares / Double(count)).squareRoot() }
}
