import Domain

/// `/openapi.json`: one file for each surface in `Surfaces/`, joined.
///
/// A file is an object with any of the members `paths`, `webhooks`, `schemas`, `parameters` and `responses`, each with names
/// no other file has. A new surface is a new file and a line in `surfaces`.
enum OpenAPIDocument {
    private static let surfaces = [
        PackageResources.common_json, PackageResources.openai_json, PackageResources.files_json,
        PackageResources.background_json, PackageResources.jobs_json,
        PackageResources.webhooks_json, PackageResources.runpod_json, PackageResources.health_json,
    ]

    private static let head = """
        {"openapi": "3.1.0", "info": {"title": "Sluice", "version": "1", "license": {"name": "Apache-2.0", \
        "identifier": "Apache-2.0"}, "description": "A job queue for AI inference. Calls of the OpenAI API, jobs of its \
        own, and the endpoints of RunPod's clients."}, "servers": [{"url": "/"}], "security": [{"key": []}]
        """

    private static let scheme = """
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key that `sluice keys create` made."}}
        """

    /// The document, UTF-8 JSON.
    static let json: [UInt8] = {
        var text = Array(head.utf8)
        for name in ["paths", "webhooks"] { text += Array(", \"\(name)\": {".utf8) + members(of: name) + [brace] }
        text += Array(", \"components\": {\(scheme)".utf8)
        for name in ["schemas", "parameters", "responses"] {
            text += Array(", \"\(name)\": {".utf8) + members(of: name) + [brace]
        }
        return text + [brace, brace]
    }()

    private static let brace = UInt8(ascii: "}")

    /// The members of the member `name` of every surface, with commas between them.
    private static func members(of name: String) -> [UInt8] {
        var scanner = JSONScanner(selecting: [[name]])
        var joined: [UInt8] = []
        for surface in surfaces {
            // They are part of the program: a test reads the whole document.
            do throws(JSONScanError) { try scanner.scan(surface.span) } catch { continue }
            guard let member = scanner[0], !member.isEmpty else { continue }
            if !joined.isEmpty { joined.append(UInt8(ascii: ",")) }
            joined += surface[member.range.lowerBound + 1..<member.range.upperBound - 1]
        }
        return joined
    }
}
