import Domain
import NIOCore

/// An event of a stream (HTML Living Standard, 9.2): JSON, with a name and an id where it has them.
struct ServerSentEvent {
    var name: String?
    var id: String?
    let data: [UInt8]

    init(_ data: [UInt8], name: String? = nil, id: String? = nil) {
        (self.data, self.name, self.id) = (data, name, id)
    }

    init(_ json: JSONOutput, name: String? = nil, id: String? = nil) {
        var bytes: [UInt8] = []
        json.append(to: &bytes)
        self.init(bytes, name: name, id: id)
    }

    func write(to buffer: inout ByteBuffer) {
        if let name { buffer.writeString("event: \(name)\n") }
        if let id { buffer.writeString("id: \(id)\n") }
        buffer.writeString("data: ")
        // A line break in an event would end its line; in JSON it stands only between tokens.
        buffer.writeBytes(data.lazy.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
        buffer.writeString("\n\n")
    }
}
