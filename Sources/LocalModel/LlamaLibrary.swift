import BackendKit
import CLlama
import Glibc

/// libllama, which is loaded into the process when the first instance is made.
enum LlamaLibrary {
    /// Whether this was compiled with libllama.
    static var isBuilt: Bool { builtDirectory != nil }

    /// What ops/llama.sh printed when this was compiled.
    static var builtDirectory: String? { unsafe cllama_built_directory().map { unsafe String(cString: $0) } }

    /// Loads it from `directory`, or from where an installation or the build has put it.
    ///
    /// - Throws: `fatal` with what to run, when it is nowhere, or not the one this was built with.
    static func load(from directory: String?) throws(BackendFailure) {
        let places = directory.map { [$0] } ?? standardPlaces
        guard let place = places.first(where: { unsafe access($0 + "/libllama.so", R_OK) == 0 }) else {
            guard directory != nil || isBuilt else {
                throw BackendFailure(.fatal, unsafe Self.sentence { unsafe !cllama_load("", $0) })
            }
            throw BackendFailure(
                .fatal,
                "there is no libllama.so in \(places.joined(separator: " or ")): run ops/llama.sh, or name its folder as 'library'"
            )
        }
        var isLoaded = false
        let sentence = unsafe Self.sentence {
            isLoaded = unsafe cllama_load(place, $0)
            return !isLoaded
        }
        guard isLoaded else { throw BackendFailure(.fatal, sentence) }
        unsafe cllama_set_log { level, text in
            // Its warnings and errors; below that it tells what it does all day.
            guard level >= 3, let text = unsafe text else { return }
            let line = unsafe String(cString: text).trimmingNewline()
            if !line.isEmpty { Host.log(level == 3 ? .debug : .warning, "libllama: \(line)") }
        }
    }

    private static var standardPlaces: [String] {
        var places: [String] = []
        if let own = unsafe cllama_own_directory() { places.append(unsafe String(cString: own) + "/../llama") }
        if let builtDirectory { places.append(builtDirectory + "/libllama/lib") }
        return places
    }

    /// The sentence a C function writes when `hasFailed` says so.
    static func sentence(_ hasFailed: (UnsafeMutablePointer<CChar>) -> Bool) -> String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CLLAMA_TEXT_BYTES)) { buffer in
            unsafe buffer.initialize(repeating: 0)
            guard let start = buffer.baseAddress, unsafe hasFailed(start) else { return "" }
            return unsafe String(cString: start)
        }
    }
}

extension String {
    fileprivate func trimmingNewline() -> String {
        var text = self[...]
        while text.last == "\n" || text.last == " " { text.removeLast() }
        return String(text)
    }
}
