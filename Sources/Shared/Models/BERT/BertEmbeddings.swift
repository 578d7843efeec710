import Kernels
import Layers
import Platform
import Tensors

/// What BERT makes of tokens before its layers: word + token type 0 + position, normed
/// (transformers `BertEmbeddings`).
struct BertEmbeddings {
  let name: String
  /// [vocabulary][width], left as it is stored.
  let words: Linear
  /// [longest text][width].
  private let positions: DenseMatrix
  /// That of token type 0, [1][width].
  private let type: Matrix
  private let norm: LayerNorm

  init(_ name: String, config: ModelConfig, epsilon: Float, from layers: StoredLayers) throws {
    let width = try config.bounded("hidden_size")
    func table(_ part: String, rows: Int) throws -> DenseMatrix {
      try DenseMatrix(layers.source.tensor("\(name).\(part).weight", shape: [rows, width]))
    }
    self.name = name
    words = try layers.table(
      "\(name).word_embeddings", rows: config.vocabularySize(), width: width)
    positions = try table("position_embeddings", rows: config.bounded("max_position_embeddings"))
    type = Matrix(rows: 1, columns: width)
    try table("token_type_embeddings", rows: config.bounded("type_vocab_size", default: 2))
      .copyRows(0..<1, to: type.block(rows: 0..<1))
    norm = try LayerNorm("\(name).LayerNorm", width: width, epsilon: epsilon, from: layers.source)
  }

  /// Tokens in the vocabulary.
  var vocabulary: Int { words.outputs }

  /// The longest text that there are positions for.
  var longest: Int { positions.outputs }

  /// Takes the pages of the tables from this process's memory.
  func letGo() {
    for tensor in words.tensors { tensor.letGo() }
    positions.tensor.letGo()
  }

  /// [samples * length][width].
  ///
  /// - Throws: `Failure` for a text that is too long or a token outside the vocabulary.
  func callAsFunction(_ text: TextBatch) throws -> Matrix {
    guard text.length <= longest else {
      throw Failure(
        positions.tensor.place, "expected at most \(longest) tokens, found \(text.length)")
    }
    let x = try text.embedded(in: words)
    let places = Matrix(rows: text.length, columns: x.columns)
    positions.copyRows(0..<text.length, to: places.block(rows: 0..<text.length))
    x.add(toEachSample: type)
    x.add(toEachSample: places)
    return norm(x)
  }
}
