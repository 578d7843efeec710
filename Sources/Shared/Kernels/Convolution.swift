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
  /// [outputs][inputs][kernel][kernel], as it is stored.
  private let stored: DenseMatrix
  fileprivate let bias: [Float]

  /// Rows of the output that one tile has.
  static let bandHeight = 4
  fileprivate static let tileWidth = 32

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
    stored = try DenseMatrix(
      source.tensor("\(name).weight", shape: [outputs, inputs, kernel, kernel]))
    bias = try source.tensor("\(name).bias", shape: [outputs]).floats()
  }

  /// With its weight as the products read it; made for a pass and let go after it, as a network's
  /// together are several times as large as those of one pass.
  func arranged() -> ArrangedConvolution {
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
    // The file's pages are not read again before the next pass.
    stored.tensor.letGo()
    return ArrangedConvolution(shape: self, weight: weight)
  }

  /// The rows of an input of `height` rows that output rows `rows` read.
  func inputRows(of rows: Range<Int>, height: Int) -> Range<Int> {
    let (first, last) = (rows.lowerBound, rows.upperBound - 1)
    let pad = kernel / 2
    let read =
      switch sampling {
      case .same: (first - pad)..<(last + pad + 1)
      case .halved: (2 * first)..<(2 * last + kernel)
      // Floors: rows above the first one are padding.
      case .doubled: ((first - pad) >> 1)..<(((last + pad) >> 1) + 1)
      }
    return read.clamped(to: 0..<height)
  }

  func outputSize(_ size: Int) -> Int {
    switch sampling {
    case .same: size
    case .halved: (size + 1 - kernel) / 2 + 1
    case .doubled: 2 * size
    }
  }
}

/// A convolution with its weight in memory.
struct ArrangedConvolution {
  let shape: Convolution
  /// [outputs][kernel][kernel][inputs].
  let weight: Matrix

  /// Computes output rows `rows`, on all threads.
  ///
  /// - Parameters:
  ///   - rows: of the output, the first a multiple of the band height.
  ///   - width: of the output.
  ///   - norm: applied to the input first, followed by SiLU; padding stays zero.
  ///   - adding: whether the result is added to what is there.
  ///   - target: [rows.count * width][outputs].
  ///   - height: of the input.
  ///   - inputWidth: of the input.
  ///   - input: the first element of an input row that `inputRows` has.
  func compute(
    rows: Range<Int>, width: Int, norm: ChannelTransform?, adding: Bool, into target: Matrix,
    height: Int, inputWidth: Int, input: (_ row: Int) -> UnsafeMutablePointer<Float>
  ) {
    let (band, tileWidth, outputs) = (
      Convolution.bandHeight, min(Convolution.tileWidth, width), shape.outputs
    )
    let across = (width + tileWidth - 1) / tileWidth
    Parallel.forEach((rows.count + band - 1) / band * across) { index in
      let top = rows.lowerBound + index / across * band
      let left = index % across * tileWidth
      let (lines, columns) = (
        top..<min(rows.upperBound, top + band), left..<min(width, left + tileWidth)
      )
      let tile = Tile(of: self, height: lines.count, width: tileWidth)
      tile.fill(
        height: height, width: inputWidth, norm: norm, rows: lines, columns: columns, from: input)
      tile.multiply(rows: lines.count, columns: columns.count)
      for row in lines {
        let product = tile.products.row((row - top) * columns.count)
        let place = target.row((row - rows.lowerBound) * width + left)
        fpq_add_bias(columns.count, outputs, shape.bias, product)
        if adding {
          fpq_add_residual(columns.count, outputs, nil, product, place)
        } else {
          place.update(from: product, count: columns.count * outputs)
        }
      }
    }
  }
}

/// The buffers in which one tile of a convolution's output is computed.
private struct Tile {
  let arranged: ArrangedConvolution
  private var convolution: Convolution { arranged.shape }
  let stride: Int
  /// The part of the padded input that the tile reads, [rows][columns][inputs].
  let region: Matrix
  /// [output pixels][kernel][kernel][inputs].
  let windows: Matrix
  /// [output pixels][outputs].
  let products: Matrix

  /// Buffers for tiles of up to `height` x `width` output pixels.
  init(of arranged: ArrangedConvolution, height: Int, width: Int) {
    self.arranged = arranged
    let convolution = arranged.shape
    stride = convolution.sampling == .halved ? 2 : 1
    let (kernel, inputs) = (convolution.kernel, convolution.inputs)
    let area = ((height - 1) * stride + kernel) * ((width - 1) * stride + kernel)
    region = Matrix(rows: area, columns: inputs)
    windows = Matrix(rows: height * width, columns: kernel * kernel * inputs)
    products = Matrix(rows: height * width, columns: convolution.outputs)
  }

  /// Copies what the output pixels `rows` x `columns` read of an input of `height` x `width`
  /// pixels, transformed and padded, and lays out their windows.
  func fill(
    height: Int, width: Int, norm: ChannelTransform?, rows: Range<Int>, columns: Range<Int>,
    from input: (_ row: Int) -> UnsafeMutablePointer<Float>
  ) {
    let (kernel, inputs) = (convolution.kernel, convolution.inputs)
    let pad = convolution.sampling == .halved ? 0 : kernel / 2
    let regionHeight = (rows.count - 1) * stride + kernel
    let regionWidth = (columns.count - 1) * stride + kernel
    for y in 0..<regionHeight {
      fillRow(
        y * regionWidth, height: height, width: width, norm: norm,
        row: rows.lowerBound * stride - pad + y,
        columns: (columns.lowerBound * stride - pad)..<(columns.lowerBound * stride - pad
          + regionWidth), from: input)
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
    _ start: Int, height: Int, width: Int, norm: ChannelTransform?, row: Int, columns: Range<Int>,
    from input: (_ row: Int) -> UnsafeMutablePointer<Float>
  ) {
    let inputs = convolution.inputs
    let doubled = convolution.sampling == .doubled
    let scale = doubled ? 2 : 1
    let target = region.row(start)
    let inside = columns.clamped(to: 0..<(scale * width))
    guard (0..<(scale * height)).contains(row), !inside.isEmpty else {
      target.update(repeating: 0, count: columns.count * inputs)
      return
    }
    let before = inside.lowerBound - columns.lowerBound
    target.update(repeating: 0, count: before * inputs)
    region.row(start + before + inside.count)
      .update(repeating: 0, count: (columns.upperBound - inside.upperBound) * inputs)
    let (first, source) = (region.row(start + before), input(row / scale))
    if doubled {
      for column in inside {
        (first + (column - inside.lowerBound) * inputs)
          .update(from: source + column / 2 * inputs, count: inputs)
      }
    } else if let norm {
      fpq_scale_shift(
        inside.count, inputs, norm.scale, norm.shift, source + inside.lowerBound * inputs, first)
      fpq_silu(inside.count * inputs, first, first)
    } else {
      first.update(from: source + inside.lowerBound * inputs, count: inside.count * inputs)
    }
  }

  func multiply(rows: Int, columns: Int) {
    let (pixels, depth) = (rows * columns, windows.columns)
    Kernels.multiply(
      transposeB: true, rows: pixels, columns: convolution.outputs, depth: depth, windows.pointer,
      depth, arranged.weight.pointer, depth, add: false, products.pointer, convolution.outputs)
  }
}
