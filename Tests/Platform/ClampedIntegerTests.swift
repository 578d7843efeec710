import Platform
import Testing

@Test(arguments: [
  (1.9, 1), (-1.9, -1), (0.0, 0), (1e308, Int.max), (-1e308, Int.min), (Double.infinity, Int.max),
  (-Double.infinity, Int.min), (Double.nan, 0), (0x1p63, Int.max), (-0x1p63, Int.min),
  (0x1p53, 9_007_199_254_740_992),
])
func `a whole number of any double`(_ value: Double, _ expected: Int) {
  #expect(Int(clamping: value) == expected)
  #expect(Int(clamping: Float(value)) == expected)
}

@Test(
  arguments: [
    (254.9, 254), (255, 255), (256, 255), (-0.5, 0), (-1, 0), (Double.nan, 0), (.infinity, 255),
  ] as [(Double, UInt8)])
func `a byte of any double`(_ value: Double, _ expected: UInt8) {
  #expect(UInt8(clamping: value) == expected)
}

@Test func `what a message quotes has an end`() {
  let shape = Array(repeating: 1234, count: 5000)
  let failure = Failure("a.safetensors: w", "expected shape [2], found \(shape); so be it")
  #expect(failure.description.unicodeScalars.count < 1100)
  #expect(failure.description.hasPrefix("a.safetensors: w: expected shape [2], found [1234, "))
  #expect(failure.description.hasSuffix("1234]; so be it"))
  let name = Failure(String(repeating: "x", count: 100_000), "is long")
  #expect(name.description.count < 5000 && name.description.hasSuffix("x: is long"))
  #expect(Failure("a: b", "c\nd").description == "a: b: c d")
}
