internal import Glibc

/// The names a 64-bit ELF library exports, read from its dynamic symbol table without loading it.
enum ELFExports {
    /// The defined, visible names in the order of the table, or nil when the file is no such library or has lost its
    /// section headers.
    ///
    /// Files beyond 4 GiB are not read.
    static func names(in path: String) -> [String]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_size > 64, status.st_size <= BackendFile.maximumBytes,
            let memory = unsafe mmap(nil, status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0),
            unsafe memory != MAP_FAILED
        else { return nil }
        defer { unsafe munmap(memory, status.st_size) }
        return unsafe names(in: UnsafeRawBufferPointer(start: memory, count: status.st_size))
    }

    private static func names(in file: UnsafeRawBufferPointer) -> [String]? {
        func read<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as: Value.Type) -> Value? {
            guard offset >= 0, offset <= file.count - MemoryLayout<Value>.size else { return nil }
            return unsafe Value(littleEndian: file.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
        guard read(0, as: UInt32.self) == 0x464c_457f, read(4, as: UInt16.self) == 0x0102,
            let sections = read(0x28, as: UInt64.self).flatMap({ Int(exactly: $0) }),
            let size = read(0x3a, as: UInt16.self).map({ Int($0) }), let count = read(0x3c, as: UInt16.self)
        else { return nil }
        func section(_ index: Int) -> (type: UInt32, offset: Int, size: Int, link: Int)? {
            let base = sections &+ index &* size
            guard let type = read(base + 4, as: UInt32.self),
                let offset = read(base + 24, as: UInt64.self).flatMap({ Int(exactly: $0) }),
                let length = read(base + 32, as: UInt64.self).flatMap({ Int(exactly: $0) }),
                let link = read(base + 40, as: UInt32.self)
            else { return nil }
            return (type, offset, length, Int(link))
        }
        for index in 0..<Int(count) {
            guard let symbols = section(index), symbols.type == 11, let texts = section(symbols.link) else { continue }
            var names: [String] = []
            for symbol in stride(from: symbols.offset, to: symbols.offset + symbols.size, by: 24) {
                guard let name = read(symbol, as: UInt32.self), let info = read(symbol + 4, as: UInt8.self),
                    let other = read(symbol + 5, as: UInt8.self), let place = read(symbol + 6, as: UInt16.self)
                else { return nil }
                // Defined, not the name of a version (absolute, a data object), global or weak, visible from outside.
                guard place != 0, place != 0xfff1, info >> 4 != 0, other & 3 == 0 || other & 3 == 3 else { continue }
                let start = texts.offset + Int(name)
                guard start >= 0, start < file.count else { return nil }
                unsafe names.append(String(decoding: file[start...].prefix { $0 != 0 }, as: UTF8.self))
            }
            return names
        }
        return nil
    }
}
