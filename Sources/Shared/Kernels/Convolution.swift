import CKernels
import Foundation
import Platform
import Tensors

/// A square convolution on channels-last maps: torch.nn.Conv2d, as one dense product a tile of the
/// output.
///
/// A tile's windows are laid side by side in a small buffer (im2col) that stays in the cache. The
/// norm and the activation before the convolution are applied while that buffer is filled, and a
/// residual is added while the result is stored, so that a network needs no further maps for them.
/// Tiles depend on the shape alone, so the result does not depend on the number of threads.
package struct Convolution: Sendable {
  /// How the output's size follows from the input's.
  package enum Sampling: Sendable {
    /// The same size, padded by half the kernel on all sides.
    case same
    /// Half the size: stride 2, padded by one pixel on the right and at the bottom only.
    case halved
    /// Twice the size: every pixel repeated in both directions (nearest), then as `same`.
    case doubled
  }

  package let inputs: Int
  package let outputs: Int
  package let kernel: Int
  package let sampling: Sampling
  /// [outputs][kernel][kernel][inputs].
  let weight: Matrix
  let bias: [Float]

  /// Reads `<name>.weight` [outputs][inputs][kernel][kernel] and `<name>.bias` [outputs].
  ///
  /// - Throws: `Failure` naming the file and the tensor for one that is missing or has another
  ///   shape or type.
  package init(
    _ name: String, inputs: Int, outputs: Int, kernel: Int = 3, sampling: Sampling = .same,
    from source: any TensorSource
  ) throws {
    self.inputs = inputs
    self.outputs = outputs
    self.kernel = kernel
    self.sampling = sampling
    let stored = try DenseMatrix(
      source.tensor("\(name).weight", shape: [outputs, inputs, kernel, kernel]))
    bias = try source.tensor("\(name).bias", shape: [outputs]).floats()
    let (taps, weight) = (kernel * kernel, Matrix(rows: outputs, columns: stored.inputs))
    Parallel.chunks(of: outputs, size: 16) { rows in
      let block = Matrix(rows: rows.count, columns: stored.inputs)
      stored.copyRows(rows, to: block.pointer)
      for row in rows {
        let (from, to) = (block.row(row - rows.lowerBound), weight.row(row))
        for input in 0..<inputs {
          for tap in 0..<taps { to[tap * inputs + input] = from[input * taps + tap] }
        }
      }
    }
    self.weight = weight
  }

  /// The convolution of `x`.
  ///
  /// - Parameters:
  ///   - x: [height][width][inputs].
  ///   - norm: applied to `x` first, followed by SiLU; padding stays zero.
  ///   - residual: [output height][output width][outputs], changed in place into its sum with the
  ///     result.
  /// - Returns: [output height][output width][outputs]; `residual` itself when given.
  package func callAsFunction(
    _ x: FeatureMap, norm: ChannelTransform? = nil, addingTo residual: FeatureMap? = nil
  ) -> FeatureMap {
    precondition(x.channels == inputs, "a map of \(x.channels) channels, expected \(inputs)")
    let (height, width) = (outputSize(x.height), outputSize(x.width))
    let y = residual ?? FeatureMap(height: height, width: width, channels: outputs)
    precondition(
      y.height == height && y.width == width && y.channels == outputs, "residual of other size")
    // A band of rows is one piece of work; its tiles share the buffers.
    let (bandHeight, tileWidth) = (4, 32)
    Parallel.chunks(of: height, size: bandHeight) { rows in
      let tile = Tile(of: self, height: rows.count, width: min(tileWidth, width))
      for left in stride(from: 0, to: width, by: tileWidth) {
        let columns = left..<min(width, left + tileWidth)
        tile.fill(from: x, norm: norm, rows: rows, columns: columns)
        tile.multiply(rows: rows.count, columns: columns.count)
        for row in rows {
          let product = tile.products.row((row - rows.lowerBound) * columns.count)
          let target = y.pixels.row(row * width + left)
          fpq_add_bias(columns.count, outputs, bias, product)
          if residual == nil {
            target.update(from: product, count: columns.count * outputs)
          } else {
            fpq_add_residual(columns.count, outputs, nil, product, target)
          }
        }
      }
    }
    return y
  }

  func outputSize(_ size: Int) -> Int {
    switch sampling {
    case .same: size
    case .halved: (size + 1 - kernel) / 2 + 1
    case .doubled: 2 * size
    }
  }
}

/// The buffers in which one tile of a convolution's output is computed.
private struct Tile {
  let convolution: Convolution
  let stride: Int
  /// The part of the padded input that the tile reads, [rows][columns][inputs].
  let region: Matrix
  /// [output pixels][kernel][kernel][inputs].
  let windows: Matrix
  /// [output pixels][outputs].
  let products: Matrix

  /// Buffers for tiles of up to `height` x `width` output pixels.
  init(of convolution: Convolution, height: Int, width: Int) {
    self.convolution = convolution
    stride = convolution.sampling == .halved ? 2 : 1
    let (kernel, inputs) = (convolution.kernel, convolution.inputs)
    let area = ((height - 1) * stride + kernel) * ((width - 1) * stride + kernel)
    region = Matrix(rows: area, columns: inputs)
    windows = Matrix(rows: height * width, columns: kernel * kernel * inputs)
    products = Matrix(rows: height * width, columns: convolution.outputs)
  }

  /// Copies what the output pixels `rows` x `columns` read of x, transformed and padded, and lays
  /// out their windows.
  func fill(from x: FeatureMap, norm: ChannelTransform?, rows: Range<Int>, columns: Range<Int>) {
    let (kernel, inputs) = (convolution.kernel, convolution.inputs)
    let pad = convolution.sampling == .halved ? 0 : kernel / 2
    let regionHeight = (rows.count - 1) * stride + kernel
    let regionWidth = (columns.count - 1) * stride + kernel
    for y in 0..<regionHeight {
      fillRow(
        y * regionWidth, from: x, norm: norm, row: rows.lowerBound * stride - pad + y,
        columns: (columns.lowerBound * stride - pad)..<(columns.lowerBound * stride - pad
          + regionWidth))
    }
    var target = windows.pointer
    let run = kernel * inputs
    for y in 0..<rows.count {
      for x in 0..<columns.count {
        for ky in 0..<kernel {
          let source = region.row((y * stride + ky) * regionWidth + x * stride)
          target.update(from: source, count: run)
          target += run
        }
      }
    }
  }

  /// Fills one row of the region, from pixel `start` of it, with pixels `columns` of input row
  /// `row`, either of which may be padding.
  private func fillRow(
    _ start: Int, from x: FeatureMap, norm: ChannelTransform?, row: Int, columns: Range<Int>
  ) {
    let inputs = convolution.inputs
    let doubled = convolution.sampling == .doubled
    let (height, width) = doubled ? (2 * x.height, 2 * x.width) : (x.height, x.width)
    let target = region.row(start)
    let inside = columns.clamped(to: 0..<width)
    guard (0..<height).contains(row), !inside.isEmpty else {
      target.update(repeating: 0, count: columns.count * inputs)
      return
    }
    let before = inside.lowerBound - columns.lowerBound
    target.update(repeating: 0, count: before * inputs)
    region.row(start + before + inside.count)
      .update(repeating: 0, count: (columns.upperBound - inside.upperBound) * inputs)
    let first = region.row(start + before)
    if doubled {
      for column in inside {
        (first + (column - inside.lowerBound) * inputs)
          .update(from: x.pixels.row(row / 2 * x.width + column / 2), count: inputs)
      }
    } else if let norm {
      let source = x.pixels.row(row * width + inside.lowerBound)
      fpq_scale_shift(inside.count, inputs, norm.scale, norm.shift, source, first)
      fpq_silu(inside.count * inputs, first, first)
    } else {
      first.update(
        from: x.pixels.row(row * width + inside.lowerBound), count: inside.count * inputs)
    }
  }

  func multiply(rows: Int, columns: Int) {
    let (pixels, depth) = (rows * columns, windows.columns)
    Kernels.multiply(
      transposeB: true, rows: pixels, columns: convolution.outputs, depth: depth, windows.pointer,
      depth, convolution.weight.pointer, depth, add: false, products.pointer, convolution.outputs)
  }
}
