import Streams
import Tensors

/// Sees what a model computes while it runs; the graph does not know what for (statistics, dumps,
/// tests).
package protocol LayerObserver: AnyObject {
  /// The input that `layers` share, about to be multiplied.
  ///
  /// - Parameters:
  ///   - layers: the linear layers that read it, of one site.
  ///   - input: [rows][inputs].
  ///   - samples: how many samples the rows are of, equally many each; every row is one where the
  ///     layers' roles say so.
  ///   - valid: which rows count (false for padded text tokens); nil when all do.
  func observe(_ layers: [LayerRole], input: Matrix, samples: Int, valid: [Bool]?)

  /// The output of a module of the original, by its name there: `transformer_blocks.0.attn1`,
  /// `proj_out`.
  func observe(module: String, output: Matrix)
}
