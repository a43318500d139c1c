internal import NIOSSL

/// A certificate for `localhost` and 127.0.0.1 that vouches for itself, until the year 2126. The key is no secret.
package enum TestCertificate {
    package static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBoTCCAUegAwIBAgIUPAQaQcCibXoJIZdxoVO03SGPCzwwCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMU2x1aWNlIHRlc3RzMCAXDTI2MTEyMTEwNTEyMFoYDzIxMjYx
        MDI4MTA1MTIwWjAXMRUwEwYDVQQDDAxTbHVpY2UgdGVzdHMwWTATBgcqhkjOPQIB
        BggqhkjOPQMBBwNCAASp3DEXeR66v5tB4FsucfWwu1kIbetSCH2NQnDmTsy4V+8T
        ofCGZAglhW2qVarYEek+8AuFUjwlGXmRPbUkdeZ3o28wbTAdBgNVHQ4EFgQU7Iz0
        2yBF+uVsX4rhat58dSowyXcwHwYDVR0jBBgwFoAU7Iz02yBF+uVsX4rhat58dSow
        yXcwGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMA8GA1UdEwEB/wQFMAMBAf8w
        CgYIKoZIzj0EAwIDSAAwRQIhAJzAEmp1b7JykOeiu8FRoNmGnD2Tb8pGH1F5cJq0
        9eFKAiAZZocnsIjhKbeTWG5qZLO0rkpqaliVi9jPZ70aqDfVaQ==
        -----END CERTIFICATE-----
        """

    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYqkRAN3IIkdqwA8d
        RD0AJG56gomDDgho3zP3v7aoauqhRANCAASp3DEXeR66v5tB4FsucfWwu1kIbetS
        CH2NQnDmTsy4V+8TofCGZAglhW2qVarYEek+8AuFUjwlGXmRPbUkdeZ3
        -----END PRIVATE KEY-----
        """

    /// What a server with this certificate needs.
    static func context(protocols: [String]) throws -> NIOSSLContext {
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
        tls.applicationProtocols = protocols
        return try NIOSSLContext(configuration: tls)
    }
}
