import Layers
import Models
import Pipeline
import Platform
import Sampling
import Streams
import Tensors

/// The stage of `fpq-stats --data-free`: says which layers a part has and that nothing was seen, so
/// that `fpq-round` goes by the weights alone.
package struct DescribeLayers {
  package var part = ModelFolder.transformerPart
  package var model = ""
  package var folderOptions = ModelFolder.Options()
  package var output = "-"
  /// What the arguments name.
  package var files = RunFiles()

  package init() {}

  package func run() throws {
    let (folder, weights, watched, linears) = try open()
    try files.check(notAmong: folder.files, of: "--model")
    let roles = LayerRoles(linears.map(\.role))
    let metadata = StatisticsFile.metadata(
      part: part, model: model, options: recordedOptions(folderOptions, folder),
      unused: watched.unused, sha256: try SHA256.hex(of: weights), run: .nothing, roles: roles,
      prompts: [:])
    let file = try OutputFile(output)
    try SafetensorsWriter.write(
      roles.observedSites.map(StatisticsFile.unseenEntry), metadata: metadata.dictionary, to: file)
    try file.commit()
  }

  private func open() throws -> (ModelFolder, any TensorSource, WatchedTensors, [Linear]) {
    guard part != ModelFolder.transformerPart else {
      let source = try FloatModel.transformer(model, folderOptions)
      let watched = WatchedTensors(source.weights)
      let transformer = try source.transformer(reading: watched)
      return (source.folder, source.weights, watched, transformer.linears)
    }
    let (source, _, part) = try FloatModel.textEncoder(
      part, of: model, folderOptions, TextOptions())
    let weights = try part.weights()
    let watched = WatchedTensors(weights)
    let encoder = try part.open(watched)
    return (source.folder, weights, watched, encoder.linears)
  }
}

/// What a stream says of a model beside its path: what the user said, and the pipeline that was
/// found if the parts lie elsewhere.
func recordedOptions(_ given: ModelFolder.Options, _ folder: ModelFolder) -> ModelFolder.Options {
  var options = given
  if options.base != nil { options.pipeline = folder.pipelineClass }
  return options
}

/// The numbers of the prompts `skip ..< skip + limit` of so many.
///
/// - Throws: `Failure` when none is left.
func promptShard(of count: Int, skip: Int, limit: Int?) throws -> Range<Int> {
  guard skip < count else {
    throw Failure("skip \(skip)", "expected less than the \(count) prompts")
  }
  return skip..<min(count, skip + min(limit ?? count, count))
}
