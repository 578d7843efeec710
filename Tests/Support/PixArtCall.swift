import Layers
import Models
import Tensors

/// The arguments of a golden call of the PixArt transformer (Tests/References/pixart-*).
package struct PixArtCall {
  package let latents: Latents
  package let timesteps: [Float]
  package let conditions: SizeConditions?
  /// The samples' texts, of equal length with their padding.
  package let prompts: [EncodedPrompt]

  package init(_ golden: ModelCase) throws {
    let shape = try golden.shape("hidden_states")
    latents = Latents(
      samples: shape[0], channels: shape[1], height: shape[2], width: shape[3],
      values: try golden.floats("hidden_states"))
    timesteps = try golden.floats("timestep")
    let text = try golden.shape("encoder_hidden_states")
    let states = try golden.floats("encoder_hidden_states")
    let mask = try golden.floats("encoder_attention_mask").map { $0 != 0 }
    let (length, size) = (text[1], text[1] * text[2])
    prompts = (0..<text[0]).map { sample in
      EncodedPrompt(
        prompt: "\(sample)",
        texts: [
          EncodedText(
            states: Matrix(
              rows: length, columns: text[2],
              values: Array(states[(sample * size)..<((sample + 1) * size)])),
            mask: Array(mask[(sample * length)..<((sample + 1) * length)]))
        ])
    }
    if golden.io.find("resolution") != nil {
      let resolution = try golden.floats("resolution")
      conditions = SizeConditions(
        height: resolution[0], width: resolution[1],
        aspectRatio: try golden.floats("aspect_ratio")[0])
    } else {
      conditions = nil
    }
  }

  /// The model's output, [samples][out channels][height][width].
  package func callAsFunction(
    _ model: PixArtTransformer, observer: (any LayerObserver)? = nil
  ) -> [Float] {
    model.forward(
      latents, timesteps: timesteps, text: model.prepareText(prompts, observer: observer),
      conditions: conditions, observer: observer
    ).values
  }
}
