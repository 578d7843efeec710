import Platform

extension TensorSource {
  /// What to say when a computation with these weights gave NaN or infinity: the first tensor that
  /// holds such a value, or that none does.
  package func notFinite(_ what: String) -> Failure {
    for name in names {
      guard let tensor = find(name), let values = try? tensor.floats() else { continue }
      if let index = values.firstIndex(where: { !$0.isFinite }) {
        return Failure(tensor.place, "expected finite numbers, found NaN or infinity at \(index)")
      }
    }
    return Failure(path, "expected finite \(what), found NaN or infinity")
  }
}
