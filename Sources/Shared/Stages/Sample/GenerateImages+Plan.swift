import Layers
import Models
import Pipeline
import Platform
import Sampling
import Tensors

extension GenerateImages {
  /// What the run will read, write and take.
  ///
  /// - Throws: `Failure` for what the run itself would refuse when it opens its inputs.
  package func plan() throws -> RunPlan {
    let source = try TransformerSource(model, folderOptions)
    return try plan(
      source, TextToImage(source, precision: precision, options: sampling), isTimed: true)
  }

  /// The same of a model that is open.
  ///
  /// - Parameters:
  ///   - source: the model.
  ///   - pipeline: its pipeline.
  ///   - isTimed: whether pieces of the work are timed, and the memory that they need is seen; else
  ///     the plan has what is certain alone.
  /// - Returns: the plan.
  /// - Throws: `Failure` for a text encoder that is missing or damaged.
  func plan(
    _ source: TransformerSource, _ pipeline: TextToImage, isTimed: Bool
  ) throws -> RunPlan {
    let encoding = try source.textEncoding(text)
    var plan = RunPlan()
    encoding.read(text, in: &plan)
    plan.reads(source.weights.path, bytes: fileSize(source.weights.path), "")
    try source.folder.read(["vae"], in: &plan)
    let size = pipeline.output
    // A picture is at most its pixels, as noise does not compress.
    let pictures = prompts.count * batchCount
    plan.writes(
      output, bytes: pictures * size.width * size.height * 3, "at most, \(pictures) pictures",
      isCertain: false)
    plan.needs(about: pipeline.decodingBytes)
    guard isTimed else { return plan }
    let negative = pipeline.isGuided ? [sampling.negativePrompt] : []
    for (part, seconds) in try encoding.seconds(
      negative + prompts, inputs: pipeline.transformer.textInputs, options: text)
    {
      plan.takes(part, seconds)
    }
    let step = pipeline.stepSeconds(tokens: encoding.usualTokens)
    plan.takes(
      "\(pictures) x \(pipeline.steps) steps", step, times: pictures * pipeline.steps)
    plan.takes("\(pictures) decoded", try pipeline.decodeSeconds(), times: pictures)
    return plan
  }
}
