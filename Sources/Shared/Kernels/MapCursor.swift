import Tensors

/// The cursors of one pass over a map: a map that is read twice has one of them.
struct MapCursors {
  /// Whether stored maps are let go as the pass is done with their rows.
  let consuming: Bool
  private var all: [ObjectIdentifier: MapCursor] = [:]

  init(consuming: Bool) { self.consuming = consuming }

  mutating func cursor(of stage: MapStage) -> MapCursor {
    if let cursor = all[ObjectIdentifier(stage)] { return cursor }
    let cursor = MapCursor(stage, &self)
    all[ObjectIdentifier(stage)] = cursor
    return cursor
  }
}

/// One pass over a map from top to bottom: strips are made in order, and kept until all who read
/// them have finished with their rows.
final class MapCursor {
  private enum Source {
    case stored(consuming: Bool)
    case convolution(ArrangedConvolution, of: Reading, norm: ChannelTransform?, plus: Reading?)
  }

  /// A cursor, and the number that it knows this reader by.
  private struct Reading {
    let cursor: MapCursor
    let reader: Int

    init(_ cursor: MapCursor) { (self.cursor, reader) = (cursor, cursor.addReader()) }
  }

  private let stage: MapStage
  private let source: Source
  /// By index, those that were made and are still needed.
  private var kept: [Int: Matrix] = [:]
  private var next = 0
  /// Of each reader the first row that it may still ask for.
  private var needed: [Int] = []

  fileprivate init(_ stage: MapStage, _ cursors: inout MapCursors) {
    self.stage = stage
    switch stage.source {
    case .stored: source = .stored(consuming: cursors.consuming)
    case .convolution(let convolution, let x, let norm, let residual):
      source = .convolution(
        convolution.arranged(), of: Reading(cursors.cursor(of: x)), norm: norm,
        plus: residual.map { Reading(cursors.cursor(of: $0)) })
    }
  }

  /// Whoever reads strips in which no row may be let go before it has finished with it.
  func addReader() -> Int {
    needed.append(0)
    return needed.count - 1
  }

  /// Strip `index` [rows of it * width][channels].
  func strip(_ index: Int) -> Matrix {
    while next <= index {
      kept[next] = make(next)
      next += 1
    }
    guard let strip = kept[index] else { preconditionFailure("strip \(index) was let go") }
    return strip
  }

  /// The first element of `row`, of a strip that was asked for.
  private func row(_ row: Int) -> UnsafeMutablePointer<Float> {
    let height = stage.stripHeight
    return strip(row / height).row(row % height * stage.width)
  }

  /// Says that `reader` asks for no row before `row` any more.
  func finish(before row: Int, reader: Int) {
    needed[reader] = row
    let first = needed.min() ?? 0
    for index in kept.keys where stage.rows(ofStrip: index).upperBound <= first {
      kept[index] = nil
      if case .stored(consuming: true) = source {
        stage.drop(strip: index)
        // Or strips of other sizes, which are being made, would come on top of it.
        Matrix.releaseKeptMemory()
      }
    }
  }

  private func make(_ index: Int) -> Matrix {
    switch source {
    case .stored:
      guard case .stored(let strips) = stage.source, let strip = strips[index] else {
        preconditionFailure("a map that was consumed")
      }
      return strip
    case .convolution(let convolution, let x, let norm, let residual):
      let rows = stage.rows(ofStrip: index)
      let input = x.cursor.stage
      let read = convolution.shape.inputRows(of: rows, height: input.height)
      // Made here, in order, before threads read them.
      let pointers = read.map { x.cursor.row($0) }
      let target =
        residual?.cursor.strip(index)
        ?? Matrix(rows: rows.count * stage.width, columns: stage.channels)
      convolution.compute(
        rows: rows, width: stage.width, norm: norm, adding: residual != nil, into: target,
        height: input.height, inputWidth: input.width
      ) { pointers[$0 - read.lowerBound] }
      let after = convolution.shape.inputRows(
        of: rows.upperBound..<(rows.upperBound + 1), height: input.height)
      x.cursor.finish(before: after.lowerBound, reader: x.reader)
      residual?.cursor.finish(before: rows.upperBound, reader: residual?.reader ?? 0)
      return target
    }
  }
}
