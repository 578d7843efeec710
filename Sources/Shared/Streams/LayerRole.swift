import Platform
import Tensors

/// What a linear layer is to its model: what recipes, shards, reports and the runtime decide by,
/// instead of by its name.
///
/// The model's graph makes each layer with its role; `fpq-stats` writes the roles into its stream.
package struct LayerRole: Sendable, Hashable {
  package enum Kind: String, Sendable, CaseIterable {
    case query, key, value
    case attentionOutput = "attention_output"
    case feedForwardInput = "feed_forward_input"
    case feedForwardOutput = "feed_forward_output"
    /// Reads a hidden state beside that of an earlier block (a U-shaped transformer).
    case skip
    /// Makes the vectors of adaptive norms, of the timestep and what else is the same for all
    /// tokens.
    case conditioning
    /// Makes tokens of patches or text, before the blocks.
    case embedding
    /// Makes patches of tokens, after the blocks.
    case output
    /// The table of a text encoder in which a token's vector is looked up: no product reads it.
    case tokenEmbedding = "token_embedding"
  }

  /// What the rows of the layer's input are.
  package enum Rows: String, Sendable, CaseIterable {
    /// The tokens of each sample, one sample's after another's.
    case tokens
    /// The tokens of each sample's text.
    case text
    /// One row for a sample, or for each value that all samples share.
    case samples
  }

  /// The name of its parameters in the file, without `.weight` and `.bias`.
  package let name: String
  /// The name of the input that it may share with other layers; its own where it shares none.
  package let site: String
  /// The name of the site whose statistics are this one's: its own, or one that reads the very same
  /// values, as the text is the same for all blocks.
  package let statistics: String
  package let kind: Kind
  /// The name of the transformer block that it is a part of, if it is.
  package let block: String?
  /// The input is the output of a GELU.
  package let readsGELU: Bool
  package let rows: Rows
  /// How many parts of equal width the input has, which are of different origin and so of
  /// different magnitude: no scale, of weights or inputs, is shared between them.
  package let parts: Int

  package init(
    _ name: String, site: String? = nil, statistics: String? = nil, kind: Kind,
    block: String? = nil, readsGELU: Bool = false, rows: Rows = .tokens, parts: Int = 1
  ) {
    (self.name, self.site, self.kind, self.block) = (name, site ?? name, kind, block)
    self.statistics = statistics ?? site ?? name
    (self.readsGELU, self.rows, self.parts) = (readsGELU, rows, parts)
  }

  /// The name with `*` for its block: what layers of one place in their blocks have in common, as a
  /// pattern.
  package var pattern: String {
    guard let block, name.hasPrefix("\(block).") else { return name }
    return "*" + name.dropFirst(block.count)
  }
}

/// The roles of a model's linear layers, in the order in which the network computes them; as JSON
/// under `fpq.roles` in the metadata of statistics.
///
/// `[{"name":"transformer_blocks.0.attn1.to_q","site":"transformer_blocks.0.attn1.qkv","kind":"query",
/// "block":"transformer_blocks.0"}, ...]`; members that have their usual value (a site of its own,
/// statistics of its own, no block, no GELU, rows that are tokens, one part) are left out.
package struct LayerRoles: Sendable, Equatable {
  package let all: [LayerRole]
  /// By the name of the site, in the order of `all`.
  private let bySite: [String: [LayerRole]]

  package init(_ all: [LayerRole]) {
    self.all = all
    bySite = Dictionary(grouping: all, by: \.site)
  }

  /// The names of the sites, ascending.
  package var sites: [String] { bySite.keys.sorted() }

  /// The names of the sites that statistics are taken of, ascending.
  package var observedSites: [String] { Set(all.map(\.statistics)).sorted() }

  /// The name of the site whose statistics are those of `site`.
  package func statistics(of site: String) -> String {
    readers(of: site).first?.statistics ?? site
  }

  /// The layers that read `site`.
  package func readers(of site: String) -> [LayerRole] { bySite[site] ?? [] }

  package static func == (a: LayerRoles, b: LayerRoles) -> Bool { a.all == b.all }

  /// Reads the text written by `json`, from the metadata of `place`.
  ///
  /// - Throws: `Failure` naming the layer for anything else, and for a layer that is there twice.
  package init(json text: String, place: String) throws {
    let place = "\(place): fpq.roles"
    guard case .array(let list)? = try? Array(text.utf8).withUnsafeBytes({ try JSON(parsing: $0) })
    else { throw Failure(place, "expected a list of layers") }
    var names: Set<String> = []
    self.init(
      try list.enumerated().map { number, member in
        guard let name = member["name"]?.string else {
          throw Failure("\(place): \(number)", "expected a layer with a name")
        }
        guard names.insert(name).inserted else {
          throw Failure("\(place): \(name)", "expected each layer once, found it twice")
        }
        func choice<T: RawRepresentable & CaseIterable>(
          _ key: String, default usual: T? = nil
        ) throws -> T where T.RawValue == String {
          guard let found = member[key] else {
            if let usual { return usual }
            throw Failure("\(place): \(name)", "\(key): expected one, found none")
          }
          guard let value = found.string.flatMap(T.init) else {
            let known = T.allCases.map(\.rawValue).joined(separator: ", ")
            throw Failure("\(place): \(name)", "\(key): expected one of \(known), found another")
          }
          return value
        }
        func string(_ key: String) throws -> String? {
          guard let found = member[key] else { return nil }
          guard let text = found.string else {
            throw Failure("\(place): \(name)", "\(key): expected a name, found \(found.kind)")
          }
          return text
        }
        return LayerRole(
          name, site: try string("site"), statistics: try string("statistics"),
          kind: try choice("kind"), block: try string("block"),
          readsGELU: member["gelu"]?.int == 1, rows: try choice("rows", default: .tokens),
          parts: try LayerRoles.parts(member, "\(place): \(name)"))
      })
  }

  private static func parts(_ member: JSON, _ place: String) throws -> Int {
    guard let found = member["parts"] else { return 1 }
    guard let parts = found.int, (1...64).contains(parts) else {
      throw Failure(place, "parts: expected 1 to 64, found another value")
    }
    return parts
  }

  package var json: String {
    let members = all.map { role in
      var text = "{\"name\":\(JSON.quote(role.name))"
      if role.site != role.name { text += ",\"site\":\(JSON.quote(role.site))" }
      if role.statistics != role.site {
        text += ",\"statistics\":\(JSON.quote(role.statistics))"
      }
      text += ",\"kind\":\"\(role.kind.rawValue)\""
      if let block = role.block { text += ",\"block\":\(JSON.quote(block))" }
      if role.readsGELU { text += ",\"gelu\":1" }
      if role.rows != .tokens { text += ",\"rows\":\"\(role.rows.rawValue)\"" }
      if role.parts > 1 { text += ",\"parts\":\(role.parts)" }
      return text + "}"
    }
    return "[\(members.joined(separator: ","))]"
  }
}
