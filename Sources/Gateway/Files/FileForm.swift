import Multipart
import Queue

/// The fields of an upload beside the file's content. Pure.
struct FileForm {
    /// What there is to know of a file besides its content.
    struct Description: Equatable {
        var filename: String
        var purpose: String
        /// Seconds it is kept; nil: until it is deleted.
        var keptFor: Int32?
    }

    private static let longestField = 1_024
    /// As OpenAI has it: an hour to thirty days.
    private static let lifetimes: ClosedRange<Int32> = 3_600...2_592_000
    /// The input of a batch is of no use once it has ended.
    private static let lifetimeOfBatches: Int32 = 2_592_000
    private static let names = ["purpose", "expires_after[anchor]", "expires_after[seconds]"]

    private var filename: String?
    private var fields: [String: [UInt8]] = [:]
    private var current = ""

    /// Begins a part and returns whether it is the file.
    mutating func begin(_ part: MultipartPart) throws(GatewayFailure) -> Bool {
        if part.name == "file" {
            guard filename == nil else { throw .invalid("A call uploads one file.", parameter: "file") }
            guard let name = part.filename, 1...1_024 ~= name.utf8.count, !name.utf8.contains(where: { $0 < 0x20 })
            else {
                throw .invalid(
                    "`file` has to be a file with a name of 1 to 1024 bytes, without control characters.",
                    parameter: "file")
            }
            filename = name
            return true
        }
        guard Self.names.contains(part.name) else {
            throw .invalid(
                "`\(part.name.prefix(64))` is no field of an upload.", parameter: String(part.name.prefix(64)))
        }
        guard fields.updateValue([], forKey: part.name) == nil else {
            throw .invalid("`\(part.name)` was given twice.", parameter: part.name)
        }
        current = part.name
        return false
    }

    /// Appends to the field that was begun.
    mutating func append(_ bytes: [UInt8]) throws(GatewayFailure) {
        fields[current, default: []] += bytes
        guard fields[current, default: []].count <= Self.longestField else {
            throw .invalid("`\(current)` is too long.", parameter: current)
        }
    }

    /// What the form said, once it is complete.
    func description() throws(GatewayFailure) -> Description {
        guard let filename else { throw .invalid("`file` is missing.", parameter: "file") }
        guard let purpose = fields["purpose"].map({ String(decoding: $0, as: UTF8.self) }),
            StoredFile.purposes.contains(purpose)
        else {
            throw .invalid("`purpose` is one of \(StoredFile.purposes.joined(separator: ", ")).", parameter: "purpose")
        }
        var description = Description(filename: filename, purpose: purpose)
        if purpose == "batch" { description.keptFor = Self.lifetimeOfBatches }
        if let anchor = fields["expires_after[anchor]"], anchor != Array("created_at".utf8) {
            throw .invalid("`expires_after[anchor]` has to be created_at.", parameter: "expires_after")
        }
        guard let seconds = fields["expires_after[seconds]"] else {
            guard fields["expires_after[anchor]"] == nil else {
                throw .invalid("`expires_after` has to have seconds, too.", parameter: "expires_after")
            }
            return description
        }
        description.keptFor = try Self.lifetime(Int32(String(decoding: seconds, as: UTF8.self)))
        return description
    }

    /// The lifetime of a file that somebody asked for.
    static func lifetime(_ seconds: Int32?) throws(GatewayFailure) -> Int32 {
        guard let seconds, lifetimes ~= seconds else {
            throw .invalid(
                "The seconds of `expires_after` are \(lifetimes.lowerBound) to \(lifetimes.upperBound).",
                parameter: "expires_after")
        }
        return seconds
    }
}
