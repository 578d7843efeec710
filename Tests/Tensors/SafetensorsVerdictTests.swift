import Foundation
import Platform
import Tensors
import TestSupport
import Testing

/// The verdict of the real safetensors library on one of 75 files, from its manifest.json.
struct Verdict: CustomTestStringConvertible, Sendable {
  let file: String
  let accepted: Bool
  let tensors: [String]
  let metadata: [String: String]
  /// Per name the torch type and shape, or nil where torch could not make an array of it.
  let loads: [String: (type: String, shape: [Int])?]

  var testDescription: String { file }
  var path: String { References.path("safetensors-hostile/\(file)") }

  static let all: [Verdict] = {
    let manifest = References.path("safetensors-hostile/manifest.json")
    guard let data = FileManager.default.contents(atPath: manifest),
      let json = try? data.withUnsafeBytes({ try JSON(parsing: $0) }),
      case .array(let entries) = json
    else { return [] }
    return entries.compactMap(Verdict.init)
  }()

  init?(_ json: JSON) {
    guard let file = json["file"]?.string, let open = json["open"]?.string else { return nil }
    self.file = file
    accepted = open == "accept"
    tensors = json["tensors"]?.elements.compactMap(\.string) ?? []
    metadata = Dictionary(
      uniqueKeysWithValues: json["metadata"]?.members.map { ($0.key, $0.value.string ?? "") } ?? [])
    loads = Dictionary(
      uniqueKeysWithValues: json["loads"]?.members.map { member in
        guard case .array(let pair) = member.value, let type = pair[0].string else {
          return (member.key, nil)
        }
        return (member.key, (type, pair[1].elements.compactMap(\.int)))
      } ?? [])
  }
}

extension JSON {
  fileprivate var string: String? { if case .string(let text) = self { text } else { nil } }
  fileprivate var elements: [JSON] { if case .array(let list) = self { list } else { [] } }
  fileprivate var members: [Member] { if case .object(let list) = self { list } else { [] } }
}

@Test func `the manifest holds all files`() {
  #expect(Verdict.all.count == 75)
  #expect(Verdict.all.filter(\.accepted).count == 18)
}

@Test(arguments: Verdict.all)
func `same verdict as the safetensors library`(_ verdict: Verdict) throws {
  guard verdict.accepted else {
    let failure = #expect(throws: Failure.self) { try SafetensorsFile(verdict.path) }
    #expect(failure?.description.hasPrefix("\(verdict.path): ") == true)
    return
  }
  let file = try SafetensorsFile(verdict.path)
  #expect(file.names == verdict.tensors.sorted())
  #expect(file.metadata == verdict.metadata)
  for (name, load) in verdict.loads {
    guard let load else {
      #expect(throws: Failure.self) { try file.tensor(name) }
      continue
    }
    let tensor = try file.tensor(name)
    let torchName: [DType: String] = [
      .f32: "torch.float32", .bf16: "torch.bfloat16", .u8: "torch.uint8",
      .f4: "torch.float4_e2m1fn_x2",
    ]
    #expect(torchName[tensor.dtype] == load.type)
    // torch counts pairs of 4-bit numbers.
    let pairs = tensor.dtype == .f4 ? [tensor.shape[0] / 2] : tensor.shape
    #expect(pairs == load.shape)
    #expect(tensor.bytes.count == tensor.count * tensor.dtype.bits / 8)
  }
}

/// One line for each way to be refused, whole, because people read them.
@Test(arguments: [
  ("empty_file", "expected a safetensors file, found 0 bytes"),
  ("seven_bytes", "expected a safetensors file, found 7 bytes"),
  ("pickle", "expected a safetensors file, found a pickle (a PyTorch checkpoint)"),
  ("html_404", "expected a safetensors file, found text"),
  ("git_lfs_pointer", "expected a safetensors file, found a Git LFS pointer"),
  (
    "header_length_100MB_plus",
    "expected a safetensors header of at most 100000000 bytes, found length 100000001"
  ),
  ("header_length_beyond_file", "expected a header of 1000 bytes, found 110"),
  ("invalid_utf8", "expected UTF-8 in the header, found other bytes"),
  ("length_only", "header byte 0: expected a value, found the end"),
  ("header_trailing_comma", "header byte 110: expected '\"', found '}'"),
  ("header_is_list", "expected a JSON object as header, found a list"),
  ("metadata_number", "__metadata__: x: expected a string, found a number"),
  ("duplicate_metadata", "expected one __metadata__, found two"),
  ("entry_null", "a: expected an object, found null"),
  ("missing_dtype", "a: expected one dtype, found 0"),
  ("duplicate_field", "a: expected one dtype, found 2"),
  ("dtype_number", "a: dtype: expected a string, found a number"),
  ("unknown_dtype", "a: dtype: expected an element type such as F32, found F33"),
  ("string_shape", "a: shape: expected a list, found a string"),
  ("float_shape", "a: shape: expected sizes below 2^64, found 2.0"),
  ("negative_offset", "a: data_offsets: expected sizes below 2^64, found -8"),
  ("three_offsets", "a: data_offsets: expected begin and end, found [0, 4, 8]"),
  ("overlap", "b: expected data from byte 8, found bytes 4 to 12"),
  ("end_before_begin", "a: expected data from byte 0, found bytes 8 to 0"),
  (
    "overflow_shape",
    "a: expected less than 2^64 bits of data, found F32 [8589934592, 8589934592]"
  ),
  ("f4_odd_bits", "x: expected whole bytes, found 12 bits for F4 [3]"),
  ("size_mismatch", "a: expected 12 bytes for F32 [3], found 8"),
  ("truncated_data", "expected 16 bytes of data, found 15"),
  ("trailing_bytes", "expected 16 bytes of data, found 19"),
])
func `refusals say what was found`(_ name: String, _ problem: String) throws {
  let path = References.path("safetensors-hostile/\(name).safetensors")
  #expect(throws: Failure(path, problem)) { try SafetensorsFile(path) }
}
