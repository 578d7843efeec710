import CKernels
import Formats
import Kernels
import Tensors

/// One of PixArt's transformer blocks: diffusers' `BasicTransformerBlock` with norm type `ada_norm_single`.
///
/// x [batch * tokens][D] is changed in place.
package struct PixArtBlock: Sendable {
  package let name: String
  package let config: PixArtConfig
  /// The block's own part [6][D] of shift, scale and gate of self-attention, then of the feed-forward network.
  package let table: [Float]
  package let selfAttention: PixArtAttention
  package let crossAttention: PixArtAttention
  package let feedForward1: Linear
  package let feedForward2: Linear

  /// Views the weights of block `index`.
  package init(
    index: Int, config: PixArtConfig, weights: any TensorSource,
    attention: ActivationFormat? = nil, makeLinear: LinearFactory
  ) throws {
    let (width, name) = (config.width, "transformer_blocks.\(index)")
    self.name = name
    self.config = config
    table = try weights.tensor("\(name).scale_shift_table", shape: [6, width]).floats()
    selfAttention = try PixArtAttention(
      "\(name).attn1", config: config, rounding: attention, makeLinear: makeLinear)
    crossAttention = try PixArtAttention(
      "\(name).attn2", config: config, rounding: attention, makeLinear: makeLinear)
    feedForward1 = try makeLinear("\(name).ff.net.0.proj", width, 4 * width)
    feedForward2 = try makeLinear("\(name).ff.net.2", 4 * width, width)
  }

  /// - Parameters:
  ///   - x: [batch * tokens][D], replaced by the block's output.
  ///   - modulation: [batch][6][D], what the timestep adds to the block's table.
  ///   - text: the prompts' keys and values.
  ///   - index: which of the text's keys and values are this block's.
  ///   - observer: sees the inputs of the linear layers and the outputs of the block's parts.
  func callAsFunction(
    _ x: Matrix, modulation: Matrix, text: TextContext, index: Int,
    observer: (any LayerObserver)?
  ) {
    let (batch, width) = (modulation.rows, config.width)
    let vectors = vectors(modulation)
    let stride = vectors.columns
    func vector(_ row: Int) -> UnsafeMutablePointer<Float> { vectors.pointer + row * width }
    let norm1 = Modulation(
      shift: vector(0), scale: vector(1), stride: stride, epsilon: config.normEpsilon)
    let norm2 = Modulation(
      shift: vector(3), scale: vector(4), stride: stride, epsilon: config.normEpsilon)

    var branch = selfAttention(norm1(x, batch: batch), batch: batch, observer: observer)
    RowChunks(of: x, batch: batch).forEach { sample, rows in
      let first = rows.lowerBound
      fpq_add_residual(
        rows.count, width, vector(2) + sample * stride, branch.row(first), x.row(first))
    }

    branch = crossAttention(x, text: text, index: index, observer: observer)
    let normalized = Matrix(rows: x.rows, columns: width)
    RowChunks(of: x, batch: batch).forEach { sample, rows in
      let first = rows.lowerBound
      fpq_add_residual(rows.count, width, nil, branch.row(first), x.row(first))
      norm2.normalize(x, into: normalized, rows: rows, sample: sample)
    }

    let hidden = feedForward1(normalized, observer: observer)
    RowChunks(of: hidden).forEach { _, rows in
      let start = hidden.row(rows.lowerBound)
      fpq_gelu_tanh(rows.count * hidden.columns, start, start)
    }
    branch = feedForward2(hidden, observer: observer)
    observer?.observe(module: "\(name).ff", output: branch)
    RowChunks(of: x, batch: batch).forEach { sample, rows in
      let first = rows.lowerBound
      fpq_add_residual(
        rows.count, width, vector(5) + sample * stride, branch.row(first), x.row(first))
    }
    observer?.observe(module: name, output: x)
    withExtendedLifetime(vectors) {}
  }

  /// [batch][6][D]: table + modulation, with 1 added to the two scales.
  private func vectors(_ modulation: Matrix) -> Matrix {
    let width = config.width
    let sums = Matrix(rows: modulation.rows, columns: modulation.columns)
    for sample in 0..<sums.rows {
      let (source, target) = (modulation.row(sample), sums.row(sample))
      for i in 0..<sums.columns { target[i] = table[i] + source[i] }
      for i in 0..<width {
        target[width + i] += 1
        target[4 * width + i] += 1
      }
    }
    return sums
  }
}
