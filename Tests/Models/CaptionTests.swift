import Foundation
import Models
import TestSupport
import Testing

/// Odd prompts (addresses, tags, references, mojibake, ...) against diffusers' own `_clean_caption`
/// with ftfy and Beautiful Soup.
@Test func `captions are cleaned as diffusers does`() throws {
  struct Record: Decodable {
    let prompt: String
    let cleaned: String
  }
  let data = try Data(
    contentsOf: URL(fileURLWithPath: References.path("captions/captions.json")))
  let records = try JSONDecoder().decode([Record].self, from: data)
  #expect(records.count > 1000)
  for record in records {
    // Bytes, as strings are equal to other spellings of the same text.
    #expect(
      cleanedPrompt(record.prompt).utf8.elementsEqual(record.cleaned.utf8),
      "\(record.prompt.debugDescription)")
  }
}

@Test func `markup that Beautiful Soup refuses stays as it is`() {
  #expect(cleanedPrompt("a <![foo]> b") == "a <! foo > b")
}
