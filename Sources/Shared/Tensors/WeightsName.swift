/// What the name of a weights file says, as diffusers and transformers choose such names.
///
/// `STEM.safetensors` holds all tensors of a part; `STEM-00001-of-00002.safetensors` some, listed by
/// `STEM.safetensors.index.json`. A variant (`fp16`, `bf16`, `ema`) stands after the stem, before
/// or after the number of a shard, or in the index's name before `json`.
struct WeightsName {
  enum Kind { case whole, shard, index }

  /// As diffusers, then as transformers call them.
  static let stems = ["diffusion_pytorch_model", "model"]

  let name: String
  let stem: String
  /// Nil: plain.
  let variant: String?
  let kind: Kind

  /// Nil for any other file.
  init?(_ name: String) {
    let pattern =
      /(diffusion_pytorch_model|model)(?:\.([^.]+?))?(-\d{5}-of-\d{5})?(?:\.([^.]+))?\.safetensors(\.index(?:\.([^.]+))?\.json)?/
    guard let match = name.wholeMatch(of: pattern) else { return nil }
    self.name = name
    stem = String(match.1)
    variant = (match.2 ?? match.4 ?? match.6 ?? nil).map(String.init)
    kind = match.5 != nil ? .index : match.3 != nil ? .shard : .whole
  }
}
