import Foundation
import Platform
import Reconstruction
import Streams
import Tensors

/// Where a run keeps the layers that it has rounded, to be continued after a kill: a folder of codes
/// files beside the output, one for each input site, written when the site is done.
struct RoundedSites {
  /// One site's layers.
  typealias Site = (layers: CodedLayers, report: [LayerReport.Row])

  private let folder: String
  /// What all layers depend on, which decides whether they are those of this run.
  private let key: String
  private let sites: [String]
  private let writing:
    (_ layers: CodedLayers, _ others: [String: String], OutputFile) throws -> Void

  /// - Parameters:
  ///   - output: of the run.
  ///   - sites: all that there are, in an order that does not change.
  ///   - inputs: all that the layers depend on, as text.
  ///   - writing: writes layers as a codes stream, with further settings.
  /// - Throws: `Failure` when the folder cannot be made.
  init(
    beside output: String, sites: [String], dependingOn inputs: [String],
    writing: @escaping (CodedLayers, [String: String], OutputFile) throws -> Void
  ) throws {
    folder = "\(output).resume"
    let digest = try Digest()
    for input in inputs { digest.add("\(input)\n") }
    (key, self.sites, self.writing) = (digest.hex(), sites, writing)
    guard mkdir(folder, 0o777) == 0 || errno == EEXIST else {
      throw Failure(folder, "cannot be made: \(systemReason())")
    }
  }

  private func path(of site: String) -> String {
    String(format: "%@/%05d.safetensors", folder, (sites.firstIndex(of: site) ?? 0) + 1)
  }

  /// What an earlier run has kept of `site`; nil: nothing.
  ///
  /// - Throws: `Failure` when it is of other statistics or settings.
  func find(_ site: String) throws -> Site? {
    let path = path(of: site)
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let file = try CodesFile(path)
    guard try file.metadata.setting("resume", in: path) == key else {
      throw Failure(
        folder,
        "expected layers of the same statistics and settings, found others; remove it to start anew"
      )
    }
    let report = try file.metadata.setting("report", in: path)
    return (try CodedLayers(of: file), report.split(separator: "\n").map(LayerReport.Row.init))
  }

  /// Writes what was made of site `name`.
  ///
  /// - Returns: the same, its tensors mapped.
  func keep(_ site: Site, as name: String) throws -> Site {
    let report = site.report.map(\.line).joined(separator: "\n")
    try writing(site.layers, ["resume": key, "report": report], OutputFile(path(of: name)))
    return (try CodedLayers(of: CodesFile(path(of: name))), site.report)
  }

  /// Removes what is kept, when the output has it, and what a killed run has begun of it.
  func remove() {
    let own = Set(sites.map { URL(fileURLWithPath: path(of: $0)).lastPathComponent })
    for name in (try? folderContents(folder)) ?? []
    where own.contains(where: { name == $0 || TemporaryName.matches(name, of: $0) }) {
      unlink("\(folder)/\(name)")
    }
    rmdir(folder)
  }
}
