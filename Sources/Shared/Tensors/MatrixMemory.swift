import Foundation
import Synchronization

/// Memory of large matrices that are gone, kept for the next ones of the same size.
///
/// A model asks for the same sizes at every block and step. Fresh pages from the system cost a
/// fault for every 4 KiB, about 15,000 in one PixArt-XL block at 512 px with guidance; pages that
/// were used before cost none.
enum MatrixMemory {
  /// Smaller blocks are left to the allocator, which keeps them itself; the others are mappings of
  /// their own, as what it keeps of those may stay for good, torn into pieces: half of a decoder's.
  private static let smallest = 1 << 16
  /// When more than this would be kept, all that is kept goes back to the system.
  private static let limit = 512 << 20

  private struct Kept {
    /// Addresses by size in bytes.
    var addresses: [Int: [UInt]] = [:]
    var bytes = 0

    mutating func removeAll() -> [Int: [UInt]] {
      defer { self = Kept() }
      return addresses
    }
  }

  private static let kept = Mutex(Kept())

  /// Gives all that is kept back to the system.
  static func release() {
    for (bytes, addresses) in kept.withLock({ $0.removeAll() }) { unmap(addresses, bytes) }
  }

  /// At least `bytes` bytes at a 64-byte aligned address, not initialized.
  static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
    guard bytes >= smallest else { return .allocate(byteCount: bytes, alignment: 64) }
    let address = kept.withLock { kept in
      let address = kept.addresses[bytes]?.popLast()
      if address != nil { kept.bytes -= bytes }
      return address
    }
    if let address, let pointer = UnsafeMutableRawPointer(bitPattern: address) { return pointer }
    let pointer = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let pointer, pointer != MAP_FAILED else { fatalError("no memory for \(bytes) bytes") }
    return pointer
  }

  /// Takes back what `allocate(bytes)` gave.
  static func deallocate(_ pointer: UnsafeMutableRawPointer, bytes: Int) {
    guard bytes >= smallest else { return pointer.deallocate() }
    guard bytes <= limit else { return unmap([UInt(bitPattern: pointer)], bytes) }
    let surplus = kept.withLock { kept in
      let surplus = kept.bytes + bytes > limit ? kept.removeAll() : [:]
      kept.addresses[bytes, default: []].append(UInt(bitPattern: pointer))
      kept.bytes += bytes
      return surplus
    }
    for (bytes, addresses) in surplus { unmap(addresses, bytes) }
  }

  private static func unmap(_ addresses: [UInt], _ bytes: Int) {
    for address in addresses { munmap(UnsafeMutableRawPointer(bitPattern: address), bytes) }
  }
}

extension Matrix {
  /// Gives memory of matrices that are gone back to the system, before work with other sizes that
  /// needs much of its own.
  package static func releaseKeptMemory() { MatrixMemory.release() }
}
