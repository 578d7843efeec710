import Formats
import Kernels
import Tensors

/// What the blocks of a diffusion transformer are written in, once for all that is done with them.
///
/// `Direct` computes at once, in place where that saves memory, and shows what layers read to an
/// observer. `TapedOperations` records the same on a tape, for gradients. The grain is what a fused
/// kernel does in one pass over its input: a norm or a GELU on the way into projections, a gate and
/// a sum on the way out, attention.
///
/// Values are [rows][columns]; rows are the tokens of each sample, one sample's after another's.
package protocol Operations: AnyObject {
  associatedtype Value

  /// One vector of a norm or gate per sample: row `row` of `table` [rows][D] plus columns `part` of
  /// `vectors` [samples][parts * D] if there are any, plus 1 for a scale that is learned as its
  /// difference from 1.
  ///
  /// - Returns: [samples][D].
  func vector(
    _ table: ParameterTable, row: Int, plus vectors: Value?, part: Int, addsOne: Bool
  ) -> Value

  /// The products of layers that read one input.
  ///
  /// - Parameters:
  ///   - layers: of one site.
  ///   - input: [rows][inputs].
  ///   - valid: which rows are no padding; nil when all count.
  /// - Returns: [rows][outputs] for each layer, in their order.
  func project(_ layers: [Linear], _ input: ProjectionInput<Value>, valid: [Bool]?) -> [Value]

  /// x + gate * (the product of `layer`).
  ///
  /// - Parameters:
  ///   - x: [rows][D]; not to be read again, as the sum may take its place.
  ///   - layer: D outputs.
  ///   - input: [rows][inputs].
  ///   - gate: [samples][D]; nil for 1.
  ///   - module: the name of the module of the original whose output the product is, if it is one.
  /// - Returns: [rows][D].
  func add(
    to x: Value, _ layer: Linear, _ input: ProjectionInput<Value>, gate: Value?, module: String?
  ) -> Value

  /// softmax(scale q k^T + bias) v for every sample and head.
  ///
  /// - Parameters:
  ///   - q: [samples * queries][heads * head size], a head's channels side by side.
  ///   - k: [samples * keys][heads * head size].
  ///   - v: [samples * keys][heads * head size].
  ///   - heads: heads in a row.
  ///   - scale: multiplies the logits.
  ///   - keyBias: [samples][keys], added to the scaled logits of every query; nil for none.
  /// - Returns: [samples * queries][heads * head size].
  func attention(
    _ q: Value, _ k: Value, _ v: Value, heads: Int, scale: Float, keyBias: Matrix?
  ) -> Value

  /// The norm of each head of x [rows][heads * head size] by itself, before attention.
  ///
  /// - Returns: [rows][heads * head size].
  func normalizeHeads(_ x: Value, _ norm: LayerNorm) -> Value

  /// x [samples * tokens][heads * head size] turned by the positions of its tokens; not to be read
  /// again, as the result may take its place.
  func rotate(_ x: Value, by positions: RotaryEmbedding) -> Value

  /// The columns of x, then those of y.
  ///
  /// - Returns: [rows][columns of x + columns of y].
  func concatenate(_ x: Value, _ y: Value) -> Value

  /// x rounded to a low-bit format with a scale per row and group of `groupSize` columns, and back.
  func round(_ x: Value, to format: ActivationFormat, groupSize: Int) -> Value

  /// One part of a chain of which only what goes in and comes out need be kept.
  func segment(_ x: Value, _ body: @escaping (_ x: Value, _ operations: Self) -> Value) -> Value

  /// Shows the output of a module of the original.
  func show(_ module: String, _ output: Value)
}

/// What is made of a value on the way into a projection.
package enum ProjectionInput<Value> {
  /// The value as it is.
  case value(Value)
  /// A layer norm: (x - mean) / sqrt(variance + epsilon) of each row, times `scale`, plus `shift`
  /// of its sample, [samples][D] each.
  case normalized(Value, scale: Value, shift: Value, epsilon: Float)
  /// GELU in its tanh form. The value is not to be read again, as the result may take its place.
  case gelu(Value)
}

/// A learned table of vectors [rows][D] that is no linear layer's: shifts, scales and gates.
package struct ParameterTable: Sendable {
  /// In the model's file.
  package let name: String
  /// [rows][D].
  package let values: Matrix

  /// Reads `name` [rows][columns].
  ///
  /// - Throws: `Failure` when it is missing or has another shape.
  package init(_ name: String, rows: Int, columns: Int, from source: any TensorSource) throws {
    self.name = name
    values = Matrix(
      rows: rows, columns: columns,
      values: try source.tensor(name, shape: [rows, columns]).floats())
  }

  /// Reads the vector `name` [columns] as a table of one row.
  ///
  /// - Throws: `Failure` when it is missing or has another shape.
  package init(_ name: String, columns: Int, from source: any TensorSource) throws {
    self.name = name
    values = Matrix(
      rows: 1, columns: columns, values: try source.tensor(name, shape: [columns]).floats())
  }
}
