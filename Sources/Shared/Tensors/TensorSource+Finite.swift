import Platform

extension TensorSource {
  /// What to say when a computation with these weights gave NaN or infinity: the first tensor that
  /// holds such a value, or that none does.
  package func notFinite(_ what: String) -> Failure {
    for name in names {
      do { try find(name)?.requireFinite() } catch let failure as Failure {
        return failure
      } catch {
        continue
      }
    }
    return Failure(path, "expected finite \(what), found NaN or infinity")
  }
}
