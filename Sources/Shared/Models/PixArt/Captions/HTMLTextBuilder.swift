/// The text that Beautiful Soup collects from the tags and texts that its parser finds.
struct HTMLTextBuilder {
  /// Elements without content, which close themselves.
  private static let empty: Set<String> = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "keygen", "link", "menuitem",
    "meta", "param", "source", "track", "wbr",
    // Of old versions of HTML.
    "basefont", "bgsound", "command", "frame", "image", "isindex", "nextid", "spacer",
  ]
  /// Elements whose white space stays as it is.
  private static let preformatted: Set<String> = ["pre", "textarea"]
  /// Elements whose text is not the document's.
  private static let apart: Set<String> = ["rp", "rt", "script", "style", "template"]

  private(set) var finished: [Unicode.Scalar] = []
  /// The text since the last tag; nil: none, which is not the same as an empty one.
  private var run: [Unicode.Scalar]?
  /// Outermost first.
  private var openElements: [String] = []
  /// How many of each name are open: a look through all of them for each tag would take the square
  /// of their number.
  private var openCounts: [String: Int] = [:]
  /// How many elements without content there were of each name whose end tags, if any, close
  /// nothing.
  private var alreadyClosed: [String: Int] = [:]

  mutating func add(_ text: some Sequence<Unicode.Scalar>) {
    if run == nil { run = [] }
    run?.append(contentsOf: text)
  }

  /// Text that is the document's wherever it stands.
  mutating func addSection(_ text: some Sequence<Unicode.Scalar>) {
    finished += collapsed(Array(text))
  }

  mutating func open(_ name: String, isClosed: Bool) {
    endRun()
    openElements.append(name)
    openCounts[name, default: 0] += 1
    if isClosed {
      closeElement(name)
    } else if HTMLTextBuilder.empty.contains(name) {
      closeElement(name)
      alreadyClosed[name, default: 0] += 1
    }
  }

  mutating func close(_ name: String) {
    if let count = alreadyClosed[name], count > 0 {
      alreadyClosed[name] = count - 1
    } else {
      closeElement(name)
    }
  }

  /// Ends the text between two tags.
  mutating func endRun() {
    guard let run else { return }
    if !isOpen(HTMLTextBuilder.apart) {
      finished += collapsed(run)
    }
    self.run = nil
  }

  /// Closes the innermost element of that name, and those in it.
  private mutating func closeElement(_ name: String) {
    endRun()
    guard openCounts[name, default: 0] > 0 else { return }
    while let last = openElements.popLast() {
      openCounts[last, default: 1] -= 1
      if last == name { return }
    }
  }

  /// Whether the text lies in one of these elements.
  private func isOpen(_ names: Set<String>) -> Bool {
    names.contains { openCounts[$0, default: 0] > 0 }
  }

  /// White space alone becomes one space or line break.
  private func collapsed(_ run: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard !isOpen(HTMLTextBuilder.preformatted),
      run.allSatisfy(" \n\t\u{C}\r".unicodeScalars.contains)
    else { return run }
    return run.contains("\n") ? ["\n"] : [" "]
  }
}
