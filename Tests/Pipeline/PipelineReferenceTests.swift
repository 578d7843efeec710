import Foundation
import Pipeline
import Platform
import Sampling
import Tensors
import TestSupport
import Testing

/// Whole runs of the diffusers pipelines: latents after the last step and the decoded picture, from
/// the prompt and the seed.
struct PipelineReferenceTests {
  struct Run: CustomTestStringConvertible, Sendable {
    let pipeline: String
    let name: String
    var testDescription: String { "\(pipeline)/\(name)" }
  }

  @Test(arguments: [
    Run(pipeline: "pipeline-alpha", name: "nobin"),
    Run(pipeline: "pipeline-alpha", name: "noguidance"),
    Run(pipeline: "pipeline-sigma", name: "nobin"),
    Run(pipeline: "pipeline-sigma", name: "binned"),
  ])
  func `same latents and picture as diffusers`(_ run: Run) throws {
    let settings = try ModelConfig(References.path("\(run.pipeline)/case.json"))
    let entry = try #require(settings.json["runs"]?[run.name])
    let call = try #require(entry["call"])
    let golden = try References.tensors("\(run.pipeline)/\(run.name)/io.safetensors")

    var options = SamplingOptions()
    options.steps = try #require(call["num_inference_steps"]?.int)
    options.guidanceScale = Float(try #require(call["guidance_scale"]?.double))
    options.negativePrompt = try #require(call["negative_prompt"]?.string)
    options.width = try #require(call["width"]?.int)
    options.height = try #require(call["height"]?.int)
    options.usesResolutionBinning = call["use_resolution_binning"] == .bool(true)
    let prompt = try #require(call["prompt"]?.string)

    let source = try TransformerSource(References.path("\(run.pipeline)/pipeline"))
    let pipeline = try TextToImage(source, options: options)
    let request = SamplingRequest(
      number: 0, prompt: prompt, seed: UInt64(try #require(entry["seed"]?.int)))
    var pictures: [SampledPicture] = []
    try SamplingRun([request], of: source, through: pipeline).forEach { pictures.append($0) }
    let sampled = try #require(pictures.first)
    #expect(sampled.noise.values == (try golden.tensor("initial_latents").floats()))
    let latents = sampled.latents.values
    // 50 times the library's own gap between f32 and f64, as the case says.
    let tolerance = Float(try #require(entry["tolerance"]?["abs"]?.double))
    let all = try golden.tensor("latents").floats()
    #expect(largestDifference(latents, Array(all.suffix(latents.count))) <= tolerance)

    let image = try pipeline.decode(sampled.latents)
    let expected = try golden.tensor("image_u8")
    #expect([1, image.height, image.width, 3] == expected.shape)
    let differences = zip(image.pixels, expected.bytes).map { abs(Int($0) - Int($1)) }
    #expect(differences.max() ?? 255 <= 1)
    // Only values near a rounding edge can flip: under 0.5 %, as the case says.
    #expect(differences.count { $0 > 0 } * 200 < differences.count)
  }
}
