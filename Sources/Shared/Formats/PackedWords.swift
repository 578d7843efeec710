import Platform

/// Codes of weights that share their last bit, as packed models store them: a word of 16 bits for
/// each run.
///
/// A word holds the codes of its run without their last bits, the first weight lowest. Where that
/// leaves the top bit free (`fp5.33`: 3 x 5) the shared bit is there; else (`fp4.25`: 4 x 4) each
/// 16 words are followed by one with their bits, the first word's lowest. Rows are padded with
/// zeros to whole runs, or to 16 of them. AMS-Quant (arXiv 2510.16045) gives the number of bits but
/// no layout; this one is ours.
package struct PackedWords: Sendable {
  private let format: NumberFormat
  /// Weights of a run.
  private let length: Int
  /// Bits of a code without its last.
  private let bits: Int

  /// Nil for a format whose weights share nothing.
  package init?(_ format: NumberFormat) {
    guard let shared = format.sharedBit else { return nil }
    self.format = format
    length = shared.length
    bits = format.bits - 1
  }

  /// Whether the shared bit fits beside the codes of its run.
  private var bitIsInside: Bool { bits * length < 16 }

  /// Words of a row of `columns` weights.
  package func width(columns: Int) -> Int {
    bitIsInside
      ? (columns + length - 1) / length : (columns + 16 * length - 1) / (16 * length) * 17
  }

  /// Where the codes of run `run` are, and its shared bit.
  private func place(_ run: Int) -> (word: Int, bitWord: Int, bit: Int) {
    if bitIsInside { return (run, run, 15) }
    let block = run / 16 * 17
    return (block + run % 16, block + 16, run % 16)
  }

  /// Packs codes [rows][columns] to words [rows][width].
  ///
  /// - Throws: `Failure` naming `place` for a run whose codes do not end in the same bit.
  package func pack(_ codes: [UInt8], rows: Int, columns: Int, place: String) throws -> [UInt16] {
    precondition(codes.count == rows * columns, "a code for every weight")
    let width = width(columns: columns)
    var words = [UInt16](repeating: 0, count: rows * width)
    for row in 0..<rows {
      for k in 0..<columns {
        let code = UInt16(codes[row * columns + k])
        let at = self.place(k / length)
        words[row * width + at.word] |= (code >> 1) << (k % length * bits)
        if k % length == 0 {
          words[row * width + at.bitWord] |= (code & 1) << at.bit
        } else if codes[row * columns + k - k % length] & 1 != code & 1 {
          throw Failure(
            place,
            "expected \(length) codes that end in the same bit, found others at [\(row)][\(k)]"
          )
        }
      }
    }
    return words
  }

  /// The codes [rows][columns] of words [rows][width], little-endian and of any alignment.
  ///
  /// - Throws: `Failure` naming `place` when there are not as many words as the shape implies.
  package func unpack(
    _ words: UnsafeRawBufferPointer, rows: Int, columns: Int, place: String
  ) throws -> [UInt8] {
    let width = width(columns: columns)
    guard words.count == rows * width * 2 else {
      throw Failure(
        place, "expected \(rows) rows of \(width) words of codes, found \(words.count) bytes")
    }
    var codes = [UInt8](repeating: 0, count: rows * columns)
    codes.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let (target, words) = (buffer, words)
      Parallel.chunks(of: rows, size: 16) { range in
        for row in range {
          func word(_ index: Int) -> UInt16 {
            UInt16(
              littleEndian: words.loadUnaligned(
                fromByteOffset: (row * width + index) * 2, as: UInt16.self))
          }
          for run in 0..<((columns + length - 1) / length) {
            let at = self.place(run)
            let (own, bit) = (word(at.word), word(at.bitWord) >> at.bit & 1)
            for k in 0..<min(length, columns - run * length) {
              let code = own >> (k * bits) & ((1 << bits) - 1)
              target[row * columns + run * length + k] = UInt8(code << 1 | bit)
            }
          }
        }
      }
    }
    return codes
  }
}
