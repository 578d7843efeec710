import Layers
import Models
import Tensors

/// The arguments of a golden call of the Hunyuan-DiT transformer (Tests/References/hunyuan-*).
package struct HunyuanCall {
  package let latents: Latents
  package let timesteps: [Float]
  package let conditions: SizeConditions?
  package let prompts: [EncodedPrompt]

  package init(_ golden: ModelCase) throws {
    let shape = try golden.shape("hidden_states")
    latents = Latents(
      samples: shape[0], channels: shape[1], height: shape[2], width: shape[3],
      values: try golden.floats("hidden_states"))
    timesteps = try golden.floats("timestep")
    func texts(_ states: String, _ mask: String) throws -> [EncodedText] {
      let shape = try golden.shape(states)
      let (values, mask) = (try golden.floats(states), try golden.floats(mask).map { $0 != 0 })
      let (length, size) = (shape[1], shape[1] * shape[2])
      return (0..<shape[0]).map { sample in
        EncodedText(
          states: Matrix(
            rows: length, columns: shape[2],
            values: Array(values[(sample * size)..<((sample + 1) * size)])),
          mask: Array(mask[(sample * length)..<((sample + 1) * length)]))
      }
    }
    let bert = try texts("encoder_hidden_states", "text_embedding_mask")
    let t5 = try texts("encoder_hidden_states_t5", "text_embedding_mask_t5")
    prompts = zip(bert, t5).enumerated().map {
      EncodedPrompt(prompt: "\($0)", texts: [$1.0, $1.1])
    }
    // [original height, width, height, width, crop top, left] of each sample.
    let sizes = try golden.floats("image_meta_size")
    conditions = SizeConditions(height: sizes[2], width: sizes[3])
  }

  /// The model's output, [samples][out channels][height][width].
  package func callAsFunction(
    _ model: HunyuanTransformer, observer: (any LayerObserver)? = nil
  ) -> [Float] {
    model.forward(
      latents, timesteps: timesteps, text: model.prepareText(prompts, observer: observer),
      conditions: conditions, observer: observer
    ).values
  }
}
