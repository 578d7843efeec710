/// The noise level that remains in the finished image (`final_sigmas_type` of diffusers).
enum FinalSigma: String, CaseIterable {
  case zero
  /// The lowest that the model was trained on.
  case smallest = "sigma_min"
}
