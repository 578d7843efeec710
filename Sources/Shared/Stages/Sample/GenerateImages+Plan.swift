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
    let pipeline = try open(source)
    let encoding = try source.textEncoding(text)
    var plan = RunPlan()
    encoding.read(text, in: &plan)
    plan.reads(source.weights.path, bytes: fileSize(source.weights.path), "")
    try source.folder.read(["vae"], in: &plan)
    let size = pipeline.output
    // A picture is at most its pixels, as noise does not compress.
    let pictures = try pictureCount()
    plan.writes(
      output, bytes: pictures * size.width * size.height * 3, "at most, \(pictures) pictures",
      isCertain: false)
    plan.needs(about: pipeline.decodingBytes)
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
