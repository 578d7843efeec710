import Kernels
import Layers
import Platform
import Tensors

/// Texts of equal length for a text encoder: real tokens in each, then padding.
///
/// Attention sees the real tokens only, whose keys alone have a weight in the originals; padded
/// positions are queries as well, as there, so their outputs exist.
package struct TextBatch {
  /// [samples][length].
  let ids: [Int32]
  /// [samples][length], true for real tokens.
  let mask: [Bool]
  let length: Int
  /// How many real tokens each sample begins with.
  let real: [Int]

  var samples: Int { real.count }

  /// One text.
  ///
  /// - Throws: `Failure` when it has no real token, or one after padding.
  package init(_ tokens: Tokens) throws {
    try self.init(ids: tokens.ids, mask: tokens.mask, samples: 1)
  }

  /// - Parameters:
  ///   - ids: [samples][length].
  ///   - mask: [samples][length], true for real tokens.
  ///   - samples: how many texts.
  /// - Throws: `Failure` for a text without a real token, or with one after padding.
  package init(ids: [Int32], mask: [Bool], samples: Int) throws {
    precondition(
      samples > 0 && !ids.isEmpty && ids.count == mask.count && ids.count % samples == 0,
      "\(ids.count) ids and \(mask.count) of a mask for \(samples) texts")
    let length = ids.count / samples
    (self.ids, self.mask, self.length) = (ids, mask, length)
    real = try (0..<samples).map { sample in
      let row = mask[(sample * length)..<((sample + 1) * length)]
      let count = row.prefix { $0 }.count
      guard count > 0, !row.dropFirst(count).contains(true) else {
        throw Failure("text \(sample): expected real tokens, then padding")
      }
      return count
    }
  }

  /// The rows of `table` [vocabulary][width] for all tokens, [samples * length][width]; no other
  /// row becomes f32.
  ///
  /// - Throws: `Failure` for an id outside the vocabulary.
  func embedded(in table: Linear) throws -> Matrix {
    let x = Matrix(rows: ids.count, columns: table.inputs)
    for (row, id) in ids.enumerated() {
      guard id >= 0, id < table.outputs else {
        throw Failure(
          table.tensors[0].place, "expected token ids below \(table.outputs), found \(id)")
      }
      table.copyRow(Int(id), to: x.block(rows: row..<(row + 1)))
    }
    return x
  }

  /// Attention of all queries over the real keys, sample by sample: a masked key has weight exactly
  /// 0 in the originals.
  ///
  /// - Parameters:
  ///   - q: [samples * length][heads * headSize], as are `k` and `v`.
  ///   - k: the keys.
  ///   - v: the values.
  ///   - heads: how many heads the columns hold.
  ///   - scale: multiplies the logits.
  ///   - bias: the [length] floats added to the logits of a head and query, or nil.
  /// - Returns: laid out as `q`.
  func attend(
    _ q: Matrix, _ k: Matrix, _ v: Matrix, heads: Int, scale: Float,
    bias: ((_ head: Int, _ query: Int) -> UnsafePointer<Float>)? = nil
  ) -> Matrix {
    func part(_ x: Matrix, _ sample: Int, _ rows: Int) -> Matrix {
      let copy = Matrix(rows: rows, columns: x.columns)
      copy.pointer.update(from: x.row(sample * length), count: copy.count)
      return copy
    }
    let output = Matrix(rows: q.rows, columns: q.columns)
    for (sample, real) in real.enumerated() {
      let mixed = attention(
        q: part(q, sample, length), k: part(k, sample, real), v: part(v, sample, real), batch: 1,
        heads: heads, scale: scale, bias: bias.map { bias in { bias($1, $2) } })
      output.row(sample * length).update(from: mixed.pointer, count: mixed.count)
    }
    return output
  }
}
