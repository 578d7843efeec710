import Tensors

/// A picture of channels inside a convolutional network, [height][width][channels]: rows in memory,
/// or a convolution that makes them when they are asked for.
///
/// Rows come in strips, whose height depends on the resolution alone, so what is computed has the
/// same bits whether a map ever lies in memory as a whole or not: that costs memory, computing it
/// again for every pass over it costs time.
package final class MapStage: @unchecked Sendable {
  enum Source {
    /// Strips from top to bottom; those that a pass has consumed are gone.
    case stored([Matrix?])
    case convolution(Convolution, of: MapStage, norm: ChannelTransform?, plus: MapStage?)
  }

  package let height: Int
  package let width: Int
  package let channels: Int
  private(set) var source: Source

  private init(height: Int, width: Int, channels: Int, source: Source) {
    (self.height, self.width, self.channels) = (height, width, channels)
    self.source = source
  }

  /// The rows of `map`, in its memory where one strip is the whole of it.
  package convenience init(_ map: FeatureMap) {
    let rows = MapStage.stripHeight(height: map.height, width: map.width)
    let strips = stride(from: 0, to: map.height, by: rows).map { first -> Matrix in
      guard rows < map.height else { return map.pixels }
      let count = min(rows, map.height - first) * map.width
      let strip = Matrix(rows: count, columns: map.channels)
      strip.pointer.update(from: map.pixels.row(first * map.width), count: strip.count)
      return strip
    }
    self.init(
      height: map.height, width: map.width, channels: map.channels, source: .stored(strips))
  }

  /// What `convolution` makes of `x`.
  ///
  /// - Parameters:
  ///   - convolution: of as many channels.
  ///   - x: what it reads.
  ///   - norm: applied to `x` first, followed by SiLU; padding stays zero.
  ///   - residual: added to the result, of its size; changed in place where it is stored.
  package convenience init(
    _ convolution: Convolution, of x: MapStage, norm: ChannelTransform? = nil,
    plus residual: MapStage? = nil
  ) {
    precondition(
      x.channels == convolution.inputs, "\(x.channels) channels, expected \(convolution.inputs)")
    self.init(
      height: convolution.outputSize(x.height), width: convolution.outputSize(x.width),
      channels: convolution.outputs,
      source: .convolution(convolution, of: x, norm: norm, plus: residual))
    precondition(
      residual.map { $0.height == height && $0.width == width && $0.channels == channels } ?? true,
      "a residual of another size")
  }

  /// About eight thousand pixels: some megabytes, and work for many threads.
  private static func stripHeight(height: Int, width: Int) -> Int {
    let band = Convolution.bandHeight
    return height * width <= 1 << 13
      ? height : min(height, max(band, (1 << 13) / width / band * band))
  }

  /// Rows of a strip; the last one may have fewer.
  var stripHeight: Int { MapStage.stripHeight(height: height, width: width) }

  var strips: Int { (height + stripHeight - 1) / stripHeight }

  func rows(ofStrip index: Int) -> Range<Int> {
    (index * stripHeight)..<min(height, (index + 1) * stripHeight)
  }

  /// What the whole map takes in memory.
  package var bytes: Int { height * width * channels * MemoryLayout<Float>.stride }

  /// What is in memory of this map, or of the one that it is computed from.
  package var storedBytes: Int {
    switch source {
    case .stored: bytes
    case .convolution(_, let x, _, _): x.storedBytes
    }
  }

  /// The map with all rows in memory; what it is computed from is let go on the way, so it is not
  /// to be read again.
  package func stored() -> MapStage {
    guard case .convolution = source else { return self }
    var cursors = MapCursors(consuming: true)
    let cursor = cursors.cursor(of: self)
    let reader = cursor.addReader()
    let strips = (0..<self.strips).map { index -> Matrix in
      let strip = cursor.strip(index)
      cursor.finish(before: rows(ofStrip: index).upperBound, reader: reader)
      return strip
    }
    return MapStage(height: height, width: width, channels: channels, source: .stored(strips))
  }

  /// The same if it and what it is computed from fit in `bytes`; else as it is, to be computed
  /// again by whoever reads it.
  package func stored(within bytes: Int) -> MapStage {
    self.bytes + storedBytes <= bytes ? keeping() : self
  }

  /// All rows in memory, and what they are computed from too.
  private func keeping() -> MapStage {
    guard case .convolution = source else { return self }
    var cursors = MapCursors(consuming: false)
    let cursor = cursors.cursor(of: self)
    return MapStage(
      height: height, width: width, channels: channels,
      source: .stored((0..<strips).map { cursor.strip($0) }))
  }

  /// The map as one piece of memory.
  package var map: FeatureMap {
    guard case .stored(let strips) = stored().source else { preconditionFailure("not stored") }
    let parts = strips.compactMap(\.self)
    precondition(parts.count == strips.count, "a map that was consumed")
    if parts.count == 1 { return FeatureMap(height: height, width: width, pixels: parts[0]) }
    let map = FeatureMap(height: height, width: width, channels: channels)
    var row = 0
    for part in parts {
      map.pixels.row(row).update(from: part.pointer, count: part.count)
      row += part.rows
    }
    return map
  }

  /// Lets go of strip `index`.
  func drop(strip index: Int) {
    guard case .stored(var strips) = source else { return }
    source = .stored([])
    strips[index] = nil
    source = .stored(strips)
  }
}
