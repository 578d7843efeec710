/// A comparison that went well and came out below what the user asked for; the tool ends with exit
/// code 2.
package struct ThresholdMissed: Error, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ place: String, _ problem: String) {
    description = Failure(place, problem).description
  }
}
