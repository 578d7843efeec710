import Tensors

/// Sees what a model computes while it runs; the graph does not know what for (statistics, dumps, tests).
package protocol LayerObserver: AnyObject {
  /// The input [rows][inputs] that the linear layers named `layers` share, about to be multiplied.
  ///
  /// - Parameters:
  ///   - site: a name for the shared input: the layer's own, or `...attn1.qkv`, `...attn2.kv`.
  ///   - layers: the linear layers that read it.
  ///   - input: [rows][inputs].
  ///   - valid: which rows count (false for padded text tokens); nil when all do.
  func observe(site: String, layers: [String], input: Matrix, valid: [Bool]?)

  /// The output of a module of the original, by its name there: `transformer_blocks.0.attn1`, `proj_out`.
  func observe(module: String, output: Matrix)
}
