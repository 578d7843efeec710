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
    Run(pipeline: "pipeline-hunyuan", name: "nobin"),
    Run(pipeline: "pipeline-hunyuan", name: "rescaled"),
    Run(pipeline: "pipeline-hunyuan", name: "binned"),
  ])
  func `same latents and picture as diffusers`(_ run: Run) throws {
    let settings = try ModelConfig(References.path("\(run.pipeline)/case.json"))
    let entry = try #require(settings.json["runs"]?[run.name])
    let call = try #require(entry["call"])
    let golden = try References.tensors("\(run.pipeline)/\(run.name)/io.safetensors")

    var options = SamplingOptions()
    options.steps = try #require(call["num_inference_steps"]?.int)
    options.guidanceScale = Float(try #require(call["guidance_scale"]?.double))
    options.guidanceRescale = Float(call["guidance_rescale"]?.double ?? 0)
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
    // The references were made without cleaning.
    var text = TextOptions()
    text.cleansCaptions = false
    try SamplingRun([request], of: source, through: pipeline, text: text).forEach {
      pictures.append($0)
    }
    let sampled = try #require(pictures.first)
    if golden.find("initial_latents") != nil {
      #expect(sampled.noise.values == (try golden.tensor("initial_latents").floats()))
    }
    let image = try pipeline.decode(sampled.latents)
    let (latents, pixels, shape) = try stored(sampled.latents, image, as: golden)
    // 50 times the library's own gap between f32 and f64, as the case says.
    let tolerance = Float(try #require(entry["tolerance"]?["abs"]?.double))
    let all = try golden.tensor("latents").floats()
    #expect(largestDifference(latents, Array(all.suffix(latents.count))) <= tolerance)

    let expected = try golden.find("image_u8") ?? golden.tensor("image_u8_every8")
    #expect(shape == expected.shape)
    let differences = zip(pixels, expected.bytes).map { abs(Int($0) - Int($1)) }
    #expect(differences.max() ?? 255 <= 1)
    // Only values near a rounding edge can flip: under 0.5 %, as the case says.
    #expect(differences.count { $0 > 0 } * 200 < differences.count)
  }

  /// Latents and pixels [1][height][width][3] as the case has them: all, or of a large picture every
  /// second latent and every eighth pixel of both sides.
  private func stored(
    _ latents: Latents, _ image: Image, as golden: SafetensorsFile
  ) throws -> (latents: [Float], pixels: [UInt8], shape: [Int]) {
    let isWhole = golden.find("image_u8") != nil
    let (thin, thinner) = isWhole ? (1, 1) : (2, 8)
    let shape = latents.shape
    let plane = shape[1] * shape[2]
    let values = (0..<shape[0]).flatMap { channel in
      stride(from: 0, to: shape[1], by: thin).flatMap { y in
        stride(from: 0, to: shape[2], by: thin).map { x in
          latents.values[channel * plane + y * shape[2] + x]
        }
      }
    }
    let (rows, columns) = (
      Array(stride(from: 0, to: image.height, by: thinner)),
      Array(stride(from: 0, to: image.width, by: thinner))
    )
    let pixels = rows.flatMap { y in
      columns.flatMap { x in (0..<3).map { image.pixels[(y * image.width + x) * 3 + $0] } }
    }
    return (values, pixels, [1, rows.count, columns.count, 3])
  }
}
