/// A protobuf message as it is written (protobuf.dev, "Encoding").
struct ProtobufMessage {
  private(set) var bytes: [UInt8] = []

  /// Adds an integer, a boolean or an enum.
  mutating func add(_ field: Int, _ number: Int) {
    write(field << 3)
    write(number)
  }

  mutating func add(_ field: Int, _ number: Float) {
    write(field << 3 | 5)
    withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes += $0 }
  }

  /// Adds bytes, a string, or a message of its own.
  mutating func add(_ field: Int, _ content: some Collection<UInt8>) {
    write(field << 3 | 2)
    write(content.count)
    bytes += content
  }

  /// A varint, seven bits a byte, the lowest first.
  private mutating func write(_ number: Int) {
    var rest = UInt64(number)
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
